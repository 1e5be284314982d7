"""Correlations against plain loops, and against what numbers far from the origin do to them."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from aiida_superionic.analysis import correlation


def loop_correlation(x, y, n_lags):
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    return [sum(x[t] @ y[t + lag] for t in range(len(x) - lag)) / (len(x) - lag) for lag in range(n_lags)]


@pytest.mark.parametrize(("n_frames", "n_lags"), [(1, 1), (2, 2), (17, 17), (64, 5), (101, 100)])
def test_cross_correlation_is_the_average_over_all_origins(rng, n_frames, n_lags):
    x, y = rng.normal(size=(2, n_frames, 4, 3))
    np.testing.assert_allclose(
        correlation.cross_correlation(x, y, n_lags), loop_correlation(x, y, n_lags), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        correlation.autocorrelation(x, n_lags), loop_correlation(x, x, n_lags), rtol=0, atol=1e-12
    )


def test_the_order_of_a_cross_correlation_is_the_order_in_time():
    x = np.zeros((10, 1))
    y = np.zeros((10, 1))
    x[3], y[5] = 1.0, 1.0
    assert np.argmax(correlation.cross_correlation(x, y)) == 2
    np.testing.assert_allclose(correlation.cross_correlation(y, x), 0.0, atol=1e-15)


def test_chunks_of_columns_change_nothing(rng, monkeypatch):
    x = rng.normal(size=(50, 7, 3))
    whole = correlation.autocorrelation(x)
    monkeypatch.setattr(correlation, "_CHUNK_BYTES", 16 * 128 * 2)
    np.testing.assert_allclose(correlation.autocorrelation(x), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_lags", [1, 2, 3, 8])
@pytest.mark.parametrize("n_frames", [40, 41, 55, 101])
def test_segments_change_nothing(rng, monkeypatch, n_frames, n_lags):
    """What is correlated across their ends is not lost, whatever is left over in the last one."""
    x, y = rng.normal(size=(2, n_frames, 2, 3))
    monkeypatch.setattr(correlation, "_SEGMENT", 10)
    monkeypatch.setattr(correlation, "_SEGMENT_PER_LAG", 1)
    np.testing.assert_allclose(
        correlation.cross_correlation(x, y, n_lags), loop_correlation(x, y, n_lags), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        correlation.autocorrelation(x, n_lags), loop_correlation(x, x, n_lags), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        correlation.mean_squared_displacement(x, n_lags), loop_displacement(x, n_lags), rtol=0, atol=1e-12
    )


def test_more_lags_than_frames_are_refused():
    with pytest.raises(ValueError, match="6 lags asked of 5 frames"):
        correlation.autocorrelation(np.zeros((5, 1)), 6)
    with pytest.raises(ValueError, match="must be equal"):
        correlation.cross_correlation(np.zeros((5, 1)), np.zeros((5, 2)))


def loop_displacement(r, n_lags):
    return [np.mean(np.sum((r[lag:] - r[: len(r) - lag]) ** 2, axis=-1)) for lag in range(n_lags)]


def test_mean_squared_displacement_is_the_average_over_all_origins_and_atoms(rng):
    r = np.cumsum(rng.normal(size=(40, 5, 3)), axis=0)
    np.testing.assert_allclose(
        correlation.mean_squared_displacement(r), loop_displacement(r, 40), rtol=1e-12, atol=1e-12
    )


def test_mean_squared_displacement_far_from_the_origin_keeps_its_digits(rng):
    """In single precision, or with squares of bare coordinates, this is off by more than itself, and negative."""
    r = 0.01 * rng.normal(size=(200, 3, 3))
    far = 1e7 + r
    expected = loop_displacement(far, 50)
    result = correlation.mean_squared_displacement(far, 50)
    assert result[0] == 0.0
    assert np.all(result[1:] > 0.0)
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=0)


def test_ballistic_motion_squares_the_time():
    velocity = np.array([[1.0, -2.0, 0.5], [0.3, 0.0, 0.0]])
    times = 0.002 * np.arange(100)
    result = correlation.mean_squared_displacement(times[:, None, None] * velocity)
    np.testing.assert_allclose(result, np.mean(np.sum(velocity**2, axis=1)) * times**2, rtol=1e-9, atol=1e-15)


def test_spectrum_of_an_exponential_is_a_lorentzian():
    """The window widens the line by its own width 1/L, small against that of the line here."""
    timestep, rate = 0.002, 8.0
    times = timestep * np.arange(10_001)
    frequencies, spectrum = correlation.cosine_transform(np.exp(-rate * times), timestep)
    lorentzian = 4.0 * rate / (rate**2 + (2 * np.pi * frequencies) ** 2)
    part = frequencies < 20.0
    np.testing.assert_allclose(spectrum[part], lorentzian[part], rtol=0.01)


def test_spectrum_has_the_area_of_the_correlation_at_zero(rng):
    values = rng.normal(size=321)
    frequencies, spectrum = correlation.cosine_transform(values, 0.01)
    assert trapezoid(spectrum, frequencies) == pytest.approx(values[0], rel=1e-12)


def test_apodisation_keeps_a_line_from_spilling_over_the_spectrum():
    """Half a cycle is left over at the longest lag of 5 ps, where without a window the line rings as 1/ν."""
    timestep, nu = 0.005, 5.05
    frequencies, spectrum = correlation.cosine_transform(np.cos(2 * np.pi * nu * timestep * np.arange(1001)), timestep)
    assert frequencies[np.argmax(spectrum)] == pytest.approx(nu, abs=frequencies[1])
    far = np.abs(frequencies - nu) > 3.0 / 5.0
    assert np.max(np.abs(spectrum[far])) < 0.01 * spectrum.max()
