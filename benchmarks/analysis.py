"""Measure the analysis beside its peers: the same data, the same process, one thread, times, memory and their ratios.

Each module of this folder that is named here has a list ``BENCHMARKS`` of :class:`Benchmark`. A peer that is not
installed is left out and named. Run as ``python benchmarks/analysis.py [NAME ...]`` in an environment that holds the
package and the peers, which ``make bench`` makes.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import subprocess
import sys

# Before NumPy is imported: libraries read it then.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from verdicts import Verdicts

MODULES = ("reading", "correlation", "pairs", "memory_kernel")
N_REPEATS = 3
PEAK = "--peak"
MOST_MEMORY = 64.0
"""Wanted peak memory of ours in MB."""


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
        peer beyond it is marked wrong, not left out. 0 where the peer computes something else.
    wanted
        How many times as fast as each peer that is right we mean to be.
    memory
        Peak memory in MB above the data that we mean to stay below; None where it is not measured.
    """

    name: str
    data: Callable[[int], Any]
    n_frames: int
    ours: Contender
    peers: Sequence[Contender]
    agree: float
    wanted: float
    memory: float | None = MOST_MEMORY


def measure(contender: Contender, benchmark: Benchmark, data: Any) -> tuple[float, np.ndarray]:
    """Return the shortest of some times in seconds, scaled to all frames, and the result.

    The first call, which imports and compiles, is not timed.
    """
    n_frames = contender.n_frames or benchmark.n_frames
    warm_up(contender, benchmark)
    function = contender.make(data if n_frames == benchmark.n_frames else benchmark.data(n_frames))
    times = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times) * benchmark.n_frames / n_frames, np.asarray(result)


def warm_up(contender: Contender, benchmark: Benchmark) -> None:
    contender.make(benchmark.data(min(20, benchmark.n_frames)))()


def peak_memory(contender: Contender, benchmark: Benchmark) -> float:
    """Return the peak memory in MB above data, imports and compiled code, as a process of its own measures it."""
    command = [sys.executable, __file__, PEAK, benchmark.name, contender.name]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(process.stdout.split()[-1])


def print_peak(benchmark: Benchmark, contender: Contender) -> None:
    """Measure what :func:`peak_memory` returns; this is the whole work of a process."""
    warm_up(contender, benchmark)
    data = benchmark.data(contender.n_frames or benchmark.n_frames)
    function = contender.make(data)
    gc.collect()
    # What the heap holds unused would be used again, and not be seen.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    function()
    print((_status("VmHWM") - before) / 1e6)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def run(benchmark: Benchmark, verdicts: Verdicts) -> None:
    """Measure ours and every peer, and print a line for each."""
    print(f"\n{benchmark.name}, {benchmark.n_frames} frames")
    data = benchmark.data(benchmark.n_frames)
    seconds, ours = measure(benchmark.ours, benchmark, data)
    line = f"  {benchmark.ours.name:<18} {seconds:9.3f} s"
    if benchmark.memory is not None:
        peak = peak_memory(benchmark.ours, benchmark)
        line += f" {peak:8.0f} MB  {verdicts.at_most(peak, benchmark.memory, 'MB')}"
    print(line, flush=True)
    for peer in benchmark.peers:
        try:
            peer_seconds, result = measure(peer, benchmark, data)
        except ImportError as error:
            print(f"  {peer.name:<18} not installed: {error.name}")
            continue
        reference = ours
        if peer.n_frames:
            part = Contender(benchmark.ours.name, benchmark.ours.make, peer.n_frames)
            reference = measure(part, benchmark, data)[1]
        ratio = peer_seconds / seconds
        line = f"  {peer.name:<18} {peer_seconds:9.3f} s"
        if benchmark.memory is not None:
            line += f" {peak_memory(peer, benchmark):8.0f} MB"
        line += f"  ratio {ratio:6.2f}  "
        deviation = float(np.abs(result - reference).max() / np.abs(reference).max()) if benchmark.agree else 0.0
        if benchmark.agree and not deviation <= benchmark.agree:
            line += f"WRONG: differs by {deviation:.1e}"
        else:
            line += verdicts.at_least(ratio, benchmark.wanted)
        print(f"{line}, time of {peer.n_frames} frames scaled" if peer.n_frames else line, flush=True)


def main(words: Sequence[str]) -> None:
    """Run the benchmarks whose names hold one of the words, or all, and the scaling, where none is given."""
    benchmarks = [benchmark for module in MODULES for benchmark in importlib.import_module(module).BENCHMARKS]
    if words and words[0] == PEAK:
        benchmark = next(entry for entry in benchmarks if entry.name == words[1])
        return print_peak(
            benchmark, next(entry for entry in (benchmark.ours, *benchmark.peers) if entry.name == words[2])
        )
    verdicts = Verdicts()
    for benchmark in benchmarks:
        if not words or any(word in benchmark.name for word in words):
            run(benchmark, verdicts)
    if not words or "scaling" in words:
        importlib.import_module("scaling").main(verdicts)
    print(verdicts.summary())
    return None


if __name__ == "__main__":
    # The modules of the benchmarks import this one by its name.
    importlib.import_module("analysis").main(sys.argv[1:])
