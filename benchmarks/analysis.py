"""Measure the analysis beside its peers: the same data, the same process, one thread, and the ratios.

Each module of this folder that is named here has a list ``BENCHMARKS`` of :class:`Benchmark`. A peer that is not
installed is left out and named. Run as ``python benchmarks/analysis.py [NAME ...]`` in an environment that holds the
package and the peers, which ``make bench`` makes.
"""

from __future__ import annotations

import importlib
import os
import sys

# Before NumPy is imported: libraries read it then.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

MODULES = ("pairs", "correlation")
N_REPEATS = 3


@dataclass(frozen=True)
class Contender:
    """One way of computing a quantity.

    Parameters
    ----------
    name
        Whose way it is.
    make
        Takes the data and returns the function that is timed; raises ImportError where its library is absent.
    n_frames
        Frames that it is given where all would take too long; its time is scaled to all.
    """

    name: str
    make: Callable[[Any], Callable[[], np.ndarray]]
    n_frames: int | None = None


@dataclass(frozen=True)
class Benchmark:
    """A quantity, the data it is computed from, ours and the others.

    Parameters
    ----------
    name
        Of the quantity and the data.
    data
        Makes the data for a number of frames.
    n_frames
        Number of frames.
    ours
        This package.
    peers
        The others.
    agree
        Largest difference of a result from ours, relative to the largest value, at which a peer computes the same; a
        peer beyond it is marked wrong, not left out.
    wanted
        How many times as fast as each peer we mean to be.
    """

    name: str
    data: Callable[[int], Any]
    n_frames: int
    ours: Contender
    peers: Sequence[Contender]
    agree: float
    wanted: float


def measure(contender: Contender, benchmark: Benchmark, data: Any) -> tuple[float, np.ndarray]:
    """Return the shortest of some times in seconds, scaled to all frames, and the result.

    The first call, which imports and compiles, is not timed.
    """
    n_frames = contender.n_frames or benchmark.n_frames
    function = contender.make(data if n_frames == benchmark.n_frames else benchmark.data(n_frames))
    warm_up = contender.make(benchmark.data(min(20, n_frames)))
    warm_up()
    times = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times) * benchmark.n_frames / n_frames, np.asarray(result)


def run(benchmark: Benchmark) -> None:
    """Measure ours and every peer, and print a line for each."""
    print(f"\n{benchmark.name}, {benchmark.n_frames} frames")
    data = benchmark.data(benchmark.n_frames)
    seconds, ours = measure(benchmark.ours, benchmark, data)
    print(f"  {benchmark.ours.name:<28} {seconds:9.3f} s")
    for peer in benchmark.peers:
        try:
            peer_seconds, result = measure(peer, benchmark, data)
        except ImportError as error:
            print(f"  {peer.name:<28} not installed: {error.name}")
            continue
        reference = ours
        if peer.n_frames:
            part = Contender(benchmark.ours.name, benchmark.ours.make, peer.n_frames)
            reference = measure(part, benchmark, data)[1]
        deviation = float(np.abs(result - reference).max() / np.abs(reference).max())
        verdict = "" if deviation <= benchmark.agree else "  NOT THE SAME"
        ratio = peer_seconds / seconds
        reached = "" if ratio >= benchmark.wanted else f"  (wanted {benchmark.wanted:g})"
        scaled = f", from {peer.n_frames} frames" if peer.n_frames else ""
        print(
            f"  {peer.name:<28} {peer_seconds:9.3f} s   ratio {ratio:7.1f}{reached}"
            f"   differs by {deviation:.1e}{verdict}{scaled}"
        )


def main(words: Sequence[str]) -> None:
    """Run the benchmarks whose names hold one of the words; all where none is given."""
    for module in MODULES:
        for benchmark in importlib.import_module(module).BENCHMARKS:
            if not words or any(word in benchmark.name for word in words):
                run(benchmark)


if __name__ == "__main__":
    main(sys.argv[1:])
