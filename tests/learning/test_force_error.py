"""The calibration of predicted errors: against mistakes that are drawn from what it assumes."""

import numpy as np
import pytest

from aiida_superionic.learning.force_error import ForceError, calibrate


@pytest.mark.parametrize("truth", [ForceError(0.02, 4.0), ForceError(0.0, 7.0), ForceError(0.05, 0.0)])
def test_what_mistakes_are_drawn_from_is_found(rng, truth):
    deviations = np.exp(rng.normal(-6.0, 0.8, size=40_000))
    mistakes = truth.of(deviations) * rng.normal(size=deviations.shape)
    found = calibrate(mistakes, deviations)
    # Where a part vanishes, what is found of it may be as large as the noise of the variance, but not matter.
    ratio = found.of(deviations) / truth.of(deviations)
    # A variance of 40 000 numbers is known to sqrt(2/40000) = 0.7 %; a few times that where the two parts trade.
    assert np.quantile(np.abs(ratio - 1), 0.95) < 0.05
    for width, nominal in ((1.0, 0.6827), (2.0, 0.9545)):
        share = np.mean(np.abs(mistakes) < width * found.of(deviations))
        assert abs(share - nominal) < 5 * np.sqrt(nominal * (1 - nominal) / deviations.size)


def test_units_do_not_matter(rng):
    deviations = np.exp(rng.normal(-6.0, 0.8, size=500))
    mistakes = ForceError(0.02, 4.0).of(deviations) * rng.normal(size=500)
    one, thousand = calibrate(mistakes, deviations), calibrate(1e3 * mistakes, 1e3 * deviations)
    assert thousand.factor == pytest.approx(one.factor, rel=1e-3)
    assert thousand.floor == pytest.approx(1e3 * one.floor, rel=1e-3)


def test_nothing_to_calibrate_by_is_refused():
    with pytest.raises(ValueError, match="not all zero"):
        calibrate(np.zeros(3), np.ones(3))
