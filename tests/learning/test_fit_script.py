"""The script as people and batch jobs run it: what it writes, how it exits, what it says."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from console import python

from aiida_superionic.datasets.extxyz import write_extxyz
from aiida_superionic.learning import script
from aiida_superionic.learning.script import errors_of
from aiida_superionic.potentials import parse_potential


@pytest.fixture(scope="module")
def dataset_file(divided, tmp_path_factory):
    path = tmp_path_factory.mktemp("dataset") / "agi.extxyz"
    path.write_text(write_extxyz(divided))
    return path


@pytest.fixture
def settings_file(small_basis, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(small_basis.model_dump(exclude={"species"})))
    return path


def test_a_fit_from_the_command_line(dataset_file, settings_file, lammps_executable, fit, divided, tmp_path):
    arguments = ["--settings", settings_file, "--lammps", lammps_executable, "--output", "out"]
    arguments += ["--committee", 2, "--seed", 9]
    process = python("-m", script.__name__, dataset_file, *arguments, folder=tmp_path)
    assert process.returncode == 0, process.stderr
    # Nothing is left of where LAMMPS ran.
    assert {path.name for path in tmp_path.iterdir()} == {"settings.json", "out"}
    texts = {"potential.yaml", "committee_0.yaml", "committee_1.yaml", "report.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*texts, "model.npz", "force_errors.npy"}
    written = {name: (tmp_path / "out" / name).read_text() for name in texts}
    assert parse_potential(written["potential.yaml"]) == fit.model.potential
    assert tuple(parse_potential(written[f"committee_{i}.yaml"]) for i in range(2)) == fit.model.committee(2, seed=9)
    report = json.loads(written["report.json"])
    assert report["errors"] == errors_of(fit, divided)
    assert report["level_of_theory"] == "Vashishta-Rahman"
    rows = {line.split()[0]: line.split()[1:] for line in process.stdout.splitlines()[1:4]}
    assert {name: int(row[0]) for name, row in rows.items()} == {"train": 24, "validation": 40, "test": 136}
    assert float(rows["test"][2]) == pytest.approx(report["errors"]["test"]["forces"]["all"], abs=0.051)


def test_errors_by_hand(fit, divided):
    errors = errors_of(fit, divided)
    forces = np.array([one.forces for one in fit.predictions[:12]])  # the first frames are those of 300 K to learn from
    assert [frame.subset for frame in divided.frames[:12]] == ["train"] * 12
    few = divided.take(range(12))
    only = errors_of(replace(fit, predictions=fit.predictions[:12]), few)
    assert set(only) == {"train"}
    mistakes = forces - np.array([frame.forces for frame in few.frames])
    silver = [kind == "Ag" for kind in few.frames[0].species]
    assert only["train"]["forces"]["all"] == pytest.approx(1e3 * np.sqrt(np.mean(mistakes**2)))
    assert only["train"]["forces"]["Ag"] == pytest.approx(1e3 * np.sqrt(np.mean(mistakes[:, silver] ** 2)))
    energies = [one.energy - frame.energy for one, frame in zip(fit.predictions[:12], few.frames, strict=True)]
    assert only["train"]["energy"] == pytest.approx(1e3 / 32 * np.sqrt(np.mean(np.square(energies))))
    assert errors["train"]["forces"]["all"] < errors["test"]["forces"]["all"]


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path):
    """Return a function that runs a command line in the temporary folder: its exit status, and its one sentence."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        status = script.run([str(argument) for argument in arguments])
        output = capsys.readouterr()
        assert not output.out
        assert output.err.count("\n") == 1
        return status, output.err.removeprefix("superionic-fit: ").rstrip()

    return run


@pytest.fixture
def few(divided, tmp_path):
    path = tmp_path / "few.extxyz"
    path.write_text(write_extxyz(divided.take([0, 1, 12, 13])))
    return path


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("cutoff: 0.5", "inner_cutoff is 1.0 Å, not below the cutoff of 0.5 Å"),
        ("cutof: 5.0", "cutof: Extra inputs are not permitted"),
        ("- 5.0", "holds no settings by name"),
        ("a: [", "holds no settings by name"),
    ],
)
def test_wrong_settings_are_refused(refused, few, tmp_path, settings, message):
    (tmp_path / "settings.yaml").write_text(settings)
    status, said = refused(few, "--settings", "settings.yaml", "--lammps", "/bin/true")
    assert status == 2
    assert said.startswith("input: settings.yaml")
    assert message in said


def test_what_else_is_wrong_is_told_in_a_sentence(refused, few, divided, tmp_path):
    (tmp_path / "train.extxyz").write_text(write_extxyz(divided.take([0, 1])))
    for arguments, status, message in (
        (["none.extxyz"], 3, "dataset: none.extxyz cannot be read: No such file or directory"),
        (["train.extxyz", "--lammps", "/bin/true"], 3, "dataset: no frame is in the subset 'validation'"),
        ([few, "--lammps", "no-lammps"], 2, "input: no-lammps is no program that can be run"),
        ([few, "--committee", "-1"], 2, "input: the size of the committee and the seed are not negative"),
        ([few, "--lammps", "/bin/false"], 5, "lammps: LAMMPS stopped: it says nothing"),
        ([], 2, "input: the following arguments are required: DATASET"),
    ):
        exit_status, said = refused(*arguments)
        assert exit_status == status
        assert said.startswith(message)


def test_too_few_energies_are_told(refused, divided, lammps_executable, settings_file, tmp_path):
    (tmp_path / "one.extxyz").write_text(write_extxyz(divided.take([0, 12])))
    status, said = refused("one.extxyz", "--lammps", lammps_executable, "--settings", settings_file)
    assert (status, said) == (4, "regression: 1 energies where there are 1 compositions: there must be more energies")


def test_it_starts_without_aiida():
    source = "import aiida_superionic.learning.script, sys; sys.exit('aiida' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0
