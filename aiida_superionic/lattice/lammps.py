"""Force constants as the command ``dynamical_matrix`` of LAMMPS writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np

from aiida_superionic.lattice import Array, IntArray, LatticeError
from aiida_superionic.lattice.force_constants import SITE, Supercell
from aiida_superionic.units import ENERGY_UNITS

Style = Literal["eskm", "regular"]
"""Of the command: squared frequencies in rad²/ps², or force over mass and length in the units of the run."""
Units = Literal["metal", "real"]
"""Of the run."""

_ENERGY = {"metal": 1.0, "real": ENERGY_UNITS["kcal/mol"]}
_ESKM = {"metal": 9648.5, "real": 418.4}
"""By what LAMMPS multiplies energies for ``eskm``: in metal units a rounded number, which is taken back."""


def read_lammps(
    matrix: Path,
    structure: Path,
    shape: tuple[int, int, int],
    style: Style = "eskm",
    units: Units = "metal",
) -> Supercell:
    """Return the force constants of a dynamical matrix of LAMMPS.

    Parameters
    ----------
    matrix
        As text, of all atoms in the order of their numbers: ``dynamical_matrix all eskm 1e-4 file FILE``.
    structure
        The supercell that it is of: a data file of LAMMPS with masses, or any other file that ASE reads.
    shape
        How often the supercell repeats the crystal's cell along each of its vectors.
    style
        Of the command.
    units
        Of the run.

    Raises
    ------
    LatticeError
        If a file cannot be read, is cut or does not fit the other, or the structure repeats no cell so often.
    """
    box, positions, masses = _read_structure(structure)
    lattice, basis, numbers = _repeated(box, positions, masses, shape, structure)
    count = len(positions)
    values = _read_numbers(matrix)
    if len(values) != 9 * count**2:
        raise LatticeError(
            f"{matrix} is cut or not of {structure}: {count} atoms have {9 * count**2} numbers, and it has"
            f" {len(values)}"
        )
    if not np.all(np.isfinite(values)):
        raise LatticeError(f"{matrix} holds what is no number")
    dynamical = values.reshape(count, 3, count, 3).transpose(0, 2, 1, 3)
    weights = np.sqrt(masses[:, None] * masses[None, :])[:, :, None, None]
    scale = _ENERGY[units] / (_ESKM[units] if style == "eskm" else 1.0)
    return Supercell(
        lattice, basis, masses[numbers], box, positions, np.arange(count, dtype=np.int64), scale * weights * dynamical
    )


def _read_numbers(path: Path) -> Array:
    try:
        return np.array(path.read_text(encoding="ascii").split(), np.float64)
    except OSError as error:
        raise LatticeError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise LatticeError(f"{path} is no dynamical matrix as text") from error


def _read_structure(path: Path) -> tuple[Array, Array, Array]:
    """Return the vectors of a supercell in Å, positions in Å, and masses in amu, in the order of atoms' numbers."""
    # Importing what reads files takes a second that a wrong request must not wait for.
    from ase.io import read  # noqa: PLC0415

    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LatticeError(f"{path} cannot be read: {error.strerror}") from error
    data = re.search(r"^\s*\S+\s+\S+\s+xlo\s+xhi", text, re.MULTILINE) is not None
    if data and not re.search(r"^\s*Masses", text, re.MULTILINE):
        raise LatticeError(f"{path} says no masses")
    try:
        atoms = read(path, format="lammps-data" if data else None)
        box = np.array(atoms.cell, np.float64)
        positions, masses = np.array(atoms.positions, np.float64), np.array(atoms.get_masses(), np.float64)
    except Exception as error:  # readers of ASE raise whatever a wrong file makes them stumble over
        raise LatticeError(f"{path} is no structure that ASE reads") from error
    if abs(np.linalg.det(box)) < 1e-6 or not np.all(np.isfinite(positions)):
        raise LatticeError(f"{path} holds no periodic cell")
    if np.max(np.abs(np.triu(box, 1))) > SITE:
        raise LatticeError(f"{path} is not in the axes of LAMMPS: a along x, b in the xy plane")
    return box, positions, masses


def _repeated(
    box: Array, positions: Array, masses: Array, shape: tuple[int, int, int], path: Path
) -> tuple[Array, Array, IntArray]:
    """Return the vectors of the cell that a supercell repeats, its atoms' places in Å, and numbers of such atoms."""
    lattice = box / np.array(shape)[:, None]
    inverse = np.linalg.inv(lattice)
    fractions = positions @ inverse
    left = np.ones(len(positions), bool)
    basis, numbers = [], []
    while np.any(left):
        first = int(np.argmax(left))
        apart = fractions - fractions[first]
        apart -= np.rint(apart)
        same = left & (masses == masses[first]) & (np.linalg.norm(apart @ lattice, axis=1) < 2.0 * SITE)
        if np.count_nonzero(same) != np.prod(shape):
            raise LatticeError(
                f"{path} does not repeat a cell {' × '.join(map(str, shape))} times: of atom {first + 1} it has"
                f" {np.count_nonzero(same)}"
            )
        place = fractions[first] + apart[same].mean(axis=0)
        # An atom at a corner stays there, whatever is left of the last digit.
        basis.append((place - np.floor(place + 1e-6)) @ lattice)
        numbers.append(first)
        left &= ~same
    return lattice, np.array(basis), np.array(numbers, np.int64)
