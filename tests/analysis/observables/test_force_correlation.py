"""Forces that are exactly m dv/dt."""

import numpy as np
import pytest

from aiida_superionic.analysis.observables.force_correlation import force_correlation
from aiida_superionic.analysis.observables.vibrations import vibrations
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import KINETIC_ENERGY


@pytest.fixture(scope="module")
def noise():
    """Return ions whose velocity is a sum of random waves with frequencies around 4 THz, and its exact derivative."""
    rng = np.random.default_rng(5)
    n_frames, n_atoms, timestep, mass = 20_000, 40, 0.01, 108.0
    frequencies = np.fft.rfftfreq(n_frames, timestep)
    amplitudes = np.exp(-0.25 * (frequencies - 4.0) ** 2)[:, None, None]
    waves = amplitudes * rng.normal(size=(2, len(frequencies), n_atoms, 3)).view()
    spectrum = n_frames * (waves[0] + 1j * waves[1])
    velocities = np.fft.irfft(spectrum, n_frames, axis=0)
    accelerations = np.fft.irfft(2j * np.pi * frequencies[:, None, None] * spectrum, n_frames, axis=0)
    rest = np.zeros((n_frames, 1, 3))
    velocities = np.concatenate((velocities, rest), axis=1)
    forces = np.concatenate((mass * KINETIC_ENERGY * accelerations, rest), axis=1)
    trajectory = Trajectory(
        ("Ag",) * n_atoms + ("I",),
        np.zeros_like(velocities),
        np.eye(3),
        timestep,
        np.array([mass] * n_atoms + [1e12]),
        velocities=velocities,
        forces=forces,
        mobile=("Ag",),
    )
    return trajectory, mass


def test_force_spectrum_is_the_velocity_spectrum_times_mass_and_frequency_squared(noise):
    """S_F = m² ω² S_v. The window of 5 ps blurs ω² by the square of its width, the edges of the run by 1/T."""
    trajectory, mass = noise
    force = force_correlation(trajectory).curves["force_spectrum_Ag"]
    velocity = vibrations(trajectory).curves["vibrational_density_of_states_Ag"]
    mean_force = np.mean(np.sum(trajectory.forces[:, :-1] ** 2, axis=-1)) / KINETIC_ENERGY**2
    mean_velocity = np.mean(np.sum(trajectory.velocities[:, :-1] ** 2, axis=-1))
    expected = mass**2 * (2.0 * np.pi * velocity.x) ** 2 * velocity.y * mean_velocity
    line = (force.x > 2.0) & (force.x < 6.0)
    np.testing.assert_allclose(force.y[line] * mean_force, expected[line], rtol=0.03)


def test_integral_of_a_free_particle_is_zero(noise):
    trajectory, _ = noise
    scalar = force_correlation(trajectory).scalars["force_correlation_integral_Ag"]
    # Student's t of five blocks: five errors are one in a hundred, and the seed is fixed.
    assert abs(scalar.value) < 5.0 * scalar.error
    assert scalar.error < 1.0  # fs; the correlation of |C_F| itself lasts some 100 fs
    assert scalar.unit == "fs"


def test_integral_of_forces_that_no_motion_answers_is_not(rng):
    """An exponential of 50 fs, as forces of only some of the neighbours leave it."""
    keep = np.exp(-0.005 / 0.05)
    forces = rng.normal(size=(8000, 20, 3))
    for t in range(1, 8000):
        forces[t] = keep * forces[t - 1] + np.sqrt(1.0 - keep**2) * forces[t]
    trajectory = Trajectory(
        ("Ag",) * 20, np.zeros_like(forces), np.eye(3), 0.005, np.ones(20), forces=forces, mobile=("Ag",)
    )
    scalar = force_correlation(trajectory, longest_lag=0.5).scalars["force_correlation_integral_Ag"]
    assert scalar.value == pytest.approx(50.0, abs=5.0 * scalar.error)
    assert scalar.error < 5.0
