"""Densities of ions that are put where they are."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from ase.io.cube import read_cube

from aiida_superionic.analysis.density import density_cube, ion_density
from aiida_superionic.analysis.observables.density_map import density_map
from aiida_superionic.analysis.observables.density_profile import density_profile
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory

SHEARED = np.array([[6.0, 0.0, 0.0], [2.0, 8.0, 0.0], [-1.0, 2.0, 10.0]])
VOLUME = 480.0


def crystal(fractional, cell=SHEARED, drift=0.0):
    """Return lithium at fractional coordinates (T, n, 3) and two host ions at rest."""
    n_frames, n_ions = fractional.shape[:2]
    hosts = np.broadcast_to([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]], (n_frames, 2, 3))
    positions = np.concatenate((fractional, hosts), axis=1) @ cell
    species = ("Li",) * n_ions + ("S", "S")
    positions += drift * np.arange(n_frames)[:, None, None]
    return Trajectory(species, positions, cell, 0.1, np.ones(len(species)), mobile=("Li",))


def test_every_ion_counts_once_at_its_nearest_point():
    fractional = np.array([[0.1, 0.26, 0.49], [0.99, 0.0, -3.01]])
    density = ion_density(crystal(np.repeat(fractional[None], 6, axis=0), drift=0.3), "Li", 1.0)
    norms = np.linalg.norm(SHEARED, axis=1)
    assert density.shape == tuple(np.ceil(norms).astype(int))
    volume = VOLUME / density.size
    assert density.sum() * volume == pytest.approx(2.0)
    expected = {tuple(np.rint(row % 1.0 * density.shape).astype(int) % density.shape) for row in fractional}
    assert {tuple(row) for row in np.argwhere(density)} == expected
    assert (0, 0, 0) in expected
    np.testing.assert_allclose(density[density > 0], 1.0 / volume)


def test_a_gas_is_even(rng):
    trajectory = crystal(rng.random((2000, 5, 3)))
    density = ion_density(trajectory, "Li", 2.0)
    counts = 10_000 / density.size
    np.testing.assert_allclose(density, 5.0 / VOLUME, rtol=5.0 / np.sqrt(counts))
    for axis in "abc":
        curve = density_profile(trajectory, bin_width=1.0).curves[f"density_profile_{axis}_Li"]
        np.testing.assert_allclose(curve.y, 5.0 / VOLUME, rtol=5.0 / np.sqrt(10_000 / len(curve.y)))
        assert np.mean(curve.y) == pytest.approx(5.0 / VOLUME)
        assert 0.3 < np.median(curve.error / curve.y) * np.sqrt(10_000 / len(curve.y)) < 2.0


def test_a_profile_shows_planes_where_they_are(rng):
    fractional = rng.random((200, 3, 3))
    fractional[..., 1] = 0.25
    curves = density_profile(crystal(fractional, drift=0.05), bin_width=0.1).curves
    curve = curves["density_profile_b_Li"]
    length = np.linalg.norm(SHEARED[1])
    peak = np.flatnonzero(curve.y)
    assert abs(curve.x[peak] - 0.25 * length).min() <= 0.05 + 1e-9
    assert len(peak) <= 2  # on an edge, rounding may send an ion to either side
    assert curve.y.mean() == pytest.approx(3.0 / VOLUME)
    assert (curve.x_unit, curve.y_unit) == ("Å", "1/Å^3")
    assert np.all(curves["density_profile_a_Li"].y > 0.0)


def test_a_breathing_cell_leaves_fractional_places(rng):
    fractional = np.full((4, 1, 3), 0.3)
    scales = np.array([1.0, 1.1, 1.0, 0.9])[:, None, None]
    still = crystal(fractional)
    breathing = replace(still, positions=still.positions * scales, cell=SHEARED * scales)
    # The host's centre of mass is kept at its place of the first frame, and the scale changes that by a tenth.
    assert np.count_nonzero(ion_density(breathing, "Li", 4.0)) <= 2
    assert ion_density(breathing, "Li", 1.0).sum() * VOLUME / ion_density(still, "Li", 1.0).size == pytest.approx(1.0)


def test_the_cube_file_holds_the_grid_and_the_host():
    trajectory = crystal(np.full((3, 1, 3), 0.5))
    text = density_cube(trajectory, "Li", 1.0)
    assert density_map(trajectory, spacing=1.0).files == {"density_Li.cube": text}
    read = read_cube(StringIO(text))
    np.testing.assert_allclose(read["data"], ion_density(trajectory, "Li", 1.0), rtol=1e-4)
    np.testing.assert_allclose(read["atoms"].cell[:], SHEARED, atol=1e-4)
    assert read["atoms"].get_chemical_symbols() == ["S", "S"]
    assert "density of Li in ions per" in text.splitlines()[0]


def test_widths_must_be_positive(rng):
    trajectory = crystal(rng.random((10, 1, 3)))
    with pytest.raises(ParameterError, match="spacing is 0 Å"):
        ion_density(trajectory, "Li", 0.0)
    with pytest.raises(ParameterError, match="bin_width is -1 Å"):
        density_profile(trajectory, bin_width=-1.0)
