"""The sites of the mobile ions in a supercell of a reference crystal, filled or not."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from aiida_superionic.structures.materials import Material
from aiida_superionic.structures.orientations import Array

_ONE_SITE = 1.0
"""Å within which positions are one site, split by a refinement: an ion that vibrates is in all of them."""


def with_every_site(material: Material, repeats: tuple[int, int, int], atoms: Atoms) -> Atoms:
    """Return the host atoms of a supercell, in their order, and after them a mobile ion on every site.

    Parameters
    ----------
    material
        The reference crystal.
    repeats
        How often its cell is repeated along each vector.
    atoms
        The supercell, at any lattice constants.

    Returns
    -------
    ase.Atoms
        Periodic, in Å. It is no structure: the crystal fills some of the sites.
    """
    crystal = atoms[~np.isin(atoms.get_chemical_symbols(), material.mobile)]
    cells = np.array(list(np.ndindex(repeats)), dtype=np.float64)
    for kind in material.mobile:
        places = (cells[:, None] + _sites(material, kind)).reshape(-1, 3) / repeats
        crystal += Atoms([kind] * len(places), scaled_positions=places, cell=atoms.cell)
    return crystal


def _sites(material: Material, kind: str) -> Array:
    """Return the sites of one species in one cell, fractional, shape (n, 3)."""
    left = np.vstack([material.positions(site) for site in material.sites if site.species == kind])
    found = []
    while len(left):
        vectors, distances = find_mic((left - left[0]) @ np.asarray(material.cell), material.cell)
        near = distances < _ONE_SITE
        found.append(left[0] + vectors[near].mean(axis=0) @ np.linalg.inv(material.cell))
        left = left[~near]
    return np.array(found)
