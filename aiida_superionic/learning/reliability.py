"""Whether predicted errors of forces hold what they promise, on frames that were not learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.results import Curve, Scalar

Array = NDArray[np.float64]

WIDTHS = np.linspace(0.0, 3.0, 31)
"""Multiples of the predicted error at which the share of smaller mistakes is counted."""

_BINS = 10


def share_within(mistakes: Sequence[Array], errors: Sequence[Array], width: float) -> Scalar:
    """Return the share of force components that are no further off than a multiple of their predicted error.

    Parameters
    ----------
    mistakes
        Of each frame, predicted less true forces in eV/Å, shape (N, 3).
    errors
        Of each frame, the predicted error of the components of the force on each atom in eV/Å, shape (N,).
    width
        The multiple. Where mistakes are normal, 68 % are within 1, and 95 % within 2.

    Returns
    -------
    Scalar
        Its standard error is that of the scatter between the frames, which are taken as independent; None of one frame.
    """
    share, error = _shares(mistakes, errors, np.array([width]))
    return Scalar(float(share[0]), None if error is None else float(error[0]), "1")


def coverage(mistakes: Sequence[Array], errors: Sequence[Array]) -> Curve:
    """Return :func:`share_within` against the multiple, at :data:`WIDTHS`."""
    share, error = _shares(mistakes, errors, WIDTHS)
    return Curve(WIDTHS, share, "mistake over predicted error", "1", "share of force components below", "1", error)


def actual_errors(mistakes: Sequence[Array], errors: Sequence[Array]) -> Curve:
    """Return the root mean square mistake of force components against their predicted error.

    Parameters
    ----------
    mistakes, errors
        As :func:`share_within` takes them.

    Returns
    -------
    Curve
        In meV/Å, of ten parts of as many atoms, in the order of their predicted error.
    """
    predicted = np.concatenate(errors)
    parts = np.empty(len(predicted), dtype=np.intp)
    order = np.argsort(predicted, kind="stable")
    for part, atoms in enumerate(np.array_split(order, min(_BINS, len(order)))):
        parts[atoms] = part
    within = np.eye(parts.max() + 1)[parts]
    frames = np.cumsum([len(one) for one in errors])[:-1]
    squares = np.concatenate([np.mean(one**2, axis=1) for one in mistakes])
    counts, sums = (
        np.array([np.sum(of_frame, axis=0) for of_frame in np.split(values, frames)])
        for values in (within, within * squares[:, np.newaxis])
    )
    mean_square, error = _ratio(sums, counts)
    actual = np.sqrt(mean_square)
    expected = np.sqrt((predicted**2 @ within) / np.sum(within, axis=0))
    return Curve(
        1e3 * expected,
        1e3 * actual,
        "predicted error of forces",
        "meV/Å",
        "actual error",
        "meV/Å",
        None if error is None else 1e3 * error / (2.0 * actual),
    )


def told_apart(common: Array, strange: Array) -> Scalar:
    """Return how often a strange frame has a larger value than a common one, the area under the receiver's curve.

    Parameters
    ----------
    common, strange
        A value for each frame, shape (T,), such as its predicted error.

    Returns
    -------
    Scalar
        0.5 where they are alike and 1 where every strange frame is told. The standard error is that of Hanley and
        McNeil, Radiology 143, 29 (1982), of independent frames.
    """
    larger = np.mean((strange[:, np.newaxis] > common) + 0.5 * (strange[:, np.newaxis] == common))
    twice_strange, twice_common = larger / (2.0 - larger), 2.0 * larger**2 / (1.0 + larger)
    variance = (
        larger * (1.0 - larger)
        + (len(strange) - 1) * (twice_strange - larger**2)
        + (len(common) - 1) * (twice_common - larger**2)
    ) / (len(strange) * len(common))
    return Scalar(float(larger), float(np.sqrt(max(variance, 0.0))), "1")


def _shares(mistakes: Sequence[Array], errors: Sequence[Array], widths: Array) -> tuple[Array, Array | None]:
    relative = [np.abs(one / error[:, np.newaxis]).ravel() for one, error in zip(mistakes, errors, strict=True)]
    below = np.array([np.sum(one[:, np.newaxis] <= widths, axis=0) for one in relative], dtype=np.float64)
    counts = np.array([np.full(len(widths), one.size) for one in relative], dtype=np.float64)
    return _ratio(below, counts)


def _ratio(sums: Array, counts: Array) -> tuple[Array, Array | None]:
    """Return Σ sums / Σ counts over frames, and its standard error by leaving out each frame in turn."""
    n_frames = len(sums)
    total, number = np.sum(sums, axis=0), np.sum(counts, axis=0)
    ratio: Array = total / number
    # A part that is all in one frame has no scatter.
    if n_frames < 2 or np.any(np.max(counts, axis=0) == number):
        return ratio, None
    without = (total - sums) / (number - counts)
    variance = (n_frames - 1) / n_frames * np.sum((without - np.mean(without, axis=0)) ** 2, axis=0)
    return ratio, np.sqrt(variance)
