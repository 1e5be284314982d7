"""Where ions were, and what all integrators of their motion share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, MotionError
from aiida_superionic.lattice.crystal import Crystal

Progress = Callable[[int, int], None]
"""Told how many steps are done, and of how many."""


_FURTHEST_STEP = 0.25
"""Of the shortest cell vector, by which an ion may move in one step: it is not followed over what lies between."""


@dataclass(frozen=True, eq=False)
class IonTrajectory:
    """Where ions were.

    Parameters
    ----------
    times
        In ps, shape (T,).
    positions, velocities
        In Å and Å/ps, shape (T, W, 3).
    atom_displacements, atom_velocities
        Of the atoms that were watched, in Å and Å/ps, shape (T, K, 3).
    """

    times: Array
    positions: Array
    velocities: Array
    atom_displacements: Array = field(default_factory=lambda: np.empty((0, 0, 3)))
    atom_velocities: Array = field(default_factory=lambda: np.empty((0, 0, 3)))


def starting_state(start: ArrayLike, velocities: ArrayLike) -> tuple[Array, Array]:
    """Return places and velocities of ions, shape (W, 3) each; one velocity may be that of all."""
    ions = np.array(start, np.float64).reshape(-1, 3)
    speeds = np.broadcast_to(np.asarray(velocities, np.float64), ions.shape).copy()
    return ions, speeds


def record_times(timestep: float, steps: int, stride: int) -> Array:
    """Return the times in ps of every ``stride``-th step, shape (T,)."""
    return np.arange(1, steps // stride + 1, dtype=np.float64) * (timestep * stride)


def broken_off(time: float) -> str:
    """Return the sentence of a motion that broke off at a time in ps."""
    return (
        f"the motion broke off after {time:.4g} ps: an ion ran onto an atom or beyond its interaction's table, or the"
        " atoms' places were not found; a shorter step may help"
    )


def check_pace(crystal: Crystal, velocities: Array, timestep: float, time: float) -> None:
    """Refuse an ion that is too fast for its steps to follow what it passes: it has run away, and its D looks good.

    Raises
    ------
    MotionError
        If one is, before a time in ps.
    """
    furthest = timestep * float(np.sqrt(np.max(np.sum(velocities**2, axis=-1), initial=0.0)))
    if not furthest <= _FURTHEST_STEP * float(np.linalg.norm(crystal.lattice, axis=1).min()):
        raise MotionError(
            f"the motion broke off before {time:.4g} ps: an ion ran away and moves by {furthest:.2g} Å in one step; a"
            " shorter step may help"
        )
