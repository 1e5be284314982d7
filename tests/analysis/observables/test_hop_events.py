"""One ion that goes from one cage into another at a known time."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from ase.io import read

from aiida_superionic.analysis.hops import Hop, find_hops, snapshots
from aiida_superionic.analysis.observables.hop_events import hop_events
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory

TIMESTEP = 0.05
HOSTS = np.array([[2.0, 2.0, 2.0], [6.0, 2.0, 2.0], [10.0, 2.0, 2.0]])


def moving(x, *, n_ions=1, centres=False):
    """Return ions at x(t) of shape (T,) on the line of three host ions 4 Å apart; all across a boundary."""
    n_frames = len(x)
    ions = np.zeros((n_frames, n_ions, 3))
    ions[..., 0], ions[..., 1:] = np.asarray(x)[:, None], 2.0
    others = np.vstack((HOSTS, HOSTS + np.array([0.0, 0.5, 0.0]))) if centres else HOSTS
    positions = np.concatenate((ions, np.broadcast_to(others, (n_frames, *others.shape))), axis=1)
    positions[..., 0] += 7.0
    species = ("Ag",) * n_ions + ("I",) * 3 + ("X",) * (3 if centres else 0)
    positions[:, n_ions] += [12.0, 0.0, 0.0]
    return Trajectory(species, positions, np.diag([12.0, 8.0, 8.0]), TIMESTEP, np.ones(len(species)), mobile=("Ag",))


def test_the_time_and_the_neighbours_of_a_hop():
    x = np.where(np.arange(100) < 60, 4.0, 8.0)  # between the first two, then between the last two
    assert find_hops(moving(x), "Ag", "I", 2.5, 2, 10) == [Hop(0, (50, 60, 70), (1,), (3,))]


def test_what_does_not_last_or_is_undone_or_is_too_near_the_end_is_none():
    x = np.full(100, 4.0)
    x[30:33] = 8.0
    trajectory = moving(x)
    assert find_hops(trajectory, "Ag", "I", 2.5, 4, 10) == []
    assert find_hops(trajectory, "Ag", "I", 2.5, 2, 10) == []  # ten frames later it is where it was
    assert len(find_hops(trajectory, "Ag", "I", 2.5, 2, 2)) == 2
    x = np.where(np.arange(100) < 95, 4.0, 8.0)
    assert find_hops(moving(x), "Ag", "I", 2.5, 2, 10) == []
    assert len(find_hops(moving(x), "Ag", "I", 2.5, 2, 4)) == 1


def test_a_short_look_into_the_next_cage_is_no_hop_of_its_own():
    x = np.where(np.arange(100) < 40, 4.0, 8.0)
    x[31:34] = 8.0
    assert find_hops(moving(x), "Ag", "I", 2.5, 4, 10) == [Hop(0, (30, 40, 50), (1,), (3,))]
    assert len(find_hops(moving(x), "Ag", "I", 2.5, 1, 10)) > 1


def test_what_an_ion_lost_and_won_is_not_read_off_a_single_frame():
    """A frame of noise half a picosecond before the hop, and one after it."""
    x = np.where(np.arange(100) < 60, 4.0, 8.0)
    x[50], x[70] = 8.0, 4.0
    assert find_hops(moving(x), "Ag", "I", 2.5, 2, 10) == [Hop(0, (50, 60, 70), (1,), (3,))]


def test_a_hop_late_in_the_run_counts():
    x = np.where(np.arange(110) < 98, 4.0, 8.0)
    assert hop_events(moving(x), cutoff=2.5).scalars["hop_frequency_Ag"].value == pytest.approx(1e3 / (90 * TIMESTEP))


def test_frequency_neighbours_and_distances():
    """Two ions that hop at the same time: 2 hops of 2 ions in the 89 frames that have 0.5 ps on either side."""
    x = np.where(np.arange(110) < 60, 4.0, 8.0)
    result = hop_events(moving(x, n_ions=2), cutoff=2.5)
    watched = (110 - 20) * TIMESTEP
    frequency = result.scalars["hop_frequency_Ag"]
    assert (frequency.value, frequency.unit) == (pytest.approx(1e3 / watched), "1/ns")
    assert result.scalars["hop_neighbours_Ag"].value == 1.0
    leaving, entering = (result.curves[f"hop_{which}_distance_Ag"] for which in ("leaving", "entering"))
    assert leaving.x[[0, 10, -1]] == pytest.approx([-0.5, 0.0, 0.5])
    # Across the boundary of 12 Å the other way is as long: 6 and 6 Å.
    np.testing.assert_allclose(leaving.y, np.where(leaving.x < -1e-9, 2.0, 6.0))
    np.testing.assert_allclose(entering.y, np.where(entering.x < -1e-9, 6.0, 2.0))


def test_an_ion_that_stays_has_an_upper_bound_and_no_curves():
    result = hop_events(moving(np.full(100, 4.0)), cutoff=2.5)
    assert result.scalars["hop_frequency_Ag"].value is None
    assert result.scalars["hop_frequency_Ag"].upper_bound == pytest.approx(3.0 / (80 * TIMESTEP) * 1e3)
    assert not result.curves


def test_the_frames_of_a_hop_are_written_with_the_centres():
    x = np.where(np.arange(100) < 60, 4.0, 8.0)
    trajectory = moving(x, centres=True)
    hop = find_hops(trajectory, "Ag", "I", 2.5, 2, 10)[0]
    frames = read(StringIO(snapshots(trajectory, [hop], radius=2.2)), index=":", format="extxyz")
    assert [atoms.info["time"] for atoms in frames] == pytest.approx([2.5, 3.0, 3.5])
    assert [atoms.arrays["index"].tolist() for atoms in frames] == [[0, 1, 2, 4, 5], [0, 2, 3, 5, 6], [0, 2, 3, 5, 6]]
    assert frames[0].get_chemical_symbols() == ["Ag", "I", "I", "X", "X"]
    np.testing.assert_allclose(frames[0].positions[:2], [[0.0, 0.0, 0.0], [-2.0, 0.0, 0.0]], atol=1e-7)


def test_some_hops_are_shown():
    x = 6.0 + np.where(np.arange(700) // 100 % 2, 2.0, -2.0)  # six hops, one every 5 ps
    trajectory = moving(x)
    for n_snapshots, hops in ((3, [0, 2, 4]), (100, range(6)), (1, [0])):
        text = hop_events(trajectory, cutoff=2.5, n_snapshots=n_snapshots).files["hops_Ag.xyz"]
        frames = read(StringIO(text), index=":", format="extxyz")
        assert [atoms.info["hop"] for atoms in frames] == [i for i in range(len(hops)) for _ in range(3)]
        times = [5.0 * (hop + 1) + offset for hop in hops for offset in (-0.5, 0.0, 0.5)]
        assert [atoms.info["time"] for atoms in frames] == pytest.approx(times)
    assert not hop_events(trajectory, cutoff=2.5, n_snapshots=0).files
    with pytest.raises(ParameterError, match="n_snapshots is -1"):
        hop_events(trajectory, n_snapshots=-1)


def test_a_variable_cell():
    x = np.where(np.arange(100) < 60, 4.0, 8.0)
    trajectory = moving(x)
    scales = np.linspace(1.0, 1.05, 100)[:, None, None]
    breathing = replace(trajectory, positions=trajectory.positions * scales, cell=trajectory.cell * scales)
    assert find_hops(breathing, "Ag", "I", 2.7, 2, 10) == [Hop(0, (50, 60, 70), (1,), (3,))]
