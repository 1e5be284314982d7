"""Distances of curves of which they are known exactly."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from aiida_superionic.analysis.curve_distance import (
    curve_distance,
    distance_by_chance,
    mean_distance,
    mean_distance_within,
    surface_distance,
)
from aiida_superionic.analysis.results import Curve, Surface

_OF_DENSITIES = partial(curve_distance, vanish_outside=True)


def curve(x, y, error=None):
    return Curve(np.asarray(x, float), np.asarray(y, float), "distance", "Å", "density", "1/Å", error)


def surface(z, x=(0.5, 1.5), y=(1.0, 2.0, 5.0)):
    return Surface(np.array(x), np.array(y), np.asarray(z, float), "distance", "Å", "time", "ps", "Gs", "1/Å")


def gaussian(mean, step=0.01, width=1.0):
    x = np.arange(-8.0, 8.0, step)
    return curve(x, norm.pdf(x, mean, width))


def histogram(rng, n, mean=0.0):
    """Return the histogram of normal numbers, on a grid that reaches as far as they do."""
    bins = np.floor(rng.normal(mean, size=n) / 0.25 + 0.5).astype(int)
    first, counts = bins.min(), np.bincount(bins - bins.min())
    return curve((first + np.arange(len(counts))) * 0.25, counts / (0.25 * n))


def test_equal_curves_are_zero_apart_and_disjoint_ones_one():
    one, other = gaussian(0.0), curve([20.0, 20.5, 21.0], [0.3, 1.0, 0.4])
    assert curve_distance(one, one) == _OF_DENSITIES(one, one) == 0.0
    assert _OF_DENSITIES(one, other) == _OF_DENSITIES(other, one) == pytest.approx(1.0, abs=1e-12)
    nothing = replace(one, y=np.zeros_like(one.y))
    assert curve_distance(nothing, nothing) == 0.0
    assert curve_distance(one, nothing) == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [0.05, 0.5, 2.0])
def test_the_total_variation_of_shifted_gaussians(shift):
    """It is 2 Φ(shift/2σ) − 1, also where the grids of the two are not the same."""
    exact = 2.0 * norm.cdf(shift / 2.0) - 1.0
    assert curve_distance(gaussian(0.0), gaussian(shift)) == pytest.approx(exact, rel=1e-4)
    assert _OF_DENSITIES(gaussian(0.0), gaussian(shift, step=0.013)) == pytest.approx(exact, rel=1e-3)


def test_the_distance_does_not_depend_on_the_scales_of_the_axes():
    one, other = gaussian(0.0), gaussian(0.7)
    scaled = [curve(10.0 * c.x, 3.0 * c.y) for c in (one, other)]
    assert curve_distance(*scaled) == pytest.approx(curve_distance(one, other))
    # Twice the density everywhere: (2 − 1)/(2 + 1).
    assert curve_distance(one, replace(one, y=2.0 * one.y)) == pytest.approx(1.0 / 3.0)


def test_what_only_one_grid_covers_counts_for_densities_alone():
    whole, half = curve([0.0, 1.0, 2.0, 3.0, 4.0], np.ones(5)), curve([0.0, 1.0, 2.0], np.ones(3))
    assert curve_distance(whole, half) == 0.0
    # With half a step beyond each end: 5 and 3 steps of area, of which 2 differ.
    assert _OF_DENSITIES(whole, half) == pytest.approx(2.0 / 8.0)
    with pytest.raises(ValueError, match="no distance in common"):
        curve_distance(whole, curve([7.0, 8.0], [1.0, 1.0]))
    with pytest.raises(ValueError, match="1/Å against Å is compared with one in 1/Å against nm"):
        curve_distance(whole, replace(whole, x_unit="nm"))


def test_surfaces_are_compared_where_both_are():
    z = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert surface_distance(surface(z), surface(z)) == 0.0
    assert surface_distance(surface(z), surface(z[::-1])) == pytest.approx(8.0 / 24.0)
    assert surface_distance(surface(z), surface(z[:, :2], y=(1.0, 2.0))) == 0.0
    assert surface_distance(surface([[1, 0, 1], [0, 0, 0]]), surface([[0, 1, 0], [1, 0, 1]])) == 1.0
    with pytest.raises(ValueError, match="on one grid"):
        surface_distance(surface(z), surface(z, y=(1.0, 2.0, 5.1)))


def test_runs_that_differ_by_chance_are_as_far_apart_as_those_of_one_kind(rng):
    """Both means have one expectation; the claimed errors are their scatter over replicates."""
    between, within = [], []
    for _ in range(300):
        first, second = ([histogram(rng, 200) for _ in range(5)] for _ in range(2))
        between.append(mean_distance(first, second, _OF_DENSITIES))
        within.append(mean_distance_within(second, _OF_DENSITIES))
    for claimed in (between, within):
        scatter = np.std([one.value for one in claimed], ddof=1)
        # The scatter of 300 is known to 4 %, and the jackknife of so few runs errs on the safe side.
        assert 0.85 * scatter < np.sqrt(np.mean([one.error**2 for one in claimed])) < 1.4 * scatter
    means = [np.mean([one.value for one in claimed]) for claimed in (between, within)]
    errors = [np.std([one.value for one in claimed]) / np.sqrt(300) for claimed in (between, within)]
    assert abs(means[0] - means[1]) < 4.0 * np.hypot(*errors)


def test_the_error_of_a_real_distance_is_its_scatter(rng):
    found = [
        mean_distance(
            [histogram(rng, 2000, 1.0) for _ in range(4)], [histogram(rng, 2000) for _ in range(4)], _OF_DENSITIES
        )
        for _ in range(300)
    ]
    values = np.array([one.value for one in found])
    assert np.sqrt(np.mean([one.error**2 for one in found])) == pytest.approx(values.std(ddof=1), rel=0.15)
    # What is added by chance to a distance that is ten times as large is little.
    assert values.mean() == pytest.approx(2.0 * norm.cdf(0.5) - 1.0, rel=0.02)


def test_error_bars_tell_the_distance_by_chance(rng):
    x, y, sigma = np.linspace(0.0, 5.0, 400), np.full(400, 3.0), 0.1
    runs = [curve(x, y + sigma * rng.normal(size=400), np.full(400, sigma)) for _ in range(40)]
    between = [curve_distance(a, b) for a, b in zip(runs[::2], runs[1::2], strict=True)]
    assert distance_by_chance(runs[0]) == pytest.approx(np.mean(between), rel=0.03)
    assert distance_by_chance(runs[0]) == pytest.approx(sigma / np.sqrt(np.pi) / 3.0, rel=0.01)
    assert distance_by_chance(curve(x, y)) is None
    z = np.full((2, 3), 3.0)
    bars = replace(surface(z), error=np.full((2, 3), sigma))
    assert distance_by_chance(bars) == pytest.approx(sigma / np.sqrt(np.pi) / 3.0)


def test_two_runs_have_no_error_within_and_one_none_between():
    runs = [gaussian(0.0), gaussian(0.1), gaussian(0.3)]
    assert mean_distance_within(runs[:2], curve_distance).error is None
    assert mean_distance_within(runs, curve_distance).error > 0.0
    assert mean_distance(runs[:1], runs[1:2], curve_distance).error is None
    assert mean_distance(runs[:2], runs[2:], curve_distance).error > 0.0
