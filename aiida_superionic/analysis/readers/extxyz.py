"""Extended XYZ, through ASE."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from aiida_superionic.analysis.readers.part import Part
from aiida_superionic.analysis.trajectory import TrajectoryError
from aiida_superionic.units import KINETIC_ENERGY


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
    from ase.io import iread  # noqa: PLC0415 - lists and help need no ASE

    if not path.is_file():
        raise TrajectoryError(f"{path} cannot be read: no such file")
    try:
        frames = list(iread(path, index=":", format="extxyz"))
    except Exception as error:  # ASE raises whatever the damage leads to
        raise TrajectoryError(f"{path} is no extended XYZ file or damaged: {error}") from error
    if not frames:
        return Part.empty(path, f"{path} holds no frame")
    species = tuple(frames[0].get_chemical_symbols())
    for number, atoms in enumerate(frames):
        if tuple(atoms.get_chemical_symbols()) != species:
            raise TrajectoryError(f"{path}, frame {number}: the atoms are not those of the first frame")
        if not atoms.cell.rank == 3:
            raise TrajectoryError(f"{path}, frame {number}: no cell of three vectors is given")
    velocities = forces = None
    if "velocities" in fields and all(atoms.has("momenta") for atoms in frames):
        # ASE's unit of velocity is sqrt(eV/amu).
        velocities = np.array([atoms.get_velocities() for atoms in frames]) / np.sqrt(KINETIC_ENERGY)
    if "forces" in fields and all(atoms.calc is not None and "forces" in atoms.calc.results for atoms in frames):
        forces = np.array([atoms.calc.results["forces"] for atoms in frames])
    return Part(
        path,
        species,
        np.array([int(atoms.info.get("step", number)) for number, atoms in enumerate(frames)]),
        np.array([atoms.cell.array for atoms in frames]),
        np.array([atoms.positions for atoms in frames]),
        velocities,
        forces,
    )
