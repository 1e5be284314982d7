"""A binary LAMMPS dump read by us, and the same frames read as text by ASE and MDAnalysis."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from analysis import Benchmark, Contender
from oscillators import TIMESTEP, write_binary, write_text

from aiida_superionic.analysis.readers import read_trajectory

_FOLDER = tempfile.TemporaryDirectory()


def dumps(n_repeats: int, n_frames: int) -> Path:
    """Write both files and return the path of the binary one."""
    path = Path(_FOLDER.name, f"{n_repeats}-{n_frames}.bin")
    if not path.exists():
        write_text(path.with_suffix(".lammpstrj"), n_repeats, n_frames)
        write_binary(path, n_repeats, n_frames)
    return path


def our_reader(path: Path) -> Callable[[], np.ndarray]:
    return lambda: read_trajectory([path], kinds=["Ag", "I"], md_timestep=TIMESTEP).positions


def ase_reader(path: Path) -> Callable[[], np.ndarray]:
    from ase.io import read

    return lambda: np.array(
        [frame.positions for frame in read(path.with_suffix(".lammpstrj"), index=":", format="lammps-dump-text")]
    )


def mdanalysis_reader(path: Path) -> Callable[[], np.ndarray]:
    from MDAnalysis.coordinates.LAMMPS import DumpReader

    text = str(path.with_suffix(".lammpstrj"))
    return lambda: np.array(
        [frame.positions.copy() for frame in DumpReader(text, lammps_coordinate_convention="unwrapped")]
    )


BENCHMARKS = [
    Benchmark(
        f"reading {4 * n_repeats**3} atoms",
        partial(dumps, n_repeats),
        n_frames,
        Contender("aiida-superionic", our_reader),
        (Contender("ASE", ase_reader), Contender("MDAnalysis", mdanalysis_reader)),
        agree=1e-5,  # the text has six digits
        wanted=10.0,
        memory=None,
    )
    for n_repeats, n_frames in ((3, 2000), (15, 20))
]
