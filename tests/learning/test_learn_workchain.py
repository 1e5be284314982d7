"""The learning loop with the real engines: α-AgI of 32 ions, taught by the classical force field."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase import Atoms
from click.testing import CliRunner

from aiida_superionic.calculations.evaluate import EvaluateCalculation, level_of_theory_of
from aiida_superionic.calculations.learning import rows_of
from aiida_superionic.cli import cmd_root
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.engines.registration import code_version
from aiida_superionic.learning.settings import LearnSettings
from aiida_superionic.workchains.label import LabelWorkChain
from aiida_superionic.workchains.learn import LearnWorkChain
from aiida_superionic.workchains.train import TrainWorkChain

_CODES = LearnWorkChain.exit_codes


@pytest.fixture
def known(teacher_frames, potential_node):
    """Return a dataset of 8 frames at 300 K, of which half are for validation."""
    frames = [replace(frame, subset="train") for frame in teacher_frames[300][:60:15]]
    frames += [replace(frame, subset="validation") for frame in teacher_frames[300][62:80:5]]
    return DatasetData(Dataset(tuple(frames), level_of_theory_of(potential_node.potential)))


@pytest.fixture
def loop(fit_code, lammps_code, assessment_code, known, agi, small_basis, potential_node):
    """Return a maker of loops: on the fly at 750 K for 0.4 ps, unless said otherwise."""

    def make(learning=None, **changes):
        given = {"temperatures": [750.0], "codes": {}, **changes}
        codes = {"fit": fit_code, "lammps": lammps_code, "assess": assessment_code, **given["codes"]}
        exploration = {key: given[key] for key in ("steps", "structures", "replicas") if key in given}
        other = {key: given[key] for key in ("train", "conversion_code", "label_protocol") if key in given}
        builder = LearnWorkChain.get_builder_from_protocol(
            codes["lammps"],
            given.get("dataset", known),
            {"cell": orm.StructureData(ase=agi() if "cell" not in given else as_atoms(given["cell"]))},
            given.get("labeller", potential_node),
            temperatures=given["temperatures"],
            mobile=["Ag"],
            seed=given.get("seed", 5),
            fit_code=codes["fit"],
            assessment_code=codes["assess"],
            version=code_version(fit_code),
            basis={**small_basis.model_dump(exclude={"species"}), "learn_stress": False},
            **other,
            protocol="fast",
            overrides={
                "timestep": 0.002,
                "steps": [200],
                "max_iterations": given.get("max_iterations", 12),
                "learning": learning or {"mode": "on_the_fly", "segment_steps": 100, "trigger": {"threshold": 3.0}},
                **exploration,
            },
        )
        builder.explore.code = codes.get("explore", lammps_code)
        if "labels" in codes:
            builder.evaluate.code = codes["labels"]
        return builder

    return make


def as_atoms(frame):
    return Atoms(frame.species, frame.positions, cell=frame.cell, pbc=True)


def jobs(node, label):
    return [job for job in node.called_descendants if job.process_label == label]


@pytest.mark.slow
def test_on_the_fly_it_learns_what_it_did_not_know(loop, known, lammps_code, potential_node):
    outputs, node = run_get_node(loop())
    assert node.is_finished_ok, node.exit_message
    rows = outputs["iterations"]["iterations"]
    assert rows == rows_of(node)
    labelled = sum(row["labelled"] for row in rows)
    assert labelled > 0
    # Each exploration is a segment; each label a training, and there is the first.
    assert len(jobs(node, "LammpsCalculation")) == len(jobs(node, "AssessCalculation")) == len(rows)
    assert len(jobs(node, "FitCalculation")) == 1 + len(jobs(node, "EvaluateCalculation")) == 1 + labelled
    # The dataset is the old one, and what was met at 750 K.
    before, after = known.dataset.frames, outputs["dataset"].dataset.frames
    assert [frame.energy for frame in after[: len(before)]] == [frame.energy for frame in before]
    new = after[len(before) :]
    assert len(new) == labelled
    assert {(frame.temperature, frame.subset) for frame in new} == {(750.0, "train")}
    assert "cell at 750 K, iteration 1, walker_000, frame" in new[0].origin
    assert outputs["report"]["errors"]["train"]["frames"] == 4 + labelled
    # Steps add up: what came after a frame that got a label was thrown away.
    assert sum(row["explored"] for row in rows) == 200 // 10
    for row in rows:
        assert row["accurate"] + row["candidates"] == row["explored"]
        assert row["labelled"] == row["candidates"] == (1 if row["triggered"] else 0)
    # It has become better where it went, which is not yet all of 750 K: on the frames that it had found strange.
    first = min(jobs(node, "FitCalculation"), key=lambda job: job.pk)
    test = DatasetData(Dataset(tuple(new), level_of_theory_of(potential_node.potential)))
    errors = []
    for fit in (first, node):
        told = run_get_node(EvaluateCalculation, code=lammps_code, potential=fit.outputs.potential, dataset=test)[0]
        pairs = zip(told["dataset"].dataset.frames, test.dataset.frames, strict=True)
        errors.append(np.sqrt(np.mean([(one.forces - two.forces) ** 2 for one, two in pairs])))
    assert errors[1] < 0.8 * errors[0], errors


@pytest.mark.slow
def test_the_same_loop_computes_nothing_twice(loop):
    with enable_caching():
        first = run_get_node(loop())[1]
        second = run_get_node(loop())[1]
    assert first.is_finished_ok, first.exit_message
    assert all(
        job.base.caching.is_created_from_cache for job in second.called_descendants if "Calc" in job.process_label
    )
    assert second.outputs.dataset.text == first.outputs.dataset.text
    other = run_get_node(loop(seed=6))[1]
    assert other.outputs.dataset.text != first.outputs.dataset.text


def committee(**changes):
    given = {"lower": 0.02, "upper": 5.0, "n_frames": 6, **changes}
    return {
        "mode": "committee",
        "size": 3,
        "trust": {"lower": given["lower"], "upper": given["upper"]},
        "choice": {"n_frames": given["n_frames"]},
        "validation_every": 4,
    }


def test_a_committee_that_agrees_climbs_the_ladder_without_a_label(loop, known):
    outputs, node = run_get_node(loop(committee(lower=1e3, upper=2e3), steps=[100, 200]))
    assert node.is_finished_ok, node.exit_message
    rows = outputs["iterations"]["iterations"]
    assert [(row["steps"], row["explored"], row["accurate"]) for row in rows] == [(100, 10, 10), (200, 20, 20)]
    assert outputs["dataset"].uuid == known.uuid
    assert len(jobs(node, "FitCalculation")) == 1
    assert set(outputs["committee"]) == {"member_0", "member_1", "member_2"}
    told = CliRunner().invoke(cmd_root, ["learn", "status", str(node.pk)])
    assert told.exit_code == 0, told.output
    shown = [line.split() for line in told.output.splitlines()[1:3]]
    assert [(line[1], line[2], line[3], line[5], *line[6:]) for line in shown] == [
        ("cell", "100", "4", "10", "100.0", "%", "0", "0", "0"),
        ("cell", "200", "4", "20", "100.0", "%", "0", "0", "0"),
    ]
    # A training, two explorations and two assessments.
    assert "5 jobs were at work for" in told.output
    assert f"LearnWorkChain {node.pk}: finished" in told.output
    job = jobs(node, "FitCalculation")[0]
    told = CliRunner().invoke(cmd_root, ["learn", "status", str(job.pk)])
    assert told.exit_code == 2
    assert told.output == f"Error: {job.pk} is no learning loop: it is a FitCalculation\n"


@pytest.mark.slow
def test_a_committee_that_never_agrees_is_told_and_keeps_its_labels(loop, known):
    settings = committee(lower=1e-6)
    outputs, node = run_get_node(loop(settings, steps=[200], replicas=2, max_iterations=2))
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status
    assert node.exit_message == "After 2 iterations cell is not known for 200 steps."
    rows = outputs["iterations"]["iterations"]
    assert [(row["explored"], row["candidates"], row["labelled"]) for row in rows] == [(40, 40, 6), (40, 40, 6)]
    new = outputs["dataset"].dataset.frames[len(known.dataset.frames) :]
    # Every fourth label is kept from training.
    assert [frame.subset for frame in new] == (["train"] * 3 + ["validation"]) * 3
    assert {frame.origin.split(", ")[2] for frame in new} == {"walker_000", "walker_001"}
    assert outputs["report"]["errors"]["train"]["frames"] == 4 + 9


@pytest.mark.slow
def test_a_run_that_came_apart_goes_on_where_all_is_known_until_there(loop, known, changed_lammps):
    hot = changed_lammps("comes-apart", "")
    path = Path(hot.filepath_executable)
    # The first run, and only that, is so hot that it loses its atoms.
    once = f"if [ ! -e {path}.ran ]; then touch {path}.ran; sed -i 's/750.0/1e7/g' *.in; fi"
    path.write_text(path.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{once}\n"))
    settings = committee(lower=1e3, upper=2e3)
    outputs, node = run_get_node(loop(settings, steps=[200], codes={"explore": hot}))
    assert node.is_finished_ok, node.exit_message
    tried = [round(job.inputs.parameters["duration"] / 0.002) for job in jobs(node, "LammpsCalculation")]
    assert tried == [200, 100, 100]
    last = max(jobs(node, "LammpsCalculation"), key=lambda job: job.pk)
    assert "start" in last.inputs
    rows = outputs["iterations"]["iterations"]
    assert [(row["steps"], row["explored"], row["accurate"]) for row in rows] == [(200, 10, 10), (200, 10, 10)]
    # Nothing was learned in between.
    assert len(jobs(node, "FitCalculation")) == 1
    assert outputs["dataset"].uuid == known.uuid


@pytest.mark.slow
def test_any_family_learns_with_a_committee(loop, fit_code, lammps_code, conversion_code, known, small_basis):
    """The way of the networks, here with potentials that are trained in a second."""
    settings = {**small_basis.model_dump(exclude={"species"}), "learn_stress": False}
    train = TrainWorkChain.get_builder_from_protocol(
        "pod", fit_code, lammps_code, known, seed=1, version=code_version(fit_code), overrides=settings
    )
    builder = loop(
        committee(lower=1e-6, n_frames=2), steps=[100], max_iterations=1, train=train, conversion_code=conversion_code
    )
    outputs, node = run_get_node(builder)
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status, node.exit_message
    (row,) = outputs["iterations"]["iterations"]
    assert (row["explored"], row["candidates"], row["labelled"], row["trained_on"]) == (10, 10, 2, 4)
    assert outputs["report"]["errors"]["train"]["frames"] == 6
    assert set(outputs["committee"]) == {"member_0", "member_1", "member_2"}


@pytest.mark.slow
def test_cp2k_labels_what_is_strange(loop, agi, cp2k_code, rng):
    atoms = agi((1, 1, 1))
    species = tuple(atoms.get_chemical_symbols())
    frames = [
        Frame(
            species,
            atoms.positions + rng.normal(scale=0.1, size=(4, 3)),
            atoms.cell.array,
            subset="validation" if number % 4 == 3 else "train",
        )
        for number in range(12)
    ]
    rattled = DatasetData(Dataset(tuple(frames)))
    labelled = run_get_node(LabelWorkChain.get_builder_from_protocol(cp2k_code, rattled, protocol="xtb"))[0]["dataset"]
    builder = loop(
        {"mode": "on_the_fly", "segment_steps": 20, "trigger": {"threshold": 0.1}},
        steps=[40],
        temperatures=[300.0],
        dataset=labelled,
        cell=frames[0],
        labeller=cp2k_code,
        label_protocol="xtb",
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    new = outputs["dataset"].dataset.frames[12:]
    assert len(new) == sum(row["labelled"] for row in outputs["iterations"]["iterations"]) == 4
    assert all("cell at 300 K" in frame.origin and "labels" in frame.origin for frame in new)
    assert outputs["dataset"].base.attributes.get("level_of_theory") == "GFN1-xTB CP2K"


def test_frames_that_all_failed_are_not_labelled(loop):
    _, node = run_get_node(loop(committee(lower=1e-7, upper=2e-7), steps=[100]))
    assert node.exit_status == _CODES.ERROR_NO_CANDIDATES.status
    assert node.exit_message == "Of 10 frames 0 are accurate, 10 failed and none is a candidate."
    assert not jobs(node, "EvaluateCalculation")


@pytest.mark.slow
def test_a_run_that_comes_apart_at_once_ends_the_loop(loop, known):
    outputs, node = run_get_node(loop(temperatures=[1e7]))
    assert node.exit_status == _CODES.ERROR_EXPLORATION_CAME_APART.status
    assert node.exit_message.startswith("At 1e+07 K cell comes apart at once: ")
    # The ions fly an Å in a timestep. It was tried for 100, 50, 25, 12 and 6 steps, at last with a frame each.
    tried = [job.inputs.parameters for job in jobs(node, "LammpsCalculation")]
    assert [round(one["duration"] / 0.002) for one in tried] == [100, 50, 25, 12, 6]
    assert [round(one["sampling_interval"] / 0.002) for one in tried] == [10, 10, 5, 2, 1]
    assert outputs["dataset"].uuid == known.uuid
    assert "potential" in outputs


@pytest.fixture
def interrupted(computer, tmp_path):
    """Return a maker of codes that are killed the first time that they run, and are what they should be afterwards."""

    def make(stage, code):
        folder = tmp_path / stage
        folder.mkdir()
        path, mark = folder / code.filepath_executable.name, folder / "ran"
        text = (
            f'#!/bin/sh\nif [ ! -e {mark} ]; then touch {mark}; kill -9 $$; fi\nexec {code.filepath_executable} "$@"\n'
        )
        path.write_text(text)
        path.chmod(0o755)
        killed = orm.InstalledCode(
            label=f"killed-{stage}",
            computer=computer,
            filepath_executable=str(path),
            prepend_text=code.prepend_text,
        )
        return killed.store()

    return make


@pytest.mark.slow
def test_jobs_that_are_killed_are_run_again_and_change_nothing(
    loop, interrupted, fit_code, lammps_code, assessment_code
):
    undisturbed = run_get_node(loop())[1]
    assert undisturbed.is_finished_ok, undisturbed.exit_message
    for stage, code in (
        ("fit", fit_code),
        ("assess", assessment_code),
        ("labels", lammps_code),
        ("explore", lammps_code),
    ):
        node = run_get_node(loop(codes={stage: interrupted(stage, code)}))[1]
        assert node.is_finished_ok, (stage, node.exit_message)
        assert node.outputs.dataset.text == undisturbed.outputs.dataset.text, stage
        failed = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode) and job.is_failed]
        assert len(failed) == 1, stage


def test_what_cannot_be_learned_is_refused_before_anything_runs(loop, known, agi):
    strange = agi()
    strange.symbols[0] = "Cu"
    builder = loop()
    builder.structures["cell"] = orm.StructureData(ase=strange)
    with pytest.raises(ValueError, match="structure cell holds Cu, of which the dataset has no frame"):
        run_get_node(builder)
    other = DatasetData(Dataset(known.dataset.frames, "PBE"))
    with pytest.raises(ValueError, match="labelled with PBE where new labels would be of potential pair-functions"):
        run_get_node(loop(dataset=other))
    builder = loop()
    settings = builder.settings.get_dict()
    settings["exploration"]["structures"] = ["cells"]
    builder.settings = orm.Dict(LearnSettings.model_validate(settings).model_dump(mode="json"))
    with pytest.raises(ValueError, match="structure cells of the exploration is not among structures"):
        run_get_node(builder)
    with pytest.raises(ValueError, match="415 steps are not a whole number of 10"):
        loop(steps=[415])
