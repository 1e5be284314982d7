"""Harmonics: their norm, their slopes, and products that turn as they do."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.harmonics import DEGREES, couplings, harmonic_slopes, solid_harmonics


@pytest.mark.parametrize("degree", DEGREES)
def test_squares_sum_to_a_power_of_the_length(degree, rng):
    vectors = rng.normal(size=(50, 3))
    sums = np.sum(solid_harmonics(vectors, degree) ** 2, axis=-1)
    np.testing.assert_allclose(sums, np.linalg.norm(vectors, axis=-1) ** (2 * degree), rtol=1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_slopes_are_those_of_the_polynomials(degree, rng):
    vectors = rng.uniform(-1.0, 1.0, size=(20, 3))
    step = 1e-4
    differences = [
        (solid_harmonics(vectors + step * axis, degree) - solid_harmonics(vectors - step * axis, degree)) / (2 * step)
        for axis in np.eye(3)
    ]
    # The central difference of a cubic is off by its third derivative, 15 at most, times the step squared over 6.
    np.testing.assert_allclose(harmonic_slopes(vectors, degree), np.moveaxis(differences, 0, -1), atol=1e-7)


def test_harmonics_are_orthogonal():
    for first, second in product(DEGREES, DEGREES):
        expected = np.eye(2 * first + 1) / (2 * first + 1) if first == second else 0.0
        np.testing.assert_allclose(couplings(first, second, 0)[:, :, 0], expected, atol=1e-14)


@pytest.mark.parametrize(("first", "second", "degree"), [(1, 1, 2), (1, 2, 3), (2, 3, 1), (3, 3, 2), (2, 2, 2)])
def test_products_turn_and_are_inverted_as_a_harmonic(first, second, degree, rng):
    vectors = rng.normal(size=(3, 3))
    turn = Rotation.random(rng=rng).as_matrix()

    def scalar(a, b, c):
        parts = [solid_harmonics(one, d) for one, d in zip((a, b, c), (first, second, degree), strict=True)]
        return np.einsum("a,b,c,abc->", *parts, couplings(first, second, degree))

    assert scalar(*vectors) != pytest.approx(0.0, abs=1e-6)
    assert scalar(*vectors @ turn.T) == pytest.approx(scalar(*vectors), rel=1e-9)
    assert scalar(*-vectors) == pytest.approx(scalar(*vectors), rel=1e-12)


@pytest.mark.parametrize("degrees", [(1, 1, 1), (1, 2, 2), (0, 1, 3), (1, 1, 3)])
def test_other_degrees_are_not_coupled(degrees):
    assert not np.any(couplings(*degrees))
