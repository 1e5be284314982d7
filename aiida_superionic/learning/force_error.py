"""A predicted error of forces that holds what it promises.

The posterior of the weights says where a linear model has seen little, in the right proportion, but it is several times
too narrow: it takes what the model cannot represent for noise that averages out over many frames. Frames that were not
learned from tell by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]

_SMALLEST = 1e-12
"""eV²/Å² that a variance has at least."""


@dataclass(frozen=True)
class ForceError:
    """The standard error of each force component: sqrt(floor² + factor² σ²), σ the deviation of the posterior.

    Parameters
    ----------
    floor
        In eV/Å.
    factor
        How many times too narrow the posterior is.
    """

    floor: float
    factor: float

    def of(self, deviations: Array) -> Array:
        """Return the errors in eV/Å where the posterior has some deviations."""
        errors: Array = np.sqrt(self.floor**2 + (self.factor * deviations) ** 2)
        return errors


def calibrate(mistakes: Array, deviations: Array) -> ForceError:
    """Return the error under which mistakes on frames that were not learned from are most probable, as normal ones.

    Parameters
    ----------
    mistakes
        Predicted less true force components, eV/Å, any shape.
    deviations
        Of the posterior, eV/Å, of the same shape.

    Raises
    ------
    ValueError
        If there is no mistake, or no deviation.
    """
    mistakes, deviations = np.ravel(mistakes), np.ravel(deviations)
    if not np.any(mistakes) or not np.any(deviations):
        raise ValueError("an error is calibrated by mistakes and deviations that are not all zero")
    typical = np.mean(mistakes**2)
    relative = mistakes**2 / typical
    spread = deviations**2 / np.mean(deviations**2)

    def cost(parts: Array) -> tuple[float, Array]:
        floor, rest = np.exp(parts[0]), np.exp(parts[1]) * spread
        variance = floor + rest
        slope = (1.0 - relative / variance) / variance
        gradient = np.array([np.mean(slope * floor), np.mean(slope * rest)])
        return float(np.mean(relative / variance + np.log(variance))), gradient

    # Either part may vanish; below a millionth of the variance it makes no difference.
    bounds = [(np.log(1e-6), np.log(1e2))] * 2
    found = minimize(
        cost, np.log([0.5, 0.5]), jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 0.0, "gtol": 1e-10}
    )
    floor, factor = np.exp(found.x) * typical
    return ForceError(
        floor=float(np.sqrt(max(floor, _SMALLEST))), factor=float(np.sqrt(factor / np.mean(deviations**2)))
    )
