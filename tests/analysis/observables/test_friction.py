"""Ions with a memory that is known, sampled exactly."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from aiida_superionic.analysis.observables.friction import friction
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import BOLTZMANN, FRICTION_IN_KG_PER_S, FRICTION_RATE_IN_KG_PER_S2, KINETIC_ENERGY

TEMPERATURE, MASS, TIMESTEP = 700.0, 100.0, 0.01
STIFFNESS, MEMORY = 12_000.0, 0.1  # amu/ps² and ps: γ = 1200 amu/ps
THERMAL = BOLTZMANN * TEMPERATURE / KINETIC_ENERGY  # amu Å²/ps²


def gaussian_process(drift, noise, start, n_frames, n_columns, rng):
    """Sample dX = A X dt + noise exactly at every timestep; shape (T, dimension, columns)."""
    propagator = expm(drift * TIMESTEP)
    n = len(drift)
    # Van Loan: the covariance of a step from one exponential.
    block = np.zeros((2 * n, 2 * n))
    block[:n, :n], block[:n, n:], block[n:, n:] = -drift, noise, drift.T
    exponential = expm(block * TIMESTEP)
    covariance = exponential[n:, n:].T @ exponential[:n, n:]
    root = np.linalg.cholesky(0.5 * (covariance + covariance.T) + 1e-18 * np.trace(covariance) * np.eye(n))
    result = np.empty((n_frames, n, n_columns))
    result[0] = start @ rng.normal(size=(n, n_columns))
    for t in range(1, n_frames):
        result[t] = propagator @ result[t - 1] + root @ rng.normal(size=(n, n_columns))
    return result


def ions(spring=0.0, n_frames=10_000, n_ions=40, seed=4):
    """Return ions of m dv/dt = −spring x + F, dF/dt = −F/τ − k v + noise, which is Γ(t) = k exp(−t/τ)."""
    rng = np.random.default_rng(seed)
    drift = np.array([[0.0, 1.0, 0.0], [-spring / MASS, 0.0, 1.0 / MASS], [0.0, -STIFFNESS, -1.0 / MEMORY]])
    noise = np.diag([0.0, 0.0, 2.0 * THERMAL * STIFFNESS / MEMORY])
    start = np.diag(np.sqrt([THERMAL / spring if spring else 0.0, THERMAL / MASS, THERMAL * STIFFNESS]))
    sample = gaussian_process(drift, noise, start, n_frames, 3 * n_ions, rng)
    x, v, f = (np.moveaxis(sample[:, i].reshape(n_frames, 3, n_ions), 1, 2) for i in range(3))
    # A host ion as heavy as a wall, with the thermal motion that a temperature of 3N − 3 degrees of freedom takes.
    host = np.zeros((n_frames, 1, 3))
    return Trajectory(
        ("Ag",) * n_ions + ("I",),
        np.concatenate((x, host), axis=1),
        np.eye(3) * 50.0,
        TIMESTEP,
        np.array([MASS] * n_ions + [1e12]),
        velocities=np.concatenate((v, host), axis=1),
        forces=np.concatenate(((f - spring * x) * KINETIC_ENERGY, host), axis=1),
        mobile=("Ag",),
    )


@pytest.fixture(scope="module")
def memory():
    return ions()


OPTIONS = {"longest_lag": 1.5, "fit_start": 2.0, "fit_end": 8.0}


@pytest.mark.parametrize("forces", [True, False], ids=["forces", "no forces"])
def test_exponential_memory(memory, forces):
    result = friction(memory if forces else replace(memory, forces=None), **OPTIONS)
    coefficient = result.scalars["friction_coefficient_Ag"]
    exact = STIFFNESS * MEMORY * FRICTION_IN_KG_PER_S
    assert coefficient.unit == "kg/s"
    assert coefficient.value == pytest.approx(exact, abs=5.0 * coefficient.error)
    assert coefficient.error < 0.05 * exact
    memory_time = result.scalars["memory_time_Ag"]
    assert memory_time.value == pytest.approx(1e3 * MEMORY, abs=5.0 * memory_time.error)
    initial = result.scalars["initial_friction_Ag"]
    # Without forces the filter rounds the cusp that an exponential has at 0, over half a timestep of a tenth of τ.
    assert initial.value == pytest.approx(STIFFNESS * FRICTION_RATE_IN_KG_PER_S2, rel=0.02 if forces else 0.07)
    kernel = result.curves["memory_kernel_Ag"]
    exact_kernel = STIFFNESS * FRICTION_RATE_IN_KG_PER_S2 * np.exp(-kernel.x / MEMORY)
    np.testing.assert_allclose(kernel.y, exact_kernel, rtol=0, atol=(0.02 if forces else 0.07) * exact_kernel[0])


def test_friction_from_diffusion_agrees(memory):
    scalars = friction(memory, **OPTIONS).scalars
    scalar = scalars["friction_from_diffusion_Ag"]
    assert scalar.value == pytest.approx(STIFFNESS * MEMORY * FRICTION_IN_KG_PER_S, abs=5.0 * scalar.error)


def test_a_bound_ion_has_no_friction_coefficient():
    """In a trap G grows without end; it is refused, not averaged."""
    with pytest.raises(NotConverged, match=r"no plateau: it rises by|does not diffuse"):
        friction(ions(spring=20_000.0, n_frames=6000, n_ions=10), **OPTIONS)


def test_the_plateau_begins_behind_the_memory(memory):
    scalars = friction(memory, **OPTIONS).scalars
    # After three memory times the integral is still 5 % short.
    assert 2.0 * MEMORY < scalars["plateau_start_Ag"].value < scalars["plateau_end_Ag"].value <= 1.5


def test_a_longest_lag_before_the_plateau_is_refused(memory):
    """At 4 memory times the last quarter still rises by 3 %."""
    with pytest.raises(NotConverged, match=r"has no plateau: it rises by \d+% ± \d+% over its second half"):
        friction(memory, longest_lag=0.4)
    with pytest.raises(ParameterError, match=r"a plateau takes 0\.4 ps, 40 frames, at least"):
        friction(memory, longest_lag=0.2)


def test_what_is_held_takes_no_part(memory):
    """Light bodies that are held in place change nothing: neither the temperature nor the frame of the velocities."""
    n_frames, n_held = memory.n_frames, 21
    still = np.zeros((n_frames, n_held, 3))
    held = replace(
        memory,
        species=memory.species[:-1] + ("I",) * n_held,
        masses=np.concatenate((memory.masses[:-1], np.full(n_held, 127.0))),
        **{
            name: np.concatenate((getattr(memory, name)[:, :-1], still), axis=1)
            for name in ("positions", "velocities", "forces")
        },
    )
    found = friction(held, **OPTIONS, held=3 * n_held, conserves_momentum=False).scalars
    for name, scalar in friction(memory, **OPTIONS).scalars.items():
        assert found[name].value == pytest.approx(scalar.value, rel=1e-6)
