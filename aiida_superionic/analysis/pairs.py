"""Pairs of atoms in a periodic cell of any shape: the one engine of all pair quantities.

The search is compiled by Numba, which is imported when the first pair is asked for and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Array

Indices = NDArray[np.intp]

_HASH_SEED = 20_240_229


def half_width(cell: Array) -> float:
    """Return half the smallest distance between opposite faces of the cell, over all frames, in Å.

    Up to this distance, and not beyond it, every pair has one image at most and rounding fractional coordinates
    finds it, whatever the shape of the cell.

    Parameters
    ----------
    cell
        Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).
    """
    # Column i of the inverse is normal to face i, and its length the inverse of that width.
    return float(0.5 / np.linalg.norm(np.linalg.inv(cell), axis=-2).max())


def neighbours_within(
    first: Array, second: Array, cell: Array, r_max: float, *, exclude_same: bool = False
) -> tuple[Indices, Indices, Array]:
    """Find all pairs of two sets of points closer than a distance, by minimum image.

    Parameters
    ----------
    first, second
        Positions in Å, shapes (n, 3) and (m, 3), wrapped or not.
    cell
        Cell vectors as rows in Å, shape (3, 3).
    r_max
        In Å.
    exclude_same
        Leave out the pairs (i, i), where both sets are the same atoms.

    Returns
    -------
    tuple of numpy.ndarray
        Index into ``first``, index into ``second`` and distance in Å of each pair.

    Raises
    ------
    ParameterError
        If r_max exceeds half the smallest perpendicular width of the cell.
    """
    _check_reach(cell, r_max)
    result: tuple[Indices, Indices, Array] = _compiled(_all_pairs)(
        np.ascontiguousarray(first @ np.linalg.inv(cell)),
        np.ascontiguousarray(second @ np.linalg.inv(cell)),
        np.ascontiguousarray(cell),
        r_max,
        exclude_same,
    )
    return result


def pair_histogram(
    positions: Array, cell: Array, first: Indices, second: Indices, edges: Array, *, weights: Array | None = None
) -> Array:
    """Count the pairs by distance, summed over frames.

    Parameters
    ----------
    positions
        In Å, shape (T, N, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).
    first, second
        Indices of the atoms of the two sets. An atom is no pair with itself; where the sets are the same, each pair
        counts twice, once from either end.
    edges
        Edges of the bins in Å, equally spaced from 0, shape (n + 1,).
    weights
        Weight of each frame, shape (T,); 1 where it is not given.

    Returns
    -------
    numpy.ndarray
        Shape (n,).

    Raises
    ------
    ParameterError
        If the last edge exceeds half the smallest perpendicular width of the cell.
    """
    n_bins = len(edges) - 1
    cells = np.broadcast_to(cell, (len(positions), 3, 3))
    same = np.array_equal(first, second)
    histogram = np.zeros(n_bins)
    for t, frame in enumerate(positions):
        distances = neighbours_within(frame[first], frame[second], cells[t], edges[-1], exclude_same=same)[2]
        counts = np.bincount((distances * (n_bins / edges[-1])).astype(np.intp), minlength=n_bins)[:n_bins]
        histogram += counts if weights is None else weights[t] * counts
    return histogram


def neighbour_sets(
    positions: Array, cell: Array, centres: Indices, others: Indices, cutoff: float
) -> NDArray[np.uint64]:
    """Return, for each frame and centre, a number that stands for the set of its neighbours.

    Each of the ``others`` has a fixed random 64-bit key; a set is the exclusive or of its keys (Zobrist), the empty set
    0. Equal sets have equal numbers; n different sets share one with a probability below n²/2⁶⁵.

    Parameters
    ----------
    positions
        In Å, shape (T, N, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).
    centres, others
        Indices of the atoms, without a common one.
    cutoff
        Largest distance of a neighbour in Å.

    Returns
    -------
    numpy.ndarray
        Shape (T, number of centres).

    Raises
    ------
    ParameterError
        If the cutoff exceeds half the smallest perpendicular width of the cell.
    """
    keys = np.random.default_rng(_HASH_SEED).integers(1, 2**64, size=len(others), dtype=np.uint64)
    cells = np.broadcast_to(cell, (len(positions), 3, 3))
    sets = np.zeros((len(positions), len(centres)), dtype=np.uint64)
    for t, frame in enumerate(positions):
        i, j, _ = neighbours_within(frame[centres], frame[others], cells[t], cutoff)
        np.bitwise_xor.at(sets[t], i, keys[j])
    return sets


def _check_reach(cell: Array, r_max: float) -> None:
    # A millionth of an ångström covers the rounding of a cell that was read from text.
    if not 0.0 < r_max <= half_width(cell) + 1e-6:
        raise ParameterError(
            f"a distance of {r_max:g} Å is asked for, where the cell holds pairs above 0 and up to "
            f"{half_width(cell):.4f} Å, half its smallest perpendicular width"
        )


def _all_pairs(
    first: Array, second: Array, cell: Array, r_max: float, exclude_same: bool
) -> tuple[Indices, Indices, Array]:
    capacity = 1024
    i_found = np.empty(capacity, np.intp)
    j_found = np.empty(capacity, np.intp)
    distances = np.empty(capacity, np.float64)
    n_found = 0
    for i in range(len(first)):
        for j in range(len(second)):
            if exclude_same and i == j:
                continue
            a = second[j, 0] - first[i, 0]
            b = second[j, 1] - first[i, 1]
            c = second[j, 2] - first[i, 2]
            a -= np.rint(a)
            b -= np.rint(b)
            c -= np.rint(c)
            x = a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
            y = a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
            z = a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
            square = x * x + y * y + z * z
            if square >= r_max * r_max:
                continue
            if n_found == capacity:
                capacity *= 2
                i_found = np.concatenate((i_found, np.empty_like(i_found)))
                j_found = np.concatenate((j_found, np.empty_like(j_found)))
                distances = np.concatenate((distances, np.empty_like(distances)))
            i_found[n_found] = i
            j_found[n_found] = j
            distances[n_found] = np.sqrt(square)
            n_found += 1
    return i_found[:n_found], j_found[:n_found], distances[:n_found]


@cache
def _compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    from numba import njit  # noqa: PLC0415 - takes longer to import than the script may take to start

    try:
        compiled: Callable[..., Any] = njit(cache=True)(kernel)
    except RuntimeError:  # no folder for the cache can be written: compiling takes a second in each run
        compiled = njit(kernel)
    return compiled
