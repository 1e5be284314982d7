"""Extended XYZ, through ASE."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from aiida_superionic.analysis.readers.ase_frames import part_of_frames, read_frames
from aiida_superionic.analysis.readers.part import Part


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Part:
    """Read one extended XYZ file.

    Positions are taken as they stand and must be unwrapped. Velocities are those that ASE makes of its ``momenta``
    column, forces those of its ``forces`` column. The MD step is the key ``step`` of the comment line where it is
    there, else the number of the frame.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such file, or damaged.
    """
    return part_of_frames(path, read_frames(path, "extxyz", "extended XYZ file"), fields, wrapped=False)
