"""A short memory in the place of the time-local form: the crystal answers what an ion did in the last while.

Section VII of the time-local model's paper: the integral of equation 11 is kept over the times in which the recoil
kernel has not yet decayed. By parts, and with the force before the window taken as that at its end,

    r(t) = r_H(t) + ∫₀^τ dW(s)/ds ∇U(t − s) ds − W(τ) ∇U(t − τ),

with the force at thermal places as in equation 17. The rate of W is zero at s = 0: nothing in it is implicit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_superionic.lattice import Array, LatticeError
from aiida_superionic.lattice.model import Model
from aiida_superionic.lattice.modes import recoil_rates, static_recoil

_CELLS_CROSSED = 2
"""Cells that an ion may have crossed within the window; what it did further away is left out."""


@dataclass(frozen=True, eq=False)
class Memory:
    """What forces of the past do to atoms now.

    Parameters
    ----------
    steps
        Steps of the integrator in the window.
    weights
        Of the force at each of the last steps on the atoms of a cell, on those of another one, at the quarters of the
        step: shape (5, steps + 1, D, D, D, 3A, 3A) in Å²/eV, with cell displacements from −reach to reach.
    """

    steps: int
    weights: Array

    @property
    def reach(self) -> int:
        """Largest displacement of cells."""
        return int(self.weights.shape[2]) // 2


def memory_of(model: Model, window: float, timestep: float) -> Memory:
    """Return the memory of a crystal.

    Parameters
    ----------
    model
        Crystal and ion.
    window
        τ in ps.
    timestep
        Of the integrator, in ps. The integral is a sum over its steps.

    Raises
    ------
    LatticeError
        If the window is shorter than two steps.
    """
    steps = round(window / timestep)
    if steps < 2:
        raise LatticeError(f"a memory of {window:g} ps is shorter than two steps of {timestep:g} ps")
    cells = model.surroundings.atoms[:, :3]
    reach = int(np.max(np.ptp(cells, axis=0))) + _CELLS_CROSSED
    quarters = np.arange(5) / 4.0
    times = (np.arange(steps)[None, :] + quarters[:, None]) * timestep
    rates = recoil_rates(model.crystal, times.ravel(), reach)
    weights = np.empty((5, steps + 1, *rates.shape[1:]))
    weights[:, :steps] = rates.reshape(5, steps, *rates.shape[1:]) * timestep
    # From the present step's start to the quarter the other end of the trapezium is zero, with the rate of W.
    weights[:, 0] *= (0.5 + 0.5 * quarters)[:, None, None, None, None, None]
    # A constant force is answered by W(0), whatever the sum over steps misses.
    weights[:, steps] = -static_recoil(model.crystal, reach) - weights[:, :steps].sum(axis=1)
    return Memory(steps, weights)
