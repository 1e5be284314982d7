"""Averages over independent runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_superionic.analysis.results import Scalar


def mean_over_replicas(name: str, replicas: Sequence[Scalar]) -> Scalar:
    """Return the mean of the replicas that have a number, with its standard error; a single one keeps its own error.

    Where any replica has only an upper bound, a mean over the others would be too large: there is no value then, and
    the upper bound is the largest of the bounds and of the values that other replicas measured.

    Parameters
    ----------
    name
        Of the quantity.
    replicas
        One at least.

    Raises
    ------
    ValueError
        If they do not have the same unit.
    """
    unit = replicas[0].unit
    if any(scalar.unit != unit for scalar in replicas):
        units = ", ".join(sorted({scalar.unit for scalar in replicas}))
        raise ValueError(f"the replicas of {name} have the units {units}; they must have one unit")
    measured = [scalar for scalar in replicas if scalar.value is not None]
    values = [scalar.value for scalar in measured if scalar.value is not None]
    bounds = [scalar.upper_bound for scalar in replicas if scalar.value is None and scalar.upper_bound is not None]
    if bounds:
        return Scalar(None, None, unit, upper_bound=max(bounds + values))
    if not values:
        return Scalar(None, None, unit)
    if len(values) == 1:
        return measured[0]
    return Scalar(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))), unit)
