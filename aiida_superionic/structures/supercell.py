"""Supercells of a reference crystal, with disordered sites resolved by a seeded draw."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from aiida_superionic.structures.lattice import BONDED, relative_lattice_constants, stretch
from aiida_superionic.structures.materials import Material, Site, Vector
from aiida_superionic.structures.orientations import StructureError, orient

__all__ = ["StructureError", "make_supercell"]

_DRAWS = 100
_TAKEN = 0.5  # Å; a position that is as near to an ion holds it


def make_supercell(
    material: Material, repeats: tuple[int, int, int], seed: int, lattice_constants: Vector | None = None
) -> Atoms:
    """Return a supercell of a reference crystal, neutral, with every disordered site resolved.

    Partly filled sites are filled by random sequential addition: positions are visited in a random order and taken
    unless an ion is there or one of the same species is nearer than the minimum distance. Of the mobile ions there are
    as many as make the crystal neutral, over their sites in the proportion of the occupancies.

    Parameters
    ----------
    material
        The reference crystal.
    repeats
        How often the cell is repeated along each of its vectors.
    seed
        Of the draw. The same seed gives the same atoms.
    lattice_constants
        Lengths of the three vectors of the cell in Å, in place of the measured ones; their directions stay. Polyanions
        keep their shape and the orientation that they are drawn in at the measured ones.

    Returns
    -------
    ase.Atoms
        Periodic, in Å, the atoms of one species together and in the order of the material's formal charges.

    Raises
    ------
    StructureError
        If a repeat is not positive, if the supercell cannot hold whole ions or be neutral, if no draw keeps the
        minimum distances, or if the lattice constants are far off.
    """
    if min(repeats) < 1:
        raise StructureError(f"a supercell of {repeats} repeats; each must be at least 1")
    counts = _counts(material, int(np.prod(repeats)))
    generator = np.random.default_rng(seed)
    for attempt in range(_DRAWS):
        try:
            ions = _place(material, repeats, counts, generator)
            break
        except StructureError as error:
            if attempt == _DRAWS - 1:
                raise StructureError(f"{error}, in none of {_DRAWS} draws") from None
    atoms = orient(ions, material.contacts, generator)
    for centre, ligand, length in material.bonds:
        _set_bonds(atoms, centre, ligand, length)
    if lattice_constants is not None:
        stretch(atoms, relative_lattice_constants(material, lattice_constants), material.mobile)
    order = {species: rank for rank, species in enumerate(material.elements)}
    return atoms[np.argsort([order[symbol] for symbol in atoms.symbols], kind="stable")]


def _counts(material: Material, cells: int) -> list[int]:
    """Return how many ions each site holds in so many cells."""
    quotas = [
        (len(material.positions(site)) if site.per_cell is None else Fraction(site.per_cell).limit_denominator(1000))
        * Fraction(cells)
        for site in material.sites
    ]
    mobile = [index for index, site in enumerate(material.sites) if site.species in material.mobile]
    host = [index for index in range(len(quotas)) if index not in mobile]
    whole = lcm(*((quotas[index] / cells).denominator for index in host))
    if cells % whole:
        raise StructureError(
            f"a supercell of {cells} cells cannot hold whole ions of {material.formula};"
            f" the number of cells must be a multiple of {whole}"
        )
    charge = sum(int(quotas[index]) * material.formal_charges[material.sites[index].species] for index in host)
    needed = Fraction(-charge, material.formal_charges[material.mobile[0]])
    room = [len(material.positions(material.sites[index])) * cells for index in mobile]
    if needed.denominator > 1 or not 0 < needed <= sum(room):
        raise StructureError(f"no number of {material.mobile[0]} makes {cells} cells of {material.formula} neutral")
    share = needed / sum(quotas[index] for index in mobile)
    wanted = [min(quotas[index] * share, Fraction(most)) for index, most in zip(mobile, room, strict=True)]
    counts = [int(quota) for quota in wanted]
    # By largest remainder, and then wherever there is room.
    for place in sorted(
        range(len(mobile)), key=lambda place: (counts[place] >= room[place], counts[place] - wanted[place])
    ):
        if sum(counts) < needed and counts[place] < room[place]:
            counts[place] += 1
    for place in range(len(mobile)):
        counts[place] += min(room[place] - counts[place], int(needed) - sum(counts))
    filled = dict(zip(mobile, counts, strict=True))
    return [filled.get(index, int(quota)) for index, quota in enumerate(quotas)]


def _place(
    material: Material, repeats: tuple[int, int, int], counts: list[int], generator: np.random.Generator
) -> tuple[Atoms, list[str]]:
    """Return the places of all ions, and which they are."""
    places = Atoms(cell=np.asarray(material.cell) * np.asarray(repeats)[:, None], pbc=True)
    ions: list[str] = []
    for site, count in zip(material.sites, counts, strict=True):
        positions = _site_positions(site, material, repeats)
        if count < len(positions):
            positions = positions[_draw(positions, places, np.array(ions), site, count, generator)]
        places += Atoms(["X"] * len(positions), positions=positions)
        ions += [site.species] * len(positions)
    return places, ions


def _site_positions(site: Site, material: Material, repeats: tuple[int, int, int]) -> NDArray[np.float64]:
    cells = np.array(list(np.ndindex(repeats)), dtype=float)
    fractional = cells[:, None, :] + material.positions(site)[None, :, :]
    positions: NDArray[np.float64] = fractional.reshape(-1, 3) @ np.asarray(material.cell)
    return positions


def _draw(
    positions: NDArray[np.float64],
    placed: Atoms,
    ions: NDArray[np.str_],
    site: Site,
    count: int,
    generator: np.random.Generator,
) -> list[int]:
    candidates = Atoms(["X"] * len(positions), positions=positions, cell=placed.cell, pbc=True)
    everything = candidates + placed
    near: list[list[int]] = [[] for _ in positions]
    blocked = np.zeros(len(positions), dtype=bool)
    reach = max(site.minimum_distance, _TAKEN)
    for first, second, distance in zip(*neighbor_list("ijd", everything, reach), strict=True):
        if first < len(positions) and second < len(positions):
            near[first].append(second)
        elif first < len(positions) <= second:
            blocked[first] |= distance < _TAKEN or ions[second - len(positions)] == site.species
    chosen: list[int] = []
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


def _set_bonds(atoms: Atoms, centre: str, ligand: str, length: float) -> None:
    """Move each ligand along its bond to the length that it has with this centre."""
    longest = BONDED * sum(covalent_radii[atomic_numbers[symbol]] for symbol in (centre, ligand))
    for first, second, vector in zip(*neighbor_list("ijD", atoms, {(centre, ligand): longest}), strict=True):
        if atoms.symbols[first] == centre:
            atoms.positions[second] += vector * (length / np.linalg.norm(vector) - 1.0)
