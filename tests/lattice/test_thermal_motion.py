"""Thermal motion: its statistics, and that it is the sum over modes at any time."""

import numpy as np
import pytest

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.modes import modes_of
from aiida_superionic.lattice.thermal_motion import ThermalMotion, interpolation_for
from aiida_superionic.units import REDUCED_PLANCK

TIMESTEP = 0.005


@pytest.mark.parametrize(("name", "shape"), [("cubic", (6, 6, 6)), ("skewed", (4, 3, 5)), ("skewed", (3, 5, 4))])
def test_the_samples_are_the_sum_over_modes(name, shape, request):
    """A Fourier transform of the half of the momenta, beside the real part of all waves, one by one."""
    modes = modes_of(request.getfixturevalue(name), shape)
    thermal = ThermalMotion(modes, 0.04, seed=7)
    samples = thermal.samples(5, 3, 0.11)
    velocities = thermal.velocities(0.66)
    atoms = np.array([(0, 0, 0, 0), (2, 1, 3, len(modes.crystal.masses) - 1)])
    places, speeds = thermal.direct([0.55, 0.66, 0.77], atoms)
    for a, (i, j, k, number) in enumerate(atoms):
        rows = slice(3 * number, 3 * number + 3)
        np.testing.assert_allclose(samples[:, rows, i, j, k], places[:, a], atol=1e-12)
        np.testing.assert_allclose(velocities[rows, i, j, k], speeds[1, a], atol=1e-10)


def test_motion_between_samples_is_the_sum_over_modes_to_a_millionth(cubic):
    """Displacements at every quarter step within a sampling interval, of the 23 997 modes of the published crystal."""
    modes = modes_of(cubic, (20, 20, 20))
    assert modes.n_modes == 23_997
    thermal = ThermalMotion(modes, 0.05, seed=1)
    between = interpolation_for(modes.highest, TIMESTEP)
    first = 1000
    samples = thermal.samples(first - between.taps // 2 + 1, between.taps, between.interval)
    atoms = np.array([(0, 0, 0, 0), (7, 11, 19, 0)])
    rows = np.arange(len(between.weights))
    times = first * between.interval + rows * TIMESTEP / 4.0
    places, speeds = thermal.direct(times, atoms)
    for a, (i, j, k, _) in enumerate(atoms):
        assert np.abs(between.weights @ samples[:, :, i, j, k] - places[:, a]).max() < 1e-6
        assert np.abs(between.rates @ samples[:, :, i, j, k] - speeds[:, a]).max() < 1e-5


@pytest.mark.parametrize("statistics", ["quantum", "classical"])
def test_the_covariance_in_time_and_space_is_that_of_the_modes(cubic, statistics):
    """Equation 24, over all atoms of independent states; errors are those of the states' means."""
    modes = modes_of(cubic, (8, 8, 8))
    energy, lag, displacement = 0.002, 0.09, (1, 0, 1)
    found = []
    for seed in range(120):
        thermal = ThermalMotion(modes, energy, seed, statistics)
        early, late = thermal.samples(0, 2, lag)
        moved = np.roll(early, tuple(-d for d in displacement), axis=(1, 2, 3))
        found.append(np.einsum("axyz,bxyz->ab", late, moved) / modes.n_cells)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    if statistics == "quantum":
        expected = modes.covariance([lag], energy, displacement)[0]
    else:
        expected = energy * modes.recoil([lag], displacement)[0]
    assert np.all(np.abs(mean - expected) < 4.5 * error)
    # The two statistics can be told apart with these errors: the test sees which is which.
    other = energy * modes.recoil([lag], displacement)[0]
    if statistics == "quantum":
        assert np.abs(expected - other).max() > 4.5 * error.max()


def test_at_zero_temperature_the_zero_point_stays(cubic):
    modes = modes_of(cubic, (6, 6, 6))
    field = [ThermalMotion(modes, 0.0, seed).displacements(0.3) for seed in range(40)]
    variances = [np.mean(one**2) for one in field]
    omega = modes.frequencies
    expected = np.sum(
        modes.weights[:, None] * np.divide(0.5 * REDUCED_PLANCK, omega, out=np.zeros_like(omega), where=omega > 0.0)
    ) / (3 * modes.n_cells * cubic.inertia[0])
    assert abs(np.mean(variances) - expected) < 4.5 * np.std(variances, ddof=1) / np.sqrt(len(field))
    still = ThermalMotion(modes, 0.0, 1, "classical").displacements(0.0)
    assert np.all(still == 0.0)


def test_a_seed_is_a_state_and_another_seed_is_another(cubic):
    modes = modes_of(cubic, (4, 4, 4))
    one, same, other = (ThermalMotion(modes, 0.05, seed).samples(3, 2, 0.1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


def test_a_step_too_long_for_the_highest_frequency_is_refused():
    assert interpolation_for(31.35, 0.06).steps_per_sample == 1
    with pytest.raises(LatticeError, match=r"a step of 0\.09 ps is too long .* at most 0\.0802 ps"):
        interpolation_for(31.35, 0.09)
    with pytest.raises(LatticeError, match="above zero"):
        interpolation_for(31.35, 0.0)
    with pytest.raises(LatticeError, match="ask for less"):
        interpolation_for(31.35, 0.005, tolerance=1e-16)


def test_a_temperature_below_zero_is_refused(cubic):
    with pytest.raises(LatticeError, match="below zero"):
        ThermalMotion(modes_of(cubic, (4, 4, 4)), -0.1, 1)
