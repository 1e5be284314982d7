"""Rotors that jump at a known rate, and halves that turn against each other."""

from dataclasses import replace

import numpy as np
import polyatomic
import pytest
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.observables.reorientations import reorientations
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged

TETRAHEDRAL = Rotation.create_group("T").as_matrix()
RATE, TIMESTEP = 0.5, 0.02  # 1/ps, ps


def trembling(rng, rotations, degrees=5.0):
    n = int(np.prod(rotations.shape[:-2]))
    tremble = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=(n, 3))).as_matrix()
    return tremble.reshape(rotations.shape) @ rotations


def test_rotors_that_jump_at_a_known_rate(rng):
    """Each jump leads to one of the eleven other orientations; two of these turn about the vector that is watched."""
    n_frames, n_rotors = 10_000, 6
    moves = rng.random((n_frames, n_rotors)) < -np.expm1(-RATE * TIMESTEP)
    states = np.zeros((n_frames, n_rotors), dtype=int)
    for t in range(1, n_frames):
        others = (states[t - 1] + rng.integers(1, 12, size=n_rotors)) % 12
        states[t] = np.where(moves[t], others, states[t - 1])
    trajectory = polyatomic.crystal(
        *polyatomic.ps4(), trembling(rng, TETRAHEDRAL[states]), timestep=TIMESTEP, spacing=8.0
    )
    dwell = 0.1
    scalars = reorientations(trajectory, dwell=dwell, smoothing=0.0).scalars
    events = RATE * n_frames * TIMESTEP * n_rotors
    # A stay of less than the dwell time hides its two jumps, or makes one of them, unless the jumps undo each other.
    hidden = -np.expm1(-RATE * dwell)
    for name, share in (("reorientation_frequency_PS4", 1.0), ("vector_reorientation_frequency_PS4", 9.0 / 11.0)):
        scalar = scalars[name]
        assert scalar.unit == "1/ns"
        noise = 5.0 / np.sqrt(share * events)
        assert (1.0 - 2.0 * hidden) - noise < scalar.value / (1e3 * share * RATE) < 1.0 + noise
    ratio = scalars["vector_reorientation_frequency_PS4"].value / scalars["reorientation_frequency_PS4"].value
    assert ratio == pytest.approx(9.0 / 11.0, abs=5.0 * np.sqrt(9.0 / 11.0 * 2.0 / 11.0 / events))
    assert "conformer_frequency_PS4" not in scalars


def test_librations_are_no_reorientations(rng):
    still = polyatomic.random_rotations(rng, 1, 3).repeat(500, axis=0)
    trajectory = polyatomic.crystal(*polyatomic.bh4(), trembling(rng, still, 12.0), timestep=TIMESTEP)
    scalar = reorientations(trajectory).scalars["reorientation_frequency_BH4"]
    assert scalar.value is None
    assert scalar.upper_bound == pytest.approx(3.0 / (3 * 499 * TIMESTEP) * 1e3)


def thiophosphate(rng, upper, lower):
    """Return one P2S6 whose two halves are turned about its axis by angles in degrees, shape (T,), and tremble."""
    kinds, geometry = polyatomic.p2s6()
    bodies = np.repeat(polyatomic.centred(kinds, geometry)[None], len(upper), axis=0)
    for members, angles in (([0, 2, 3, 4], upper), ([1, 5, 6, 7], lower)):
        spin = Rotation.from_rotvec(np.radians(angles)[:, None] * [0.0, 0.0, 1.0]).as_matrix()
        bodies[:, members] = np.einsum("tij,tnj->tni", spin, bodies[:, members])
    rigid = polyatomic.crystal(kinds, geometry, np.tile(np.eye(3), (len(upper), 1, 1, 1)), timestep=TIMESTEP)
    positions = rigid.positions.copy()
    pose = polyatomic.random_rotations(rng, 1)[0]
    positions[:, :8] = bodies @ pose.T + 0.03 * rng.normal(size=bodies.shape)
    return replace(rigid, positions=positions)


def per_ns(n_events, n_frames):
    return pytest.approx(n_events / ((n_frames - 1) * TIMESTEP) * 1e3) if n_events else None


@pytest.mark.parametrize(
    ("upper", "lower", "flips", "turns"),
    [
        ([0, 0, 0, 0], [0, 120, 0, 120], 3, 0),
        ([0, 0, 0, 0], [0, 120, 240, 360], 3, 0),  # on and on in one sense
        ([0, 120, 120, 240], [0, 0, 120, 120], 3, 0),  # one after the other
        ([0, 120, 240, 360], [0, 120, 240, 360], 0, 3),
        ([0, 120, 120, 240], [0, 120, 240, 240], 2, 1),
        ([0, 60, 0, 60], [0, -60, 0, -60], 3, 0),  # against each other, neither past the threshold
    ],
)
def test_a_half_that_turns_changes_the_conformer_and_both_together_the_orientation(rng, upper, lower, flips, turns):
    visits = rng.integers(30, 200, size=len(upper))
    trajectory = thiophosphate(rng, np.repeat(upper, visits), np.repeat(lower, visits))
    scalars = reorientations(trajectory, dwell=4 * TIMESTEP, smoothing=0.0).scalars
    n_frames = trajectory.n_frames
    assert scalars["conformer_frequency_P2S6"].value == per_ns(flips, n_frames)
    assert scalars["reorientation_frequency_P2S6"].value == per_ns(turns, n_frames)
    assert scalars["vector_reorientation_frequency_P2S6"].value is None


def test_an_axis_that_tumbles_takes_both_halves_along(rng):
    turns = Rotation.from_rotvec(np.radians(np.repeat([0.0, 90.0, 180.0], 100))[:, None] * [1.0, 0.0, 0.0])
    trajectory = polyatomic.crystal(*polyatomic.p2s6(), turns.as_matrix()[:, None], timestep=TIMESTEP)
    scalars = reorientations(trajectory).scalars
    assert scalars["vector_reorientation_frequency_P2S6"].value == per_ns(2, 300)
    assert scalars["reorientation_frequency_P2S6"].value == per_ns(2, 300)
    assert scalars["conformer_frequency_P2S6"].value is None


def test_what_cannot_be_is_refused(rng):
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, 10, 2))
    with pytest.raises(ParameterError, match="threshold is 200° where an angle"):
        reorientations(trajectory, threshold=200.0)
    with pytest.raises(NotConverged, match="no polyanions"):
        reorientations(replace(trajectory, mobile=("Li", "S", "P")))
