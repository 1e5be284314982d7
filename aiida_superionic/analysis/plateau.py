"""The plateau of a curve that ends in noise: which window it is, and what its choice adds to the error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.statistics import Estimate
from aiida_superionic.analysis.trajectory import Array

_N_EDGES = 21
"""Places along the curve where a window may begin or end."""

_SHORTEST = 5
"""Places that a window spans at least: a quarter of the curve."""

_MOST_ERRORS = 2.0
"""Errors of its own by which the line through a plateau may rise or fall."""

_LARGEST_ERROR = 0.3
"""Error of that rise over the mean, beyond which a window shows nothing."""


@dataclass(frozen=True, eq=False)
class Plateau:
    """The longest window over which a curve is flat within its errors.

    Parameters
    ----------
    start, stop
        Indices of the window's first point and of the one after its last.
    value, error
        Its mean and the standard error, which is that of the blocks and, added in squares, the standard deviation of
        the means over all windows that are flat within their errors.
    """

    start: int
    stop: int
    value: float
    error: float


def find_plateau(estimate: Estimate, name: str) -> Plateau:
    """Return the plateau of a curve with blocks.

    Windows begin and end at 21 evenly spaced places and span a quarter of the curve at least. One is flat where the
    least-squares line through it rises by no more than two of the rise's errors, and that error is below three tenths
    of the mean. Of the flat windows, the longest is the plateau; of equally long ones, the first.

    Parameters
    ----------
    estimate
        Holds the curve, equally spaced, at least 40 points.
    name
        Of the curve in it.

    Raises
    ------
    NotConverged
        If no window is flat.
    """
    edges = np.linspace(0, len(estimate.value[name]), _N_EDGES).round().astype(np.intp)
    windows = [(edges[i], edges[j]) for i in range(_N_EDGES) for j in range(i + _SHORTEST, _N_EDGES)]
    starts, stops = np.array(windows).T
    means, _ = estimate.derived(lambda q: _mean(q[name], starts, stops))
    rises, rise_errors = estimate.derived(lambda q: _rise(q[name], starts, stops))
    flat = (np.abs(rises) <= _MOST_ERRORS * rise_errors) & (rise_errors <= _LARGEST_ERROR * np.abs(means))
    if not flat.any():
        half = int(np.flatnonzero((starts == edges[_N_EDGES // 2]) & (stops == edges[-1]))[0])
        raise NotConverged(
            f"it rises by {rises[half] / means[half]:.0%} ± {rise_errors[half] / abs(means[half]):.0%} over its second "
            "half, and over no quarter of it less than two errors"
        )
    chosen = int(np.argmax(np.where(flat, stops - starts, 0)))
    value, error = estimate.derived(lambda q: q[name][starts[chosen] : stops[chosen]].mean())
    spread = float(np.std(means[flat], ddof=1)) if np.count_nonzero(flat) > 1 else 0.0
    return Plateau(int(starts[chosen]), int(stops[chosen]), float(value), float(np.hypot(error, spread)))


def _mean(y: Array, starts: NDArray[np.intp], stops: NDArray[np.intp]) -> Array:
    running = np.concatenate(([0.0], np.cumsum(y)))
    return np.asarray((running[stops] - running[starts]) / (stops - starts))


def _rise(y: Array, starts: NDArray[np.intp], stops: NDArray[np.intp]) -> Array:
    """Return what the least-squares line through each window rises by, from its first point to its last."""
    n = stops - starts
    moments = np.concatenate(([0.0], np.cumsum(np.arange(len(y)) * y)))
    centres = starts + 0.5 * (n - 1)
    covariance = (moments[stops] - moments[starts]) / n - centres * _mean(y, starts, stops)
    return np.asarray(12.0 * covariance / (n + 1))
