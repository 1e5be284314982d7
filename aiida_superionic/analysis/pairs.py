"""Pairs of atoms in a periodic cell of any shape: the one engine of all pair quantities.

Small systems are summed over all pairs, large ones over the neighbouring cells of a grid. The loops are compiled by
Numba, which is imported when the first pair is asked for and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Array, Field, TrajectoryError, frame_batches

Indices = NDArray[np.intp]

_HASH_SEED = 20_240_229

_CELLS_PER_REACH = 1
"""Cells of the grid that fit into the longest distance."""

_WORTH_A_GRID = 0.5
"""Fraction of all pairs that a grid looks at, above which it does not pay."""


class _Prepared(NamedTuple):
    """What the kernels need to know of the cell of each frame."""

    inverses: Array
    triangles: Array
    reaches: Indices
    """How many cells of the grid the longest distance reaches, along each axis."""
    grid: Indices


def half_width(cell: Array) -> float:
    """Return half the smallest distance between opposite faces of the cell, over all frames, in Å.

    Up to this distance, and not beyond it, every pair has one image at most and rounding fractional coordinates
    finds it, whatever the shape of the cell.

    Parameters
    ----------
    cell
        Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).
    """
    return float(0.5 * _widths(cell).min())


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
        Index into ``first``, index into ``second`` and distance in Å of each pair; the first index increases.

    Raises
    ------
    ParameterError
        If r_max exceeds half the smallest perpendicular width of the cell.
    TrajectoryError
        If a position is not finite.
    """
    _check_reach(cell, r_max)
    return _neighbours(first, second, _prepared(cell[np.newaxis], len(second), r_max), 0, r_max, exclude_same)


def pair_histogram(
    positions: Field,
    cell: Array,
    first: Indices,
    second: Indices,
    edges: Array,
    *,
    later: Field | None = None,
    weights: Array | None = None,
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
    later
        Positions of the atoms of the second set, in Å, shape (T, N, 3), where they are taken at another time.
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
    TrajectoryError
        If a position is not finite.
    """
    from aiida_superionic.analysis import pair_kernels  # noqa: PLC0415 - imports Numba

    r_max, n_bins = float(edges[-1]), len(edges) - 1
    _check_reach(cell, r_max)
    same = np.array_equal(first, second)
    others = positions if later is None else later
    weights = np.ones(len(positions)) if weights is None else weights
    cells = np.broadcast_to(cell, (len(positions), 3, 3))
    total = np.zeros(n_bins)
    for part in frame_batches(len(positions), positions.shape[1]):
        counts, bad_frame = pair_kernels.histogram(
            _contiguous(positions[part, first]),
            _contiguous(others[part, second]),
            *_prepared(cells[part], len(second), r_max),
            _contiguous(weights[part]),
            r_max,
            n_bins,
            same and later is None,
            same,
        )
        if bad_frame >= 0:
            raise _not_finite()
        total += counts
    return total


def angle_histogram(
    positions: Field,
    cell: Array,
    ions: Indices,
    vertices: Indices,
    partners: Indices,
    kinds: Indices,
    bond_length: float,
    edges: Array,
    n_angles: int,
) -> tuple[Array, Array]:
    """Count ions by distance from a vertex and by the angle there to the vertex's nearest partner, over frames.

    Parameters
    ----------
    positions
        In Å, shape (T, N, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).
    ions, vertices, partners
        Indices of the atoms, no ion among the vertices, no vertex among the partners.
    kinds
        What each partner is: a number from 0.
    bond_length
        Longest distance of a partner in Å; vertices without one are left out.
    edges
        Edges of the bins of distance in Å, equally spaced from 0, shape (n + 1,).
    n_angles
        Number of bins from 0 to π.

    Returns
    -------
    tuple of numpy.ndarray
        The counts, each times the volume of the cell over the number of vertices with that kind of partner, in Å³; and
        the plain counts. Both of shape (kinds, n, n_angles).

    Raises
    ------
    ParameterError
        If a distance exceeds half the smallest perpendicular width of the cell.
    TrajectoryError
        If a position is not finite.
    """
    from aiida_superionic.analysis import pair_kernels  # noqa: PLC0415 - imports Numba

    cells = np.broadcast_to(cell, (len(positions), 3, 3))
    r_max = float(edges[-1])
    weighted, counts = np.zeros((2, int(kinds.max()) + 1, len(edges) - 1, n_angles))
    for distance in (bond_length, r_max):
        _check_reach(cell, distance)
    for part in frame_batches(len(positions), positions.shape[1]):
        sight = _prepared(cells[part], len(vertices), r_max)
        bond = _prepared(cells[part], len(partners), bond_length)
        bad_frame = pair_kernels.angle_histogram(
            _contiguous(positions[part, ions]),
            _contiguous(positions[part, vertices]),
            _contiguous(positions[part, partners]),
            kinds,
            _contiguous(cells[part]),
            sight.inverses,
            sight.triangles,
            (sight.reaches, sight.grid, r_max),
            (bond.reaches, bond.grid, bond_length),
            weighted,
            counts,
        )
        if bad_frame >= 0:
            raise _not_finite()
    return weighted, counts


def neighbour_sets(
    positions: Field, cell: Array, centres: Indices, others: Indices, cutoffs: Sequence[float]
) -> NDArray[np.uint64]:
    """Return, for each frame, centre and cutoff, a number that stands for the set of the centre's neighbours.

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
    cutoffs
        Largest distances of a neighbour in Å, shape (C,).

    Returns
    -------
    numpy.ndarray
        Shape (T, number of centres, C).

    Raises
    ------
    ParameterError
        If a cutoff exceeds half the smallest perpendicular width of the cell.
    TrajectoryError
        If a position is not finite.
    """
    from aiida_superionic.analysis import pair_kernels  # noqa: PLC0415 - imports Numba

    keys = np.random.default_rng(_HASH_SEED).integers(1, 2**64, size=len(others), dtype=np.uint64)
    cells = np.broadcast_to(cell, (len(positions), 3, 3))
    sets = np.zeros((len(positions), len(centres), len(cutoffs)), dtype=np.uint64)
    for cutoff in cutoffs:
        _check_reach(cell, cutoff)
    for part in frame_batches(len(positions), positions.shape[1]):
        bad_frame = pair_kernels.neighbour_sets(
            _contiguous(positions[part, centres]),
            _contiguous(positions[part, others]),
            *_prepared(cells[part], len(others), max(cutoffs)),
            keys,
            _contiguous(cutoffs),
            sets[part],
        )
        if bad_frame >= 0:
            raise _not_finite()
    return sets


def _widths(cell: Array) -> Array:
    # Column i of the inverse is normal to face i, and its length the inverse of that width.
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=-2))


def _check_reach(cell: Array, r_max: float) -> None:
    # A millionth of an ångström covers the rounding of a cell that was read from text.
    if not 0.0 < r_max <= half_width(cell) + 1e-6:
        raise ParameterError(
            f"a distance of {r_max:g} Å is asked for, where the cell holds pairs above 0 and up to "
            f"{half_width(cell):.4f} Å, half its smallest perpendicular width"
        )


def _prepared(cells: Array, n_points: int, r_max: float) -> _Prepared:
    widths = _widths(cells)
    most = max(1, int(n_points ** (1.0 / 3.0)))
    grid = np.clip((_CELLS_PER_REACH * widths.min(axis=0) / r_max).astype(np.intp), 1, most)
    reaches = (r_max * grid / widths).astype(np.intp) + 1
    if np.prod(np.minimum(1.0, (2 * reaches.max(axis=0) + 1) / grid)) > _WORTH_A_GRID:
        grid, reaches = np.ones_like(grid), np.ones_like(reaches)
    # A rotated cell has the same distances, and a triangular one takes a third fewer products.
    triangles = np.swapaxes(np.linalg.qr(np.swapaxes(cells, -1, -2), mode="r"), -1, -2)
    return _Prepared(_contiguous(np.linalg.inv(cells)), _contiguous(triangles), reaches, grid)


def _neighbours(
    first: Array, second: Array, prepared: _Prepared, t: int, r_max: float, exclude_same: bool
) -> tuple[Indices, Indices, Array]:
    from aiida_superionic.analysis import pair_kernels  # noqa: PLC0415 - imports Numba

    inverses, triangles, reaches, grid = prepared
    i, j, distances, finite = pair_kernels.neighbours(
        _contiguous(first), _contiguous(second), inverses[t], triangles[t], reaches[t], grid, r_max, exclude_same
    )
    if not finite:
        raise _not_finite()
    return i, j, distances


def _not_finite() -> TrajectoryError:
    return TrajectoryError("a position is not a finite number")


def _contiguous(array: ArrayLike) -> Array:
    return np.ascontiguousarray(array, dtype=np.float64)
