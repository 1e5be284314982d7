"""What ASE reads: frames of atoms become one part of a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_superionic.analysis.readers.part import Part
from aiida_superionic.analysis.trajectory import Array, TrajectoryError
from aiida_superionic.units import KINETIC_ENERGY


def read_frames(path: Path, format: str, words: str) -> list[Any]:  # noqa: A002 - ASE's word
    """Return all frames of a file, as ``ase.Atoms``.

    Parameters
    ----------
    path
        The file.
    format
        ASE's name of the format.
    words
        What a file of it is, for the message.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such file, or damaged.
    """
    from ase.io import iread  # noqa: PLC0415 - lists and help need no ASE

    if not path.is_file():
        raise TrajectoryError(f"{path} cannot be read: no such file")
    try:
        return list(iread(path, index=":", format=format))
    except Exception as error:  # ASE raises whatever the damage leads to
        raise TrajectoryError(f"{path} is no {words} or damaged: {error}") from error


def part_of_frames(path: Path, frames: Sequence[Any], fields: Collection[str], *, wrapped: bool) -> Part:
    """Return the part that frames make.

    Velocities are those that ASE makes of momenta, forces those of its calculator, each where every frame has them. The
    MD step is the key ``step`` of a frame's ``info``, else its number.

    Parameters
    ----------
    path
        The file that they come from.
    frames
        ``ase.Atoms``.
    fields
        Which of velocities and forces to take.
    wrapped
        Whether the positions may be wrapped into the cell, and are to be unwrapped (:func:`unwrapped`).

    Raises
    ------
    TrajectoryError
        If the atoms change, or a frame has no cell.
    """
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
    cells = np.array([atoms.cell.array for atoms in frames])
    positions = np.array([atoms.positions for atoms in frames])
    return Part(
        path,
        species,
        np.array([int(atoms.info.get("step", number)) for number, atoms in enumerate(frames)]),
        cells,
        unwrapped(positions, cells) if wrapped else positions,
        velocities,
        forces,
    )


def unwrapped(positions: Array, cells: Array) -> Array:
    """Return positions that follow each atom through the faces of the cell.

    From frame to frame an atom moves to its nearest image: by less than half the cell.

    Parameters
    ----------
    positions
        In Å, shape (T, N, 3).
    cells
        Cell vectors as rows in Å, shape (T, 3, 3).
    """
    fractional = np.einsum("tnx,txk->tnk", positions, np.linalg.inv(cells))
    steps = np.diff(fractional, axis=0)
    fractional[1:] = fractional[0] + np.cumsum(steps - np.rint(steps), axis=0)
    return np.asarray(np.einsum("tnk,tkx->tnx", fractional, cells))
