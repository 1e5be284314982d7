"""The pair engine against explicit sums over images, in cells of every shape."""

from itertools import product

import numpy as np
import pytest

from aiida_superionic.analysis import pairs
from aiida_superionic.analysis.registry import ParameterError

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
    np.testing.assert_allclose(distances, [r for _, _, r in expected], rtol=1e-12)


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
    np.testing.assert_allclose(distances, [r for _, _, r in expected], rtol=1e-12)


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
    numbers = pairs.neighbour_sets(positions, cell, centres, others, 1.7)
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


def test_a_folder_that_holds_no_cache_costs_time_and_nothing_else(monkeypatch):
    import numba

    njit = numba.njit

    def refuse(*arguments, cache=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*arguments)

    monkeypatch.setattr(numba, "njit", refuse)
    pairs._compiled.cache_clear()
    distances = pairs.neighbours_within(np.zeros((1, 3)), np.full((1, 3), 1.0), np.eye(3) * 4.0, 2.0)[2]
    pairs._compiled.cache_clear()
    assert distances == pytest.approx([np.sqrt(3.0)])
