"""What a potential predicts of itself: on the command line and on the graph, through the real LAMMPS."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.assess import AssessCalculation
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, DatasetError
from aiida_superionic.datasets.extxyz import read_extxyz, write_extxyz
from aiida_superionic.engines.registration import code_version
from aiida_superionic.learning import assess_script
from aiida_superionic.learning.assessment import UNITS, assess
from aiida_superionic.learning.model_file import write_model
from aiida_superionic.learning.trust import committee_deviations
from aiida_superionic.workchains.assess import AssessCommitteeWorkChain

_CODES = AssessCalculation.exit_codes


@pytest.fixture(scope="module")
def model_file(fit, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    write_model(path, fit.model, fit.error)
    return path


@pytest.fixture(scope="module")
def few(divided):
    """Return four frames of 300 K and four of 1200 K, unlabelled."""
    return Dataset(tuple(frame.unlabelled for frame in (*divided.frames[:4], *divided.frames[-4:])))


@pytest.fixture(scope="module")
def measures(few, fit, lammps_executable, tmp_path_factory):
    folder = tmp_path_factory.mktemp("assess") / "run"
    return assess(
        few.frames, fit.model, fit.error, committee=200, seed=9, lammps=Path(lammps_executable), folder=folder
    )


def test_measures_are_those_of_the_posterior(measures, fit):
    predictions = [fit.predictions[number] for number in (0, 1, 2, 3, -4, -3, -2, -1)]
    deviations = np.array([one.deviations for one in predictions])
    errors = np.sqrt(fit.error.floor**2 + (fit.error.factor * deviations) ** 2)
    assert measures["predicted_error_largest"] == pytest.approx(errors.max(axis=1))
    assert measures["predicted_error_mean"] == pytest.approx(errors.mean(axis=1))
    typical = np.mean([one.deviations.max() for one in fit.predictions[:12] + fit.predictions[80:92]])
    # The frames to learn from are the first twelve of each temperature; there are 80 of 300 K.
    assert measures["relative_deviation_largest"] == pytest.approx(deviations.max(axis=1) / typical)
    # A frame that was learned from is typical of those; one of 1200 K is not.
    assert np.max(measures["relative_deviation_largest"][:4]) < 2.0 < np.min(measures["relative_deviation_largest"][4:])
    # A committee of 200 spreads as the posterior does: the deviation on an atom is known to one over sqrt(400), and
    # their mean no worse; 5 standard errors.
    expected = np.sqrt(3.0) * np.mean(deviations, axis=1)
    assert measures["committee_deviation_mean"] == pytest.approx(expected, rel=0.25)


def test_the_committee_is_the_one_that_is_drawn(few, fit, divided, lammps_executable, tmp_path):
    told = assess(
        few.frames[:1], fit.model, fit.error, committee=2, seed=9, lammps=Path(lammps_executable), folder=tmp_path / "a"
    )
    again = assess(
        few.frames[:1], fit.model, fit.error, committee=2, seed=8, lammps=Path(lammps_executable), folder=tmp_path / "b"
    )
    assert told["committee_deviation_largest"] != again["committee_deviation_largest"]
    alone = assess(
        few.frames[:1], fit.model, fit.error, committee=0, seed=9, lammps=Path(lammps_executable), folder=tmp_path / "c"
    )
    assert set(alone) == {name for name in UNITS if "committee" not in name}
    assert committee_deviations(np.zeros((2, 1, 3))).shape == (1,)
    strange = replace(few.frames[0], species=("Cu", *few.frames[0].species[1:]))
    with pytest.raises(DatasetError, match="the potential is of Ag, I and the frames hold Cu"):
        assess([strange], fit.model, fit.error, committee=0, seed=1, lammps=Path("lmp"), folder=tmp_path / "d")


def test_strange_frames_are_kept(model_file, few, measures, lammps_executable, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("frames.xyz").write_text(write_extxyz(few))
    arguments = [str(model_file), "--dataset", "frames.xyz", "--lammps", str(lammps_executable), "--output", "out"]
    keep = ["--keep", "relative_deviation_largest", "--above", "2.0"]
    assert assess_script.run([*arguments, *keep]) == 0
    assert "8 frames assessed, 4 kept by superionic-assess" in capsys.readouterr().out
    kept = read_extxyz(Path("out/kept.extxyz").read_text(), "kept")
    assert [frame.positions.tolist() for frame in kept.frames] == [f.positions.tolist() for f in few.frames[4:]]
    with np.load("out/assessment.npz") as arrays:
        assert arrays["predicted_error_mean"] == pytest.approx(measures["predicted_error_mean"])
    # Nothing is left of where LAMMPS ran.
    assert {path.name for path in tmp_path.iterdir()} == {"frames.xyz", "out"}


def test_what_is_wrong_is_told_in_a_sentence(model_file, few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("frames.xyz").write_text(write_extxyz(few))
    Path("torn.npz").write_bytes(model_file.read_bytes()[:1000])
    Path("trajectory.json").write_text(json.dumps({"files": {"none.bin": None}, "md_timestep": 0.001}))
    model, frames = str(model_file), ["--dataset", "frames.xyz"]
    for arguments, status, said in (
        ([model], 2, "input: the frames are those of --dataset or of --trajectory"),
        ([model, *frames, "--keep", "predicted_error_mean"], 2, "input: --keep and --above are given together"),
        ([model, *frames, "--keep", "committee_deviation_largest", "--above", "0.1"], 2, "input: the deviation of a"),
        ([model, *frames, "--keep", "x", "--above", "nan"], 2, "input: argument --keep: invalid choice"),
        ([model, *frames, "--committee", "-1"], 2, "input: the size of the committee"),
        ([model, "--dataset", "none.xyz"], 3, "dataset: none.xyz cannot be read"),
        ([model, "--trajectory", "trajectory.json"], 3, "trajectory: none.bin"),
        (["torn.npz", *frames], 4, "model: torn.npz holds no model"),
        ([model, *frames, "--lammps", "/bin/false"], 5, "lammps: LAMMPS stopped: it says nothing"),
    ):
        assert assess_script.run(arguments) == status, arguments
        told = capsys.readouterr().err
        assert told.startswith(f"superionic-assess: {said}"), told
        assert told.count("\n") == 1


@pytest.fixture
def run_assess(assessment_code, lammps_code, model_file):
    def run(**changes):
        inputs = {
            "code": assessment_code,
            "lammps_code": lammps_code,
            "model": orm.SinglefileData(model_file),
            "version": orm.Str(code_version(assessment_code)),
            **changes,
        }
        return run_get_node(AssessCalculation, **inputs)

    return run


def test_a_trajectory_is_assessed_where_it_lies(run_assess, lammps_code, md_inputs, fit):
    inputs = md_inputs(temperature=1200.0, duration=0.2, timestep=0.002, sampling_interval=0.02)
    inputs["potential"] = PotentialData(fit.model.potential.text())
    trajectory = run_get_node(LammpsCalculation, code=lammps_code, **inputs)[0]["trajectory"]
    keep = {"keep": orm.Str("committee_deviation_largest"), "above": orm.Float(0.0)}
    results, node = run_assess(trajectory=trajectory, committee=orm.Int(3), seed=orm.Int(2), **keep)
    assert node.is_finished_ok, node.exit_message
    assessment = results["assessment"]
    assert set(assessment.get_arraynames()) == set(UNITS)
    assert assessment.base.attributes.get("units") == UNITS
    frames = results["frames"].dataset.frames
    assert [frame.origin for frame in frames] == [f"frame {number}" for number in range(11)]
    assert all(len(assessment.get_array(name)) == 11 for name in UNITS)
    assert "frames" in run_assess(dataset=results["frames"], **keep | {"keep": orm.Str("predicted_error_mean")})[0]
    assert "model.npz" not in node.base.repository.list_object_names()


def test_a_committee_of_any_family_is_judged_by_its_forces(run_assess, lammps_code, conversion_code, md_inputs, fit):
    members = fit.model.committee(3, seed=2)
    committee = {f"member_{number}": PotentialData(member.text()) for number, member in enumerate(members)}
    inputs = md_inputs(temperature=1200.0, duration=0.1, timestep=0.002, sampling_interval=0.02)
    trajectory = run_get_node(LammpsCalculation, code=lammps_code, **{**inputs, "potential": committee["member_0"]})[0]
    frames = trajectory["trajectory"]
    known = run_assess(trajectory=frames, committee=orm.Int(3), seed=orm.Int(2))[0]["assessment"]
    names = ("committee_deviation_largest", "committee_deviation_mean")
    middle = float(np.sort(known.get_array(names[0]))[2])
    outputs, node = run_get_node(
        AssessCommitteeWorkChain,
        convert={"code": conversion_code, "trajectory": frames},
        evaluate={"code": lammps_code},
        committee=committee,
        above=orm.Float(middle - 1e-4),
    )
    assert node.is_finished_ok, node.exit_message
    for name in names:
        # The same forces, by another route: the posterior's own descriptors there, pair_style pod here.
        assert outputs["assessment"].get_array(name) == pytest.approx(known.get_array(name), rel=1e-5)
    assert outputs["frames"].base.attributes.get("n_frames") == 4
    with pytest.raises(ValueError, match="a committee has two members at least"):
        run_get_node(
            AssessCommitteeWorkChain,
            convert={"code": conversion_code, "trajectory": frames},
            evaluate={"code": lammps_code},
            committee={"member_0": committee["member_0"]},
            above=orm.Float(0.1),
        )


def test_failures_have_names(run_assess, few, computer, tmp_path):
    dataset = DatasetData(few)
    path = tmp_path / "killed"
    path.write_text("#!/bin/sh\nkill -9 $$\n")
    path.chmod(0o755)
    killed = orm.InstalledCode(label="killed", computer=computer, filepath_executable=str(path)).store()
    torn = tmp_path / "torn.npz"
    torn.write_bytes(b"PK")
    for changes, code, said in (
        ({"code": killed}, _CODES.ERROR_NO_RESULTS, "it printed nothing"),
        ({"lammps_code": killed}, _CODES.ERROR_NO_DESCRIPTORS, "it says nothing"),
        ({"model": orm.SinglefileData(torn)}, _CODES.ERROR_BAD_INPUT, "holds no model"),
        ({"version": orm.Str("0.0")}, _CODES.ERROR_VERSION, "the input says 0.0"),
    ):
        node = run_assess(dataset=dataset, **changes)[1]
        assert node.exit_status == code.status, node.exit_message
        assert said in node.exit_message
    for changes, said in (
        ({}, "the frames are those of a trajectory or of a dataset"),
        ({"dataset": dataset, "keep": orm.Str("predicted_error_mean")}, "given together"),
        ({"dataset": dataset, "keep": orm.Str("error"), "above": orm.Float(1.0)}, "keep is 'error' where one of"),
    ):
        with pytest.raises(ValueError, match=said):
            run_assess(**changes)
