"""How far two curves are from one another, as one number from 0 to 1, and how far they would be by chance.

The distance of a(x) and b(x) is ∫ |a − b| dx / ∫ (|a| + |b|) dx. Of probability densities the denominator is 2, and it
is their total variation distance: the share of what the one describes that would have to move to make the other. g(r),
which is no density and has no finite integral, is measured alike, by the share of its area that differs. It is 0 for
equal curves, 1 for curves that overlap nowhere, has no unit, does not depend on the scale of either axis, and needs no
choice but the range of x: a root mean square would be ruled by the highest peak, a χ² by the bins in which little was
counted, and a distance between cumulative curves exists for densities alone.

Two runs of one system are not 0 apart, as each scatters. Hence two numbers belong together: the mean distance between
runs of one kind and runs of another, and the same between runs of the first kind, which is what no difference looks
like where all runs are as long as one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.analysis.trajectory import Array

UNIT = "1"
_T = TypeVar("_T", Curve, Surface)

_SAME_PLACE = 1e-6
"""Part of the step of a grid by which two of its points may differ and yet be one."""


def curve_distance(first: Curve, second: Curve, *, vanish_outside: bool = False) -> float:
    """Return ∫ |a − b| dx / ∫ (|a| + |b|) dx of two curves, at the points of both.

    Parameters
    ----------
    first, second
        The x of each increases; the grids may differ.
    vanish_outside
        Whether a curve is zero where its grid does not reach, as a histogram is. Else the part is compared that both
        grids cover.

    Raises
    ------
    ValueError
        If the curves do not have the same units, or have no x in common.
    """
    if (first.x_unit, first.y_unit) != (second.x_unit, second.y_unit):
        raise ValueError(
            f"a curve in {first.y_unit} against {first.x_unit} is compared with one in {second.y_unit} against "
            f"{second.x_unit}"
        )
    points = [_padded(curve) if vanish_outside else (curve.x, curve.y) for curve in (first, second)]
    x = np.union1d(points[0][0], points[1][0])
    if not vanish_outside:
        x = x[(x >= max(known[0] for known, _ in points)) & (x <= min(known[-1] for known, _ in points))]
        if len(x) < 2:
            raise ValueError(f"the curves have no {first.x_label} in common")
    a, b = (np.interp(x, known, y, left=0.0, right=0.0) for known, y in points)
    return _ratio(_area(x, a - b), _area(x, a) + _area(x, b))


def surface_distance(first: Surface, second: Surface) -> float:
    """Return ∫ |a − b| dx dy / ∫ (|a| + |b|) dx dy over the part of the grid that two surfaces have in common.

    Their y may be unevenly spaced, as times are that someone chose: each has the same weight then.

    Raises
    ------
    ValueError
        If the surfaces do not have the same units and grid.
    """
    n, m = min(len(first.x), len(second.x)), min(len(first.y), len(second.y))
    units = [(one.x_unit, one.y_unit, one.z_unit) for one in (first, second)]
    if units[0] != units[1] or not (_same(first.x[:n], second.x[:n]) and _same(first.y[:m], second.y[:m])):
        raise ValueError("surfaces are compared on one grid and in one unit")
    a, b = first.z[:n, :m], second.z[:n, :m]
    return _ratio(float(np.abs(a - b).sum()), float(np.abs(a).sum() + np.abs(b).sum()))


def distance_by_chance(one: Curve | Surface) -> float | None:
    """Return the mean distance of two runs that differ by chance only, from the error bars of one run.

    The difference of two normal numbers of standard error σ is 2σ/√π in the mean of its size. It is for where there is
    one run: between several, the distances themselves say what their blocks may not.

    Returns
    -------
    float or None
        None where the run has no error bars.
    """
    if one.error is None:
        return None
    if isinstance(one, Curve):
        scatter, whole = _area(one.x, one.error), _area(one.x, one.y)
    else:
        scatter, whole = float(one.error.sum()), float(np.abs(one.z).sum())
    return min(1.0, _ratio(2.0 / np.sqrt(np.pi) * scatter, 2.0 * whole))


def mean_distance(first: Sequence[_T], second: Sequence[_T], distance: Callable[[_T, _T], float]) -> Scalar:
    """Return the mean distance of the runs of one kind from those of another.

    The error is that of the jackknife: what leaving out each run of either kind in turn changes. A kind of one run has
    no part in it.

    Parameters
    ----------
    first, second
        One run at least of each.
    distance
        Of two runs.
    """
    distances = np.array([[distance(a, b) for b in second] for a in first])
    variances = [_jackknife(distances.mean(axis=1 - axis)) for axis in (0, 1) if distances.shape[axis] > 1]
    return Scalar(float(distances.mean()), float(np.sqrt(sum(variances))) if variances else None, UNIT)


def mean_distance_within(runs: Sequence[_T], distance: Callable[[_T, _T], float]) -> Scalar:
    """Return the mean distance of two runs of one kind.

    The error is that of the jackknife, and not known of two.

    Parameters
    ----------
    runs
        Two at least.
    distance
        Of two runs.
    """
    n = len(runs)
    distances = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            distances[i, j] = distances[j, i] = distance(runs[i], runs[j])
    total = distances.sum()
    value = float(total / (n * (n - 1)))
    if n < 3:
        return Scalar(value, None, UNIT)
    without = (total - 2.0 * distances.sum(axis=1)) / ((n - 1) * (n - 2))
    return Scalar(value, float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))), UNIT)


def _jackknife(of_each: Array) -> float:
    """Return the variance of the mean of what each run contributes."""
    return float(np.var(of_each, ddof=1) / len(of_each))


def _padded(curve: Curve) -> tuple[Array, Array]:
    """Return the points of a curve that falls to zero within a step beyond its ends."""
    before, after = 2.0 * curve.x[0] - curve.x[1], 2.0 * curve.x[-1] - curve.x[-2]
    return np.concatenate(([before], curve.x, [after])), np.concatenate(([0.0], curve.y, [0.0]))


def _area(x: Array, y: Array) -> float:
    """Return ∫ |y| dx by the trapezoidal rule.

    Each point counts as it is: straight lines between points of noise would cross zero, and hide a part of it.
    """
    return float(0.5 * np.sum(np.diff(x) * (np.abs(y[1:]) + np.abs(y[:-1]))))


def _ratio(part: float, whole: float) -> float:
    # Two that are zero everywhere are equal.
    return part / whole if whole > 0.0 else 0.0


def _same(first: Array, second: Array) -> bool:
    step = np.min(np.abs(np.diff(first))) if len(first) > 1 else 1.0
    return len(first) > 0 and bool(np.all(np.abs(first - second) <= _SAME_PLACE * step))
