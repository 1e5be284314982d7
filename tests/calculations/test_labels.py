"""Frames on their way to jobs and back."""

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.frames import join_frames, make_trajectory, take_frames
from aiida_superionic.calculations.labels import batches_of, frames_of_structures, frames_of_trajectory, take_batch
from aiida_superionic.datasets import Dataset, Frame

_CELL = 6.0 * np.eye(3)


def _dataset(formulas, rng):
    species = {"a": ("Li", "I"), "b": ("Li", "I", "I")}
    return Dataset(tuple(Frame(species[f], rng.uniform(0, 6, (len(species[f]), 3)), _CELL) for f in formulas))


@pytest.mark.parametrize(("size", "longest"), [(1, 1), (2, 2), (4, 4), (100, 5)])
def test_batches_hold_every_frame_once_and_one_composition(size, longest, rng):
    dataset = _dataset("aabaabbba", rng)
    batches = batches_of(dataset, size)
    assert sorted(number for batch in batches for number in batch) == list(range(9))
    for batch in batches:
        assert len({dataset.frames[number].formula for number in batch}) == 1
        assert batch == sorted(batch)
    lengths = [len(batch) for batch in batches]
    assert max(lengths) == longest
    of_lithium_iodide = [len(batch) for batch in batches if 0 in batch or 8 in batch]
    assert max(of_lithium_iodide) - min(of_lithium_iodide) <= 1


def _labels(indices):
    index = np.array(indices)
    node = orm.ArrayData(
        {
            "index": np.arange(len(index)),
            "energies": index.astype(float),
            "forces": index[:, None, None] * np.ones((len(index), 2, 3)),
            "ions": np.array([0, 1]),
        }
    )
    node.base.attributes.set("units", {"energies": "eV", "forces": "eV/Å"})
    node.base.attributes.set("symbols", ["Li", "I"])
    return node


def test_attempts_are_joined_in_the_order_of_the_trajectory(aiida_profile):
    parts = {"attempt_001": [0, 3, 4], "attempt_002": [1], "attempt_003": [2, 5]}
    joined = join_frames(orm.Dict(parts), **{name: _labels(indices) for name, indices in parts.items()})
    np.testing.assert_array_equal(joined.get_array("index"), np.arange(6))
    np.testing.assert_array_equal(joined.get_array("energies"), np.arange(6.0))
    np.testing.assert_array_equal(joined.get_array("forces")[:, 1, 2], np.arange(6.0))
    np.testing.assert_array_equal(joined.get_array("ions"), [0, 1])
    assert joined.base.attributes.get("units") == {"energies": "eV", "forces": "eV/Å"}


def test_frames_that_are_taken_are_those_that_were_asked_for(aiida_profile, rng):
    positions = rng.uniform(0, 6, (5, 2, 3))
    cells = _CELL * np.arange(1, 6)[:, None, None]
    trajectory = make_trajectory(["Li", "I"], positions, cells)
    taken = take_frames(trajectory, orm.List([1, 4]))
    np.testing.assert_array_equal(taken.get_positions(), positions[[1, 4]])
    np.testing.assert_array_equal(taken.get_cells(), cells[[1, 4]])


def test_trajectories_and_structures_become_datasets(aiida_profile, rng):
    positions = rng.uniform(0, 6, (3, 2, 3))
    trajectory = make_trajectory(["Li", "I"], positions, np.array([_CELL] * 3)).store()
    frames = frames_of_trajectory(trajectory)
    origins = [frame.origin for frame in frames.dataset.frames]
    assert origins == [f"trajectory {trajectory.uuid} frame {k}" for k in range(3)]
    np.testing.assert_array_equal([frame.positions for frame in frames.dataset.frames], positions)
    assert frames.base.attributes.get("temperatures") is None
    hot = frames_of_trajectory(trajectory, orm.Float(750.0))
    assert hot.base.attributes.get("temperatures") == {"lowest": 750.0, "highest": 750.0}
    taken = take_batch(frames, orm.List([2, 0]))
    np.testing.assert_array_equal(taken["trajectory"].get_positions(), positions[[2, 0]])
    # Structures keep fourteen decimals.
    np.testing.assert_allclose(taken["structure"].get_ase().positions, positions[2], rtol=0, atol=1e-12)
    structures = {name: trajectory.get_step_structure(k).store() for k, name in enumerate("ba")}
    given = [frame.positions for frame in frames_of_structures(**structures).dataset.frames]
    np.testing.assert_allclose(given, positions[[1, 0]], rtol=0, atol=1e-12)
