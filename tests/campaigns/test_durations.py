"""What is too short is told before it runs, and only that."""

from pathlib import Path

import numpy as np
import pytest

from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.statistics import count_lags
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.campaigns.durations import too_short
from aiida_superionic.campaigns.points import expansion
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.datafiles import dump_yaml, load_yaml

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = [path for path in sorted(FOLDER.glob("*.yaml")) if "campaign:" in path.read_text(encoding="utf-8")]
TIMES = {"timestep": 0.002, "sampling_interval": 0.01}


@pytest.mark.parametrize(("production", "is_short"), [(50.03, True), (50.04, False), (50.05, False)])
def test_what_is_told_is_what_the_analysis_refuses(specification, production, is_short):
    point = specification(1, md={**TIMES, "production": production}, observables={"diffusion": {}, "temperature": {}})
    n_frames = round(production / TIMES["sampling_interval"]) + 1
    trajectory = Trajectory(("Ag",), np.zeros((n_frames, 1, 3)), np.eye(3), TIMES["sampling_interval"], np.ones(1))
    refused = False
    try:
        count_lags(trajectory, observables()["diffusion"].longest_lag({}), "fit_end")
    except NotConverged:
        refused = True
    told = too_short([point])
    assert refused is is_short
    assert bool(told) is is_short
    if is_short:
        assert told == [
            "diffusion will be missing: lags up to 10 ps in each block need 50.05 ps where production is 50.03 ps"
        ]


def test_a_shorter_lag_needs_less_and_a_sentence_is_said_once(specification):
    md = {**TIMES, "production": 10.0}
    short = [specification(seed, md=md, observables={"van_hove": {}}) for seed in (1, 2)]
    assert len(too_short(short)) == 1
    assert too_short([specification(1, md=md, observables={"van_hove": {"times": [0.5, 1.5]}})]) == []


def test_larger_cells_have_times_of_their_own(specification):
    md = {**TIMES, "production": 80.0}
    point = specification(1, md=md, observables={}, larger=[(6, 3, 3)], larger_md={"production": 40.0})
    assert [sentence.partition(":")[0] for sentence in too_short([point])] == [
        "diffusion will be missing in larger cells",
        "van_hove will be missing in larger cells",
    ]


@pytest.mark.parametrize(("every", "is_short"), [(2000, False), (2001, True)])
def test_electrons_need_a_frame_in_each_block(specification, every, is_short):
    md = {**TIMES, "production": 80.0}
    electrons = {"centres_per_ion": {"Ag": 5, "I": 4}, "every": every}
    told = too_short([specification(1, md=md, observables={}, electrons=electrons)])
    assert [sentence.partition(":")[0] for sentence in told] == ["the electrons will be missing"] * is_short


@pytest.mark.usefixtures("aiida_profile_clean")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run_long_enough(path, tmp_path):
    said = load_yaml(path.read_text(encoding="utf-8"))
    # What has to be trained first needs a dataset on the graph.
    said["potentials"] = [one for one in said.get("potentials", []) if isinstance(one, str)]
    file = tmp_path / path.name
    file.write_text(dump_yaml({key: value for key, value in said.items() if value}), encoding="utf-8")
    assert too_short(expansion(load_campaign(file)).points) == []
