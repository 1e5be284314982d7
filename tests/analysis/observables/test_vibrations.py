"""Velocities whose correlations are known: Ornstein–Uhlenbeck and Einstein oscillators."""

import numpy as np
import pytest

from aiida_superionic.analysis.observables.vibrations import vibrations
from aiida_superionic.analysis.trajectory import Trajectory


def with_velocities(velocities, timestep):
    """Return a trajectory in which a host ion of great mass and at rest carries no momentum."""
    n_frames, n_atoms = velocities.shape[:2]
    velocities = np.concatenate((velocities, np.zeros((n_frames, 1, 3))), axis=1)
    masses = np.array([1.0] * n_atoms + [1e12])
    species = ("Ag",) * n_atoms + ("I",)
    return Trajectory(species, np.zeros_like(velocities), np.eye(3), timestep, masses, velocities=velocities)


@pytest.fixture(scope="module")
def ornstein_uhlenbeck():
    rng = np.random.default_rng(11)
    rate, timestep = 6.0, 0.01
    keep = np.exp(-rate * timestep)
    velocities = rng.normal(size=(4000, 50, 3))
    for t in range(1, 4000):
        velocities[t] = keep * velocities[t - 1] + np.sqrt(1.0 - keep**2) * velocities[t]
    return rate, vibrations(with_velocities(velocities, timestep), longest_lag=4.0)


def test_velocity_autocorrelation_of_ornstein_uhlenbeck_is_exponential(ornstein_uhlenbeck):
    rate, result = ornstein_uhlenbeck
    curve = result.curves["velocity_autocorrelation_Ag"]
    # The estimate of C scatters by sqrt(1/(rate·T·columns)) at most, with T = 40 ps and 150 columns.
    np.testing.assert_allclose(curve.y, np.exp(-rate * curve.x), rtol=0, atol=5.0 / np.sqrt(rate * 40.0 * 150))
    assert curve.y[0] == 1.0


def test_density_of_states_of_ornstein_uhlenbeck_is_lorentzian(ornstein_uhlenbeck):
    rate, result = ornstein_uhlenbeck
    curve = result.curves["vibrational_density_of_states_Ag"]
    lorentzian = 4.0 * rate / (rate**2 + (2.0 * np.pi * curve.x) ** 2)
    part = curve.x < 5.0
    # Each of 150 columns has 40 ps × 1/(4 ps) windows: 1/sqrt(1500), five times; the window's bias is 2 %.
    np.testing.assert_allclose(curve.y[part], lorentzian[part], rtol=0.02 + 5.0 / np.sqrt(1500))
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(1.0)


def test_species_are_normalised_after_the_sum_over_atoms():
    """Two oscillators of one species: each weighs as its mean squared velocity, not alike."""
    timestep = 0.005
    times = timestep * np.arange(20_000)[:, None]
    fast = 3.0 * np.cos(2 * np.pi * 8.0 * times) * [1.0, 0.0, 0.0]
    slow = 1.0 * np.cos(2 * np.pi * 3.0 * times) * [0.0, 1.0, 0.0]
    result = vibrations(with_velocities(np.stack([fast, slow], axis=1), timestep), longest_lag=5.0)
    correlation = result.curves["velocity_autocorrelation_Ag"]
    expected = 0.9 * np.cos(2 * np.pi * 8.0 * correlation.x) + 0.1 * np.cos(2 * np.pi * 3.0 * correlation.x)
    np.testing.assert_allclose(correlation.y, expected, atol=1e-3)
    spectrum = result.curves["vibrational_density_of_states_Ag"]
    for centre, weight in ((8.0, 0.9), (3.0, 0.1)):
        line = np.abs(spectrum.x - centre) < 1.0
        assert spectrum.x[line][np.argmax(spectrum.y[line])] == pytest.approx(centre, abs=0.1)
        assert np.trapezoid(spectrum.y[line], spectrum.x[line]) == pytest.approx(weight, abs=0.01)
