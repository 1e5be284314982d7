"""How the cost of C_2, Γ and C_R grows from ten thousand to a hundred thousand frames."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from memory_kernel import our_kernel
from oscillators import trajectory
from verdicts import Verdicts

from aiida_superionic.analysis.correlation import autocorrelation
from aiida_superionic.analysis.observables.cage_residence import cage_residence
from aiida_superionic.analysis.observables.tetrahedral_rotor import rotor_functions_of_frames
from aiida_superionic.analysis.trajectory import Trajectory

FEW, MANY = 10_000, 100_000
WANTED = 1.2
N_REPEATS = 5


def bonds(n_frames: int) -> np.ndarray:
    """Return four bonds of each of 54 anions, which tremble, shape (T, n, 4, 3)."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
    return corners + np.random.default_rng(1).normal(scale=0.2, size=(n_frames, 54, 4, 3))


def rotor_correlation(vectors: np.ndarray) -> Callable[[], Any]:
    return lambda: autocorrelation(rotor_functions_of_frames(vectors))


def residence_correlation(run: Trajectory) -> Callable[[], Any]:
    return partial(cage_residence, run, cutoff=4.0, longest_lag=10.0)


QUANTITIES: dict[str, tuple[Callable[[int], Any], Callable[[Any], Callable[[], Any]]]] = {
    "C_2, every lag": (bonds, rotor_correlation),
    "Γ, lags up to 10 ps": (partial(trajectory, 3), our_kernel),
    "C_R, lags up to 10 ps": (partial(trajectory, 3), residence_correlation),
}
"""Of 108 ions, or 54 anions: how the data are made, and what is computed of them."""


def shortest_time(function: Callable[[], Any]) -> float:
    times = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main(verdicts: Verdicts) -> None:
    print(f"\ncost from {FEW} to {MANY} frames")
    for name, (data, make) in QUANTITIES.items():
        make(data(FEW))()
        few, many = (shortest_time(make(data(n_frames))) for n_frames in (FEW, MANY))
        exponent = float(np.log(many / few) / np.log(MANY / FEW))
        print(
            f"  {name:<28} {few:9.3f} s {many:9.3f} s   exponent {exponent:.2f}  {verdicts.at_most(exponent, WANTED)}"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(verdicts := Verdicts())
    print(verdicts.summary())
