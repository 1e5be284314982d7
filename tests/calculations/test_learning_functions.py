"""What a loop decides between its jobs, on frames and deviations that are made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.learning import (
    choose_frames,
    compare_members,
    exploring_dynamics,
    list_iterations,
    rows_of,
)
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.learning.exploration import Exploration

_EXPLORATION = {"structures": ["cell"], "temperatures": [300.0, 600.0], "mobile": ["Ag"]}


def frame(number, **labels):
    return Frame(("Ag", "I"), np.array([[0.0, 0.0, 0.1 * number], [2.5, 2.5, 2.5]]), 5.0 * np.eye(3), **labels)


def assessed(measure, above, **values):
    """Return what assessments put out of walkers with some values of a measure."""
    found = {}
    for name, numbers in values.items():
        found[f"assessment_{name}"] = orm.ArrayData({measure: np.array(numbers)})
        kept = [frame(k) for k, value in enumerate(numbers) if value >= above]
        if kept:
            found[f"frames_{name}"] = DatasetData(Dataset(tuple(kept)))
    return found


def choose(learning, found, labelled=0, seed=1, went_whole=True):
    step = {"iteration": 3, "structure": "cell", "steps": 100, "labelled": labelled, "trained_on": 7}
    step["went_whole"] = went_whole
    step["walkers"] = {"walker_000": 300.0, "walker_001": 600.0}
    settings = orm.Dict({"exploration": _EXPLORATION, "learning": learning})
    return choose_frames(settings, orm.Dict(step), orm.Int(seed), **found)


def heights(dataset):
    return [round(float(one.positions[0, 2] / 0.1)) for one in dataset.dataset.frames]


@pytest.fixture
def explored(aiida_profile):
    return assessed(
        "committee_deviation_largest",
        0.11,
        walker_000=[0.2, 0.01, 0.12, 0.3, 0.05],
        walker_001=[0.0, 0.25, 0.11, 0.1, 0.26],
    )


def test_candidates_lie_between_the_trust_levels_and_the_start_is_none(explored):
    made = choose({"mode": "committee"}, explored)
    row = made["row"].get_dict()
    assert (row["explored"], row["accurate"], row["candidates"], row["failed"]) == (8, 3, 3, 2)
    assert (row["labelled"], row["converged"], row["iteration"], row["trained_on"]) == (3, False, 3, 7)
    assert heights(made["frames"]) == [2, 1, 2]
    told = [(one.temperature, one.subset, one.origin) for one in made["frames"].dataset.frames]
    assert told[0] == (300.0, "train", "cell at 300 K, iteration 3, walker_000, frame 2")
    assert told[1] == (600.0, "train", "cell at 600 K, iteration 3, walker_001, frame 1")


def test_no_more_candidates_are_labelled_than_asked_for(explored):
    learning = {"mode": "committee", "choice": {"n_frames": 2}, "validation_every": 4}
    made = choose(learning, explored, labelled=2)
    assert made["row"]["labelled"] == 2
    # Of all labels of the loop these are the third and the fourth.
    assert [one.subset for one in made["frames"].dataset.frames] == ["train", "validation"]
    picked = {tuple(heights(choose(learning, explored, seed=seed)["frames"])) for seed in range(20)}
    assert picked == {(2, 1), (2, 2), (1, 2)}


def test_a_rung_is_known_where_all_agree(aiida_profile):
    found = assessed("committee_deviation_largest", 0.11, walker_000=[0.0, 0.1], walker_001=[0.5, 0.1, 0.1])
    made = choose({"mode": "committee"}, found)
    assert made["row"]["converged"]
    assert "frames" not in made


def test_where_enough_is_known_nothing_is_labelled_unless_a_run_was_cut(explored):
    learning = {"mode": "committee", "convergence": {"accurate_share": 0.3}}
    made = choose(learning, explored)
    assert (made["row"]["converged"], made["row"]["candidates"], made["row"]["labelled"]) == (True, 3, 0)
    assert "frames" not in made
    made = choose(learning, explored, went_whole=False)
    assert (made["row"]["converged"], made["row"]["labelled"]) == (True, 3)
    assert heights(made["frames"]) == [2, 1, 2]


def test_on_the_fly_the_first_strange_frame_of_each_run_is_taken(aiida_profile):
    found = assessed(
        "relative_deviation_largest", 2.0, walker_000=[3.0, 1.0, 2.5, 1.0, 9.0], walker_001=[1.0, 1.9, 1.5]
    )
    made = choose({"mode": "on_the_fly", "trigger": {"threshold": 2.0}}, found)
    row = made["row"].get_dict()
    assert row["triggered"] == {"walker_000": 2}
    # Two of the first run and two of the second; what came after the strange frame is thrown away.
    assert (row["explored"], row["accurate"], row["candidates"], row["discarded"]) == (4, 3, 1, 2)
    assert (row["labelled"], row["converged"]) == (1, False)
    assert heights(made["frames"]) == [2]
    assert made["frames"].dataset.frames[0].subset == "train"
    structure = made["structure_walker_000"].get_ase()
    assert structure.get_chemical_symbols() == ["Ag", "I"]
    assert structure.positions[0, 2] == pytest.approx(0.2)
    assert "structure_walker_001" not in made


def test_members_are_compared_atom_by_atom(aiida_profile):
    def member(force):
        forces = np.array([[0.0, 0.0, force], [0.0, 0.0, -force]])
        return DatasetData(Dataset((frame(0, energy=0.0, forces=forces), frame(1, energy=0.0, forces=forces / 2)), "x"))

    made = compare_members(orm.Float(0.1), member_0=member(0.1), member_1=member(0.4))
    assert made["assessment"].get_array("committee_deviation_largest") == pytest.approx([0.15, 0.075])
    assert made["assessment"].base.attributes.get("units") == {
        "committee_deviation_largest": "eV/Å",
        "committee_deviation_mean": "eV/Å",
    }
    assert heights(made["frames"]) == [0]
    assert not made["frames"].dataset.frames[0].labelled
    assert "frames" not in compare_members(orm.Float(0.2), member_0=member(0.1), member_1=member(0.4))


def test_runs_end_with_a_frame_and_a_checkpoint():
    exploration = Exploration.model_validate(_EXPLORATION)
    settings = exploring_dynamics(exploration, 600.0, 150, 10)
    assert [settings.steps(name) for name in ("duration", "sampling_interval", "checkpoint_interval")] == [150, 10, 150]
    assert (settings.ensemble, settings.temperature) == ("nvt", 600.0)


def test_rows_are_listed_in_order_and_once(aiida_profile):
    rows = {f"iteration_{k:04d}": orm.Dict({"iteration": k}) for k in (2, 10, 1)}
    assert [row["iteration"] for row in list_iterations(**rows)["iterations"]] == [1, 2, 10]

    def called(iteration, label="choose_frames", ended=True):
        outputs = SimpleNamespace(row=orm.Dict({"iteration": iteration}))
        return SimpleNamespace(process_label=label, outputs=outputs, is_finished_ok=ended)

    loop = SimpleNamespace(called=[called(2), called(1), called(2), called(3, ended=False), called(4, label="other")])
    assert [row["iteration"] for row in rows_of(loop)] == [1, 2]
