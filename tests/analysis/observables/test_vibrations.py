"""Velocities whose correlations are known: Ornstein–Uhlenbeck and Einstein oscillators."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import trapezoid

from aiida_superionic.analysis.observables.vibrations import vibrations
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.spectra import band_centre, band_edge
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError
from aiida_superionic.units import KINETIC_ENERGY, WAVENUMBER_PER_THZ


def with_velocities(velocities, timestep):
    """Return a trajectory in which a host ion of great mass and at rest carries no momentum."""
    n_frames, n_atoms = velocities.shape[:2]
    velocities = np.concatenate((velocities, np.zeros((n_frames, 1, 3))), axis=1)
    masses = np.array([1.0] * n_atoms + [1e12])
    species = ("Ag",) * n_atoms + ("I",)
    return Trajectory(species, np.zeros_like(velocities), np.eye(3), timestep, masses, velocities=velocities)


@pytest.fixture(scope="module")
def ornstein_uhlenbeck_trajectory():
    rng = np.random.default_rng(11)
    rate, timestep = 6.0, 0.01
    keep = np.exp(-rate * timestep)
    velocities = rng.normal(size=(4000, 50, 3))
    for t in range(1, 4000):
        velocities[t] = keep * velocities[t - 1] + np.sqrt(1.0 - keep**2) * velocities[t]
    return with_velocities(velocities, timestep)


@pytest.fixture(scope="module")
def ornstein_uhlenbeck(ornstein_uhlenbeck_trajectory):
    return 6.0, vibrations(ornstein_uhlenbeck_trajectory, longest_lag=4.0)


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
    assert trapezoid(curve.y, curve.x) == pytest.approx(1.0)


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
        assert trapezoid(spectrum.y[line], spectrum.x[line]) == pytest.approx(weight, abs=0.01)


def test_fast_vibrations_keep_their_weight():
    """Finite differences of positions would damp 35 THz by sinc²(2πν dt) to 0.14 at a timestep of 10 fs."""
    timestep = 0.01
    times = timestep * np.arange(20_000)[:, None]
    lines = {5.0: [1.0, 0.0, 0.0], 35.0: [0.0, 1.0, 0.0]}
    velocities = sum(np.cos(2 * np.pi * nu * times) * axis for nu, axis in lines.items())[:, None]
    positions = sum(np.sin(2 * np.pi * nu * times) / (2 * np.pi * nu) * axis for nu, axis in lines.items())[:, None]
    trajectory = with_velocities(velocities, timestep)
    trajectory.positions[:, :1] = positions
    curve = vibrations(trajectory, longest_lag=5.0).curves["vibrational_density_of_states_Ag"]
    for nu in lines:
        line = np.abs(curve.x - nu) < 1.0
        assert trapezoid(curve.y[line], curve.x[line]) == pytest.approx(0.5, abs=0.01)
    with pytest.raises(TrajectoryError, match="the trajectory holds no velocities"):
        vibrations(replace(trajectory, velocities=None), longest_lag=5.0)


def test_band_centre_of_two_lines_is_their_weighted_mean():
    timestep = 0.005
    times = timestep * np.arange(20_000)[:, None]
    fast = 3.0 * np.cos(2 * np.pi * 8.0 * times) * [1.0, 0.0, 0.0]
    slow = 1.0 * np.cos(2 * np.pi * 3.0 * times) * [0.0, 1.0, 0.0]
    trajectory = with_velocities(np.stack([fast, slow], axis=1), timestep)
    scalars = vibrations(trajectory, longest_lag=5.0, band_end=12.0).scalars
    centre = scalars["band_centre_Ag"].value
    assert centre == pytest.approx(0.9 * 8.0 + 0.1 * 3.0, abs=0.01)
    assert scalars["band_centre_wavenumber_Ag"].value == pytest.approx(centre * WAVENUMBER_PER_THZ)
    assert scalars["band_end_Ag"].value == 12.0
    # Nothing lies near 12 THz.
    assert scalars["band_centre_sensitivity_Ag"].value < 0.01
    # An end at 5 THz sees the slow line alone, and one between the widths of the fast line depends on where it is.
    assert vibrations(trajectory, longest_lag=5.0, band_end=5.0).scalars["band_centre_Ag"].value == pytest.approx(
        3.0, abs=0.02
    )
    assert vibrations(trajectory, longest_lag=5.0, band_end=8.0).scalars["band_centre_sensitivity_Ag"].value > 1.0


def test_band_centre_is_exact_for_a_box():
    nu = np.linspace(0.0, 10.0, 1001)
    box = np.where(nu <= 6.0, 1.0, 0.0)
    assert band_centre(box, nu, 4.005) == pytest.approx(0.5 * 4.005)
    assert band_edge(box, nu, 0.5) == pytest.approx(3.0, abs=0.01)


def test_mass_weighting_gives_the_area_of_twice_the_kinetic_energy_per_volume(ornstein_uhlenbeck_trajectory):
    trajectory = ornstein_uhlenbeck_trajectory
    plain, heavy = (vibrations(trajectory, longest_lag=1.0, weighting=word) for word in ("none", "mass"))
    name = "vibrational_density_of_states_Ag"
    curve = heavy.curves[name]
    kinetic = np.mean(np.sum(trajectory.velocities[:, :50] ** 2, axis=(1, 2))) * 1.0 * KINETIC_ENERGY
    assert trapezoid(curve.y, curve.x) == pytest.approx(kinetic / 1.0, rel=1e-6)
    assert curve.y_unit == "eV/(Å^3 THz)"
    np.testing.assert_allclose(curve.y, plain.curves[name].y * kinetic, rtol=1e-6)
    assert heavy.scalars["band_centre_Ag"] == plain.scalars["band_centre_Ag"]


def test_smoothing_keeps_the_shape_and_the_band_centre_and_takes_noise(ornstein_uhlenbeck_trajectory):
    plain, smooth = (
        vibrations(ornstein_uhlenbeck_trajectory, longest_lag=4.0, smoothing=width) for width in (None, 60.0)
    )
    name = "vibrational_density_of_states_Ag"
    # Second differences are noise alone, of which a parabola through 15 points leaves a third or less; ends apart.
    rough = [np.std(np.diff(result.curves[name].y[60:300], 2)) for result in (plain, smooth)]
    assert rough[1] < 0.4 * rough[0]
    # A sixth of the fourth-order term of a Lorentzian 2 THz wide, over a window of 1.8 THz, is 3 % of its height.
    np.testing.assert_allclose(smooth.curves[name].y, plain.curves[name].y, atol=0.05 * plain.curves[name].y.max())
    assert smooth.scalars["band_centre_Ag"] == plain.scalars["band_centre_Ag"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weighting": "masses"}, "weighting is 'masses' where none or mass"),
        ({"band_end": 1000.0}, "band_end is 1000 THz where one from"),
        ({"smoothing": 15.0}, "longer longest_lag"),
    ],
)
def test_what_cannot_be_is_refused(ornstein_uhlenbeck_trajectory, given, message):
    with pytest.raises(ParameterError, match=message):
        vibrations(ornstein_uhlenbeck_trajectory, longest_lag=1.0, **given)
