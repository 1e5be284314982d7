"""Motion relative to a centre of mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.trajectory import Array, Trajectory


def relative_to_centre_of_mass(vectors: Array, masses: Array, atoms: NDArray[np.intp] | None = None) -> Array:
    """Subtract the centre of mass of some atoms, frame by frame.

    Parameters
    ----------
    vectors
        Positions or velocities, shape (T, N, 3).
    masses
        In amu, shape (N,).
    atoms
        Indices of the atoms whose centre of mass is meant; all where it is not given.

    Returns
    -------
    numpy.ndarray
        Shape (T, N, 3).
    """
    atoms = np.arange(len(masses)) if atoms is None else atoms
    centre = np.einsum("i,tix->tx", masses[atoms] / masses[atoms].sum(), vectors[:, atoms])
    return np.asarray(vectors - centre[:, np.newaxis])


def positions_in_host_frame(trajectory: Trajectory) -> Array:
    """Return positions relative to the centre of mass of the host lattice, in Å, shape (T, N, 3).

    Without a mobile species there is no host, and the centre of mass of all atoms takes its place.
    """
    host = np.flatnonzero(np.isin(trajectory.species, trajectory.host or trajectory.kinds))
    return relative_to_centre_of_mass(trajectory.positions, trajectory.masses, host)


def velocities_without_drift(trajectory: Trajectory) -> Array:
    """Return velocities relative to the centre of mass of all atoms, in Å/ps, shape (T, N, 3).

    Raises
    ------
    TrajectoryError
        If the trajectory holds no velocities.
    """
    return relative_to_centre_of_mass(trajectory.require("velocities"), trajectory.masses)
