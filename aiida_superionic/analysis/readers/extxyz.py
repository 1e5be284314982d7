"""Extended XYZ, through ASE."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from aiida_superionic.analysis.readers.part import Part, batched
from aiida_superionic.analysis.trajectory import Array, TrajectoryError
from aiida_superionic.units import KINETIC_ENERGY

_Frame = tuple[int, tuple[str, ...], Array, Array, Array | None, Array | None]
"""MD step, species, cell, positions, velocities and forces."""


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    """Read one extended XYZ file.

    Positions are taken as they stand and must be unwrapped. Velocities are those that ASE makes of its ``momenta``
    column, forces those of its ``forces`` column, each where every frame has them. The MD step is the key ``step`` of
    the comment line where it is there, else the number of the frame.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such file, or damaged, if the atoms change, or a frame has no cell.
    """
    for batch in batched(_frames(path, fields), lambda frame: len(frame[1])):
        steps, species, cells, positions, velocities, forces = zip(*batch, strict=True)
        yield Part(
            path, species[0], np.array(steps), np.array(cells), np.array(positions), _all(velocities), _all(forces)
        )


def _all(vectors: tuple[Array | None, ...]) -> Array | None:
    present = [one for one in vectors if one is not None]
    return np.array(present) if len(present) == len(vectors) else None


def _frames(path: Path, fields: Collection[str]) -> Iterator[_Frame]:
    from ase.io import iread  # noqa: PLC0415 - lists and help need no ASE

    if not path.is_file():
        raise TrajectoryError(f"{path} cannot be read: no such file")
    species: tuple[str, ...] = ()
    try:
        for number, atoms in enumerate(iread(path, index=":", format="extxyz")):
            species = species or tuple(atoms.get_chemical_symbols())
            if tuple(atoms.get_chemical_symbols()) != species:
                raise TrajectoryError(f"{path}, frame {number}: the atoms are not those of the first frame")
            if not atoms.cell.rank == 3:
                raise TrajectoryError(f"{path}, frame {number}: no cell of three vectors is given")
            velocities = forces = None
            if "velocities" in fields and atoms.has("momenta"):
                # ASE's unit of velocity is sqrt(eV/amu).
                velocities = atoms.get_velocities() / np.sqrt(KINETIC_ENERGY)
            if "forces" in fields and atoms.calc is not None:
                forces = atoms.calc.results.get("forces")
            # Atoms and calculator hold each other: they would stay in memory until Python looks for such rings.
            atoms.calc = None
            yield int(atoms.info.get("step", number)), species, atoms.cell.array, atoms.positions, velocities, forces
    except TrajectoryError:
        raise
    except Exception as error:  # ASE raises whatever the damage leads to
        raise TrajectoryError(f"{path} is no extended XYZ file or damaged: {error}") from error
