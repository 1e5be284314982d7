"""Images of points and vectors against explicit sums over images."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_superionic.analysis.periodic import mean_cell, minimum_image, to_cartesian, to_fractional, with_images
from aiida_superionic.analysis.trajectory import Trajectory

SKEW = np.array([[4.0, 0.0, 0.0], [7.0, 4.0, 0.0], [-1.0, 2.0, 9.0]])


def widths(cell):
    a, b, c = cell
    return abs(np.linalg.det(cell)) / np.linalg.norm([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_shortest_vector_is_found_up_to_half_the_smallest_width(seed):
    rng = np.random.default_rng(seed)
    cells = SKEW * np.array([1.0, 1.2])[:, None, None]
    short = rng.normal(size=(2, 3, 2, 3))
    short *= rng.uniform(0.0, 0.499, size=(2, 3, 2, 1)) * widths(SKEW).min() / np.linalg.norm(short, axis=-1)[..., None]
    images = to_cartesian(rng.integers(-5, 6, size=short.shape).astype(float), cells)
    np.testing.assert_allclose(minimum_image(short + images, cells), short, atol=1e-9)
    np.testing.assert_allclose(to_cartesian(to_fractional(short, cells), cells), short, atol=1e-12)


@pytest.mark.parametrize("margin", [0.5, 3.0])
def test_all_images_within_a_distance_of_the_faces(rng, margin):
    points = rng.random((5, 3)) @ SKEW + rng.integers(-2, 3, size=(5, 3)) @ SKEW
    images, index, shifts = with_images(points, SKEW, margin)
    np.testing.assert_allclose(points[index] + shifts @ SKEW, images, atol=1e-9)
    outside = margin / widths(SKEW)
    expected = set()
    for i, shift in product(range(5), product(range(-9, 10), repeat=3)):
        fractional = (points[i] + np.array(shift) @ SKEW) @ np.linalg.inv(SKEW)
        if np.all((fractional >= -outside) & (fractional < 1.0 + outside)):
            expected.add((i, *shift))
    assert len(expected) > 5
    assert {(i, *shift) for i, shift in zip(index.tolist(), shifts.astype(int).tolist(), strict=True)} == expected
    assert len(index) == len(expected)


def test_the_mean_of_a_changing_cell():
    cells = SKEW * np.array([1.0, 1.2])[:, None, None]
    trajectory = Trajectory(("I",), np.zeros((2, 1, 3)), cells, 1.0, np.ones(1))
    np.testing.assert_allclose(mean_cell(trajectory), 1.1 * SKEW)
