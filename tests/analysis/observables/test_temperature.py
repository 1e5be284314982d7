"""Equipartition."""

import numpy as np
import pytest

from aiida_superionic.analysis.observables.temperature import temperature
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY


@pytest.mark.parametrize("n_atoms", [2, 5])
def test_maxwell_velocities_without_drift_have_their_temperature(rng, n_atoms):
    """With so few atoms 3N degrees of freedom in place of 3N − 3 give half, or four fifths, of it."""
    masses = rng.uniform(1.0, 100.0, n_atoms)
    n_frames = 20_000
    velocities = (
        rng.normal(size=(n_frames, n_atoms, 3)) * np.sqrt(BOLTZMANN * 600.0 / (masses * KINETIC_ENERGY))[:, None]
    )
    velocities += np.array([3.0, -2.0, 1.0])  # a drift of the whole, which is no heat
    trajectory = Trajectory(
        ("Ag",) * n_atoms, np.zeros((n_frames, n_atoms, 3)), np.eye(3), 0.001, masses, velocities=velocities
    )
    result = temperature(trajectory).scalars["temperature"]
    # A chi-squared variable of n degrees of freedom scatters by sqrt(2/n) of its mean.
    expected_error = 600.0 * np.sqrt(2.0 / (3 * n_atoms - 3) / n_frames)
    assert result.value == pytest.approx(600.0, abs=5.0 * expected_error)
    assert 0.1 * expected_error < result.error < 3.0 * expected_error
    assert result.unit == "K"


@pytest.mark.parametrize("conserves_momentum", [True, False])
def test_atoms_that_are_held_take_no_part(rng, conserves_momentum):
    """Three of five atoms are held: two have 6 degrees of freedom, three less where their momentum is conserved."""
    n_frames = 20_000
    masses = np.array([10.0, 10.0, 50.0, 50.0, 50.0])
    velocities = np.zeros((n_frames, 5, 3))
    velocities[:, :2] = rng.normal(size=(n_frames, 2, 3)) * np.sqrt(BOLTZMANN * 600.0 / (10.0 * KINETIC_ENERGY))
    if conserves_momentum:
        velocities[:, :2] -= velocities[:, :2].mean(axis=1, keepdims=True)
    trajectory = Trajectory(("Ag",) * 5, np.zeros((n_frames, 5, 3)), np.eye(3), 0.001, masses, velocities=velocities)
    result = temperature(trajectory, held=9, conserves_momentum=conserves_momentum).scalars["temperature"]
    freedom = 3 if conserves_momentum else 6
    assert result.value == pytest.approx(600.0, abs=5.0 * 600.0 * np.sqrt(2.0 / freedom / n_frames))


def test_more_than_there_is_cannot_be_held(rng):
    trajectory = Trajectory(
        ("Ag",) * 2, np.zeros((9, 2, 3)), np.eye(3), 0.001, np.ones(2), velocities=rng.normal(size=(9, 2, 3))
    )
    with pytest.raises(ParameterError, match="held is 3 of the 3 degrees of freedom"):
        temperature(trajectory, held=3)
