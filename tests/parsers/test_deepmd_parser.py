"""What a job of DeePMD-kit left, through the parser: every failure has its own exit code."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_superionic.calculations.deepmd import DeepmdCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets.extxyz import read_extxyz
from aiida_superionic.parsers.deepmd import DeepmdParser, read_learning_curve
from aiida_superionic.potentials.deepmd import Deepmd

_CODES = DeepmdCalculation.exit_codes
_FIXTURES = Path(__file__).parents[1] / "fixtures" / "deepmd_job"
_SETTINGS = json.loads((_FIXTURES / "settings.json").read_text())


@pytest.fixture
def dataset_node(aiida_profile):
    return DatasetData(read_extxyz((_FIXTURES / "frames.xyz").read_text(), "frames.xyz"))


@pytest.fixture
def parse(computer, dataset_node, tmp_path):
    """Return a function that parses a folder as the job would, with a model or without."""

    def run(folder, model=None, stderr="", **settings):
        node = orm.CalcJobNode(computer=computer, process_type="aiida.calculations:superionic.deepmd")
        for name, value in {
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            "output_filename": "train.out",
            "scheduler_stderr": "_scheduler-stderr.txt",
            "parser_name": "superionic.deepmd",
        }.items():
            node.set_option(name, value)
        inputs = {"dataset": dataset_node, "settings": orm.Dict({**_SETTINGS, **settings}), "seed": orm.Int(7)}
        for label, data in inputs.items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC, label)
        node.store()
        left = tmp_path / "retrieved"
        shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(folder, left)
        (left / "_scheduler-stderr.txt").write_text(stderr)
        retrieved = orm.FolderData(tree=left)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        retrieved.store()
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        if model is not None:
            (temporary / "model.pb").write_bytes(model)
        return DeepmdParser.parse_from_node(node, store_provenance=False, retrieved_temporary_folder=str(temporary))

    return run


def test_a_training_that_ended_well(parse):
    outputs, parsing = parse(_FIXTURES / "complete", model=b"\x00model")
    assert parsing.is_finished_ok, parsing.exit_message
    assert set(outputs) == {"potential", "report", "curves", "checkpoint"}
    assert outputs["potential"].potential == Deepmd.of(
        b"\x00model",
        ["Ag", "I"],
        description="deep potential, seed 7",
        source="learned from frames labelled with Lennard-Jones",
    )
    report = outputs["report"].get_dict()
    assert (report["version"], report["seed"], report["level_of_theory"]) == ("3.2.0", 7, "Lennard-Jones")
    assert outputs["checkpoint"].get_dict() == {"step": 2000}
    curves = outputs["curves"]
    axes = curves.base.attributes.get("axes")
    assert set(axes) == {
        f"learning_curve_{quantity}_{subset}"
        for quantity in ("energy", "forces", "virial")
        for subset in ("train", "validation")
    }
    np.testing.assert_array_equal(curves.get_array("learning_curve_forces_train__x"), np.arange(0, 2001, 100))
    assert axes["learning_curve_forces_train"]["y_unit"] == "meV/Å"
    # As the file has it, in eV/Å.
    rows = read_learning_curve((_FIXTURES / "complete" / "lcurve.out").read_text())
    np.testing.assert_allclose(curves.get_array("learning_curve_forces_train__y"), 1e3 * rows["rmse_f_trn"])


def test_a_loss_that_is_not_a_number(parse):
    outputs, parsing = parse(_FIXTURES / "non_numeric")
    assert parsing.exit_status == _CODES.ERROR_NON_NUMERIC.status
    assert parsing.exit_message == "The loss is not a number from step 100 on."
    assert "potential" not in outputs


def test_a_training_that_was_killed_leaves_its_checkpoint(parse):
    outputs, parsing = parse(_FIXTURES / "killed", steps=100_000)
    assert parsing.exit_status == _CODES.ERROR_INTERRUPTED.status
    step = outputs["checkpoint"]["step"]
    assert step > 0
    assert step % _SETTINGS["checkpoint_every"] == 0
    assert " of 100000." in parsing.exit_message


def test_a_training_out_of_walltime(parse):
    told = "_aiidasubmit.sh: line 30:  1234 CPU time limit exceeded 'dp' '--tf' 'train' 'input.json'\n"
    _, parsing = parse(_FIXTURES / "killed", stderr=told, steps=100_000)
    assert parsing.exit_status == _CODES.ERROR_OUT_OF_WALLTIME.status


def test_a_full_disk(parse):
    _, parsing = parse(_FIXTURES / "full_disk")
    assert parsing.exit_status == _CODES.ERROR_DISK_FULL.status
    assert "No space left on device" in parsing.exit_message


def test_an_engine_that_stops_says_why(parse):
    _, parsing = parse(_FIXTURES / "no_neighbours")
    assert parsing.exit_status == _CODES.ERROR_ENGINE.status, parsing.exit_message
    assert "ValueError: cannot reshape array" in parsing.exit_message


def test_a_checkpoint_that_is_gone(parse):
    _, parsing = parse(_FIXTURES / "no_checkpoint")
    assert parsing.exit_status == _CODES.ERROR_CHECKPOINT_MISSING.status
    assert "model.ckpt-20.meta" in parsing.exit_message


def test_an_engine_that_does_not_start(parse, tmp_path):
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "train.out").write_text("ModuleNotFoundError: No module named 'tensorflow'\n")
    _, parsing = parse(folder)
    assert parsing.exit_status == _CODES.ERROR_ENGINE_DID_NOT_START.status
    assert "No module named 'tensorflow'" in parsing.exit_message
    (folder / "train.out").write_text("")
    assert "it printed nothing" in parse(folder)[1].exit_message


def test_a_model_that_is_missing(parse, tmp_path):
    folder = tmp_path / "left"
    shutil.copytree(_FIXTURES / "complete", folder)
    (folder / "compress.out").write_text("RuntimeError: Model compression error: the model type is not supported\n")
    _, parsing = parse(folder)
    assert parsing.exit_status == _CODES.ERROR_NO_MODEL.status
    assert "the model type is not supported" in parsing.exit_message


def test_a_training_that_learns_nothing(parse):
    outputs, parsing = parse(_FIXTURES / "nothing_learned", model=b"model")
    assert parsing.exit_status == _CODES.ERROR_NOTHING_LEARNED.status
    assert "made no progress" in parsing.exit_message
    assert "potential" not in outputs
    assert "curves" in outputs


def test_a_curve_that_goes_on_and_breaks_off():
    text = "# step rmse_trn rmse_f_trn lr\n# note\n 0 1.0 2.0 3.0\n 10 1.1 2.1 3.1\n 20 1.2 2.2 3.2\n"
    text += "# step rmse_trn rmse_f_trn lr\n# note\n 10 5.0 6.0 7.0\n 20 5.1 6."
    rows = read_learning_curve(text)
    np.testing.assert_array_equal(rows["step"], [0, 10, 20])
    np.testing.assert_array_equal(rows["rmse_f_trn"], [2.0, 6.0, 2.2])
    assert read_learning_curve("") == {}
