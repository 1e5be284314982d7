"""Whether predicted errors hold: shares, bins and the area under the curve where the answer is known."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from aiida_superionic.learning.reliability import WIDTHS, actual_errors, coverage, share_within, told_apart


def drawn(rng, n_frames, n_atoms, *, factor=1.0, common=0.0):
    """Return normal mistakes, of predicted errors over two decades; ``common`` widens all of a frame alike."""
    errors = [10 ** rng.uniform(-3, -1, n_atoms) for _ in range(n_frames)]
    mistakes = [
        factor * np.exp(common * rng.normal()) * error[:, None] * rng.normal(size=(n_atoms, 3)) for error in errors
    ]
    return mistakes, errors


def test_normal_mistakes_are_covered_as_they_should_be(rng):
    mistakes, errors = drawn(rng, 300, 12)
    for width in (1.0, 2.0):
        share = share_within(mistakes, errors, width)
        nominal = norm.cdf(width) - norm.cdf(-width)
        assert abs(share.value - nominal) < 5 * share.error
        # Independent components: the error of a binomial share. That of a variance from 300 frames is some 8 %.
        assert share.error == pytest.approx(np.sqrt(nominal * (1 - nominal) / (300 * 36)), rel=0.3)
    curve = coverage(mistakes, errors)
    np.testing.assert_array_equal(curve.x, WIDTHS)
    assert np.all(np.abs(curve.y - (2 * norm.cdf(WIDTHS) - 1)) <= 5 * curve.error)
    assert curve.y[0] == 0.0
    assert curve.y[10] == pytest.approx(share_within(mistakes, errors, 1.0).value)


def test_errors_that_are_half_as_wide_are_found_out(rng):
    share = share_within(*drawn(rng, 300, 12, factor=2.0), 1.0)
    assert abs(share.value - (2 * norm.cdf(0.5) - 1)) < 5 * share.error


def test_what_a_frame_has_in_common_is_in_the_error_of_the_share(rng):
    shares = [share_within(*drawn(rng, 30, 12, common=0.5), 1.0) for _ in range(300)]
    spread = np.std([share.value for share in shares])
    # 300 repetitions know a standard deviation to 4 %; the error itself, from 30 frames, is a little off.
    assert np.sqrt(np.mean([share.error**2 for share in shares])) == pytest.approx(spread, rel=0.25)
    assert spread > 1.5 * np.sqrt(0.68 * 0.32 / (30 * 36))


def test_one_frame_has_no_scatter(rng):
    mistakes, errors = drawn(rng, 1, 5)
    assert share_within(mistakes, errors, 1.0).error is None
    assert coverage(mistakes, errors).error is None
    assert actual_errors(mistakes, errors).error is None


def test_actual_errors_follow_the_predicted_ones(rng):
    mistakes, errors = drawn(rng, 200, 20, factor=1.5)
    curve = actual_errors(mistakes, errors)
    assert len(curve.x) == 10
    assert np.all(np.diff(curve.x) > 0)
    assert np.all(np.abs(curve.y - 1.5 * curve.x) < 5 * curve.error)
    # 400 atoms of three components in each part.
    np.testing.assert_allclose(curve.error, curve.y / np.sqrt(2 * 1200), rtol=0.5)
    flat, all_mistakes = np.concatenate(errors), np.concatenate(mistakes)
    lowest = np.argsort(flat)[:400]
    assert curve.y[0] == pytest.approx(1e3 * np.sqrt(np.mean(all_mistakes[lowest] ** 2)))
    assert curve.x[0] == pytest.approx(1e3 * np.sqrt(np.mean(flat[lowest] ** 2)))


def test_the_area_counts_pairs(rng):
    common, strange = rng.integers(0, 5, 9).astype(float), rng.integers(1, 7, 6).astype(float)
    pairs = [1.0 if s > c else 0.5 if s == c else 0.0 for s, c in product(strange, common)]
    assert told_apart(common, strange).value == pytest.approx(np.mean(pairs))
    assert told_apart(np.zeros(3), np.ones(4)).value == 1.0
    assert told_apart(np.zeros(3), np.ones(4)).error == 0.0
    assert told_apart(np.zeros(3), np.zeros(4)).value == 0.5


def test_the_error_of_the_area_is_its_scatter(rng):
    areas = [told_apart(rng.exponential(size=40), 3 * rng.exponential(size=30)) for _ in range(400)]
    # Of exponential values the area is 3/4, and the error of Hanley and McNeil is exact.
    assert np.mean([area.value for area in areas]) == pytest.approx(0.75, abs=5 * areas[0].error / 20)
    spread = np.std([area.value for area in areas])
    assert np.sqrt(np.mean([area.error**2 for area in areas])) == pytest.approx(spread, rel=0.2)
