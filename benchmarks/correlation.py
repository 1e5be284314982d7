"""Mean squared displacement and velocity autocorrelation beside the bare transform of the data and beside peers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from analysis import Benchmark, Contender

from aiida_superionic.analysis.correlation import autocorrelation, mean_squared_displacement


def walk(n_atoms: int, n_frames: int) -> np.ndarray:
    """Return the positions of random walkers, shape (T, N, 3)."""
    return np.cumsum(np.random.default_rng(1).normal(size=(n_frames, n_atoms, 3)), axis=0)


def our_displacement(positions: np.ndarray) -> Callable[[], np.ndarray]:
    return partial(mean_squared_displacement, positions)


def our_autocorrelation(vectors: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: autocorrelation(vectors) / vectors.shape[1]


def bare_transform(vectors: np.ndarray) -> Callable[[], np.ndarray]:
    """Return the zero-padded transform of every column, and nothing made of it."""
    from scipy import fft

    n_frames = len(vectors)
    columns = vectors.reshape(n_frames, -1)
    length = fft.next_fast_len(2 * n_frames - 1, real=True)

    def compute() -> np.ndarray:
        for start in range(0, columns.shape[1], 12):
            fft.rfft(columns[:, start : start + 12], length, axis=0)
        return np.zeros(n_frames)

    return compute


def tidynamics_displacement(positions: np.ndarray) -> Callable[[], np.ndarray]:
    import tidynamics

    return lambda: np.mean([tidynamics.msd(atom) for atom in np.swapaxes(positions, 0, 1)], axis=0)


def tidynamics_autocorrelation(vectors: np.ndarray) -> Callable[[], np.ndarray]:
    import tidynamics

    return lambda: np.mean([tidynamics.acf(atom) for atom in np.swapaxes(vectors, 0, 1)], axis=0)


def freud_displacement(positions: np.ndarray) -> Callable[[], np.ndarray]:
    import freud

    freud.parallel.set_num_threads(1)
    return lambda: freud.msd.MSD(mode="window").compute(positions).msd


def mdanalysis_displacement(positions: np.ndarray) -> Callable[[], np.ndarray]:
    from MDAnalysis import Universe
    from MDAnalysis.analysis.msd import EinsteinMSD

    universe = Universe.empty(positions.shape[1], trajectory=True)
    universe.load_new(positions.astype(np.float32))
    return lambda: EinsteinMSD(universe, fft=True).run().results.timeseries


def _benchmark(quantity: str, n_atoms: int, n_frames: int) -> list[Benchmark]:
    displacement = quantity == "MSD"
    ours = Contender("aiida-superionic", our_displacement if displacement else our_autocorrelation)
    peers = [Contender("tidynamics", tidynamics_displacement if displacement else tidynamics_autocorrelation)]
    if displacement:
        peers += [Contender("freud", freud_displacement), Contender("MDAnalysis", mdanalysis_displacement)]
    name = f"{quantity} of {n_atoms} atoms"
    data = partial(walk, n_atoms)
    bare = Contender("bare transform", bare_transform)
    return [
        Benchmark(name, data, n_frames, ours, peers, agree=1e-6, wanted=3.0),
        Benchmark(f"{name}, by its transform", data, n_frames, ours, (bare,), agree=0.0, wanted=1.0 / 1.3),
    ]


BENCHMARKS = [
    benchmark
    for quantity in ("MSD", "VACF")
    for n_atoms, n_frames in ((108, 20_000), (13_500, 500))
    for benchmark in _benchmark(quantity, n_atoms, n_frames)
]
