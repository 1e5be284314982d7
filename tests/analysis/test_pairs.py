"""The pair engine against explicit sums over images, in cells of every shape."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_superionic.analysis import pairs
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import TrajectoryError

CELLS = {
    "cubic": np.eye(3) * 5.0,
    "sheared": np.array([[5.0, 0.0, 0.0], [4.0, 6.0, 0.0], [-3.0, 2.0, 5.5]]),
    "left-handed": np.array([[0.0, 5.0, 0.5], [6.0, 0.3, 0.0], [1.0, -1.0, 4.5]]),
}


def image_pairs(first, second, cell, r_max):
    """Return every pair within r_max, over 7³ images, as sorted (i, j, distance)."""
    found = []
    for shift in product(range(-3, 4), repeat=3):
        distances = np.linalg.norm(second[None] + np.array(shift) @ cell - first[:, None], axis=-1)
        found += [(i, j, distances[i, j]) for i, j in np.argwhere(distances < r_max)]
    return sorted(found)


@pytest.mark.parametrize("name", CELLS)
def test_every_pair_up_to_half_the_width_is_found_once(rng, name):
    cell = CELLS[name]
    first, second = rng.random((12, 3)) @ cell, rng.random((15, 3)) @ cell
    r_max = pairs.half_width(cell)
    i, j, distances = pairs.neighbours_within(first, second, cell, r_max)
    expected = image_pairs(first, second, cell, r_max)
    assert len(expected) > 10
    assert list(zip(i, j, strict=True)) == [(a, b) for a, b, _ in expected]
    np.testing.assert_allclose(distances, [r for _, _, r in expected], rtol=1e-11)


def test_unwrapped_positions_are_the_same_pairs(rng):
    cell = CELLS["sheared"]
    points = rng.random((10, 3)) @ cell
    moved = points + rng.integers(-50, 50, size=(10, 3)) @ cell
    one = pairs.neighbours_within(points, points, cell, 1.7, exclude_same=True)
    other = pairs.neighbours_within(moved, points, cell, 1.7, exclude_same=True)
    assert len(one[0]) > 0
    np.testing.assert_array_equal(one[:2], other[:2])
    np.testing.assert_allclose(one[2], other[2], atol=1e-11)


def test_more_pairs_than_are_made_room_for_at_first(rng):
    cell = np.eye(3) * 10.0
    points = rng.random((90, 3)) * 10.0
    i, j, distances = pairs.neighbours_within(points, points, cell, 5.0, exclude_same=True)
    assert len(i) > 2048
    expected = [pair for pair in image_pairs(points, points, cell, 5.0) if pair[0] != pair[1]]
    assert list(zip(i, j, strict=True)) == [(a, b) for a, b, _ in expected]
    np.testing.assert_allclose(distances, [r for _, _, r in expected], rtol=1e-11)


def test_half_the_width_of_a_sheared_cell_is_not_half_an_edge():
    cell = np.array([[4.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 9.0]])
    assert pairs.half_width(cell) == pytest.approx(0.5 * 4.0 * 4.0 / 5.0)
    assert pairs.half_width(np.array([np.eye(3) * 7.0, cell])) == pairs.half_width(cell)


@pytest.mark.parametrize("name", CELLS)
def test_half_the_width_is_half_the_volume_over_the_largest_face(name):
    a, b, c = CELLS[name]
    faces = [np.linalg.norm(np.cross(*pair)) for pair in ((a, b), (b, c), (c, a))]
    assert pairs.half_width(CELLS[name]) == pytest.approx(0.5 * abs(np.linalg.det(CELLS[name])) / max(faces))


@pytest.mark.parametrize("name", CELLS)
def test_a_distance_beyond_half_the_width_is_refused(name):
    cell = CELLS[name]
    reach = pairs.half_width(cell)
    with pytest.raises(ParameterError, match=f"up to {reach:.4f} Å, half its smallest perpendicular width"):
        pairs.neighbours_within(np.zeros((1, 3)), np.zeros((1, 3)), cell, 1.01 * reach)


def test_histogram_counts_what_loops_count_and_weighs_frames(rng):
    cells = np.array([CELLS["sheared"], 1.1 * CELLS["sheared"]])
    positions = rng.random((2, 9, 3)) @ cells
    first, second = np.arange(4), np.arange(4, 9)
    edges = np.linspace(0.0, 1.7, 10)
    weights = np.array([1.0, 3.5])
    expected = np.zeros(9)
    for t in range(2):
        distances = [r for _, _, r in image_pairs(positions[t, first], positions[t, second], cells[t], 1.7)]
        expected += weights[t] * np.histogram(distances, edges)[0]
    assert expected.sum() > 3
    np.testing.assert_allclose(pairs.pair_histogram(positions, cells, first, second, edges, weights=weights), expected)


def test_simple_cubic_shells_hold_6_12_and_8():
    grid = np.array(list(product(range(5), repeat=3)), dtype=float)[None] * 2.0
    everything = np.arange(125)
    edges = np.linspace(0.0, 4.0, 41)
    histogram = pairs.pair_histogram(grid, np.eye(3) * 10.0, everything, everything, edges) / 125
    r = 0.5 * (edges[1:] + edges[:-1])
    for shell, count in ((2.0, 6), (2.0 * np.sqrt(2), 12), (2.0 * np.sqrt(3), 8)):
        assert histogram[np.abs(r - shell) < 0.11].sum() == pytest.approx(count)


def test_equal_sets_and_only_they_have_equal_numbers(rng):
    cell = CELLS["sheared"]
    positions = rng.random((60, 9, 3)) @ cell
    centres, others = np.array([0, 1, 2]), np.arange(3, 9)
    numbers = pairs.neighbour_sets(positions, cell, centres, others, [1.7])[..., 0]
    sets = np.empty(numbers.shape, dtype=object)
    for t, c in np.ndindex(numbers.shape):
        found = image_pairs(positions[t, centres[c : c + 1]], positions[t, others], cell, 1.7)
        sets[t, c] = frozenset(j for _, j, _ in found)
    flat = sets.ravel()
    assert 5 < len(set(flat)) < len(flat)
    assert frozenset() in set(flat)
    for a, b in zip(rng.integers(len(flat), size=2000), rng.integers(len(flat), size=2000), strict=True):
        assert (flat[a] == flat[b]) == (numbers.ravel()[a] == numbers.ravel()[b])
    assert np.all(numbers.ravel()[flat == frozenset()] == 0)


def test_each_cutoff_has_the_sets_that_it_has_alone(rng):
    cell = CELLS["sheared"]
    positions = rng.random((20, 9, 3)) @ cell
    centres, others = np.arange(4), np.arange(4, 9)
    cutoffs = [1.7, 0.8, 1.2]
    together = pairs.neighbour_sets(positions, cell, centres, others, cutoffs)
    assert len({column.tobytes() for column in np.moveaxis(together, -1, 0)}) == 3
    for column, cutoff in zip(np.moveaxis(together, -1, 0), cutoffs, strict=True):
        np.testing.assert_array_equal(column, pairs.neighbour_sets(positions, cell, centres, others, [cutoff])[..., 0])


# --- grids of cells ---------------------------------------------------------------------------------------------------

LARGE = {
    "cubic": np.eye(3) * 20.0,
    "sheared": np.array([[20.0, 0.0, 0.0], [14.0, 22.0, 0.0], [-11.0, 9.0, 19.0]]),
    "flat": np.diag([40.0, 40.0, 4.6]),
    "left-handed": np.array([[0.0, 18.0, 2.0], [22.0, 1.0, 0.0], [3.0, -4.0, 17.0]]),
}
"""Cells that hold a grid at 2.2 Å; the flat one along two axes only."""


def minimum_image_distances(first, second, cell):
    """Return all distances (n, m), the shortest over 27 images of the wrapped separations."""
    fractional = (second[None] - first[:, None]) @ np.linalg.inv(cell)
    fractional -= np.rint(fractional)
    shifts = np.array(list(product((-1, 0, 1), repeat=3)))
    return np.min([np.linalg.norm((fractional + shift) @ cell, axis=-1) for shift in shifts], axis=0)


@pytest.mark.parametrize("name", LARGE)
def test_a_grid_finds_the_same_pairs_as_all_pairs_do(rng, name):
    cell = LARGE[name]
    first, second = (rng.random((n, 3)) @ cell + rng.integers(-3, 4, size=(n, 3)) @ cell for n in (300, 500))
    assert np.prod(pairs._prepared(cell[None], 500, 2.2).grid) > 8
    distances = minimum_image_distances(first, second, cell)
    i, j, found = pairs.neighbours_within(first, second, cell, 2.2)
    assert np.all(np.diff(i) >= 0)
    assert len(i) > 100
    assert sorted(zip(i, j, strict=True)) == [tuple(pair) for pair in np.argwhere(distances < 2.2)]
    np.testing.assert_allclose(found, distances[i, j], rtol=1e-10)


@pytest.mark.parametrize("name", LARGE)
def test_histograms_on_a_grid_count_like_and_unlike_pairs_and_those_at_two_times(rng, name):
    cell = LARGE[name]
    positions, later = rng.random((2, 3, 400, 3)) @ cell
    edges = np.linspace(0.0, 2.2, 12)
    a, b = np.arange(250), np.arange(250, 400)

    def expected(first, second, other):
        counts = np.zeros(11)
        for t in range(3):
            distances = minimum_image_distances(positions[t, first], other[t, second], cell)
            if np.array_equal(first, second):
                np.fill_diagonal(distances, np.inf)
            counts += np.histogram(distances, edges)[0]
        return counts

    assert expected(a, a, positions).sum() > 300
    for first, second in ((a, a), (a, b), (b, a), (b, b)):
        counts = pairs.pair_histogram(positions, cell, first, second, edges)
        np.testing.assert_array_equal(counts, expected(first, second, positions))
        counts = pairs.pair_histogram(positions, cell, first, second, edges, later=later)
        np.testing.assert_array_equal(counts, expected(first, second, later))


def test_points_on_the_faces_of_cells_and_of_the_grid_are_counted_once():
    """A lattice whose sites lie on the faces of every cell of the grid, to either side by rounding."""
    grid = np.array(list(product(range(12), repeat=3)), dtype=float)[None] * 0.7
    everything = np.arange(12**3)
    edges = np.linspace(0.0, 1.9, 39)
    counts = pairs.pair_histogram(grid - 1e-16, np.eye(3) * 8.4, everything, everything, edges) / 12**3
    assert np.prod(pairs._prepared(np.eye(3)[None] * 8.4, 12**3, 1.9).grid) > 8
    shells = [(1, 6), (2, 12), (3, 8), (4, 6), (5, 24), (6, 24)]
    r = 0.5 * (edges[1:] + edges[:-1])
    for square, count in shells:
        assert counts[np.abs(r - 0.7 * np.sqrt(square)) < 0.06].sum() == pytest.approx(count)
    assert counts.sum() == pytest.approx(sum(count for _, count in shells))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [9, 400])
def test_a_position_that_is_no_number_is_refused(rng, bad, n):
    cell = LARGE["cubic"]
    positions = rng.random((4, n, 3)) @ cell
    positions[2, n // 2, 1] = bad
    atoms = np.arange(n)
    with pytest.raises(TrajectoryError, match="not a finite number"):
        pairs.pair_histogram(positions, cell, atoms, atoms, np.linspace(0.0, 2.2, 5))
    with pytest.raises(TrajectoryError, match="not a finite number"):
        pairs.neighbours_within(positions[2], positions[1], cell, 2.2)
    with pytest.raises(TrajectoryError, match="not a finite number"):
        pairs.neighbour_sets(positions, cell, atoms[: n // 2 + 1], atoms[n // 2 + 1 :], [2.2])
    sets = atoms[::3], atoms[1::3], atoms[2::3]
    with pytest.raises(TrajectoryError, match="not a finite number"):
        pairs.angle_histogram(positions, cell, *sets, 0 * sets[2], 1.0, np.linspace(0.0, 2.2, 5), 3)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([5, 40, 300]),
    lattice=arrays(np.float64, (3, 3), elements=st.floats(-4.0, 4.0)),
    combination=arrays(np.int64, (3,), elements=st.integers(-2, 2)),
)
@settings(max_examples=40, deadline=None)
def test_invariances(seed, n, lattice, combination):
    """Translation, rotation, order of atoms, lattice translations of atoms, and another choice of the same cell."""
    cell = lattice + np.diag([9.0, 11.0, 10.0])
    rng = np.random.default_rng(seed)
    points = rng.random((1, n, 3)) @ cell
    unimodular = np.array([[1, combination[0], combination[1]], [0, 1, combination[2]], [0, 0, 1]])
    equivalent = unimodular @ cell
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    edges = np.linspace(0.0, 0.999 * min(pairs.half_width(cell), pairs.half_width(equivalent)), 8)
    order = rng.permutation(n)
    half, rest = np.arange(n // 2), np.arange(n // 2, n)

    def counts(positions, cell, places=np.arange(n)):  # noqa: B008
        return [
            pairs.pair_histogram(positions, cell, places[a], places[b], edges)
            for a, b in ((half, half), (half, rest), (rest, rest))
        ]

    expected = counts(points, cell)
    np.testing.assert_array_equal(counts(points + rng.normal(scale=30.0, size=3), cell), expected)
    np.testing.assert_array_equal(counts(points @ rotation, cell @ rotation), expected)
    np.testing.assert_array_equal(counts(points + rng.integers(-9, 9, size=(1, n, 3)) @ cell, cell), expected)
    np.testing.assert_array_equal(counts(points, equivalent), expected)
    np.testing.assert_array_equal(counts(points[:, order], cell, np.argsort(order)), expected)
    total = pairs.pair_histogram(points, cell, np.arange(n), np.arange(n), edges)
    np.testing.assert_array_equal(expected[0] + 2 * expected[1] + expected[2], total)
    double = np.concatenate((points, points + cell[0]), axis=1)
    supercell = cell * np.array([[2.0], [1.0], [1.0]])
    doubled = pairs.pair_histogram(double, supercell, np.arange(2 * n), np.arange(2 * n), edges)
    np.testing.assert_array_equal(doubled, 2 * total)
