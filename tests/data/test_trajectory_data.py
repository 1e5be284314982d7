"""Trajectories as nodes: known by content, not by place."""

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_superionic.data.trajectory import TrajectoryData

_GIVEN = {
    "files": {"trajectory.10.bin": "b" * 64, "trajectory.9.bin": "a" * 64},
    "kinds": ["Ag", "I"],
    "mobile": ["Ag"],
    "formal_charges": {"Ag": 1.0, "I": -1.0},
    "md_timestep": 0.0005,
    "n_frames": 11,
    "sampling_interval": 0.005,
}


@pytest.fixture
def trajectory(computer):
    def make(path="/somewhere", **changes):
        return TrajectoryData(path, computer=computer, **{**_GIVEN, **changes})

    return make


def test_a_stored_trajectory_keeps_the_order_of_its_parts(trajectory):
    loaded = orm.load_node(trajectory().store().pk)
    assert list(loaded.files.items()) == list(_GIVEN["files"].items())
    assert (loaded.kinds, loaded.mobile, loaded.md_timestep) == (["Ag", "I"], ["Ag"], 0.0005)
    assert loaded.formal_charges == {"Ag": 1.0, "I": -1.0}


def test_hash_is_of_the_content_not_of_the_place(trajectory):
    here, there = trajectory("/here").store(), trajectory("/there").store()
    assert here.base.caching.get_hash() == there.base.caching.get_hash()


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"trajectory.9.bin": "c" * 64}},
        {"files": dict(reversed(_GIVEN["files"].items()))},
        {"mobile": ["I"]},
        {"formal_charges": {"Ag": 1.0, "I": -2.0}},
        {"md_timestep": 0.001},
        {"kinds": ["I", "Ag"]},
    ],
)
def test_another_content_is_another_hash(trajectory, change):
    assert trajectory().store().base.caching.get_hash() != trajectory(**change).store().base.caching.get_hash()


@pytest.mark.parametrize("missing", [{"files": {}}, {"kinds": []}, {"md_timestep": None}, {"n_frames": 0}])
def test_an_incomplete_trajectory_is_not_stored(trajectory, missing):
    with pytest.raises(ValidationError, match=f"needs {next(iter(missing))}"):
        trajectory(**missing).store()
