"""Rotations that are known, and jumps between known orientations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis import orientation
from aiida_superionic.analysis.sites import lasting_states

TETRAHEDRAL = Rotation.create_group("T").as_matrix()


def about_z(angles):
    return Rotation.from_rotvec(np.radians(angles)[:, None] * [0.0, 0.0, 1.0]).as_matrix()[:, None]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_rotation_of_a_body_is_found(seed):
    rng = np.random.default_rng(seed)
    points, weights = rng.normal(size=(5, 3)), rng.uniform(1.0, 30.0, size=5)
    points -= weights @ points / weights.sum()
    turn = Rotation.random(rng=rng).as_matrix()
    np.testing.assert_allclose(orientation.best_rotation(points, points @ turn.T, weights), turn, atol=1e-9)
    assert orientation.kabsch_deviation(points, points @ turn.T, weights) < 1e-12


def test_a_mirror_image_is_no_rotation(rng):
    points = rng.normal(size=(5, 3))
    points -= points.mean(axis=0)
    rotation = orientation.best_rotation(points, -points, np.ones(5))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert orientation.kabsch_deviation(points, -points, np.ones(5)) > 0.1


def test_heavy_atoms_count_more(rng):
    points = rng.normal(size=(4, 3))
    points -= points.mean(axis=0)
    turn = Rotation.from_rotvec([0.3, 0.0, 0.1]).as_matrix()
    turned = points @ turn.T
    turned[3] += [1.0, 0.5, 0.0]
    light, even = np.array([1.0, 1.0, 1.0, 1e-6]), np.ones(4)
    one, other = (orientation.best_rotation(points, turned, weights) for weights in (light, even))
    assert orientation.rotation_angle(one, turn) < 1e-3 < orientation.rotation_angle(other, turn)


def test_angles_between_orientations():
    identity = np.eye(3)
    third = Rotation.from_rotvec(np.radians(120.0) * np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0)).as_matrix()
    assert orientation.rotation_angle(identity, third) == pytest.approx(120.0)
    assert orientation.rotation_angle(third, third) == pytest.approx(0.0, abs=1e-5)
    assert orientation.rotation_angle(identity, np.diag([1.0, -1.0, -1.0])) == pytest.approx(180.0)
    assert orientation.angle_between(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(90.0)


@pytest.mark.parametrize("kind", ["rotations", "vectors"])
def test_every_lasting_jump_between_basins_is_counted_and_no_other(rng, kind):
    """Five rotors jump between the twelve orientations of a tetrahedron, with librations of 8° about each axis."""
    states = np.cumsum((rng.random((6000, 5)) < 0.01) * rng.integers(1, 12, size=(6000, 5)), axis=0) % 12
    tremble = Rotation.from_rotvec(np.radians(8.0) * rng.normal(size=(30_000, 3))).as_matrix().reshape(6000, 5, 3, 3)
    turned = tremble @ TETRAHEDRAL[states]
    if kind == "vectors":
        corner = np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0)
        turned = turned @ corner
        places = np.round(TETRAHEDRAL @ corner, 6)
        states = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)[states]
    frames, bodies = orientation.basin_changes(turned, 70.0, 10, 1)
    expected = lasting_states(states, 10)
    counts = np.count_nonzero(expected[1:] != expected[:-1], axis=0)
    assert counts.sum() > 150
    # A tremble of more than half the threshold, 35°, happens to one frame in 6000, and may hide a short visit.
    assert np.abs(np.bincount(bodies, minlength=5) - counts).sum() <= 3
    assert np.all(np.diff(frames) >= 0)


def test_what_is_too_short_or_too_small_is_no_reorientation():
    angles = np.zeros(300)
    angles[50:58] = 90.0  # too short
    angles[100:200] = 60.0  # too small
    angles[250:] = 90.0
    turned = about_z(angles)
    frames, bodies = orientation.basin_changes(turned, 70.0, 10, 1)
    assert (frames.tolist(), bodies.tolist()) == ([250], [0])
    assert orientation.basin_changes(turned, 70.0, 5, 1)[0].tolist() == [50, 58, 250]
    assert orientation.basin_changes(turned, 50.0, 10, 1)[0].tolist() == [100, 200, 250]


def test_what_turns_on_and_on_is_in_no_basin():
    turning = about_z(6.0 * np.arange(300))
    # 35° take 6 frames: it never stays for 10.
    assert len(orientation.basin_changes(turning, 70.0, 10, 1)[0]) == 0
    assert len(orientation.basin_changes(turning, 70.0, 3, 1)[0]) > 5


def test_smoothing_takes_a_single_swing_out():
    angles = np.zeros(100)
    angles[40:44] = 100.0
    turned = about_z(angles)
    assert len(orientation.basin_changes(turned, 70.0, 2, 1)[0]) == 2
    assert len(orientation.basin_changes(turned, 70.0, 2, 15)[0]) == 0


def test_events_that_belong_together_are_near_in_time_and_of_one_body():
    first = np.array([10, 20, 40, 43, 60]), np.array([0, 1, 0, 0, 2])
    second = np.array([12, 21, 39, 70, 80]), np.array([0, 0, 0, 2, 1])
    for n_frames, frames in ((0, []), (1, [40]), (2, [12, 40]), (10, [12, 40, 70])):
        found = orientation.coincidences(first, second, n_frames)
        assert found[0].tolist() == frames
        assert found[1].tolist() == [0, 0, 2][: len(frames)]
