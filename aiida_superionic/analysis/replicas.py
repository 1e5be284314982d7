"""Averages over independent runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.analysis.trajectory import Array


def mean_over_replicas(name: str, replicas: Sequence[Scalar]) -> Scalar:
    """Return the mean over the replicas, with its standard error; a single one keeps its own error.

    The standard error is the sample standard deviation over the root of their number: runs of a crystal whose
    polyanions are held differ by more than their own errors say.

    A replica that only bounds the quantity enters with its estimate, which is as much part of the sample as that of one
    that came out larger. For equal runs this is the fit to their pooled mean squared displacements, for it is linear in
    them, and the frequency of their pooled events. The mean is then resolved, or a bound, as one run is: it has a value
    where it is larger than two standard errors, by the scatter and by the replicas' own errors.

    Where a bounded replica has no estimate, a mean over the others would be too large: there is no value then, and the
    upper bound is the largest of the bounds and of the values that other replicas measured.

    Parameters
    ----------
    name
        Of the quantity.
    replicas
        One at least. Those with neither value nor bound are left out.

    Raises
    ------
    ValueError
        If they do not have the same unit.
    """
    unit = replicas[0].unit
    if any(scalar.unit != unit for scalar in replicas):
        units = ", ".join(sorted({scalar.unit for scalar in replicas}))
        raise ValueError(f"the replicas of {name} have the units {units}; they must have one unit")
    known = [scalar for scalar in replicas if scalar.value is not None or scalar.upper_bound is not None]
    if not known:
        return Scalar(None, None, unit)
    if len(known) == 1:
        return known[0]
    bounded = [scalar for scalar in known if scalar.value is None]
    if any(scalar.estimate is None for scalar in bounded):
        numbers = (scalar.upper_bound if scalar.value is None else scalar.value for scalar in known)
        return Scalar(None, None, unit, upper_bound=max(number for number in numbers if number is not None))
    estimates = np.array([scalar.estimate if scalar.value is None else scalar.value for scalar in known], np.float64)
    mean, error = float(estimates.mean()), float(estimates.std(ddof=1) / np.sqrt(len(estimates)))
    # Runs in which nothing happened do not scatter, so that what each excludes counts too.
    widths = [
        2.0 * (scalar.error or 0.0) if scalar.upper_bound is None else scalar.upper_bound - max(estimate, 0.0)
        for scalar, estimate in zip(known, estimates, strict=True)
    ]
    width = max(2.0 * error, float(np.linalg.norm(widths)) / len(known))
    if bounded and mean <= width:
        return Scalar(None, error, unit, upper_bound=max(mean, 0.0) + width, estimate=mean)
    return Scalar(mean, error, unit)


def mean_curve(name: str, replicas: Sequence[Curve]) -> Curve:
    """Return the pointwise mean of the replicas of a curve, with their standard error; a single one keeps its own.

    It is on the x of the first; where the grids differ the others are interpolated linearly onto the part of it that
    all of them cover. The x of a curve increases.

    Raises
    ------
    ValueError
        If they do not have the same axes, or no x in common.
    """
    first = replicas[0]
    if len(replicas) == 1:
        return first
    if any(_axes(curve) != _axes(first) for curve in replicas):
        raise ValueError(f"the replicas of the curve {name} have different axes; they must be labelled alike")
    start = max(curve.x[0] for curve in replicas)
    end = min(curve.x[-1] for curve in replicas)
    x = first.x[(first.x >= start) & (first.x <= end)]
    if len(x) == 0:
        raise ValueError(f"the replicas of the curve {name} have no {first.x_label} in common; they must overlap")
    y, error = _mean_and_error(np.array([np.interp(x, curve.x, curve.y) for curve in replicas]))
    return Curve(x, y, first.x_label, first.x_unit, first.y_label, first.y_unit, error)


def mean_surface(name: str, replicas: Sequence[Surface]) -> Surface:
    """Return the pointwise mean of the replicas of a surface on the part of the grid that all have, with their error.

    The grids must agree there, as interpolating between them would blur it.

    Raises
    ------
    ValueError
        If they do not have the same axes and grid.
    """
    first = replicas[0]
    if len(replicas) == 1:
        return first
    n, m = (min(len(axis) for axis in axes) for axes in ([s.x for s in replicas], [s.y for s in replicas]))
    for surface in replicas:
        same = (*_axes(surface), surface.z_label, surface.z_unit) == (*_axes(first), first.z_label, first.z_unit)
        if not (same and np.allclose(surface.x[:n], first.x[:n]) and np.allclose(surface.y[:m], first.y[:m])):
            raise ValueError(f"the replicas of the surface {name} have different axes; they must be on the same grid")
    z, error = _mean_and_error(np.array([surface.z[:n, :m] for surface in replicas]))
    return replace(first, x=first.x[:n], y=first.y[:m], z=z, error=error)


def _axes(curve: Curve | Surface) -> tuple[str, str, str, str]:
    return curve.x_label, curve.x_unit, curve.y_label, curve.y_unit


def _mean_and_error(samples: Array) -> tuple[Array, Array]:
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
