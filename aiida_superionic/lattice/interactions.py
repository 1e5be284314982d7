"""How a mobile ion and an atom of the crystal act on each other: a pair energy and its first three derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PPoly, make_interp_spline

from aiida_superionic.lattice import Array, LatticeError

YUKAWA, TABLE = 0.0, 1.0
"""First of the parameters that the compiled pair functions take: which function it is."""

_ORDER = 5


class PairInteraction(Protocol):
    """A pair energy that the compiled loops know."""

    @property
    def parameters(self) -> Array:
        """What :func:`aiida_superionic.lattice.pair_kernels.radial` takes, shape (P,)."""


@dataclass(frozen=True)
class Yukawa:
    """The screened Coulomb energy U(x) = U₀ exp(−x/λ)/x.

    Parameters
    ----------
    strength
        U₀ in eV Å.
    screening
        λ in Å.

    Raises
    ------
    LatticeError
        If the screening length is not above zero.
    """

    strength: float
    screening: float

    def __post_init__(self) -> None:
        if not (self.screening > 0.0 and np.isfinite(self.strength)):
            raise LatticeError("a Yukawa interaction needs a finite strength and a screening length above zero")

    @property
    def parameters(self) -> Array:
        """What the compiled pair functions take."""
        return np.array([YUKAWA, self.strength, self.screening])


@dataclass(frozen=True, eq=False)
class Tabulated:
    """Any pair energy, drawn through values at even distances by a quintic spline: its third derivative is smooth.

    Beyond the last distance the energy is zero, and so is its slope: value and slope there are taken off. Closer than
    the first, there is none: a run that comes there stops.

    Parameters
    ----------
    distances
        In Å, even, ascending, above zero, shape (n,), 8 at least.
    energies
        In eV, shape (n,).

    Raises
    ------
    LatticeError
        If they are not.
    """

    distances: Array
    energies: Array

    def __post_init__(self) -> None:
        x, u = np.asarray(self.distances, np.float64), np.asarray(self.energies, np.float64)
        if x.ndim != 1 or x.shape != u.shape or len(x) < 8 or not (np.all(np.isfinite(x)) and np.all(np.isfinite(u))):
            raise LatticeError("a table of an interaction needs 8 distances at least, and a finite energy at each")
        steps = np.diff(x)
        if x[0] <= 0.0 or steps[0] <= 0.0 or np.ptp(steps) > 1e-6 * steps[0]:
            raise LatticeError("the distances of a table of an interaction must be above zero, ascending and even")

    @classmethod
    def of(cls, energy: Callable[[Array], ArrayLike], nearest: float, cutoff: float, points: int = 1000) -> Tabulated:
        """Return the table of a function of the distance in Å, in eV, between two distances."""
        distances = np.linspace(nearest, cutoff, points)
        return cls(distances, np.asarray(energy(distances), np.float64))

    @property
    def parameters(self) -> Array:
        """What the compiled pair functions take."""
        x = np.asarray(self.distances, np.float64)
        spline = make_interp_spline(x, np.asarray(self.energies, np.float64), k=_ORDER)
        pieces = PPoly.from_spline((spline.t, spline.c, spline.k))
        step = (x[-1] - x[0]) / (len(x) - 1)
        starts = x[0] + step * np.arange(len(x) - 1)
        end, slope = float(spline(x[-1])), float(spline(x[-1], 1))
        # Taylor coefficients at the start of each interval: the spline's own knots lie elsewhere near the ends.
        factorials = (1.0, 1.0, 2.0, 6.0, 24.0, 120.0)
        coefficients = np.stack([pieces(starts, n) / factorials[n] for n in range(_ORDER + 1)], axis=1)
        coefficients[:, 0] -= end + slope * (starts - x[-1])
        coefficients[:, 1] -= slope
        return np.concatenate([[TABLE, x[0], step, float(len(starts))], coefficients.ravel()])
