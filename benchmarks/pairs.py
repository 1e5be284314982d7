"""g(r) and van Hove functions of a trembling crystal of two species, beside freud, MDAnalysis and pymatgen.

pymatgen smooths by a Gaussian and shifts by half a bin, so that it is there for its time only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from types import SimpleNamespace

import numpy as np
from analysis import Benchmark, Contender

from aiida_superionic.analysis.observables.radial_distribution import pair_distribution, radial_bins
from aiida_superionic.analysis.observables.van_hove import Origins, distinct_distribution
from aiida_superionic.analysis.trajectory import Trajectory

LATTICE_CONSTANT = 5.0855  # Å, of α-AgI, which has four ions in a cube of about this density
R_MAX, BIN_WIDTH = 7.6, 0.05
LAG = 10


def crystal(n_repeats: int, n_frames: int) -> Trajectory:
    """Return four ions in each cubic cell, two of each species, trembling about their sites."""
    rng = np.random.default_rng(1)
    basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4.0 + 0.1
    cells = np.array(list(product(range(n_repeats), repeat=3)))
    sites = (cells[:, None] + basis).reshape(-1, 3) * LATTICE_CONSTANT
    positions = sites + rng.normal(scale=0.35, size=(n_frames, len(sites), 3))
    species = ("Ag", "Ag", "I", "I") * len(cells)
    # Peers know of no host lattice, in whose frame we take the displacements: it is at rest.
    host = np.flatnonzero(np.array(species) == "I")
    positions -= (positions[:, host] - sites[host]).mean(axis=1, keepdims=True)
    return Trajectory(
        species, positions, np.eye(3) * n_repeats * LATTICE_CONSTANT, 0.01, np.ones(len(species)), mobile=("Ag",)
    )


def our_g(trajectory: Trajectory) -> Callable[[], np.ndarray]:
    def compute() -> np.ndarray:
        options = {"r_max": R_MAX, "bin_width": BIN_WIDTH, "max_frames": trajectory.n_frames}
        return pair_distribution(trajectory, "Ag", "I", **options)[1].value["g"]

    return compute


def freud_g(trajectory: Trajectory) -> Callable[[], np.ndarray]:
    return freud_van_hove(trajectory, lags=(0,))


def mdanalysis_g(trajectory: Trajectory) -> Callable[[], np.ndarray]:
    from MDAnalysis import Universe
    from MDAnalysis.analysis.rdf import InterRDF

    universe = Universe.empty(len(trajectory.species), trajectory=True)
    universe.load_new(
        trajectory.positions.astype(np.float32), dimensions=np.array([*np.diag(trajectory.cell), 90.0, 90.0, 90.0])
    )
    groups = [universe.atoms[trajectory.atoms_of(kind)] for kind in ("Ag", "I")]
    n_bins = len(radial_bins(trajectory, R_MAX, BIN_WIDTH)) - 1

    def compute() -> np.ndarray:
        return InterRDF(*groups, nbins=n_bins, range=(0.0, n_bins * BIN_WIDTH)).run().results.rdf

    return compute


def our_van_hove(trajectory: Trajectory) -> Callable[[], np.ndarray]:
    edges = radial_bins(trajectory, R_MAX, BIN_WIDTH)

    def compute() -> np.ndarray:
        origins = Origins(trajectory, np.array([0, LAG]), trajectory.n_frames)
        return distinct_distribution(origins, "Ag", "I", edges).value["g"].T

    return compute


def freud_van_hove(trajectory: Trajectory, lags: tuple[int, ...] = (0, LAG)) -> Callable[[], np.ndarray]:
    import freud

    freud.parallel.set_num_threads(1)
    box = freud.box.Box.cube(trajectory.cell[0, 0])
    ions = (trajectory.positions[:, trajectory.atoms_of(kind)].astype(np.float32) for kind in ("Ag", "I"))
    first, second = map(np.ascontiguousarray, ions)
    n_bins = len(radial_bins(trajectory, R_MAX, BIN_WIDTH)) - 1

    def compute() -> np.ndarray:
        curves = []
        for lag in lags:
            g = freud.density.RDF(bins=n_bins, r_max=n_bins * BIN_WIDTH)
            for t in range(len(first) - lags[-1]):
                g.compute((box, first[t]), query_points=second[t + lag], reset=False)
            curves.append(g.rdf)
        return np.squeeze(curves)

    return compute


def pymatgen_van_hove(trajectory: Trajectory) -> Callable[[], np.ndarray]:
    from pymatgen.analysis.diffusion.aimd.van_hove import VanHoveAnalysis
    from pymatgen.core import Structure

    frames = [
        Structure(trajectory.cell, trajectory.species, p, coords_are_cartesian=True) for p in trajectory.positions
    ]
    analyser = SimpleNamespace(
        disp=np.swapaxes(trajectory.positions, 0, 1),
        structure=frames[0],
        get_drift_corrected_structures=lambda: frames,
        time_step=10.0,
        step_skip=1,
    )
    n_bins = len(radial_bins(trajectory, R_MAX, BIN_WIDTH)) - 1

    def compute() -> np.ndarray:
        return VanHoveAnalysis(
            analyser,
            avg_nsteps=trajectory.n_frames - LAG,
            step_skip=LAG,
            ngrid=n_bins,
            rmax=(n_bins - 1) * BIN_WIDTH,
            sigma=BIN_WIDTH,
            species=["Ag"],
            reference_species=["I"],
        ).gdrt

    return compute


BENCHMARKS = [
    Benchmark(
        f"{quantity} of {4 * n_repeats**3} atoms",
        partial(crystal, n_repeats),
        n_frames,
        Contender("aiida-superionic", ours),
        peers,
        agree=2e-3,
        wanted=wanted,
    )
    for quantity, n_repeats, n_frames, ours, peers, wanted in (
        (
            "g(r)",
            3,
            20_000,
            our_g,
            (Contender("freud", freud_g, 2000), Contender("MDAnalysis", mdanalysis_g, 2000)),
            5.0,
        ),
        ("g(r)", 15, 500, our_g, (Contender("freud", freud_g, 10), Contender("MDAnalysis", mdanalysis_g, 10)), 2.0),
        (
            "Gd(r, t)",
            3,
            20_000,
            our_van_hove,
            (Contender("freud", freud_van_hove, 2000), Contender("pymatgen", pymatgen_van_hove, 20)),
            5.0,
        ),
        ("Gd(r, t)", 15, 500, our_van_hove, (Contender("freud", freud_van_hove, 20),), 2.0),
    )
]
