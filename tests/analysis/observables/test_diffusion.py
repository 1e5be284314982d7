"""Walkers of known diffusion coefficient."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.analysis.observables.diffusion import diffusion
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged


@pytest.fixture
def walkers(brownian):
    return brownian(4000, 40, diffusion=0.35, timestep=0.05, seed=3)


def test_brownian_walkers(walkers):
    result = diffusion(walkers, fit_start=1.0, fit_end=5.0)
    scalar = result.scalars["diffusion_coefficient_Ag"]
    # 1 Å²/ps is 1e-4 cm²/s.
    assert scalar.value == pytest.approx(0.35e-4, abs=5.0 * scalar.error)
    assert scalar.error < 0.1 * scalar.value
    assert scalar.unit == "cm^2/s"
    curve = result.curves["mean_squared_displacement_Ag"]
    assert curve.x[0] == 0.0
    assert curve.x[-1] == pytest.approx(5.0)
    # 40 walkers and 4000 origins determine the first lag to sqrt(2/(3·160 000)) of itself.
    assert curve.y[1] == pytest.approx(6 * 0.35 * 0.05, rel=5.0 * np.sqrt(2.0 / 480_000))
    assert np.all(np.abs(curve.y[1:] - 6 * 0.35 * curve.x[1:]) < 5.0 * 2.8 * curve.error[1:])


def test_langevin_ions_fly_before_they_diffuse(walkers):
    """⟨r²⟩ = 6 D (t − (1 − e^(−γt))/γ), sampled exactly: velocity and displacement of a step are Gaussian together."""
    rng = np.random.default_rng(12)
    rate, coefficient, timestep, n_frames, n_atoms = 4.0, 0.35, 0.05, 4000, 40
    square = coefficient * rate  # ⟨v²⟩ per component
    keep = np.exp(-rate * timestep)
    covariance = square * np.array(
        [
            [1.0 - keep**2, (1.0 - keep) ** 2 / rate],
            [(1.0 - keep) ** 2 / rate, (2.0 * rate * timestep - 3.0 + 4.0 * keep - keep**2) / rate**2],
        ]
    )
    root = np.linalg.cholesky(covariance)
    velocity = np.sqrt(square) * rng.normal(size=(n_atoms, 3))
    positions = np.zeros((n_frames, n_atoms + 1, 3))
    for t in range(1, n_frames):
        kick, shift = np.einsum("ij,j...->i...", root, rng.normal(size=(2, n_atoms, 3)))
        positions[t, :-1] = positions[t - 1, :-1] + velocity * (1.0 - keep) / rate + shift
        velocity = keep * velocity + kick
    result = diffusion(replace(walkers, positions=positions), fit_start=2.0, fit_end=6.0)
    curve = result.curves["mean_squared_displacement_Ag"]
    times = curve.x[1:]
    exact = 6.0 * coefficient * (times - (1.0 - np.exp(-rate * times)) / rate)
    # Windows of t, longer by the memory 2/γ of the velocity, that do not overlap are independent, in three dimensions.
    independent = n_atoms * n_frames * timestep / (times + 2.0 / rate)
    np.testing.assert_array_less(np.abs(curve.y[1:] / exact - 1.0), 5.0 * np.sqrt(2.0 / 3.0 / independent))
    # A Brownian walk of this D is five times as far at the first lag.
    assert 6.0 * coefficient * times[0] > 5.0 * exact[0]
    scalar = result.scalars["diffusion_coefficient_Ag"]
    assert scalar.value == pytest.approx(1e-4 * coefficient, abs=5.0 * scalar.error)


def test_drift_of_the_crystal_is_no_diffusion(walkers):
    still = diffusion(walkers, fit_start=1.0, fit_end=5.0)
    times = walkers.timestep * np.arange(walkers.n_frames)
    drifting = replace(walkers, positions=walkers.positions + (times**2)[:, None, None] * np.array([0.2, 0.0, -0.1]))
    moved = diffusion(drifting, fit_start=1.0, fit_end=5.0)
    name = "diffusion_coefficient_Ag"
    assert moved.scalars[name].value == pytest.approx(still.scalars[name].value, rel=1e-6)


def test_the_frame_of_reference_is_the_host_and_not_the_whole(walkers):
    """Ions that all drift the same way move against the host, and do not against themselves."""
    times = walkers.timestep * np.arange(walkers.n_frames)
    positions = np.zeros_like(walkers.positions)
    positions[:, :-1] = times[:, None, None] * np.array([1.0, 0.0, 0.0])
    masses = np.array([1.0] * 40 + [1e-9])
    drifting = replace(walkers, positions=positions, masses=masses)
    curve = diffusion(drifting, fit_start=1.0, fit_end=5.0).curves["mean_squared_displacement_Ag"]
    np.testing.assert_allclose(curve.y, curve.x**2, atol=1e-6)
    curve = diffusion(replace(drifting, mobile=()), fit_start=1.0, fit_end=5.0).curves["mean_squared_displacement_Ag"]
    np.testing.assert_allclose(curve.y, 0.0, atol=1e-6)


def test_ions_that_only_vibrate_have_an_upper_bound(walkers, rng):
    vibrating = replace(walkers, positions=0.1 * rng.normal(size=walkers.positions.shape))
    name = "diffusion_coefficient_Ag"
    scalar = diffusion(vibrating, fit_start=1.0, fit_end=5.0).scalars[name]
    assert scalar.value is None
    # Six Å² in 200 ps; the noise of the slope is far below.
    assert scalar.upper_bound == pytest.approx(1e-4 / vibrating.duration)
    assert (
        0.0 < diffusion(vibrating, fit_start=1.0, fit_end=5.0, least_displacement=0.0).scalars[name].upper_bound < 1e-8
    )


def test_diffusion_below_the_least_displacement_is_not_reported(brownian):
    """6 D × duration is 4 Å² here, well above the error of D."""
    slow = brownian(4000, 40, diffusion=4.0 / (6.0 * 200.0), timestep=0.05, seed=3)
    scalar = diffusion(slow, fit_start=1.0, fit_end=5.0).scalars["diffusion_coefficient_Ag"]
    assert (scalar.value, scalar.upper_bound) == (None, pytest.approx(1e-4 / slow.duration))
    scalar = diffusion(slow, fit_start=1.0, fit_end=5.0, least_displacement=1.0).scalars["diffusion_coefficient_Ag"]
    assert scalar.value == pytest.approx(1e-4 * 4.0 / 1200.0, abs=5.0 * scalar.error)


def test_closed_form_error_is_that_of_the_blocks(walkers):
    """Five blocks know theirs to a third of it."""
    scalars = diffusion(walkers, fit_start=1.0, fit_end=5.0).scalars
    error, closed = scalars["diffusion_coefficient_Ag"].error, scalars["diffusion_error_closed_form_Ag"].value
    assert 0.3 < error / closed < 3.0
    ordinary = scalars["diffusion_coefficient_ordinary_fit_Ag"]
    assert ordinary.value == pytest.approx(0.35e-4, abs=5.0 * ordinary.error)


def test_short_runs_and_bad_windows_are_refused(walkers):
    with pytest.raises(NotConverged, match="run longer or shorten fit_end"):
        diffusion(walkers, fit_end=60.0)
    with pytest.raises(ParameterError, match="no straight line fits between fit_start 5 ps and fit_end 5 ps"):
        diffusion(walkers, fit_start=5.0, fit_end=5.0)
