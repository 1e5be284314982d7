"""The compiled loops of the pair engine. Importing this module imports Numba; :mod:`pairs` does so at its first pair.

Points are fractional coordinates between 0 and 1 in three contiguous rows, sorted into a grid of cells. A grid of one
cell is the sum over all pairs. Differences are taken by minimum image in every case, so that the grid decides only
which pairs are looked at.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.analysis.trajectory import Array

Indices = NDArray[np.intp]

# Additions to the same bin wait for one another; consecutive pairs go to different copies of the histogram.
_N_COPIES = 4


@compiled
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


@compiled
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


@compiled
def find_runs(a_0: int, b_0: int, c_0: int, grid: Indices, reach: Indices, begins: Indices, runs: Indices) -> int:
    """Write the runs (start, stop) of sorted points that may be within reach of a cell, and return their number.

    The cells of a row along the last axis follow one another, so that a row is one run, or two where it wraps around.
    """
    n_runs = 0
    n_a = min(grid[0], 2 * reach[0] + 1)
    n_b = min(grid[1], 2 * reach[1] + 1)
    n_c = min(grid[2], 2 * reach[2] + 1)
    first_c = 0 if n_c == grid[2] else (c_0 - reach[2]) % grid[2]
    last_c = first_c + n_c
    for step_a in range(n_a):
        a = (a_0 - reach[0] + step_a) % grid[0]
        for step_b in range(n_b):
            b = (b_0 - reach[1] + step_b) % grid[1]
            row = (a * grid[1] + b) * grid[2]
            runs[n_runs, 0] = begins[row + first_c]
            runs[n_runs, 1] = begins[row + min(last_c, grid[2])]
            n_runs += 1
            if last_c > grid[2]:
                runs[n_runs, 0] = begins[row]
                runs[n_runs, 1] = begins[row + last_c - grid[2]]
                n_runs += 1
    return n_runs


@compiled
def gather(
    points: Array,
    runs: Indices,
    n_runs: int,
    from_place: int,
    n_gathered: int,
    gathered: Array,
    indices: Indices,
    sources: Indices,
) -> int:
    """Copy the points of runs, from a place on, behind those gathered; say where each went and return their number."""
    for run in range(n_runs):
        for k in range(max(runs[run, 0], from_place), runs[run, 1]):
            gathered[0, n_gathered] = points[0, k]
            gathered[1, n_gathered] = points[1, k]
            gathered[2, n_gathered] = points[2, k]
            indices[k] = n_gathered
            sources[n_gathered] = k
            n_gathered += 1
    return n_gathered


@compiled
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
    # Slices of contiguous rows are what the compiler makes vector instructions of.
    n_points = len(bins)
    stop = start + n_points
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
    for k in range(n_points):
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


@compiled
def add_counts(bins: NDArray[np.int32], counts: NDArray[np.int64]) -> None:
    """Add 1 for each bin, to one copy of the histogram after another."""
    for k in range(len(bins)):
        counts[k % _N_COPIES, bins[k]] += 1


@compiled
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
    points = np.empty((3, max(n_first, n_second)))
    origins, origin_order = np.empty((3, n_first)), np.empty(n_first, np.intp)
    others, other_order = np.empty((3, n_second)), np.empty(n_second, np.intp)
    n_cells = grid[0] * grid[1] * grid[2]
    origin_begins, other_begins = np.empty(n_cells + 1, np.intp), np.empty(n_cells + 1, np.intp)
    places, indices, sources = np.empty(n_second, np.intp), np.zeros(n_second, np.intp), np.empty(n_second, np.intp)
    runs = np.empty((2 * grid[0] * grid[1], 2), np.intp)
    gathered, bins = np.empty((3, n_second)), np.empty(n_second, np.int32)
    own = np.empty((1, 2), np.intp)
    counts = np.empty((_N_COPIES, n_bins + 1), np.int64)
    total = np.zeros(n_bins)
    multiplicity = 2.0 if same_points else 1.0
    for t in range(len(first)):
        if not wrap(second[t], inverses[t], points):
            return total, t
        sort_into_cells(points[:, :n_second], grid, other_order, other_begins, others)
        if not wrap(first[t], inverses[t], points):
            return total, t
        sort_into_cells(points[:, :n_first], grid, origin_order, origin_begins, origins)
        for k in range(n_second):
            places[other_order[k]] = k
        counts[:] = 0
        for cell in range(n_cells):
            begin, end = origin_begins[cell], origin_begins[cell + 1]
            if begin == end:
                continue
            row = cell // grid[2]
            n_runs = find_runs(row // grid[1], row % grid[1], cell % grid[2], grid, reaches[t], other_begins, runs)
            n_gathered = 0
            if same_points:
                # The cell's own points come first, then those of later cells: each pair is met once.
                own[0, 0], own[0, 1] = begin, end
                n_gathered = gather(others, own, 1, 0, 0, gathered, indices, sources)
            n_gathered = gather(others, runs, n_runs, end if same_points else 0, n_gathered, gathered, indices, sources)
            for i in range(begin, end):
                start = i + 1 - begin if same_points else 0
                found = bins[: n_gathered - start]
                bins_of_distances(gathered, start, origins[:, i], triangles[t], n_bins / r_max, n_bins, found)
                if exclude_same and not same_points:
                    # The index may be left from another cell: then it is that of another point, or of none.
                    place = places[origin_order[i]]
                    if indices[place] < n_gathered and sources[indices[place]] == place:
                        found[indices[place]] = n_bins
                add_counts(found, counts)
        for copy in range(_N_COPIES):
            for k in range(n_bins):
                total[k] += multiplicity * weights[t] * counts[copy, k]
    return total, -1


@compiled
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
        a_0, b_0, c_0 = from_points[0, i], from_points[1, i], from_points[2, i]
        cell = int(a_0 * grid[0]), int(b_0 * grid[1]), int(c_0 * grid[2])
        for run in range(find_runs(cell[0], cell[1], cell[2], grid, reach, begins, runs)):
            for k in range(runs[run, 0], runs[run, 1]):
                a = sorted_points[0, k] - a_0
                b = sorted_points[1, k] - b_0
                c = sorted_points[2, k] - c_0
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


@compiled
def neighbour_sets(
    first: Array,
    second: Array,
    inverses: Array,
    triangles: Array,
    reaches: Indices,
    grid: Indices,
    keys: NDArray[np.uint64],
    cutoffs: Array,
    sets: NDArray[np.uint64],
) -> int:
    """Change each set by the keys of the points within each cutoff; return the frame that is not finite, or −1."""
    for t in range(len(first)):
        i, j, distances, finite = neighbours(
            first[t], second[t], inverses[t], triangles[t], reaches[t], grid, cutoffs.max(), False
        )
        if not finite:
            return t
        for pair in range(len(i)):
            for c in range(len(cutoffs)):
                if distances[pair] < cutoffs[c]:
                    sets[t, i[pair], c] ^= keys[j[pair]]
    return -1


@compiled
def shortest_vector(start: Array, end: Array, cell: Array, inverse: Array, vector: Array) -> None:
    """Write the vector from one point to the image of another that is nearest by rounding."""
    whole = np.empty(3)
    for d in range(3):
        vector[d] = end[d] - start[d]
    for d in range(3):
        whole[d] = np.rint(vector[0] * inverse[0, d] + vector[1] * inverse[1, d] + vector[2] * inverse[2, d])
    for d in range(3):
        vector[d] -= whole[0] * cell[0, d] + whole[1] * cell[1, d] + whole[2] * cell[2, d]


@compiled
def angle_histogram(
    ions: Array,
    vertices: Array,
    partners: Array,
    kinds: Indices,
    cells: Array,
    inverses: Array,
    triangles: Array,
    to_vertices: tuple[Indices, Indices, float],
    to_partners: tuple[Indices, Indices, float],
    weighted: Array,
    counts: Array,
) -> int:
    """Count ions by the kind of a vertex's nearest partner, distance and angle; return the frame that is not finite.

    The weight of a count is the volume of the cell over the number of vertices with a partner of its kind.
    """
    n_vertices, (n_kinds, n_bins, n_angles) = vertices.shape[1], counts.shape
    reaches, grid, r_max = to_vertices
    partner_reaches, partner_grid, bond_length = to_partners
    nearest, lengths, bonds = np.empty(n_vertices, np.intp), np.empty(n_vertices), np.empty((n_vertices, 3))
    sight, n_bonded = np.empty(3), np.empty(n_kinds)
    for t in range(len(ions)):
        i, j, distances, finite = neighbours(
            vertices[t], partners[t], inverses[t], triangles[t], partner_reaches[t], partner_grid, bond_length, False
        )
        nearest[:], lengths[:], n_bonded[:] = -1, np.inf, 0.0
        for pair in range(len(i)):
            if distances[pair] < lengths[i[pair]]:
                nearest[i[pair]], lengths[i[pair]] = j[pair], distances[pair]
        for v in range(n_vertices):
            if nearest[v] >= 0:
                n_bonded[kinds[nearest[v]]] += 1.0
                shortest_vector(vertices[t, v], partners[t, nearest[v]], cells[t], inverses[t], bonds[v])
        i, j, distances, also_finite = neighbours(
            ions[t], vertices[t], inverses[t], triangles[t], reaches[t], grid, r_max, False
        )
        if not (finite and also_finite):
            return t
        volume = abs(triangles[t, 0, 0] * triangles[t, 1, 1] * triangles[t, 2, 2])
        for pair in range(len(i)):
            v = j[pair]
            if nearest[v] < 0:
                continue
            shortest_vector(vertices[t, v], ions[t, i[pair]], cells[t], inverses[t], sight)
            a = bonds[v, 1] * sight[2] - bonds[v, 2] * sight[1]
            b = bonds[v, 2] * sight[0] - bonds[v, 0] * sight[2]
            c = bonds[v, 0] * sight[1] - bonds[v, 1] * sight[0]
            along = bonds[v, 0] * sight[0] + bonds[v, 1] * sight[1] + bonds[v, 2] * sight[2]
            angle = math.atan2(math.sqrt(a * a + b * b + c * c), along)
            kind = kinds[nearest[v]]
            place = min(int(distances[pair] / r_max * n_bins), n_bins - 1)
            sector = min(int(angle / math.pi * n_angles), n_angles - 1)
            weighted[kind, place, sector] += volume / n_bonded[kind]
            counts[kind, place, sector] += 1.0
    return -1
