"""The training of a deep potential carried through failures: what DeePMD-kit really wrote, handed out by a stub."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching

from aiida_superionic.calculations.deepmd import DeepmdCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets.extxyz import read_extxyz
from aiida_superionic.learning.deepmd import DeepmdSettings
from aiida_superionic.workchains.deepmd import DeepmdBaseWorkChain
from aiida_superionic.workchains.protocol import ProtocolError

_FIXTURES = Path(__file__).parents[1] / "fixtures" / "deepmd_job"
_SETTINGS = json.loads((_FIXTURES / "settings.json").read_text())
_CODES = DeepmdBaseWorkChain.exit_codes
_RATE = 0.004

_STUB = """\
#!/bin/bash
echo "$@" >> {place}/called
case $2 in
    train)
        case=$(sed -n "$(grep -c ' train ' {place}/called)p" {place}/plan)
        cp {fixtures}/$case/lcurve.out {fixtures}/$case/checkpoint . 2> /dev/null
        cat {fixtures}/$case/train.out ;;
    compress) printf model > model.pb ;;
esac
"""


@pytest.fixture
def dataset_node(aiida_profile):
    return DatasetData(read_extxyz((_FIXTURES / "frames.xyz").read_text(), "frames.xyz"))


@pytest.fixture
def stub_code(computer, tmp_path):
    """Return a maker of codes whose trainings end one after another as some fixtures did."""

    def make(*plan):
        (tmp_path / "plan").write_text("".join(f"{case}\n" for case in plan))
        stub = tmp_path / "dp"
        stub.write_text(_STUB.format(place=tmp_path, fixtures=_FIXTURES))
        stub.chmod(0o755)
        return orm.InstalledCode(label="stub", computer=computer, filepath_executable=str(stub)).store()

    return make


@pytest.fixture
def train(stub_code, dataset_node, tmp_path):
    """Return a function that trains in jobs that end one after another as some fixtures did."""

    def run(*plan, **changes):
        code = stub_code(*plan)
        inputs = {
            "code": code,
            "dataset": dataset_node,
            "settings": orm.Dict({**_SETTINGS, "learning_rate": _RATE, **changes}),
            "seed": orm.Int(7),
        }
        node = run_get_node(DeepmdBaseWorkChain, deepmd=inputs)[1]
        jobs = [job for job in node.called if isinstance(job, orm.CalcJobNode)]
        assert len(jobs) == len(plan)
        called = (tmp_path / "called").read_text().splitlines()
        return node, jobs, [line for line in called if " train " in line]

    return run


def test_a_training_that_was_killed_goes_on(train):
    node, (killed, last), commands = train("killed", "complete")
    assert node.is_finished_ok, node.exit_message
    step = killed.outputs.checkpoint["step"]
    assert commands == ["--tf train input.json", f"--tf train input.json --restart model.ckpt-{step}"]
    # The files of the checkpoint are links to those of the job before.
    links = [path for path in Path(last.outputs.remote_folder.get_remote_path()).iterdir() if path.is_symlink()]
    assert {path.name for path in links} == {
        "earlier.out",
        *(f"model.ckpt-{step}.{part}" for part in ("data-00000-of-00001", "index", "meta")),
    }
    assert node.outputs.potential.files == {"model.pb": b"model"}


def test_what_makes_no_progress_is_stopped(train):
    node, _, _ = train("killed", "killed")
    assert node.exit_status == _CODES.ERROR_NO_PROGRESS.status


def test_a_loss_that_is_no_number_is_met_with_a_smaller_learning_rate(train):
    node, (_, last), commands = train("non_numeric", "complete")
    assert node.is_finished_ok, node.exit_message
    assert last.inputs.settings["learning_rate"] == _RATE / 4.0
    # From the beginning: what went wrong is in the checkpoint.
    assert commands[1] == "--tf train input.json"
    assert "start" not in last.inputs
    np.testing.assert_array_equal(
        node.outputs.curves.get_array("learning_curve_forces_train__x"), np.arange(0, 2001, 100)
    )


def test_what_does_not_learn_at_three_rates_is_given_up(train):
    node, jobs, _ = train(*["nothing_learned"] * 3)
    assert [job.inputs.settings["learning_rate"] for job in jobs] == [_RATE, _RATE / 4.0, _RATE / 16.0]
    assert node.exit_status == _CODES.ERROR_NOT_TRAINABLE.status
    assert "made no progress" in node.exit_message
    assert str(_RATE / 16.0) in node.exit_message


@pytest.mark.parametrize(("case", "is_reused"), [("complete", True), ("killed", False)])
def test_what_was_learned_outlives_its_folder(stub_code, dataset_node, case, is_reused):
    inputs = {"code": stub_code(case, case), "dataset": dataset_node.store(), "settings": orm.Dict(_SETTINGS).store()}
    first = run_get_node(DeepmdCalculation, **inputs)[1]
    first.outputs.remote_folder._clean()
    with enable_caching():
        second = run_get_node(DeepmdCalculation, **inputs)[1]
    assert second.base.caching.is_created_from_cache == is_reused


def test_what_no_other_attempt_can_mend_is_told(train):
    node, _, _ = train("no_neighbours")
    assert node.exit_status == _CODES.ERROR_UNRECOVERABLE_FAILURE.status
    assert "cannot reshape array" in node.exit_message


def test_what_cannot_be_learned_from_is_refused_before_it_runs(computer, dataset_node):
    dataset = dataset_node.dataset
    code = orm.InstalledCode(label="never-run", computer=computer, filepath_executable="/bin/true").store()
    unlabelled = DatasetData(type(dataset)(tuple(frame.unlabelled for frame in dataset.frames)))
    bare = type(dataset)(tuple(replace(frame, stress=None) for frame in dataset.frames), "Lennard-Jones")
    for changes, message in (
        ({"dataset": unlabelled}, "not labelled"),
        ({"dataset": DatasetData(dataset.take([0, 1]))}, "no frame is in the subset validation"),
        ({"dataset": DatasetData(bare)}, "not every frame has a stress, without which pressures are wrong"),
        ({"settings": orm.Dict({"cutof": 5.0})}, "cutof"),
        ({"seed": orm.Int(-1)}, "the seed is not negative"),
    ):
        with pytest.raises(ValueError, match=message):
            run_get_node(DeepmdCalculation, **{"code": code, "dataset": dataset_node, **changes})


@pytest.mark.parametrize("protocol", ["fast", "balanced", "precise"])
def test_builder(computer, dataset_node, protocol):
    code = orm.InstalledCode(label="never-run", computer=computer, filepath_executable="/bin/true").store()
    builder = DeepmdBaseWorkChain.get_builder_from_protocol(
        code, dataset_node, seed=3, protocol=protocol, overrides={"steps": 7000}, options={"max_wallclock_seconds": 60}
    )
    told = DeepmdSettings.model_validate(builder.deepmd.settings.get_dict())
    assert (told.steps, builder.deepmd.seed.value) == (7000, 3)
    assert builder.deepmd.metadata.options["max_wallclock_seconds"] == 60
    # Nothing of the settings is left to a default that may change.
    assert set(builder.deepmd.settings.get_dict()) == set(DeepmdSettings.model_fields)
    with pytest.raises(ProtocolError, match="axes is 1000 where the embedding has"):
        DeepmdBaseWorkChain.get_builder_from_protocol(code, dataset_node, protocol=protocol, overrides={"axes": 1000})
