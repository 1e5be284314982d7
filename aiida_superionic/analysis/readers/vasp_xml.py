"""VASP's vasprun.xml, through ASE."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from aiida_superionic.analysis.readers.ase_frames import part_of_frames, read_frames
from aiida_superionic.analysis.readers.part import Part


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Part:
    """Read one vasprun.xml: positions, cell and forces, an MD step for each frame.

    VASP wraps positions; an atom is taken to move by less than half the cell between two frames.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such file, or damaged.
    """
    return part_of_frames(path, read_frames(path, "vasp-xml", "vasprun.xml"), fields, wrapped=True)
