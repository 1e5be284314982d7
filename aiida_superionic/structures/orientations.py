"""Orientations of rigid molecules on the sites of a crystal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aiida_superionic.errors import SuperionicError
from aiida_superionic.structures.materials import Contact, molecules

Array = NDArray[np.float64]

_SWEEPS = 300
_TRIALS = 24
_SMALL_TURN = 0.2  # radians about each axis


class StructureError(SuperionicError):
    """A structure that cannot be made as asked."""


def orient(ions: tuple[Atoms, list[str]], contacts: Sequence[Contact], generator: np.random.Generator) -> Atoms:
    """Return the atoms of all ions, each molecule in an orientation drawn at random.

    Every molecule begins in an orientation drawn uniformly. As long as two atoms are nearer than their shortest
    contact, the molecules that they belong to are turned: to the best of some new uniform draws and some small turns.

    Parameters
    ----------
    ions
        Their places, in a periodic cell, and which ion is on each.
    contacts
        Pairs of species and the shortest distance between them, Å, other than within a molecule.
    generator
        Of the draw.

    Raises
    ------
    StructureError
        If the contacts cannot be kept.
    """
    places, names = ions
    atoms = Atoms(cell=places.cell, pbc=True)
    rotors: list[tuple[Array, Array, slice]] = []
    for name, place in zip(names, places.positions, strict=True):
        if name not in molecules():
            atoms.append(name)
            atoms.positions[-1] = place
            continue
        molecule = molecules()[name]
        shape = np.asarray(molecule.positions)
        start = len(atoms)
        atoms += Atoms(molecule.species, positions=place + shape @ Rotation.random(rng=generator).as_matrix().T)
        rotors.append((place, shape, slice(start, len(atoms))))
    if rotors and contacts:
        _turn_apart(atoms, rotors, contacts, generator)
    return atoms


def _turn_apart(
    atoms: Atoms,
    rotors: list[tuple[Array, Array, slice]],
    contacts: Sequence[Contact],
    generator: np.random.Generator,
) -> None:
    owner = np.arange(len(atoms)) + len(rotors)
    centres = np.array(atoms.positions)
    for number, (place, _, members) in enumerate(rotors):
        owner[members] = number
        centres[members] = place
    largest = max(np.linalg.norm(shape, axis=1).max() for _, shape, _ in rotors)
    reach = 2.0 * largest + max(length for *_, length in contacts)
    around = _images_around(np.array([place for place, _, _ in rotors]), centres, atoms, reach)
    around = [
        (others[apart], shifts[apart])
        for number, (others, shifts) in enumerate(around)
        for apart in [(owner[others] != number) | shifts.any(axis=1)]
    ]
    shortest = _shortest(np.array(atoms.symbols), contacts)
    bounds = {(a, b): length for a, b, length in contacts}
    for _ in range(_SWEEPS):
        first, second, images = neighbor_list("ijS", atoms, bounds)
        clashing = np.unique(owner[first[(owner[first] != owner[second]) | images.any(axis=1)]])
        clashing = clashing[clashing < len(rotors)]
        if not len(clashing):
            return
        for number in generator.permutation(clashing):
            place, shape, members = rotors[number]
            others, shifts = around[number]
            now = atoms.positions[members] - place
            anew = np.einsum("tij,nj->tni", Rotation.random(_TRIALS, rng=generator).as_matrix(), shape)
            nearby = Rotation.from_rotvec(generator.normal(scale=_SMALL_TURN, size=(_TRIALS, 3))).as_matrix()
            turned = np.concatenate([now[None], anew, np.einsum("tij,nj->tni", nearby, now)])
            distances = np.linalg.norm(turned[:, :, None] - (atoms.positions[others] + shifts - place), axis=-1)
            lacking = np.clip(shortest[members][:, others] - distances, 0.0, None)
            atoms.positions[members] = place + turned[np.argmin((lacking**2).sum(axis=(1, 2)))]
    raise StructureError(
        f"no orientations of {len(rotors)} molecules keep {', '.join(f'{a}-{b} {d} Å' for a, b, d in contacts)}"
        f" in {_SWEEPS} sweeps; take another seed or a larger supercell"
    )


def _images_around(places: Array, centres: Array, atoms: Atoms, reach: float) -> list[tuple[NDArray[np.intp], Array]]:
    """Return for each place the atoms within reach, and the shift of the image that is, Å."""
    probe = Atoms(["X"] * (len(places) + len(centres)), positions=[*places, *centres], cell=atoms.cell, pbc=True)
    first, second, images = neighbor_list("ijS", probe, reach)
    shifts = images @ np.asarray(atoms.cell)
    found = []
    for number in range(len(places)):
        mine = (first == number) & (second >= len(places))
        found.append((second[mine] - len(places), shifts[mine]))
    return found


def _shortest(symbols: NDArray[np.str_], contacts: Sequence[Contact]) -> Array:
    """Return the shortest allowed distance of every pair of atoms, shape (n, n)."""
    kinds, indices = np.unique(symbols, return_inverse=True)
    table = np.zeros((len(kinds), len(kinds)))
    for a, b, length in contacts:
        i, j = np.searchsorted(kinds, [a, b])
        table[i, j] = table[j, i] = length
    return np.asarray(table[np.ix_(indices, indices)])
