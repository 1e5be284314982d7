"""The fit of D against many Brownian replicas, and its covariance against plain sums."""

import numpy as np
import pytest

from aiida_superionic.analysis.correlation import mean_squared_displacement
from aiida_superionic.analysis.einstein_relation import EinsteinFit, brownian_covariance
from aiida_superionic.analysis.registry import ParameterError


def counted_covariance(m, n, n_frames):
    """Sum twice the squared overlap of every two windows of time, in each of three dimensions."""
    total = 0.0
    for i in range(n_frames - m):
        for j in range(n_frames - n):
            total += max(0, min(i + m, j + n) - max(i, j)) ** 2
    return 6.0 * total / ((n_frames - m) * (n_frames - n))


def test_covariance_is_the_sum_over_all_pairs_of_windows():
    lags = np.array([1, 2, 3, 7, 8, 15])
    expected = [[counted_covariance(m, n, 30) for n in lags] for m in lags]
    np.testing.assert_allclose(brownian_covariance(lags, 30), expected, rtol=1e-12)


@pytest.fixture(scope="module")
def replicas():
    """Displacements of 1500 single walkers of 400 frames, D = 0.5 Å²/ps, timestep 0.1 ps."""
    rng = np.random.default_rng(17)
    steps = rng.normal(scale=np.sqrt(2 * 0.5 * 0.1), size=(1500, 400, 1, 3))
    return np.array([mean_squared_displacement(np.cumsum(walk, axis=0), 41) for walk in steps])


def test_claimed_error_is_the_scatter_of_replicas_and_below_that_of_the_ordinary_fit(replicas):
    """The scatter of R replicas is known to sqrt(1/(2R)) of itself (more for a skewed estimate: three times in all)."""
    fit = EinsteinFit.over(1.0, 4.0, 0.1)
    values = np.array([fit.diffusion(displacement, 400) for displacement in replicas])
    plain = np.array([fit.plain(displacement) for displacement in replicas])
    claimed = 0.5 * fit.relative_error(1, 400)
    scatter = values.std(ddof=1)
    kurtosis = np.mean((values - values.mean()) ** 4) / scatter**4
    tolerance = 5.0 * np.sqrt((kurtosis - 1.0) / 4.0 / len(values))
    assert scatter == pytest.approx(claimed, rel=tolerance)
    assert tolerance < 0.15
    for sample in (values, plain):
        assert sample.mean() == pytest.approx(0.5, abs=5.0 * sample.std(ddof=1) / np.sqrt(len(sample)))
    # Gauss–Markov; the two are known to a few percent here and differ by a third.
    assert scatter < 0.8 * plain.std(ddof=1)


def test_error_falls_with_the_square_root_of_the_number_of_walkers():
    fit = EinsteinFit.over(1.0, 4.0, 0.1)
    assert fit.relative_error(100, 400) == pytest.approx(0.1 * fit.relative_error(1, 400))


def test_a_straight_line_is_found_whatever_its_intercept():
    fit = EinsteinFit.over(0.5, 3.0, 0.1)
    displacement = 0.7 + 6 * 0.2 * 0.1 * np.arange(40)
    assert fit.diffusion(displacement, 1000) == pytest.approx(0.2)
    assert fit.plain(displacement) == pytest.approx(0.2)


def test_the_window_begins_and_ends_where_it_says():
    fit = EinsteinFit.over(0.5, 1.2, 0.1)
    assert fit.lags.tolist() == [5, 6, 7, 8, 9, 10, 11, 12]
    assert EinsteinFit.over(2.0, 10.0, 0.005).lags[[0, -1]].tolist() == [400, 2000]
    # The lag of zero is no measurement.
    assert EinsteinFit.over(0.0, 1.0, 0.1).lags[0] == 1


@pytest.mark.parametrize("window", [(1.0, 1.1), (-1.0, 4.0), (5.0, 4.0)])
def test_a_window_without_three_lags_is_refused(window):
    with pytest.raises(ParameterError, match="no straight line fits"):
        EinsteinFit.over(*window, 0.1)
