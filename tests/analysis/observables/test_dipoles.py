"""Dipoles of centres that are put where they are."""

import numpy as np
import pytest
from scipy import stats

from aiida_superionic.analysis.observables.dipoles import dipoles
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import DIPOLE_IN_DEBYE

CORNERS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]) / np.sqrt(3.0)


def crystal(shifts):
    """Return iodide ions on a grid whose four centres are all moved by shifts of shape (T, n, 3)."""
    n_frames, n_ions = shifts.shape[:2]
    ions = np.column_stack((5.0 * np.arange(n_ions), np.zeros(n_ions), np.zeros(n_ions)))
    centres = ions[:, None] + 0.6 * CORNERS + shifts[:, :, None]
    positions = np.concatenate((np.broadcast_to(ions, (n_frames, n_ions, 3)), centres.reshape(n_frames, -1, 3)), axis=1)
    species = ("I",) * n_ions + ("X",) * (4 * n_ions)
    return Trajectory(species, positions, np.diag([5.0 * n_ions, 6.0, 6.0]), 0.01, np.ones(len(species)))


def test_the_dipole_of_a_shifted_shell():
    """Eight electrons 0.1 Å off the nucleus; 1 e Å is 4.80320 D."""
    result = dipoles(crystal(np.full((10, 3, 3), 0.1 / np.sqrt(3.0))))
    scalar = result.scalars["dipole_moment_I"]
    assert (scalar.value, scalar.unit) == (pytest.approx(0.8 * 4.80320427, rel=1e-7), "D")
    assert pytest.approx(4.80320427) == DIPOLE_IN_DEBYE
    assert result.scalars["dipole_moment_spread_I"].value == pytest.approx(0.0, abs=1e-9)
    curve = result.curves["dipole_distribution_I"]
    assert np.flatnonzero(curve.y).tolist() == [38]
    assert curve.x[38] == pytest.approx(3.85)


def test_the_distances_of_centres_of_a_shifted_shell():
    """One of four centres is further off than the others, as in an anion that a neighbour polarises."""
    curve = dipoles(crystal(np.full((10, 3, 3), 0.11 / np.sqrt(3.0)))).curves["centre_distance_I"]
    (further,) = np.flatnonzero(np.isclose(curve.y, 0.25 / 0.02))
    (nearer,) = np.flatnonzero(np.isclose(curve.y, 0.75 / 0.02))
    # Moved along one corner of the tetrahedron; the cosine of the angle to the others is -1/3.
    assert abs(curve.x[further] - (0.6 + 0.11)) < 0.01
    assert abs(curve.x[nearer] - np.sqrt(0.6**2 + 0.11**2 - 2.0 * 0.6 * 0.11 / 3.0)) < 0.01
    assert np.sum(curve.y) * 0.02 == pytest.approx(1.0)


def test_gaussian_shifts_give_maxwell_distributed_dipoles(rng):
    n_frames, n_ions, width = 2000, 10, 0.03
    result = dipoles(crystal(width * rng.normal(size=(n_frames, n_ions, 3))), bin_width=0.2)
    law = stats.maxwell(scale=8.0 * width * DIPOLE_IN_DEBYE)
    scalar = result.scalars["dipole_moment_I"]
    assert scalar.value == pytest.approx(law.mean(), abs=5.0 * law.std() / np.sqrt(n_frames * n_ions))
    spread = result.scalars["dipole_moment_spread_I"].value
    assert spread == pytest.approx(law.std(), rel=5.0 / np.sqrt(2.0 * n_frames * n_ions) * 1.1)
    curve = result.curves["dipole_distribution_I"]
    assert np.sum(curve.y) * 0.2 == pytest.approx(1.0)
    expected = np.diff(law.cdf(np.append(curve.x - 0.1, curve.x[-1] + 0.1))) / 0.2
    counts = expected * 0.2 * n_frames * n_ions
    part = counts > 20
    assert np.all(np.abs(curve.y - expected)[part] < 5.0 * expected[part] / np.sqrt(counts[part]))


def test_bad_parameters_are_refused():
    trajectory = crystal(np.zeros((10, 3, 3)))
    with pytest.raises(ParameterError, match="bin_width is 0 D"):
        dipoles(trajectory, bin_width=0.0)
    with pytest.raises(ParameterError, match="do not have 3 Wannier centres"):
        dipoles(trajectory, centres_per_anion=3)
