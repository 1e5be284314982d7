"""Ideal polyanions, and trajectories of them."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.trajectory import Trajectory

MASSES = {"P": 30.97, "S": 32.06, "B": 10.81, "H": 1.008, "Li": 6.94}
CORNERS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]) / np.sqrt(3.0)


def _ring(n, radius, z, first):
    angles = first + 2.0 * np.pi * np.arange(n) / n
    return np.column_stack((radius * np.cos(angles), radius * np.sin(angles), np.full(n, z)))


def centred(kinds, places):
    masses = np.array([MASSES[kind] for kind in kinds])
    return places - masses @ places / masses.sum()


def ps4():
    return ("P", "S", "S", "S", "S"), np.vstack((np.zeros((1, 3)), 2.05 * CORNERS))


def bh4():
    return ("B", "H", "H", "H", "H"), np.vstack((np.zeros((1, 3)), 1.22 * CORNERS))


def p2s6():
    """Staggered, along z."""
    sulfurs = np.vstack((_ring(3, 1.9, 1.75, 0.0), _ring(3, 1.9, -1.75, np.pi / 3)))
    return ("P", "P", *("S",) * 6), np.vstack(([[0.0, 0.0, 1.1], [0.0, 0.0, -1.1]], sulfurs))


def b10h10():
    """Two squares of boron turned by 45° against each other, and a cap on either side, along z."""
    borons = np.vstack(
        (_ring(4, 1.294, 0.757, 0.0), _ring(4, 1.294, -0.757, np.pi / 4), [[0.0, 0.0, 1.86], [0.0, 0.0, -1.86]])
    )
    hydrogens = borons * (1.0 + 1.2 / np.linalg.norm(borons, axis=1, keepdims=True))
    return ("B",) * 10 + ("H",) * 10, np.vstack((borons, hydrogens))


def crystal(kinds, geometry, rotations, *, spacing=9.0, timestep=0.01, cations=("Li", "Li")):
    """Return polyanions in a row along x, turned as told (T, n, 3, 3), about places on the cell's corner."""
    n_frames, n_units = rotations.shape[:2]
    bodies = np.einsum("tuij,...nj->tuni", rotations, centred(kinds, geometry))
    bodies[..., 0] += spacing * np.arange(n_units)[:, None]
    lithium = np.broadcast_to([[2.5, 2.0, 2.0], [0.0, 4.0, 4.0]], (n_frames, 2, 3))[:, : len(cations)]
    species = kinds * n_units + cations
    return Trajectory(
        species=species,
        positions=np.concatenate((bodies.reshape(n_frames, -1, 3), lithium), axis=1),
        cell=np.diag([spacing * n_units, spacing, spacing]),
        timestep=timestep,
        masses=np.array([MASSES[kind] for kind in species]),
        mobile=tuple(dict.fromkeys(cations)),
    )


def random_rotations(rng, *shape):
    return Rotation.random(int(np.prod(shape)), rng=rng).as_matrix().reshape(*shape, 3, 3)


def free_rotors(make, rng):
    """Return 1000 frames of 4 bodies that point anywhere, in a cell whose vectors are not along x, y and z."""
    trajectory = crystal(*make(), random_rotations(rng, 1000, 4))
    return replace(trajectory, cell=trajectory.cell @ np.array([[1.0, 0.0, 0.0], [0.1, 1.0, 0.0], [0.2, 0.3, 1.0]]))
