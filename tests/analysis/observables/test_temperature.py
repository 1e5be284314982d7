"""Equipartition."""

import numpy as np
import pytest

from aiida_superionic.analysis.observables.temperature import temperature
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
