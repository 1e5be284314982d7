"""Bonded groups of host atoms, found in a structure: BH4, PS4, P2S6, B10H10."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.orientation import best_rotation, kabsch_deviation
from aiida_superionic.analysis.pairs import half_width, neighbours_within
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches

Indices = NDArray[np.intp]

BOND_TOLERANCE = 1.2
"""Two atoms are bonded when nearer than this times the sum of their covalent radii."""

_MAX_REFERENCE_FRAMES = 200
_SYMMETRY_TOLERANCE = 0.1
"""Deviation, over the radius of gyration, up to which a permutation of atoms is a rotation of the polyanion."""


@dataclass(frozen=True, eq=False)
class Polyanions:
    """All polyanions of one formula.

    Parameters
    ----------
    formula
        The species with most bonds first: ``P2S6``.
    species
        Of the atoms of one polyanion, shape (n,).
    atoms
        Indices of the atoms, shape (number of polyanions, n), every row in the same order: there is a proper rotation
        that brings each polyanion onto the first one, atom by atom.
    bonded
        Which atoms of one polyanion are bonded, shape (n, n).
    masses
        In amu, shape (n,).
    """

    formula: str
    species: tuple[str, ...]
    atoms: Indices
    bonded: NDArray[np.bool_]
    masses: Array

    @property
    def centre(self) -> int | None:
        """The atom that all others, and they only, are bonded to, as in AXn; None where there is none."""
        degrees = self.bonded.sum(axis=1)
        centres = np.flatnonzero(degrees == len(self.species) - 1)
        return int(centres[0]) if len(centres) == 1 and np.count_nonzero(degrees > 1) == 1 else None

    @property
    def outer(self) -> Indices:
        """The atoms about the centre of AXn."""
        return np.delete(np.arange(len(self.species)), [] if self.centre is None else self.centre)

    @property
    def groups(self) -> tuple[Indices, Indices] | None:
        """The two groups that may turn against each other about a bond, as in P2S6; None where there are none.

        Each is one of two bonded centres, the other, and its own outer atoms, in this order.
        """
        degrees = self.bonded.sum(axis=1)
        centres = np.flatnonzero(degrees > 1)
        if len(centres) != 2 or not self.bonded[centres[0], centres[1]]:
            return None
        first, second = (
            np.concatenate((pair, np.flatnonzero(self.bonded[pair[0]] & (degrees == 1))))
            for pair in (centres, centres[::-1])
        )
        return first, second

    def fragment(self, members: Indices) -> Polyanions:
        """Return bonded atoms of every polyanion, by their place in it, as if they were all there is."""
        return replace(
            self,
            species=tuple(self.species[i] for i in members),
            atoms=self.atoms[:, members],
            bonded=self.bonded[np.ix_(members, members)],
            masses=self.masses[members],
        )

    def part(self, units: Indices) -> Polyanions:
        """Return some of the polyanions, by their number."""
        return replace(self, atoms=self.atoms[units])

    def positions(self, trajectory: Trajectory) -> Array:
        """Return positions relative to each polyanion's centre of mass, whole across the boundaries.

        Parameters
        ----------
        trajectory
            The one in which the polyanions were found.

        Returns
        -------
        numpy.ndarray
            In Å, shape (T, number of polyanions, n, 3).
        """
        positions = self._from_first_atom(trajectory)
        return np.asarray(positions - self._mean(positions)[:, :, None])

    def centres_of_mass(self, trajectory: Trajectory) -> Array:
        """Return the centre of mass of each polyanion in Å, shape (T, number of polyanions, 3)."""
        return np.asarray(trajectory.positions[:, self.atoms[:, 0]] + self._mean(self._from_first_atom(trajectory)))

    def _from_first_atom(self, trajectory: Trajectory) -> Array:
        places = trajectory.positions[:, self.atoms.ravel()].reshape(trajectory.n_frames, *self.atoms.shape, 3)
        positions = np.zeros(places.shape)
        for parent, child in _spanning_tree(self.bonded):
            step = minimum_image(places[:, :, child] - places[:, :, parent], trajectory.cell)
            positions[:, :, child] = positions[:, :, parent] + step
        return positions

    def _mean(self, positions: Array) -> Array:
        return np.asarray(np.einsum("n,tunx->tux", self.masses / self.masses.sum(), positions))

    def reference(self, trajectory: Trajectory) -> Array:
        """Return the mean geometry in the body-fixed frame, in Å, shape (n, 3), oriented as the first polyanion.

        Parameters
        ----------
        trajectory
            The one in which the polyanions were found. At most 200 frames of it are used, evenly spaced.
        """
        part = self.positions(trajectory.every(-(-trajectory.n_frames // _MAX_REFERENCE_FRAMES)))
        reference: Array = part[0, 0]
        for _ in range(2):  # the second time without the distortion of the first frame
            rotations = best_rotation(reference, part, self.masses)
            reference = np.einsum("tuji,tunj->ni", rotations, part) / (part.shape[0] * part.shape[1])
        return reference

    def rotations(self, trajectory: Trajectory, reference: Array) -> Array:
        """Return the rotation of each polyanion from the reference, shape (T, number of polyanions, 3, 3)."""
        return np.concatenate(
            [
                best_rotation(reference, self.positions(trajectory.frames(part.start, part.stop)), self.masses)
                for part in frame_batches(trajectory.n_frames, self.atoms.size)
            ]
        )

    def symmetry(self, reference: Array) -> Array:
        """Return the proper rotations that bring the polyanion onto itself, shape (m, 3, 3), the identity first.

        They are those of the permutations that keep bonds and species, and that a rotation can make: a tetrahedron has
        24 of the first kind, and 12 of them are rotations.

        Parameters
        ----------
        reference
            The geometry, shape (n, 3).
        """
        permutations = np.array(list(_isomorphisms(self.species, self.bonded, self.species, self.bonded)))
        rotations = best_rotation(reference, reference[permutations], self.masses)
        size = np.sqrt(np.average(np.sum(reference**2, axis=1), weights=self.masses))
        deviations = kabsch_deviation(reference, reference[permutations], self.masses)
        proper = rotations[deviations < _SYMMETRY_TOLERANCE * size]
        return np.asarray(proper[np.argsort(-np.trace(proper, axis1=1, axis2=2), kind="stable")])


def find_polyanions(trajectory: Trajectory, bond_cutoff: float | None = None) -> dict[str, Polyanions]:
    """Find the polyanions of the first frame, by formula.

    Atoms of the species that are not mobile, Wannier centres left out, are bonded when nearer than 1.2 times the sum of
    their covalent radii, across periodic boundaries. A polyanion is a bonded group of at least three atoms that do
    not lie on a line; a network that runs through the boundaries without end is none.

    Parameters
    ----------
    trajectory
        Positions, cell and mobile species.
    bond_cutoff
        Length in Å below which two atoms of different species are bonded, in place of the covalent radii.

    Raises
    ------
    NotConverged
        If there is none.
    ParameterError
        If polyanions of one formula are bonded differently.
    """
    by_formula = bonded_groups(trajectory, bond_cutoff)
    if not by_formula:
        raise NotConverged("the trajectory holds no polyanions, that is no finite bonded groups of its host atoms")
    return {formula: _same_order(formula, found, trajectory) for formula, found in sorted(by_formula.items())}


def bonded_groups(
    trajectory: Trajectory, bond_cutoff: float | None = None
) -> dict[str, list[tuple[Indices, NDArray[np.bool_], Array]]]:
    """Return what is a polyanion in the first frame (:func:`find_polyanions`), by formula.

    Of each, the indices of the atoms, shape (n,), whether they are bonded, shape (n, n), and their positions about the
    centre of mass in Å, whole across the boundaries, shape (n, 3). All of one formula list their species in one order.
    """
    hosts = trajectory.ions[~np.isin(np.asarray(trajectory.species)[trajectory.ions], trajectory.mobile)]
    by_formula: dict[str, list[tuple[Indices, NDArray[np.bool_], Array]]] = {}
    for atoms, bonded, positions in _finite_groups(trajectory, hosts, bond_cutoff) if len(hosts) else []:
        kinds = [trajectory.species[i] for i in atoms]
        order = sorted(set(kinds), key=lambda kind: (-_highest_degree(kind, kinds, bonded), kind))
        counts = Counter(kinds)
        formula = "".join(f"{kind}{counts[kind] if counts[kind] > 1 else ''}" for kind in order)
        sequence = np.array(sorted(range(len(atoms)), key=lambda i: (order.index(kinds[i]), atoms[i])))
        by_formula.setdefault(formula, []).append(
            (atoms[sequence], bonded[np.ix_(sequence, sequence)], positions[sequence])
        )
    return by_formula


def find_tetrahedra(trajectory: Trajectory) -> dict[str, Polyanions]:
    """Return the polyanions AX4, by formula; empty where there are none."""
    try:
        found = find_polyanions(trajectory)
    except NotConverged:
        return {}
    return {formula: units for formula, units in found.items() if units.centre is not None and len(units.outer) == 4}


def _same_order(
    formula: str, found: list[tuple[Indices, NDArray[np.bool_], Array]], trajectory: Trajectory
) -> Polyanions:
    first, bonded, reference = found[0]
    species = tuple(trajectory.species[i] for i in first)
    masses = trajectory.masses[first]
    atoms = np.empty((len(found), len(first)), dtype=np.intp)
    for row, (others, others_bonded, positions) in enumerate(found):
        kinds = tuple(trajectory.species[i] for i in others)
        permutations = np.array(list(_isomorphisms(species, bonded, kinds, others_bonded)))
        if not len(permutations):
            raise ParameterError(f"the polyanions {formula} are bonded in more than one way; give the bond_cutoff")
        best = np.argmin(kabsch_deviation(reference, positions[permutations], masses))
        atoms[row] = others[permutations[best]]
    return Polyanions(formula, species, atoms, bonded, masses)


def _finite_groups(
    trajectory: Trajectory, hosts: Indices, bond_cutoff: float | None
) -> list[tuple[Indices, NDArray[np.bool_], Array]]:
    """Return atoms, bonds and positions relative to the centre of mass of every finite group that is not linear."""
    from ase.data import atomic_numbers, covalent_radii  # noqa: PLC0415 - lists and help need no ASE

    cell = trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell[0]
    positions = trajectory.positions[:1, hosts][0]
    kinds = np.array([trajectory.species[i] for i in hosts])
    radii = np.array([covalent_radii[atomic_numbers[kind]] for kind in kinds])
    longest = 2.0 * BOND_TOLERANCE * radii.max() if bond_cutoff is None else bond_cutoff
    i, j, distances = neighbours_within(positions, positions, cell, min(longest, half_width(cell)), exclude_same=True)
    bonds = (
        distances < BOND_TOLERANCE * (radii[i] + radii[j])
        if bond_cutoff is None
        else (distances < bond_cutoff) & (kinds[i] != kinds[j])
    )
    neighbours: list[list[int]] = [[] for _ in hosts]
    for a, b in zip(i[bonds].tolist(), j[bonds].tolist(), strict=True):
        neighbours[a].append(b)
    groups = []
    seen = np.zeros(len(hosts), dtype=bool)
    for start in range(len(hosts)):
        if seen[start]:
            continue
        places, finite = _walk(start, neighbours, positions, cell)
        members = np.array(list(places))
        seen[members] = True
        relative = np.array(list(places.values()))
        masses = trajectory.masses[hosts[members]]
        relative -= masses @ relative / masses.sum()
        if finite and len(members) > 2 and np.linalg.svd(relative, compute_uv=False)[1] > 0.1:
            adjacency = np.array([[b in neighbours[a] for b in members] for a in members])
            groups.append((hosts[members], adjacency, relative))
    return groups


def _walk(start: int, neighbours: list[list[int]], positions: Array, cell: Array) -> tuple[dict[int, Array], bool]:
    """Return the atoms bonded to one, with their places beside it, and whether they form a finite group."""
    places: dict[int, Array] = {start: np.zeros(3)}
    finite = True
    queue = deque([start])
    while queue:
        atom = queue.popleft()
        for neighbour in neighbours[atom]:
            place = places[atom] + minimum_image(positions[neighbour : neighbour + 1] - positions[atom], cell)[0]
            if neighbour not in places:
                places[neighbour] = place
                queue.append(neighbour)
            elif np.linalg.norm(place - places[neighbour]) > 1e-3:
                finite = False
    return places, finite


def _highest_degree(kind: str, kinds: list[str], bonded: NDArray[np.bool_]) -> int:
    return max(int(degree) for other, degree in zip(kinds, bonded.sum(axis=1), strict=True) if other == kind)


def _spanning_tree(bonded: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield every atom but the first with the bonded atom nearer to the first, in an order that holds all parents."""
    reached = [0]
    for parent in reached:
        for child in np.flatnonzero(bonded[parent]).tolist():
            if child not in reached:
                reached.append(child)
                yield parent, child


def _isomorphisms(
    species: tuple[str, ...], bonded: NDArray[np.bool_], others: tuple[str, ...], others_bonded: NDArray[np.bool_]
) -> Iterator[list[int]]:
    """Yield every order of the others in which their species and bonds are those of the first."""
    tree = [0, *(child for _, child in _spanning_tree(bonded))]
    degrees, others_degrees = bonded.sum(axis=1), others_bonded.sum(axis=1)
    chosen: list[int] = []

    def extend() -> Iterator[list[int]]:
        depth = len(chosen)
        if depth == len(species):
            yield np.array(chosen)[np.argsort(tree)].tolist()
            return
        atom = tree[depth]
        for candidate in range(len(others)):
            if (
                candidate not in chosen
                and others[candidate] == species[atom]
                and others_degrees[candidate] == degrees[atom]
                and np.array_equal(others_bonded[candidate, chosen], bonded[atom, tree[:depth]])
            ):
                chosen.append(candidate)
                yield from extend()
                chosen.pop()

    if len(species) == len(others):
        yield from extend()
