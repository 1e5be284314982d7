"""Γ(t) from velocities and forces, beside gleqpy, by the same quadrature."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from analysis import Benchmark, Contender
from oscillators import trajectory

from aiida_superionic.analysis.correlation import autocorrelation, cross_correlation
from aiida_superionic.analysis.memory_kernel import kernel_from_forces
from aiida_superionic.analysis.trajectory import Trajectory

N_LAGS = 1001


def our_kernel(run: Trajectory) -> Callable[[], np.ndarray]:
    v, f, n_lags = run.velocities, run.forces, min(N_LAGS, run.n_frames // 2)

    def compute() -> np.ndarray:
        velocity, cross, force = (
            autocorrelation(v, n_lags),
            cross_correlation(v, f, n_lags),
            autocorrelation(f, n_lags),
        )
        return kernel_from_forces(velocity, cross, force, run.timestep, 1.0)

    return compute


def gleqpy_kernel(run: Trajectory) -> Callable[[], np.ndarray]:
    from gleqpy.memory.time import calc_memory_dtrapz, calc_tcf

    v, f = (field.reshape(run.n_frames, -1) for field in (run.velocities, run.forces))
    n_lags = min(N_LAGS, run.n_frames // 2)

    def compute() -> np.ndarray:
        slope, force = (calc_tcf(f, other, n_lags).sum(axis=1) for other in (v, f))
        return calc_memory_dtrapz(slope, -force, calc_tcf(v, v, n_lags)[0].sum(), run.timestep)

    return compute


BENCHMARKS = [
    Benchmark(
        f"memory kernel of {4 * n_repeats**3} atoms",
        partial(trajectory, n_repeats),
        n_frames,
        Contender("aiida-superionic", our_kernel),
        (Contender("gleqpy", gleqpy_kernel),),
        agree=1e-6,
        wanted=3.0,
    )
    for n_repeats, n_frames in ((3, 20_000), (15, 500))
]
