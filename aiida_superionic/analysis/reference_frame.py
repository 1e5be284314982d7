"""Motion relative to a centre of mass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Array, Field, Trajectory, frame_batches


@dataclass(frozen=True, eq=False)
class RelativeVectors:
    """Vectors of some atoms in some frames, relative to a moving centre: a field that is computed where it is read.

    Parameters
    ----------
    vectors
        Of all atoms, shape (T, N, 3).
    centre
        What is subtracted in each frame, shape (T, 3).
    atoms
        Indices of the atoms, shape (n,).
    start, stop
        The first frame, and the one after the last.
    """

    vectors: Field
    centre: Array
    atoms: NDArray[np.intp]
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of frames, number of atoms, 3."""
        return (self.stop - self.start, len(self.atoms), 3)

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, key: tuple[slice, NDArray[np.intp] | slice] | slice) -> Array:
        frames, atoms = key if isinstance(key, tuple) else (key, slice(None))
        start, stop, step = frames.indices(len(self))
        frames = slice(self.start + start, self.start + stop, step)
        return np.asarray(self.vectors[frames, self.atoms[atoms]] - self.centre[frames, np.newaxis])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float64, copy=False)

    def of(self, atoms: NDArray[np.intp]) -> RelativeVectors:
        """Return the vectors of some of these atoms, relative to the same centre."""
        return replace(self, atoms=self.atoms[atoms])

    def frames(self, start: int, stop: int) -> RelativeVectors:
        """Return the frames ``start`` to ``stop`` (exclusive)."""
        return replace(self, start=self.start + start, stop=self.start + stop)


def relative_to_centre_of_mass(vectors: Field, masses: Array, atoms: NDArray[np.intp]) -> RelativeVectors:
    """Subtract the centre of mass of some atoms, frame by frame.

    Parameters
    ----------
    vectors
        Positions or velocities, shape (T, N, 3).
    masses
        In amu, shape (N,).
    atoms
        Indices of the atoms whose centre of mass is meant.

    Returns
    -------
    RelativeVectors
        Of all atoms, shape (T, N, 3).
    """
    weights = masses[atoms] / masses[atoms].sum()
    centre = np.empty((len(vectors), 3))
    for part in frame_batches(len(vectors), len(masses)):
        centre[part] = np.einsum("i,tix->tx", weights, vectors[part, atoms])
    return RelativeVectors(vectors, centre, np.arange(len(masses)), 0, len(vectors))


def relative_to_origin(vectors: Field) -> RelativeVectors:
    """Return vectors as they are, of shape (T, N, 3), to be selected from without a copy."""
    n_frames, n_atoms = vectors.shape[:2]
    return RelativeVectors(vectors, np.zeros((n_frames, 3)), np.arange(n_atoms), 0, n_frames)


def positions_in_host_frame(trajectory: Trajectory) -> RelativeVectors:
    """Return positions relative to the centre of mass of the host lattice, in Å, shape (T, N, 3).

    Without a mobile species there is no host, and the centre of mass of all atoms takes its place.
    """
    host = np.flatnonzero(np.isin(trajectory.species, trajectory.host or trajectory.kinds))
    return relative_to_centre_of_mass(trajectory.positions, trajectory.masses, host)


def velocities_without_drift(trajectory: Trajectory, *, conserves_momentum: bool = True) -> RelativeVectors:
    """Return velocities relative to the centre of mass of all atoms, in Å/ps, shape (T, N, 3).

    Where bodies that are held in place take up momentum, the motion of the centre of mass is thermal and no drift: the
    velocities are returned as they are.

    Raises
    ------
    TrajectoryError
        If the trajectory holds no velocities.
    """
    velocities = trajectory.require("velocities")
    if not conserves_momentum:
        return relative_to_origin(velocities)
    return relative_to_centre_of_mass(velocities, trajectory.masses, trajectory.ions)


def shift_of_host(trajectory: Trajectory, lattice: Sequence[float]) -> Array:
    """Return by how much the host's centre of mass is shifted in the first frame from where the crystal has it, in Å.

    Parameters
    ----------
    trajectory
        Positions and cell.
    lattice
        Where the host atoms, in their order, are in the crystal, three fractional coordinates each. Without them the
        crystal is where the first frame's cell is, and the shift is none.

    Returns
    -------
    numpy.ndarray
        Shape (3,).

    Raises
    ------
    ParameterError
        If the coordinates are not three for each host atom.
    """
    if not lattice:
        return np.zeros(3)
    hosts = np.flatnonzero(np.isin(trajectory.species, trajectory.host))
    if len(lattice) != 3 * len(hosts):
        raise ParameterError(
            f"lattice has {len(lattice)} coordinates where three for each of {len(hosts)} host atoms are expected"
        )
    cell = trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell[0]
    # Of a polyanion that turns, the atoms' displacements cancel in its centre of mass.
    moved = minimum_image(trajectory.positions[:1, hosts] - np.reshape(lattice, (-1, 3)) @ cell, cell)[0]
    return np.asarray(np.average(moved, axis=0, weights=trajectory.masses[hosts]))
