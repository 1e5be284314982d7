"""Lattice constants other than the measured ones."""

from __future__ import annotations

from collections import deque

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list

from aiida_superionic.structures.materials import Material, Vector
from aiida_superionic.structures.orientations import Array, StructureError

BONDED = 1.2
"""Two atoms are bonded when nearer than this times the sum of their covalent radii."""

_LARGEST_CHANGE = 0.2


def relative_lattice_constants(material: Material, lattice_constants: Vector) -> Array:
    """Return lattice constants over those of a reference crystal, shape (3,).

    Raises
    ------
    StructureError
        If one of them is further off than a crystal of the material can be.
    """
    own = np.linalg.norm(material.cell, axis=1)
    ratios = np.asarray(lattice_constants) / own
    if not np.all(np.abs(ratios - 1.0) <= _LARGEST_CHANGE):
        raise StructureError(
            f"the lattice constants {_in_words(lattice_constants)} Å are more than {_LARGEST_CHANGE:.0%} off those of"
            f" {material.formula}, {_in_words(own)} Å"
        )
    return np.asarray(ratios)


def stretch(atoms: Atoms, ratios: Array, mobile: tuple[str, ...]) -> None:
    """Multiply the lattice constants in place; polyanions move with their centres of mass and keep their shape.

    Parameters
    ----------
    atoms
        Periodic.
    ratios
        Of the new lattice constants to the old ones, shape (3,).
    mobile
        Species that are in no polyanion.
    """
    cell = np.asarray(atoms.cell)
    stretched = cell * np.asarray(ratios)[:, None]
    for members, places in _bodies(atoms, mobile):
        centre = np.average(places, axis=0, weights=atoms.get_masses()[members])
        atoms.positions[members] = places + np.linalg.solve(cell.T, centre) @ (stretched - cell)
    atoms.set_cell(stretched)


def _bodies(atoms: Atoms, mobile: tuple[str, ...]) -> list[tuple[list[int], Array]]:
    """Return the atoms of each bonded group, or the one that is in none, and their places, whole across boundaries."""
    radii = natural_cutoffs(atoms, mult=BONDED, **dict.fromkeys(mobile, 0.0))
    bonds: list[list[tuple[int, Array]]] = [[] for _ in atoms]
    for first, second, vector in zip(*neighbor_list("ijD", atoms, radii), strict=True):
        bonds[first].append((int(second), vector))
    bodies = []
    seen: set[int] = set()
    for start in range(len(atoms)):
        if start in seen:
            continue
        places = {start: np.array(atoms.positions[start])}
        queue = deque([start])
        while queue:
            atom = queue.popleft()
            for neighbour, vector in bonds[atom]:
                if neighbour not in places:
                    places[neighbour] = places[atom] + vector
                    queue.append(neighbour)
        seen |= set(places)
        bodies.append((list(places), np.array(list(places.values()))))
    return bodies


def _in_words(lengths: Vector | Array) -> str:
    return ", ".join(f"{length:.6g}" for length in lengths)
