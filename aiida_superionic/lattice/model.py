"""A crystal, the ions in it, and the atoms that each acts on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, IntArray, LatticeError
from aiida_superionic.lattice.crystal import Crystal
from aiida_superionic.lattice.interactions import PairInteraction
from aiida_superionic.lattice.many_body import ManyBody
from aiida_superionic.lattice.modes import static_recoil
from aiida_superionic.units import KINETIC_ENERGY

_NEAREST = 0.05
"""Å between an ion's start and an atom, below which the start is refused."""
_ON_THE_EDGE = 1e-5
"""Cells by which an atom may miss the edge of what an ion acts on, for the last digits of files."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The atoms that an ion acts on.

    Parameters
    ----------
    atoms
        Cell and number of each, shape (n, 4); cells count from that which the ion is in, where it ``follows``.
    follows
        Whether the atoms change with the cell that the ion is in. A cell's corners do, and forces jump where they
        change.
    """

    atoms: IntArray
    follows: bool

    def sites(self, crystal: Crystal) -> Array:
        """Return where the atoms rest, in Å, shape (n, 3)."""
        return np.asarray(self.atoms[:, :3] @ crystal.lattice + crystal.basis[self.atoms[:, 3]])

    def recoil(self, crystal: Crystal) -> Array:
        """Return W(0) between the atoms, in an endless crystal, in Å²/eV, shape (3n, 3n)."""
        cells = self.atoms[:, :3]
        reach = int(np.max(np.ptp(cells, axis=0)))
        table = static_recoil(crystal, max(reach, 1))
        between = cells[None, :] - cells[:, None] + (table.shape[0] // 2)
        blocks = table[between[..., 0], between[..., 1], between[..., 2]]
        n = len(cells)
        numbers = self.atoms[:, 3]
        matrix = np.empty((n, 3, n, 3))
        for i, j in product(range(n), repeat=2):
            a, b = 3 * numbers[i], 3 * numbers[j]
            matrix[i, :, j] = blocks[i, j, a : a + 3, b : b + 3]
        return matrix.reshape(3 * n, 3 * n)


def corners(crystal: Crystal, extent: int = 1) -> Surroundings:
    """Return the atoms around an ion: with one atom per cell and an extent of 1, the corners of the ion's cell.

    They rest within ``extent`` cells of the centre of the ion's cell, along each cell vector, wherever in their own
    cells they are.
    """
    inside = crystal.basis @ np.linalg.inv(crystal.lattice) - 0.5
    reach = extent + 1 + int(np.max(np.abs(inside)))
    atoms = [
        (*cell, number)
        for cell in product(range(-reach, reach + 1), repeat=3)
        for number, place in enumerate(inside)
        if np.max(np.abs(cell + place)) <= extent + _ON_THE_EDGE
    ]
    return Surroundings(np.array(atoms), follows=True)


def fixed_atoms(atoms: ArrayLike) -> Surroundings:
    """Return the same atoms wherever the ion is: cell and number of each, shape (n, 4)."""
    return Surroundings(np.asarray(atoms, np.int64).reshape(-1, 4), follows=False)


@dataclass(frozen=True, eq=False)
class Model:
    """A crystal and the ions in it.

    Parameters
    ----------
    crystal
        What vibrates and gives way.
    interaction
        Between an ion and an atom.
    ion_mass
        In amu.
    surroundings
        The atoms that an ion acts on.
    repulsion
        Between ions; without it they do not know of each other in the time-local form, and through the crystal alone in
        the full one.
    many_body
        What takes the place of the sum over pairs of ``interaction``.
    held
        Cartesian axes along which ions do not move.

    Raises
    ------
    LatticeError
        If the mass is not above zero.
    """

    crystal: Crystal
    interaction: PairInteraction
    ion_mass: float
    surroundings: Surroundings
    repulsion: PairInteraction | None = None
    many_body: ManyBody | None = None
    held: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.ion_mass > 0.0:
            raise LatticeError(f"a mobile ion of {self.ion_mass} amu has no mass above zero")

    @property
    def inertia(self) -> float:
        """Mass of an ion in eV ps²/Å²."""
        return self.ion_mass * KINETIC_ENERGY

    @property
    def inertias(self) -> Array:
        """Mass of an ion along each axis in eV ps²/Å², shape (3,); infinite where it is held."""
        return np.array([np.inf if axis in self.held else self.inertia for axis in range(3)])

    def check_start(self, ions: Array) -> None:
        """Refuse ions that start on an atom.

        Raises
        ------
        LatticeError
            If one does.
        """
        crystal = self.crystal
        for number, ion in enumerate(ions):
            cell = np.floor(ion @ np.linalg.inv(crystal.lattice)) if self.surroundings.follows else np.zeros(3)
            distances = np.linalg.norm(self.surroundings.sites(crystal) + cell @ crystal.lattice - ion, axis=1)
            if distances.min() < _NEAREST:
                raise LatticeError(f"ion {number} starts {distances.min():.2g} Å from an atom of the crystal")
