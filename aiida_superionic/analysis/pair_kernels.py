"""The compiled loops of the pair engine. Importing this module imports Numba; :mod:`pairs` does so at its first pair.

Points are fractional coordinates between 0 and 1 in three contiguous rows, sorted into a grid of cells. A grid of one
cell is the sum over all pairs. Differences are taken by minimum image in every case, so that the grid decides only
which pairs are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_superionic.analysis.trajectory import Array

Indices = NDArray[np.intp]

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])

# Additions to the same bin wait for one another; consecutive pairs go to different copies of the histogram.
_N_COPIES = 4


def _compiled(kernel: _Kernel) -> _Kernel:
    try:
        compiled: _Kernel = njit(cache=True, error_model="numpy")(kernel)
    except RuntimeError:  # no folder for the cache can be written: compiling takes seconds in each run
        compiled = njit(error_model="numpy")(kernel)
    return compiled


@_compiled
def wrap(points: Array, inverse: Array, fractional: Array) -> bool:
    """Write the fractional coordinates of points, wrapped into the cell, and return whether all are finite."""
    for i in range(len(points)):
        for d in range(3):
            s = points[i, 0] * inverse[0, d] + points[i, 1] * inverse[1, d] + points[i, 2] * inverse[2, d]
            s -= math.floor(s)
            if not s >= 0.0:
                return False
            fractional[d, i] = s if s < 1.0 else 0.0
    return True


@_compiled
def sort_into_cells(fractional: Array, grid: Indices, order: Indices, begins: Indices, result: Array) -> None:
    """Sort points by cell, the last axis fastest: ``order`` says which point comes where, ``begins`` where cells do."""
    n_points = fractional.shape[1]
    cells = np.empty(n_points, np.intp)
    begins[:] = 0
    for i in range(n_points):
        a = int(fractional[0, i] * grid[0])
        b = int(fractional[1, i] * grid[1])
        c = int(fractional[2, i] * grid[2])
        cells[i] = (a * grid[1] + b) * grid[2] + c
        begins[cells[i] + 1] += 1
    for cell in range(1, len(begins)):
        begins[cell] += begins[cell - 1]
    filled = begins[:-1].copy()
    for i in range(n_points):
        place = filled[cells[i]]
        filled[cells[i]] += 1
        order[place] = i
        for d in range(3):
            result[d, place] = fractional[d, i]


@_compiled
def find_runs(point: Array, grid: Indices, reach: Indices, begins: Indices, runs: Indices) -> int:
    """Write the runs (start, stop) of sorted points that may be within reach of a point, and return their number.

    The cells of a row along the last axis follow one another, so that a row is one run, or two where it wraps around.
    """
    n_runs = 0
    n_a = min(grid[0], 2 * reach[0] + 1)
    n_b = min(grid[1], 2 * reach[1] + 1)
    n_c = min(grid[2], 2 * reach[2] + 1)
    first_c = 0 if n_c == grid[2] else (int(point[2] * grid[2]) - reach[2]) % grid[2]
    last_c = first_c + n_c
    for step_a in range(n_a):
        a = (int(point[0] * grid[0]) - reach[0] + step_a) % grid[0]
        for step_b in range(n_b):
            b = (int(point[1] * grid[1]) - reach[1] + step_b) % grid[1]
            row = (a * grid[1] + b) * grid[2]
            runs[n_runs, 0] = begins[row + first_c]
            runs[n_runs, 1] = begins[row + min(last_c, grid[2])]
            n_runs += 1
            if last_c > grid[2]:
                runs[n_runs, 0] = begins[row]
                runs[n_runs, 1] = begins[row + last_c - grid[2]]
                n_runs += 1
    return n_runs


@_compiled
def bins_of_distances(
    points: Array,
    start: int,
    origin: Array,
    triangle: Array,
    bins_per_length: float,
    n_bins: int,
    bins: NDArray[np.int32],
) -> None:
    """Write the bins of the distances from an origin of as many points as there are bins; n_bins for those beyond."""
    # Slices of contiguous rows and a loop from 0 are what the compiler makes vector instructions of.
    stop = start + len(bins)
    a_all, b_all, c_all = points[0, start:stop], points[1, start:stop], points[2, start:stop]
    a_0, b_0, c_0 = origin[0], origin[1], origin[2]
    xa, xb, yb, xc, yc, zc = (
        triangle[0, 0],
        triangle[1, 0],
        triangle[1, 1],
        triangle[2, 0],
        triangle[2, 1],
        triangle[2, 2],
    )
    end = float(n_bins)
    for k in range(len(bins)):
        a = a_all[k] - a_0
        b = b_all[k] - b_0
        c = c_all[k] - c_0
        a -= np.rint(a)
        b -= np.rint(b)
        c -= np.rint(c)
        x = a * xa + b * xb + c * xc
        y = b * yb + c * yc
        z = c * zc
        place = math.sqrt(x * x + y * y + z * z) * bins_per_length
        bins[k] = np.int32(place if place < end else end)


@_compiled
def histogram(
    first: Array,
    second: Array,
    inverses: Array,
    triangles: Array,
    reaches: Indices,
    grid: Indices,
    weights: Array,
    r_max: float,
    n_bins: int,
    same_points: bool,
    exclude_same: bool,
) -> tuple[Array, int]:
    """Count pairs by distance, frame by frame; return the weighted sum and the frame that is not finite, or −1.

    Where the points are the same ones, each pair is looked at once and counted twice.
    """
    n_first, n_second = first.shape[1], second.shape[1]
    from_points, to_points = np.empty((3, n_first)), np.empty((3, n_second))
    sorted_points = np.empty((3, n_second))
    order, places = np.empty(n_second, np.intp), np.empty(n_second, np.intp)
    begins = np.empty(grid[0] * grid[1] * grid[2] + 1, np.intp)
    runs = np.empty((2 * grid[0] * grid[1], 2), np.intp)
    bins = np.empty(n_second, np.int32)
    counts = np.empty((_N_COPIES, n_bins + 1), np.int64)
    total = np.zeros(n_bins)
    multiplicity = 2.0 if same_points else 1.0
    for t in range(len(first)):
        if not wrap(second[t], inverses[t], to_points) or not wrap(first[t], inverses[t], from_points):
            return total, t
        sort_into_cells(to_points, grid, order, begins, sorted_points)
        origins = sorted_points if same_points else from_points
        for k in range(n_second):
            places[order[k]] = k
        counts[:] = 0
        for i in range(n_first):
            for run in range(find_runs(origins[:, i], grid, reaches[t], begins, runs)):
                start = max(runs[run, 0], i + 1) if same_points else runs[run, 0]
                n_found = runs[run, 1] - start
                if n_found <= 0:
                    continue
                found = bins[:n_found]
                bins_of_distances(
                    sorted_points,
                    start,
                    origins[:, i],
                    triangles[t],
                    n_bins / r_max,
                    n_bins,
                    found,
                )
                if exclude_same and not same_points and 0 <= places[i] - start < n_found:
                    found[places[i] - start] = n_bins
                for k in range(n_found):
                    counts[k % _N_COPIES, found[k]] += 1
        for copy in range(_N_COPIES):
            for k in range(n_bins):
                total[k] += multiplicity * weights[t] * counts[copy, k]
    return total, -1


@_compiled
def neighbours(
    first: Array,
    second: Array,
    inverse: Array,
    triangle: Array,
    reach: Indices,
    grid: Indices,
    r_max: float,
    exclude_same: bool,
) -> tuple[Indices, Indices, Array, bool]:
    """List pairs closer than r_max: index of the first, index of the second, distance; and whether all are finite."""
    n_first, n_second = len(first), len(second)
    from_points, to_points = np.empty((3, n_first)), np.empty((3, n_second))
    sorted_points = np.empty((3, n_second))
    order = np.empty(n_second, np.intp)
    begins = np.empty(grid[0] * grid[1] * grid[2] + 1, np.intp)
    runs = np.empty((2 * grid[0] * grid[1], 2), np.intp)
    capacity = 1024
    i_found, j_found = np.empty(capacity, np.intp), np.empty(capacity, np.intp)
    distances = np.empty(capacity)
    n_found = 0
    finite = wrap(second, inverse, to_points) and wrap(first, inverse, from_points)
    if finite:
        sort_into_cells(to_points, grid, order, begins, sorted_points)
    for i in range(n_first if finite else 0):
        for run in range(find_runs(from_points[:, i], grid, reach, begins, runs)):
            for k in range(runs[run, 0], runs[run, 1]):
                a = sorted_points[0, k] - from_points[0, i]
                b = sorted_points[1, k] - from_points[1, i]
                c = sorted_points[2, k] - from_points[2, i]
                a -= np.rint(a)
                b -= np.rint(b)
                c -= np.rint(c)
                x = a * triangle[0, 0] + b * triangle[1, 0] + c * triangle[2, 0]
                y = b * triangle[1, 1] + c * triangle[2, 1]
                z = c * triangle[2, 2]
                square = x * x + y * y + z * z
                if square >= r_max * r_max or (exclude_same and order[k] == i):
                    continue
                if n_found == capacity:
                    capacity *= 2
                    i_found = np.concatenate((i_found, np.empty_like(i_found)))
                    j_found = np.concatenate((j_found, np.empty_like(j_found)))
                    distances = np.concatenate((distances, np.empty_like(distances)))
                i_found[n_found] = i
                j_found[n_found] = order[k]
                distances[n_found] = math.sqrt(square)
                n_found += 1
    return i_found[:n_found], j_found[:n_found], distances[:n_found], finite
