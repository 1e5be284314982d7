"""Ions that jump between the interstices of body-centred cubic iodide at a known rate."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from aiida_superionic.analysis.observables.diffusion import diffusion
from aiida_superionic.analysis.observables.jumps import jumps, occupancy
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.sites import find_interstices
from aiida_superionic.analysis.trajectory import Trajectory

A, RATE, TIMESTEP = 5.0, 2.0, 0.05  # Å, 1/ps, ps
JUMP = A / np.sqrt(8.0)


def hopping(rate=RATE, n_frames=4000, n_ions=40, seed=0, jitter=0.15):
    """Return ions that jump independently to one of the four next sites, with probability 1 − e^(−k dt) a frame."""
    rng = np.random.default_rng(seed)
    cells = np.array(list(product(range(2), repeat=3)))
    hosts = (cells[:, None] + [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]).reshape(-1, 3) * A
    cell = np.eye(3) * 2.0 * A
    sites = find_interstices(hosts, cell).centres
    vectors = sites[None] - sites[:, None]
    vectors -= 2.0 * A * np.rint(vectors / (2.0 * A))
    distances = np.linalg.norm(vectors, axis=-1)
    neighbours = np.argsort(distances, axis=1)[:, 1:5]
    np.testing.assert_allclose(np.take_along_axis(distances, neighbours, axis=1), JUMP)
    state = rng.integers(len(sites), size=n_ions)
    places = sites[state] + 2.0 * A * rng.integers(-2, 3, size=(n_ions, 3))
    track = np.empty((n_frames, n_ions, 3))
    for t in range(n_frames):
        goes = rng.random(n_ions) < -np.expm1(-rate * TIMESTEP)
        target = neighbours[state, rng.integers(4, size=n_ions)]
        places = places + goes[:, None] * vectors[state, target]
        state = np.where(goes, target, state)
        track[t] = places
    positions = np.concatenate((track, np.broadcast_to(hosts, (n_frames, *hosts.shape))), axis=1)
    positions += (
        jitter * rng.normal(size=positions.shape) * np.where(np.arange(positions.shape[1]) < n_ions, 1, 2)[:, None]
    )
    species = ("Ag",) * n_ions + ("I",) * len(hosts)
    masses = np.array([1.0] * n_ions + [1e3] * len(hosts))
    drift = 0.01 * np.arange(n_frames)[:, None, None]
    return Trajectory(species, positions + drift, cell, TIMESTEP, masses, mobile=("Ag",))


@pytest.fixture(scope="module")
def crystal():
    return hopping()


def test_poisson_hopping_gives_k_a_squared_over_6(crystal):
    result = jumps(crystal, dwell=0.0).scalars
    assert result["sites"].value == 96
    exact = -np.expm1(-RATE * TIMESTEP) / TIMESTEP  # jumps per frame seen, over its time
    events = exact * 200.0 * 40
    frequency = result["jump_frequency_Ag"]
    assert (frequency.value, frequency.unit) == (pytest.approx(1e3 * exact, rel=5.0 / np.sqrt(events)), "1/ns")
    assert result["jump_length_Ag"].value == pytest.approx(JUMP, rel=1e-2)
    coefficient = result["jump_diffusion_Ag"]
    assert coefficient.unit == "cm^2/s"
    assert coefficient.value == pytest.approx(1e-4 * exact * JUMP**2 / 6.0, rel=5.0 / np.sqrt(events) + 1e-2)
    # Uncorrelated jumps: the mean squared displacement says the same.
    einstein = diffusion(crystal, fit_start=2.0, fit_end=10.0).scalars["diffusion_coefficient_Ag"]
    assert coefficient.value == pytest.approx(einstein.value, abs=5.0 * np.hypot(einstein.error, coefficient.error))
    assert einstein.error < 0.2 * einstein.value


def test_the_claimed_error_is_the_scatter_of_replicas():
    """Poisson: √N of the N jumps."""
    values = [jumps(hopping(n_frames=400, n_ions=10, seed=seed), dwell=0.0).scalars for seed in range(1, 25)]
    frequencies = np.array([scalars["jump_frequency_Ag"].value for scalars in values])
    claimed = np.sqrt(np.mean([scalars["jump_frequency_Ag"].error ** 2 for scalars in values]))
    # 24 replicas give their scatter to 15 %, 24 times five blocks theirs to 7 %.
    assert claimed == pytest.approx(frequencies.std(ddof=1), rel=5.0 * np.hypot(0.15, 0.07))


def test_visits_shorter_than_the_dwell_time_are_none(crystal):
    """A visit of an ion that leaves with probability p a frame lasts for n frames with probability (1 − p)^(n − 1)."""
    all_jumps, lasting = (
        jumps(crystal, dwell=dwell).scalars["jump_frequency_Ag"].value for dwell in (0.0, 10 * TIMESTEP)
    )
    stays = np.exp(-RATE * TIMESTEP) ** 9
    # Less one in four of them, at most, that come back to where they were before the short visits.
    assert 0.6 * stays < lasting / all_jumps < stays * 1.05


def test_no_jump_is_an_upper_bound(crystal):
    still = hopping(rate=0.0, n_frames=500, n_ions=8)
    scalars = jumps(still).scalars
    assert scalars["jump_frequency_Ag"].value is None
    assert scalars["jump_frequency_Ag"].upper_bound == pytest.approx(3.0 / (8 * 499 * TIMESTEP) * 1e3)
    assert "jump_diffusion_Ag" not in scalars


def test_occupancies_of_hopping_ions_are_even(crystal):
    result = occupancy(crystal)
    assert result.scalars["occupancy_Ag"].value == pytest.approx(40 / 96)
    curve = result.curves["occupancy_Ag"]
    assert len(curve.y) == 96
    assert curve.y.mean() == pytest.approx(40 / 96)
    assert np.all(np.diff(curve.y) >= 0.0)
    # Independent ions: a site holds a Poisson number of mean m = 40/96; 1 − e^(−m)(1 + m) of them hold two or more.
    # They forget where they are within some visits, so that 200 ps and 96 sites give hundreds of samples at least.
    mean = 40 / 96
    double = 1.0 - np.exp(-mean) * (1.0 + mean)
    assert result.scalars["double_occupancy_Ag"].value == pytest.approx(double, rel=0.1)
    assert result.scalars["occupancy_spread_Ag"].value < 5.0 * np.sqrt(mean / (200.0 * RATE / 20.0))


def test_ions_that_stay_occupy_their_own_sites():
    result = occupancy(hopping(rate=0.0, n_frames=50, n_ions=6, seed=4))
    curve = result.curves["occupancy_Ag"]
    assert np.all(curve.y == np.rint(curve.y))
    assert curve.y.sum() == 6.0


def test_sites_that_are_given_are_those_of_the_first_frame(crystal):
    """The same sites by their coordinates, in another order, and shifted as the whole crystal is."""
    cells = np.array(list(product(range(2), repeat=3)))
    lattice = (cells[:, None] + [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]).reshape(-1, 3) * A
    places = find_interstices(lattice, crystal.cell).centres[::-1]
    # The first frame is shaken: 16 host ions hold the frame, and it is moved back by what they are off.
    off = (crystal.positions[0, 40:] - lattice).mean(axis=0)
    given = tuple(((places + off) @ np.linalg.inv(crystal.cell)).ravel().tolist())
    found, told = jumps(crystal).scalars, jumps(crystal, sites=given).scalars
    assert told["sites"].value == 96
    events = found["jump_frequency_Ag"].value * 1e-3 * 200.0 * 40
    assert told["jump_frequency_Ag"].value == pytest.approx(found["jump_frequency_Ag"].value, rel=2.0 / np.sqrt(events))
    curve, sorted_curve = (
        occupancy(crystal, sites=given).curves["occupancy_Ag"],
        occupancy(crystal).curves["occupancy_Ag"],
    )
    assert curve.x_label == "site, as given"
    np.testing.assert_allclose(np.sort(curve.y), sorted_curve.y, atol=0.02)
    with pytest.raises(ParameterError, match="sites has 4 coordinates where three for each site"):
        occupancy(crystal, sites=(0.0, 0.0, 0.0, 0.5))


def test_one_ion_in_one_of_two_given_sites():
    still = hopping(rate=0.0, n_frames=50, n_ions=1, seed=4, jitter=0.0)
    place = still.positions[0, 0] @ np.linalg.inv(still.cell)
    curve = occupancy(still, sites=(*(place + np.array([0.5, 0.0, 0.0])), *place)).curves["occupancy_Ag"]
    assert curve.y.tolist() == [0.0, 1.0]


def test_a_crystal_without_interstices_says_so(crystal):
    cubic = np.array(list(product(range(3), repeat=3))) * 3.0
    positions = np.broadcast_to(np.vstack((cubic, [[1.0, 1.0, 1.0]])), (10, 28, 3)).copy()
    trajectory = Trajectory(("I",) * 27 + ("Ag",), positions, np.eye(3) * 9.0, 0.1, np.ones(28), mobile=("Ag",))
    with pytest.raises(NotConverged, match="no tetrahedral interstices"):
        jumps(trajectory)
    with pytest.raises(NotConverged, match="declared mobile"):
        jumps(replace(crystal, mobile=()))
