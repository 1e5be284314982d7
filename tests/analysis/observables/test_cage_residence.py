"""Ions that jump among M cages of one host ion each, so that the set of neighbours is the state."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from aiida_superionic.analysis import trajectory
from aiida_superionic.analysis.observables.cage_residence import UnchangedStates, cage_residence
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

M, RATE, TIMESTEP = 4, 1.5, 0.05  # per ps, ps


def survival(t):
    return 1.0 / M + (1.0 - 1.0 / M) * np.exp(-RATE * M * t / (M - 1.0))


@pytest.fixture(scope="module")
def jumping():
    """Return 60 ions, each for itself among the same four host ions; the fifth host ion is never met."""
    rng = np.random.default_rng(2)
    n_frames, n_ions = 2000, 60
    hosts = np.array([[2.0, 2.0, 2.0], [7.0, 2.0, 2.0], [2.0, 7.0, 2.0], [2.0, 2.0, 7.0], [7.0, 7.0, 7.0]])
    states = np.zeros((n_frames, n_ions), dtype=int)
    states[0] = rng.integers(M, size=n_ions)
    moves = rng.random((n_frames, n_ions)) > survival(TIMESTEP)
    for t in range(1, n_frames):
        states[t] = (states[t - 1] + moves[t] * rng.integers(1, M, size=n_ions)) % M
    positions = np.empty((n_frames, n_ions + 5, 3))
    positions[:, :n_ions] = hosts[states] + [0.0, 0.9, 0.0] + 0.2 * rng.normal(size=(n_frames, n_ions, 3))
    positions[:, n_ions:] = hosts
    positions += 12.0 * rng.integers(-3, 4, size=(n_ions + 5, 3))  # unwrapped, somewhere
    species = ("Ag",) * n_ions + ("I",) * 5
    return Trajectory(species, positions, np.eye(3) * 12.0, TIMESTEP, np.ones(n_ions + 5), mobile=("Ag",))


def test_markov_jumps(jumping):
    result = cage_residence(jumping, cutoff=2.0, longest_lag=5.0)
    curve = result.curves["cage_residence_Ag"]
    assert curve.y[0] == 1.0
    # Independent samples: the run's 100 ps over the time that a state lasts, for 60 ions; variance at most 1/4.
    tolerance = 5.0 * np.sqrt(0.25 * 2.0 / (RATE * M / (M - 1.0)) / (100.0 * 60))
    np.testing.assert_allclose(curve.y, survival(curve.x), rtol=0, atol=tolerance)
    scalar = result.scalars["cage_residence_time_Ag"]
    exact = 1e3 * trapezoid(survival(curve.x), curve.x)
    assert scalar.unit == "fs"
    assert scalar.value == pytest.approx(exact, abs=5.0 * scalar.error)
    assert scalar.error < 0.05 * exact
    assert result.scalars["cage_cutoff_Ag"].value == 2.0


def test_the_cutoff_decides_what_a_cage_is(jumping):
    """At 0.9 Å half the ions are outside the shell of their own host: the empty set is a state too."""
    result = cage_residence(jumping, cutoff=0.9, longest_lag=2.0).scalars
    shorter, middle, longer = (
        result[f"cage_residence_time{suffix}_Ag"].value for suffix in ("_shorter_cutoff", "", "_longer_cutoff")
    )
    assert len({round(shorter), round(middle), round(longer)}) == 3
    wide = cage_residence(jumping, cutoff=2.0, longest_lag=2.0).scalars
    assert wide["cage_residence_time_longer_cutoff_Ag"].value == wide["cage_residence_time_Ag"].value


def test_the_default_cutoff_is_the_first_minimum_of_its_own_distribution(jumping):
    """Ions about 0.9 Å from their host, the next host 4 Å away: any cutoff between gives the same time."""
    result = cage_residence(jumping, longest_lag=2.0).scalars
    assert 1.5 < result["cage_cutoff_Ag"].value < 3.5
    fixed = cage_residence(jumping, cutoff=2.0, longest_lag=2.0).scalars
    assert result["cage_residence_time_Ag"].value == fixed["cage_residence_time_Ag"].value


def counted(states, n_lags, n_blocks, batches):
    """Return the probabilities of the whole and of each block of states that come in some batches."""
    n_frames = len(states)
    unchanged = UnchangedStates(n_frames, states.shape[1], n_lags, n_blocks)
    for part in np.split(states, batches):
        unchanged.add(part)
    size = n_frames // n_blocks
    return [
        unchanged.probability(start, stop)
        for start, stop in ((0, n_frames), *((b * size, (b + 1) * size) for b in range(n_blocks)))
    ]


def expected(states, n_lags, n_blocks):
    """Return the same by plain loops."""
    n_frames = len(states)
    size = n_frames // n_blocks
    parts = [states, *(states[b * size : (b + 1) * size] for b in range(n_blocks))]
    return [
        [np.mean([part[t] == part[t + lag] for t in range(len(part) - lag)]) for lag in range(n_lags)] for part in parts
    ]


def test_an_ion_that_returns_is_in_the_same_cage_again():
    states = np.array([[1, 5], [2, 5], [1, 5], [2, 6]], dtype=np.uint64)
    np.testing.assert_allclose(counted(states, 3, 1, [])[0], [1.0, (0 + 2) / 6, (2 + 1) / 4])


@given(
    seed=st.integers(0, 2**32 - 1),
    n_frames=st.integers(15, 80),
    n_states=st.integers(1, 5),
    lasting=st.sampled_from([0.0, 0.5, 0.95]),
    n_blocks=st.integers(1, 5),
    data=st.data(),
)
@settings(max_examples=200, deadline=None)
def test_equality_against_plain_loops(seed, n_frames, n_states, lasting, n_blocks, data):
    """Runs of every length, blocks that leave frames over, and batches that end anywhere."""
    rng = np.random.default_rng(seed)
    states = rng.integers(n_states, size=(n_frames, 3)).astype(np.uint64) * np.uint64(2**62 + 1)
    for t in range(1, n_frames):
        stays = rng.random(3) < lasting
        states[t, stays] = states[t - 1, stays]
    n_lags = data.draw(st.integers(1, n_frames // n_blocks))
    batches = sorted(data.draw(st.lists(st.integers(0, n_frames), max_size=4)))
    np.testing.assert_allclose(
        counted(states, n_lags, n_blocks, batches), expected(states, n_lags, n_blocks), rtol=1e-14
    )


def test_an_ion_that_has_no_neighbour_is_where_it_was(jumping):
    """Of ions that are all alone, each in the empty set, none ever changes."""
    alone = replace(jumping, positions=np.concatenate((jumping.positions[:, :60] + 3.0, jumping.positions[:, 60:]), 1))
    result = cage_residence(alone, cutoff=0.5, longest_lag=2.0)
    np.testing.assert_array_equal(result.curves["cage_residence_Ag"].y, 1.0)


def test_frames_that_come_a_few_at_a_time_give_the_same(jumping, monkeypatch):
    whole = cage_residence(jumping, cutoff=2.0, longest_lag=2.0)
    monkeypatch.setattr(trajectory, "_BATCH_BYTES", 24 * 65 * 7)
    parts = cage_residence(jumping, cutoff=2.0, longest_lag=2.0)
    assert parts.scalars == whole.scalars


def test_what_is_missing_is_said(jumping):
    with pytest.raises(NotConverged, match="no species of the trajectory is declared mobile"):
        cage_residence(replace(jumping, mobile=()), cutoff=2.0)
    with pytest.raises(ParameterError, match="neighbour is 'Cl' where one of the host species is expected: I"):
        cage_residence(jumping, neighbour="Cl")
    with pytest.raises(NotConverged, match="run longer or shorten longest_lag"):
        cage_residence(jumping.frames(0, 500), cutoff=2.0)
