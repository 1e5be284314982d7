"""VASP's XDATCAR and vasprun.xml, through ASE."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from aiida_superionic.analysis.readers.ase_frames import part_of_frames, read_frames
from aiida_superionic.analysis.readers.part import Part


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Part:
    """Read one XDATCAR or, where the name ends in ``.xml``, one vasprun.xml: an MD step for each frame.

    Both hold positions and cell, vasprun.xml forces too. VASP wraps positions; an atom is taken to move by less than
    half the cell between two frames.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such file, or damaged.
    """
    name, words = ("vasp-xml", "vasprun.xml") if path.suffix == ".xml" else ("vasp-xdatcar", "XDATCAR")
    return part_of_frames(path, read_frames(path, name, words), fields, wrapped=True)
