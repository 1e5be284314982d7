"""The ions of the host lattice: its polyanions, and its atoms that are in none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.periodic import mean_cell, nearest_images
from aiida_superionic.analysis.polyanions import bonded_groups
from aiida_superionic.analysis.reference_frame import RelativeVectors
from aiida_superionic.analysis.trajectory import Array, Trajectory


@dataclass(frozen=True, eq=False)
class HostIons:
    """All host ions of one formula.

    A polyanion that turns leaves its centre of mass where it is, but not its atoms.

    Parameters
    ----------
    atoms
        Indices of their atoms, shape (n_ions, n).
    weights
        Masses of the atoms of one over their sum, shape (n,).
    images
        What is added to the positions to make each whole across the boundaries, in Å, shape (n_ions, n, 3).
    spacing
        Distance of an ion to the nearest of the same formula in the first frame, on average, in Å.
    """

    atoms: NDArray[np.intp]
    weights: Array
    images: Array
    spacing: float

    @classmethod
    def of(cls, trajectory: Trajectory, atoms: NDArray[np.intp], whole: Array) -> HostIons:
        """Return ions from the indices of their atoms and where these are about the centres of mass."""
        places = trajectory.positions[:1, atoms.ravel()].reshape(whole.shape)
        masses = trajectory.masses[atoms[0]]
        offsets = whole - places
        spacing = nearest_distance(-offsets[:, 0], mean_cell(trajectory))
        return cls(atoms, masses / masses.sum(), offsets - offsets[:, :1], spacing)

    def centres_of_mass(self, positions: RelativeVectors) -> Array:
        """Return the centre of mass of each ion in Å, shape (T, n_ions, 3), from the positions of all atoms."""
        places = positions[:, self.atoms.ravel()].reshape(len(positions), *self.atoms.shape, 3)
        return np.asarray(np.einsum("n,tinx->tix", self.weights, places + self.images))


def find_host_ions(trajectory: Trajectory) -> dict[str, HostIons]:
    """Return the ions of the host lattice, as they are in the first frame, by formula."""
    ions: dict[str, HostIons] = {}
    single = np.isin(trajectory.species, trajectory.host)
    for formula, groups in bonded_groups(trajectory).items():
        atoms, _, whole = (np.array(column) for column in zip(*groups, strict=True))
        ions[formula] = HostIons.of(trajectory, atoms, whole)
        single[atoms] = False
    for kind in trajectory.host:
        atoms = np.flatnonzero(single & (np.asarray(trajectory.species) == kind))
        if len(atoms):
            ions[kind] = HostIons.of(trajectory, atoms[:, None], np.zeros((len(atoms), 1, 3)))
    return ions


def nearest_distance(points: Array, cell: Array) -> float:
    """Return the distance of a point to its nearest neighbour, averaged over the points and images of them."""
    return float(nearest_images(points, points, cell, 2)[0][:, 1].mean())


def framework(ions: Mapping[str, HostIons]) -> str:
    """Return the formula of the host ions that tell whether the lattice is intact.

    They are the most numerous, and of those the ones that are furthest from each other. A lone dopant does not move
    against its own kind, and has no neighbour to measure its motion by.
    """
    return max(ions, key=lambda formula: (len(ions[formula].atoms), ions[formula].spacing))
