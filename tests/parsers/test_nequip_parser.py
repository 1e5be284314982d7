"""What a job of NequIP left, through the parser: every failure has its own exit code."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_superionic.calculations.nequip import COMPILATION_FILE, EARLIER_METRICS_FILE, NequipCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.learning.nequip import BEST_CHECKPOINT, METRICS_FILE
from aiida_superionic.parsers.nequip import NequipParser
from aiida_superionic.potentials.nequip import MODEL_FILE

_CODES = NequipCalculation.exit_codes
_FIXTURES = Path(__file__).parents[1] / "fixtures" / "nequip_job"
_NOT_KEPT = (METRICS_FILE, EARLIER_METRICS_FILE, MODEL_FILE, BEST_CHECKPOINT)


@pytest.fixture
def parse(computer, tmp_path):
    """Return a function that parses a folder as the job that left it would, and its model and weights if it made any.

    What is in them is nothing to the parser.
    """
    frame = Frame(("Ag", "I"), np.eye(3)[:2], 5.0 * np.eye(3), -1.0, np.eye(3)[:2], np.zeros((3, 3)), subset="train")

    def run(name, start=None, edit=lambda folder: None):
        folder, temporary = tmp_path / "retrieved", tmp_path / "temporary"
        shutil.copytree(_FIXTURES / name, folder)
        temporary.mkdir()
        if (folder / METRICS_FILE).exists():
            (folder / BEST_CHECKPOINT).write_bytes(b"weights")
        if (folder / COMPILATION_FILE).exists() and "Exported model" in (folder / COMPILATION_FILE).read_text():
            (folder / MODEL_FILE).write_bytes(b"model")
        edit(folder)
        for file in _NOT_KEPT:
            if (folder / file).exists():
                (folder / file).rename(temporary / file)
        node = orm.CalcJobNode(computer=computer, process_type="aiida.calculations:superionic.nequip")
        for option, value in {
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            "output_filename": "train.out",
            "scheduler_stderr": "_scheduler-stderr.txt",
        }.items():
            node.set_option(option, value)
        epochs = 100_000 if name in {"killed", "out_of_walltime"} else 4
        inputs = {
            "dataset": DatasetData(Dataset((frame,), "springs")),
            "settings": orm.Dict({"epochs": epochs}),
            "seed": orm.Int(7),
        }
        if start is not None:
            inputs["start"] = orm.Dict({"step": start})
        for label, data in inputs.items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC, label)
        node.store()
        retrieved = orm.FolderData(tree=folder)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        retrieved.store()
        return NequipParser.parse_from_node(node, store_provenance=False, retrieved_temporary_folder=str(temporary))

    return run


def test_what_was_learned(parse):
    outputs, parsing = parse("complete")
    assert parsing.is_finished_ok, parsing.exit_message
    potential = outputs["potential"].potential
    assert (potential.family, potential.species) == ("nequip", ("Ag", "I"))
    assert potential.contents == {MODEL_FILE: b"model"}
    assert potential.source == "learned from frames labelled with springs"
    assert outputs["weights"].get_content(mode="rb") == b"weights"
    report = outputs["report"].get_dict()
    assert report["version"] == "0.19.1"
    assert (report["epochs"], report["steps"], report["seed"]) == (4, 16, 7)
    assert report["units"] == {"energy": "meV/atom", "forces": "meV/Å", "stress": "GPa"}
    assert outputs["usage"]["cpu_seconds"] > 0.0
    assert outputs["checkpoint"]["step"] == 15


def test_learning_curves(parse):
    outputs, _ = parse("complete")
    curves, report = outputs["curves"], outputs["report"].get_dict()
    names = {f"learning_curve_{q}_{s}" for q in ("energy", "forces", "stress") for s in ("train", "validation")}
    assert set(curves.base.attributes.get("axes")) == names
    assert curves.base.attributes.get("axes")["learning_curve_forces_train"]["y_unit"] == "meV/Å"
    for name in names:
        # Eight frames in batches of two, four times.
        np.testing.assert_array_equal(curves.get_array(f"{name}__x"), [3, 7, 11, 15])
    errors = curves.get_array("learning_curve_forces_validation__y")
    assert errors.min() == report["best"]["validation"]["forces"]
    assert report["best"]["epoch"] == errors.argmin()
    # The forces are some 0.4 eV/Å, and eight frames of four ions are no mean to learn them from.
    assert 100.0 < errors.min() < 1000.0


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("non_numeric", _CODES.ERROR_NON_NUMERIC, "The loss is not a number from epoch 0 on."),
        ("nothing_learned", _CODES.ERROR_NOTHING_LEARNED, "the error of validation forces is 381 meV/Å"),
        ("no_neighbours", _CODES.ERROR_ENGINE, "The engine stopped: "),
        ("no_compiler", _CODES.ERROR_NO_MODEL, "nequip-compile: "),
        ("no_checkpoint", _CODES.ERROR_CHECKPOINT_MISSING, "last.ckpt"),
        ("killed", _CODES.ERROR_INTERRUPTED, "of 100000"),
        ("out_of_walltime", _CODES.ERROR_OUT_OF_WALLTIME, "of 100000"),
        ("no_program", _CODES.ERROR_ENGINE_DID_NOT_START, "nequip-train.gone: No such file or directory"),
        ("full_disk", _CODES.ERROR_DISK_FULL, "The disk is full: "),
    ],
)
def test_failure(parse, name, code, told):
    outputs, parsing = parse(name)
    assert parsing.exit_status == code.status, parsing.exit_message
    assert told in parsing.exit_message
    assert "potential" not in outputs
    # What was reached before the end is there to go on from.
    assert ("checkpoint" in outputs) == (
        name in {"non_numeric", "nothing_learned", "no_compiler", "killed", "out_of_walltime"}
    )


def test_a_compilation_that_was_cut_off_is_no_end(parse):
    def cut(folder):
        (folder / COMPILATION_FILE).write_text("[INFO] - Compiling for device: cpu\n")
        (folder / MODEL_FILE).unlink()
        usage = folder / "usage.txt"
        usage.write_text(usage.read_text().splitlines()[0] + "\n")

    outputs, parsing = parse("complete", edit=cut)
    assert parsing.exit_status == _CODES.ERROR_INTERRUPTED.status
    assert outputs["checkpoint"]["step"] == 15


def test_curves_of_a_training_that_went_on(parse):
    """The rows of the jobs before it count up to its start."""

    def begun_before(folder):
        header, *rows = (folder / METRICS_FILE).read_text().splitlines(keepends=True)
        (folder / EARLIER_METRICS_FILE).write_text("".join([header, *rows[:6], rows[6][:10]]))
        (folder / METRICS_FILE).write_text("".join([header, *rows[4:]]))

    outputs, parsing = parse("complete", start=7, edit=begun_before)
    assert parsing.is_finished_ok, parsing.exit_message
    np.testing.assert_array_equal(outputs["curves"].get_array("learning_curve_energy_train__x"), [3, 7, 11, 15])
    assert outputs["checkpoint"]["step"] == 15
