"""Interstices of known lattices, and which of them an ion is in."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.sites import (
    cage_species,
    changes,
    find_interstices,
    frames_of,
    host_interstices,
    lasting_states,
    nearest_sites,
)
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.structures import materials

A = 5.0855
BCC = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
FCC = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
SHEARED = np.array([[9.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 8.0]])


def lattice(basis, repeats, a=A):
    cells = np.array(list(product(range(repeats), repeat=3)))
    return (cells[:, None] + basis).reshape(-1, 3) * a, np.eye(3) * a * repeats


def same_points(first, second, cell, within=1e-3):
    """Return whether every point of each set has exactly one of the other nearby, by minimum image."""
    vectors = (first[:, None] - second[None]) @ np.linalg.inv(cell)
    near = np.linalg.norm((vectors - np.rint(vectors)) @ cell, axis=-1) < within
    return len(first) == len(second) and np.all(near.sum(axis=0) == 1) and np.all(near.sum(axis=1) == 1)


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_a_body_centred_cubic_lattice_has_the_twelve_sites_of_silver(repeats):
    points, cell = lattice(BCC, repeats)
    silver = next(site for site in materials()["alpha-AgI"].sites if site.species == "Ag")
    expected, _ = lattice(np.array(silver.fractional), repeats)
    found = find_interstices(points, cell)
    assert same_points(found.centres, expected, cell)
    corners = found.corners(points[None], cell, np.arange(len(found.centres)))[0]
    np.testing.assert_allclose(np.linalg.norm(corners - found.centres[:, None], axis=-1), A * np.sqrt(5.0) / 4.0)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_face_centred_lattice_has_eight_tetrahedral_and_four_octahedral_ones(rng, noise):
    points, cell = lattice(FCC, 2)
    points = points + noise * rng.normal(size=points.shape)
    quarters = np.array(list(product([0.25, 0.75], repeat=3)))
    for n_corners, basis in ((4, quarters), (6, FCC + np.array([0.5, 0.0, 0.0]))):
        found = find_interstices(points, cell, n_corners)
        # A centre moves as its corners do, and more where these are almost on a plane.
        assert same_points(found.centres, lattice(basis, 2)[0], cell, within=1e-3 + 10.0 * noise)
        corners = found.corners(points[None], cell, slice(None))[0]
        assert corners.shape == (8 * len(basis), n_corners, 3)
        radii = np.linalg.norm(corners - found.centres[:, None], axis=-1)
        np.testing.assert_allclose(radii, A * (np.sqrt(3.0) / 4.0 if n_corners == 4 else 0.5), atol=1e-6 + 10.0 * noise)


def test_a_simple_cubic_lattice_has_only_the_middles_of_its_cubes():
    points, cell = lattice(np.zeros((1, 3)), 3)
    for n_corners, name in ((4, "tetrahedral"), (6, "octahedral"), (7, "7-cornered")):
        with pytest.raises(NotConverged, match=f"no {name} interstices"):
            find_interstices(points, cell, n_corners)
    assert same_points(find_interstices(points, cell, 8).centres, lattice(np.full((1, 3), 0.5), 3)[0], cell)
    with pytest.raises(ParameterError, match="corners is 3 where an interstice has four at least"):
        find_interstices(points, cell, 3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_thermal_noise_the_origin_and_the_cell_change_nothing(seed):
    rng = np.random.default_rng(seed)
    for basis, per_cell in ((BCC, 12), (FCC, 8)):
        points, cell = lattice(basis, 2)
        shift = rng.uniform(0.0, A, 3)
        clean = find_interstices(points, cell).centres
        images = rng.integers(-2, 3, size=points.shape) @ cell
        sheared = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ cell
        moved = find_interstices(points + shift + images, sheared).centres
        assert same_points(moved, clean + shift, cell)
        # A mean over many frames leaves noise of a few hundredths of an ångström.
        shaken = find_interstices(points + rng.normal(scale=0.02, size=points.shape), cell)
        assert len(shaken.centres) == per_cell * 8


def crystal(species, points, cell, n_frames=20, mobile=("Ag",), drift=0.0, noise=0.0):
    rng = np.random.default_rng(3)
    positions = points + noise * rng.normal(size=(n_frames, *points.shape))
    positions = positions + drift * np.arange(n_frames)[:, None, None]
    return Trajectory(species, positions, cell, 0.01, np.ones(len(species)), mobile=mobile)


def test_sites_are_those_of_the_mean_lattice_in_its_own_frame():
    points, cell = lattice(BCC, 2)
    everything = np.vstack((points, [[1.0, 1.0, 1.0]]))
    species = ("I",) * len(points) + ("Ag",)
    still, _ = host_interstices(crystal(species, everything, cell), "I")
    shaken, _ = host_interstices(crystal(species, everything, cell, 2000, drift=0.01, noise=0.3), "I")
    assert len(still.centres) == len(shaken.centres) == 96
    vectors = (still.centres[:, None] - shaken.centres[None]) @ np.linalg.inv(cell)
    distances = np.linalg.norm((vectors - np.rint(vectors)) @ cell, axis=-1).min(axis=1)
    assert distances.max() < 5.0 * 0.3 * 2.0 / np.sqrt(2000)


def test_an_interstice_that_is_taken_by_another_host_ion_is_none():
    points, cell = lattice(FCC, 2)
    phosphorus = np.array([[0.25, 0.25, 0.25]]) * A
    species = ("S",) * len(points) + ("P",) + ("Li",)
    trajectory = crystal(species, np.vstack((points, phosphorus, [[2.0, 1.0, 0.3]])), cell, mobile=("Li",))
    sites, _ = host_interstices(trajectory, "S")
    assert len(sites.centres) == 63
    host = np.append(np.arange(len(points)), len(points))
    centre = trajectory.positions[0, host].mean(axis=0)  # the sites are in its frame
    corners = sites.corners(points[None] - centre, cell, np.arange(63))
    np.testing.assert_allclose(np.linalg.norm(corners[0] - sites.centres[:, None], axis=-1), A * np.sqrt(3.0) / 4.0)


def test_a_breathing_cell_moves_the_corners_with_it():
    points, cell = lattice(BCC, 2)
    found = find_interstices(points, cell)
    scales = np.array([1.0, 1.1])[:, None, None]
    corners = found.corners(points * scales, cell * scales, np.arange(96))
    np.testing.assert_allclose(corners[1], 1.1 * corners[0])


def test_the_nearest_site_in_a_sheared_cell_against_explicit_images(rng):
    sites, ions = rng.random((7, 3)) @ SHEARED, rng.normal(scale=30.0, size=(20, 5, 3))
    shifts = np.array(list(product(range(-2, 3), repeat=3))) @ SHEARED
    fractional = ions @ np.linalg.inv(SHEARED)
    wrapped = (fractional - np.floor(fractional)) @ SHEARED
    distances = np.linalg.norm(wrapped[:, :, None, None] - sites[:, None] - shifts, axis=-1).min(axis=-1)
    np.testing.assert_array_equal(nearest_sites(ions, sites, SHEARED), distances.argmin(axis=-1))


def test_one_site_in_a_large_cell_is_nearest_to_all(rng):
    assert np.all(nearest_sites(rng.normal(size=(3, 4, 3)), np.zeros((1, 3)), SHEARED) == 0)


def test_crowded_sites_are_found_across_a_long_cell():
    """Eleven sites from z = 6 to 7 in a cell of 60 Å: at z = 59 the nearest is the image of the first, 7 Å on."""
    sites = np.column_stack((np.zeros((11, 2)), np.linspace(6.0, 7.0, 11)))
    ions = np.array([[[0.0, 0.0, 59.0], [0.0, 0.0, 20.0], [2.0, 2.0, 6.52]]])
    assert nearest_sites(ions, sites, np.diag([4.0, 4.0, 60.0])).tolist() == [[0, 10, 5]]


def test_short_visits_are_taken_as_what_came_before():
    states = np.array([[5, 1, 1, 1, 2, 1, 1, 3, 3, 3, 4], [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 9]]).T
    lasting = lasting_states(states, 2)
    assert lasting[:, 0].tolist() == [1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3]
    assert lasting[:, 1].tolist() == [3, 3, 3, 3, 3, 3, 3, 3, 3, 9, 9]
    assert set(lasting_states(states, 5)[:, 0].tolist()) == {1}
    np.testing.assert_array_equal(lasting_states(states, 1), states)
    frames, columns = changes(lasting)
    assert (frames.tolist(), columns.tolist()) == ([7, 9], [0, 1])


def test_which_host_makes_the_sites():
    points, cell = lattice(FCC, 1)
    trajectory = crystal(("S", "P", "X", "Li"), points, cell, mobile=("Li",))
    with pytest.raises(ParameterError, match=r"neighbour is None where one of the host species is expected: S, P$"):
        cage_species(trajectory, None)
    assert cage_species(trajectory, "P") == "P"
    assert cage_species(replace(trajectory, species=("S", "S", "X", "Li")), None) == "S"
    with pytest.raises(NotConverged, match="no species of the trajectory is declared mobile"):
        cage_species(replace(trajectory, mobile=()), None)
    assert [frames_of(x, trajectory, "dwell") for x in (0.0, 0.024, 0.1)] == [1, 2, 10]
    with pytest.raises(ParameterError, match="dwell is -1 ps and must not be negative"):
        frames_of(-1.0, trajectory, "dwell")
