"""Supercells of a reference crystal, with disordered sites resolved by a seeded draw."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from aiida_superionic.errors import SuperionicError
from aiida_superionic.structures.materials import Material, Site


class StructureError(SuperionicError):
    """A structure that cannot be made as asked."""


def make_supercell(material: Material, repeats: tuple[int, int, int], seed: int) -> Atoms:
    """Return a supercell of a reference crystal.

    Partly filled sites are filled by random sequential addition: positions are visited in a random order and taken
    unless a taken one of the same set is nearer than its minimum distance.

    Parameters
    ----------
    material
        The reference crystal.
    repeats
        How often the cell is repeated along each of its vectors.
    seed
        Of the draw. The same seed gives the same atoms.

    Returns
    -------
    ase.Atoms
        Periodic, in Å, the atoms of one species together and in the order of the material's formal charges.

    Raises
    ------
    StructureError
        If a repeat is not positive or the sites cannot be filled at the minimum distance.
    """
    if min(repeats) < 1:
        raise StructureError(f"a supercell of {repeats} repeats; each must be at least 1")
    generator = np.random.default_rng(seed)
    atoms = Atoms(cell=np.asarray(material.cell) * np.asarray(repeats)[:, None], pbc=True)
    for site in material.sites:
        positions = _site_positions(site, material, repeats)
        if site.per_cell is not None:
            count = site.per_cell * int(np.prod(repeats))
            positions = positions[_draw(positions, atoms, site, count, generator)]
        atoms += Atoms([site.species] * len(positions), positions=positions)
    order = {species: rank for rank, species in enumerate(material.formal_charges)}
    return atoms[np.argsort([order[symbol] for symbol in atoms.symbols], kind="stable")]


def _site_positions(site: Site, material: Material, repeats: tuple[int, int, int]) -> NDArray[np.float64]:
    cells = np.array(list(np.ndindex(repeats)), dtype=float)
    fractional = cells[:, None, :] + np.asarray(site.fractional)[None, :, :]
    positions: NDArray[np.float64] = fractional.reshape(-1, 3) @ np.asarray(material.cell)
    return positions


def _draw(
    positions: NDArray[np.float64], box: Atoms, site: Site, count: int, generator: np.random.Generator
) -> list[int]:
    candidates = Atoms(["X"] * len(positions), positions=positions, cell=box.cell, pbc=True)
    near: list[list[int]] = [[] for _ in positions]
    if site.minimum_distance > 0.0:
        for first, second in zip(*neighbor_list("ij", candidates, site.minimum_distance), strict=True):
            near[first].append(second)
    chosen: list[int] = []
    blocked = np.zeros(len(positions), dtype=bool)
    for candidate in generator.permutation(len(positions)):
        if len(chosen) == count:
            break
        if not blocked[candidate]:
            chosen.append(int(candidate))
            blocked[near[candidate]] = True
    if len(chosen) < count:
        raise StructureError(
            f"only {len(chosen)} of {count} {site.species} fit at {site.minimum_distance} Å from one another"
        )
    return sorted(chosen)
