"""Haven ratios that are known: independent ions, rigid clusters, bound pairs."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.analysis.observables.conductivity import conductivity
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY

WINDOW = {"fit_start": 0.5, "fit_end": 2.0}


def clusters(n_clusters, n_each, charges, seed, n_frames=1000, jiggle=0.0):
    """Return Brownian clusters of ions with D = 0.5 Å²/ps in a box of 10 Å, and a host ion at rest."""
    rng = np.random.default_rng(seed)
    walks = np.cumsum(rng.normal(scale=np.sqrt(2 * 0.5 * 0.1), size=(n_frames, n_clusters, 1, 3)), axis=0)
    ions = (walks + 3.0 * rng.normal(size=(n_clusters, n_each, 3))).reshape(n_frames, -1, 3)
    ions = ions + jiggle * rng.normal(size=ions.shape)
    kinds = list(charges)
    return Trajectory(
        species=(*(kinds[i % len(kinds)] for i in range(n_clusters * n_each)), "I"),
        positions=np.concatenate((ions, np.zeros((n_frames, 1, 3))), axis=1),
        cell=np.eye(3) * 10.0,
        timestep=0.1,
        masses=np.array([1.0] * (n_clusters * n_each) + [1e9]),
        mobile=tuple(kinds),
        formal_charges=charges,
    )


def test_nernst_einstein_of_walkers():
    """N q² D/(V k_B T) with the number of an SI calculation: 6.2e3 mS/cm for these at 300 K."""
    result = conductivity(clusters(20, 1, {"Ca": 2.0}, 1), temperature=300.0, **WINDOW)
    scalar = result.scalars["conductivity_nernst_einstein"]
    siemens_per_metre = 20 * (2 * 1.602176634e-19) ** 2 * 0.5e-8 / (1e-27 * 1.380649e-23 * 300.0)
    assert scalar.value == pytest.approx(10.0 * siemens_per_metre, abs=5.0 * scalar.error)
    assert scalar.error < 0.1 * scalar.value
    assert scalar.unit == "mS/cm"


@pytest.mark.parametrize("n_each", [1, 4])
def test_haven_ratio_of_rigid_clusters_and_its_claimed_error(n_each):
    """1/n over 150 replicas; the inverse of a mean with a relative variance of ε² is 1 + ε² too large."""
    results = [
        conductivity(clusters(6, n_each, {"Ag": 1.0}, seed), temperature=300.0, **WINDOW).scalars for seed in range(150)
    ]
    scalars = [result["haven_ratio"] for result in results if "haven_ratio" in result]
    assert len(scalars) == 150
    values = np.array([scalar.value for scalar in scalars])
    bias = np.mean([scalar.error / scalar.value for scalar in scalars]) ** 2
    assert values.mean() * n_each == pytest.approx(1.0 + bias, abs=5.0 * n_each * values.std(ddof=1) / np.sqrt(150))
    collective = np.array([result["conductivity"].value for result in results])
    claimed = np.mean([result["conductivity"].error for result in results])
    # A standard deviation of 150 is known to 1/sqrt(300).
    assert claimed == pytest.approx(collective.std(ddof=1), rel=5.0 / np.sqrt(300))


def test_bound_pairs_carry_no_current():
    result = conductivity(clusters(10, 2, {"Ag": 1.0, "Cl": -1.0}, 5), temperature=300.0, **WINDOW)
    scalar = result.scalars["conductivity"]
    assert scalar.value is None
    assert scalar.upper_bound < 1e-8 * result.scalars["conductivity_nernst_einstein"].value
    assert "haven_ratio" not in result.scalars
    np.testing.assert_allclose(result.curves["charge_displacement"].y, 0.0, atol=1e-9)


def test_pairs_that_vibrate_are_bounded():
    result = conductivity(clusters(10, 2, {"Ag": 1.0, "Cl": -1.0}, 5, jiggle=0.2), temperature=300.0, **WINDOW)
    scalar = result.scalars["conductivity"]
    assert scalar.value is None
    assert 0.0 < scalar.upper_bound < 0.05 * result.scalars["conductivity_nernst_einstein"].value


def test_the_host_is_the_frame_and_its_charge_carries_nothing():
    trajectory = clusters(6, 1, {"Ag": 1.0}, 3)
    drift = np.arange(1000.0)[:, None, None] ** 2 * np.array([1e-4, 0.0, 0.0])
    charged = replace(trajectory, positions=trajectory.positions + drift, formal_charges={"Ag": 1.0, "I": -6.0})
    name = "conductivity"
    expected = conductivity(trajectory, temperature=300.0, **WINDOW).scalars[name].value
    assert conductivity(charged, temperature=300.0, **WINDOW).scalars[name].value == pytest.approx(expected, rel=1e-6)


def test_temperature_is_that_of_the_velocities():
    trajectory = clusters(6, 1, {"Ag": 1.0}, 3)
    rng = np.random.default_rng(1)
    velocities = np.zeros_like(trajectory.positions)
    velocities[:, :-1] = rng.normal(scale=np.sqrt(BOLTZMANN * 450.0 / KINETIC_ENERGY), size=(1000, 6, 3))
    moving = conductivity(replace(trajectory, velocities=velocities), **WINDOW).scalars["conductivity"].value
    # 18 of 3N − 3 = 18 degrees of freedom move: the host is at rest.
    given = conductivity(trajectory, temperature=450.0, **WINDOW).scalars["conductivity"].value
    assert moving == pytest.approx(given, rel=5.0 * np.sqrt(2.0 / 18_000))


def test_what_is_not_known_must_be_given():
    trajectory = clusters(6, 1, {"Ag": 1.0}, 3)
    with pytest.raises(ParameterError, match="give the temperature"):
        conductivity(trajectory, **WINDOW)
    with pytest.raises(ParameterError, match="formal charge of Ag"):
        conductivity(replace(trajectory, formal_charges={}), temperature=300.0, **WINDOW)
    with pytest.raises(ParameterError, match="temperature is -1 K"):
        conductivity(trajectory, temperature=-1.0, **WINDOW)
