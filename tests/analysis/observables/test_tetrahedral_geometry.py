"""Tetrahedra whose angles are known: rigid, noisy, and between the ions of a lattice."""

from dataclasses import replace
from itertools import product

import numpy as np
import polyatomic
import pytest
from scipy import stats

from aiida_superionic.analysis.observables.tetrahedral_geometry import (
    angular_velocity,
    apex_angles,
    corner_angles,
    low_pass,
    tetrahedral_geometry,
)
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

EDGE = 2.05 * np.sqrt(8.0 / 3.0)


def test_a_rigid_top_has_constant_angles_and_no_angular_velocity(rng):
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, 800, 3))
    result = tetrahedral_geometry(trajectory)
    assert result.scalars["tetrahedral_angle_PS4"].value == pytest.approx(60.0)
    assert result.scalars["tetrahedral_angle_spread_PS4"].value == pytest.approx(0.0, abs=1e-6)
    assert result.scalars["angular_velocity_spread_PS4"].value == pytest.approx(0.0, abs=1e-6)
    curve = result.curves["tetrahedral_angle_distribution_PS4"]
    assert curve.x[np.flatnonzero(curve.y)] == pytest.approx([60.0])
    velocity = result.curves["angular_velocity_distribution_PS4"]
    assert velocity.x[np.flatnonzero(velocity.y)] == pytest.approx([0.0])


def test_harmonic_angles_are_gaussian_and_so_are_their_velocities(rng):
    """Sulfur displaced by independent Gaussians of width σ in every frame.

    To first order an angle of a face of edge d has variance 3σ²/d², a third from each corner, and its central
    difference over 2 dt the variance (3σ²/d²)/(2 dt²).
    """
    n_frames, n_units, width, timestep = 2000, 8, 0.01, 0.01
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, n_frames, n_units))
    noise = width * rng.normal(size=trajectory.positions.shape)
    result = tetrahedral_geometry(replace(trajectory, positions=trajectory.positions + noise), bin_width=0.05)
    theta = np.degrees(np.sqrt(3.0) * width / EDGE)
    omega = theta / (np.sqrt(2.0) * timestep * 1e3)
    # The eight coordinates of a frame's angles are independent: 12 angles count as 5 at least.
    samples = 5 * n_frames * n_units
    assert result.scalars["tetrahedral_angle_PS4"].value == pytest.approx(60.0, abs=5.0 * theta / np.sqrt(samples))
    assert result.scalars["tetrahedral_angle_spread_PS4"].value == pytest.approx(theta, rel=5.0 / np.sqrt(2 * samples))
    spread = result.scalars["angular_velocity_spread_PS4"]
    assert (spread.value, spread.unit) == (pytest.approx(omega, rel=5.0 / np.sqrt(samples)), "degree/fs")
    for name, middle, scale in (("tetrahedral_angle", 60.0, theta), ("angular_velocity", 0.0, omega)):
        curve = result.curves[f"{name}_distribution_PS4"]
        step = curve.x[1] - curve.x[0]
        assert curve.y.sum() * step == pytest.approx(1.0)
        expected = stats.norm(middle, scale)
        share = expected.cdf(curve.x + 0.5 * step) - expected.cdf(curve.x - 0.5 * step)
        part = share > 1e-3
        # 12 angles of a unit share corners; and next but one velocities share a frame.
        assert np.all(
            np.abs(curve.y * step - share)[part] < 5.0 * np.sqrt(2.0 * share[part] / samples) + 1e-3 * share[part]
        )


def test_the_interstices_of_a_body_centred_lattice_have_apexes_of_70_degrees(rng):
    a, n_frames = 5.0, 800
    cells = np.array(list(product(range(2), repeat=3)))
    hosts = (cells[:, None] + [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]).reshape(-1, 3) * a
    positions = np.vstack((hosts, [[1.0, 2.0, 2.0]])) + 0.02 * rng.normal(size=(n_frames, 17, 3))
    images = 2.0 * a * rng.integers(-2, 3, size=(17, 3))
    species = ("I",) * 16 + ("Ag",)
    trajectory = Trajectory(species, positions + images, np.eye(3) * 2 * a, 0.01, np.ones(17), mobile=("Ag",))
    result = tetrahedral_geometry(trajectory, max_angles=400)
    mean = result.scalars["tetrahedral_angle_I4"]
    assert mean.value == pytest.approx(np.degrees(np.arccos(1.0 / 3.0)), abs=0.05)
    # Arms b = √3/2 a at angle θ: the two ends give σ²/b² each, the apex 2σ²(1 − cos θ)/b² sin²... of it.
    arm = np.sqrt(3.0) / 2.0 * a
    theta = np.arccos(1.0 / 3.0)
    variance = (0.02 / arm) ** 2 * (2.0 + (2.0 - 2.0 * np.cos(theta)))
    assert result.scalars["tetrahedral_angle_spread_I4"].value == pytest.approx(np.degrees(np.sqrt(variance)), rel=0.02)


def test_which_angles_are_meant():
    assert len(apex_angles(polyatomic.CORNERS)) == 12
    interstice = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, -0.5]])
    chosen = apex_angles(interstice)
    assert sorted(chosen[:, 0].tolist()) == [0, 1, 2, 3]
    np.testing.assert_allclose(corner_angles(interstice, chosen), np.degrees(np.arccos(1.0 / 3.0)))
    ends = {tuple(sorted(row[1:])) for row in chosen.tolist()}
    assert ends == {(0, 1), (2, 3)}


def test_the_low_pass_keeps_what_is_slow_and_nothing_else():
    times = 0.01 * (np.arange(2000) + 0.5)
    slow, fast = np.cos(2 * np.pi * 0.1 * times), np.cos(2 * np.pi * 0.2 * times)
    series = (60.0 + 3.0 * slow + 2.0 * fast)[:, None]
    np.testing.assert_allclose(low_pass(series, 0.01, 0.15)[:, 0], 60.0 + 3.0 * slow, atol=1e-10)
    np.testing.assert_allclose(low_pass(series, 0.01, 0.25), series, atol=1e-10)
    # A trend has no step between its end and its beginning.
    trend = times[:, None]
    assert np.abs(low_pass(trend, 0.01, 1.0) - trend).max() < 0.15


def test_the_filtered_curves_are_those_of_5_wavenumbers():
    """One unit breathes at 3 and one at 8 cm^-1: 0.090 and 0.240 THz."""
    times = 0.02 * np.arange(4000)
    kinds, geometry = polyatomic.ps4()
    trajectory = polyatomic.crystal(kinds, geometry, np.tile(np.eye(3), (4000, 2, 1, 1)), timestep=0.02)
    positions = trajectory.positions.copy()
    for unit, frequency in enumerate((0.090, 0.240)):
        positions[:, 5 * unit + 1, 0] += 0.05 * np.sin(2.0 * np.pi * frequency * times)
    result = tetrahedral_geometry(replace(trajectory, positions=positions), max_angles=24, bin_width=0.02)
    width = {}
    for suffix in ("", "_filtered"):
        curve = result.curves[f"tetrahedral_angle_distribution{suffix}_PS4"]
        width[suffix] = np.sqrt(np.sum(curve.y * (curve.x - 60.0) ** 2) * 0.02)
    assert width["_filtered"] / width[""] == pytest.approx(np.sqrt(0.5), rel=0.03)


def test_velocities_are_central_differences():
    np.testing.assert_allclose(angular_velocity(np.array([[1.0], [2.0], [7.0], [5.0]]), 0.002), [[1.5], [0.75]])


def test_a_short_run_and_bad_parameters_are_refused(rng):
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, 100, 1))
    with pytest.raises(NotConverged, match=r"the low-pass of 5 cm\^-1 needs 6.67 ps"):
        tetrahedral_geometry(trajectory)
    with pytest.raises(ParameterError, match="must be positive"):
        tetrahedral_geometry(trajectory, cutoff=0.0)
    pyramids = polyatomic.crystal(*polyatomic.p2s6(), polyatomic.random_rotations(rng, 800, 1))
    with pytest.raises(ParameterError, match="neighbour is None where one of the host species is expected: P, S"):
        tetrahedral_geometry(pyramids)
