"""Four centres from their moments: those that were there, or the most probable ones."""

from itertools import permutations

import numpy as np
import polyatomic
import pytest
from scipy.spatial.transform import Rotation

from aiida_superionic.learning.centre_moments import centre_moments, centres_of_moments, degrees_of

N = 60
DEGREES = degrees_of(4)


def distorted(rng, n=N, scale=0.1):
    """Return centres as iodide has them: tetrahedra of 0.7 Å in any orientation, each bond off by a tenth."""
    turns = Rotation.random(n, rng=rng).as_matrix()
    return 0.7 * np.einsum("nxy,ky->nkx", turns, polyatomic.CORNERS) + rng.normal(scale=scale, size=(n, 4, 3))


def moments_of(bonds):
    return {degree: centre_moments(bonds, degree) for degree in DEGREES}


def equal_errors(n=N, error=0.05):
    return {degree: np.full(n, error) for degree in DEGREES}


def distance(one, other):
    """Return how far sets of four centres are from each other at most, whatever their order, shape (n,)."""
    orders = [list(order) for order in permutations(range(4))]
    return np.min([np.abs(one[:, order] - other).max(axis=(1, 2)) for order in orders], axis=0)


def test_centres_follow_from_their_moments(rng):
    bonds = distorted(rng)
    found = centres_of_moments(moments_of(bonds), equal_errors(), 4)
    assert np.max(distance(found, bonds)) < 1e-6


def test_moments_that_no_centres_have_give_what_turns_with_them(rng):
    pairs, turn = (distorted(rng), distorted(rng)), Rotation.random(rng=rng).as_matrix()

    def mixed(turn):
        # Moments as they are predicted: each is off by a tenth of what it is for other centres.
        one, other = (moments_of(bonds @ turn.T) for bonds in pairs)
        return {degree: 0.9 * one[degree] + 0.1 * other[degree] for degree in DEGREES}

    found, turned = (centres_of_moments(mixed(one), equal_errors(), 4) for one in (np.eye(3), turn))
    # Two sets of centres may be as probable; one in sixty is let pass.
    assert np.sort(distance(found @ turn.T, turned))[-2] < 1e-5


def test_the_dipole_is_exact_and_what_is_certain_counts_more(rng):
    bonds = distorted(rng)
    wrong = moments_of(bonds) | {3: 0.3 * moments_of(bonds)[3]}
    found = centres_of_moments(wrong, equal_errors() | {3: np.full(N, 50.0)}, 4)
    np.testing.assert_allclose(found.sum(axis=1), bonds.sum(axis=1), atol=1e-12)
    squares = centre_moments(found, 0)[:, 0]
    np.testing.assert_allclose(squares, centre_moments(bonds, 0)[:, 0], rtol=1e-3)
    # Had the third moments been believed, the tetrahedra would be flat.
    believed = centres_of_moments(wrong, equal_errors() | {3: np.full(N, 1e-4)}, 4)
    np.testing.assert_allclose(centre_moments(believed, 3), wrong[3], atol=0.01)


@pytest.mark.parametrize("n_centres", [1, 5])
def test_other_numbers_of_centres_lie_at_their_mean(n_centres, rng):
    moments = {1: rng.normal(size=(7, 3))}
    found = centres_of_moments(moments, {1: np.ones(7)}, n_centres)
    assert found.shape == (7, n_centres, 3)
    np.testing.assert_allclose(found, np.repeat(moments[1][:, None] / n_centres, n_centres, axis=1), rtol=1e-12)
    assert degrees_of(n_centres) == (1,)


def test_moments_turn_with_the_centres_and_know_no_order(rng):
    bonds, turn = distorted(rng), Rotation.random(rng=rng).as_matrix()
    for degree, moment in moments_of(bonds).items():
        other = centre_moments(bonds[:, [2, 0, 3, 1]] @ turn.T, degree)
        np.testing.assert_allclose(np.sum(other**2, axis=-1), np.sum(moment**2, axis=-1), rtol=1e-9)
