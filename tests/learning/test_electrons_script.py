"""The script as people and batch jobs run it: learn from centres, say where they are, and analyse what was said."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import aiida_superionic
from aiida_superionic.analysis import script as analysis_script
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.wannier_centres import centre_bonds
from aiida_superionic.analysis.writers import write_extxyz
from aiida_superionic.learning import electrons_script as script

READING = ["--md-timestep", "0.01", "--mobile", "Ag"]


@pytest.fixture(scope="module")
def folder(iodide_centres, tmp_path_factory):
    """Return a folder with a trajectory of centres, and a model that was learned from it."""
    folder = tmp_path_factory.mktemp("electrons")
    write_extxyz(folder / "centres.xyz", iodide_centres, iodide_centres.kinds, 1)
    (folder / "settings.yaml").write_text("product_functions: 0\n")
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            script.__name__,
            "fit",
            "centres.xyz",
            *READING,
            "--settings",
            "settings.yaml",
            "--output",
            "out",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(aiida_superionic.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    (folder / "fit.out").write_text(process.stdout)
    return folder


def test_a_fit_from_the_command_line(folder):
    told = (folder / "fit.out").read_text().splitlines()
    report = json.loads((folder / "out" / "report.json").read_text())
    assert (
        told[-1] == f"electrons.npz, report.json written to out by superionic-electrons {aiida_superionic.__version__}"
    )
    assert report["centres_per_ion"] == {"Ag": 5, "I": 4}
    assert report["basis"]["product_functions"] == 0
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in told[1:-1]}
    assert {name: rows["I", name][0] for name in ("train", "validation", "test")} == {
        "train": "57",
        "validation": "27",
        "test": "16",
    }
    assert float(rows["I", "test"][2]) == pytest.approx(report["errors"]["I"]["test"]["dipole_error"], abs=5.1e-4)
    assert rows["Ag", "test"][-2:] == ["-", "-"]


def test_centres_from_the_command_line_are_read_by_every_observable(folder, iodide_centres, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    asked = ["--model", "out/electrons.npz", "--every", "2", "--output", "said.xyz"]
    assert script.run(["predict", "centres.xyz", *READING, *asked]) == 0
    version = aiida_superionic.__version__
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"50 frames of 32 ions and 144 centres written to said.xyz by superionic-electrons {version}"
    )
    said = read_trajectory([folder / "said.xyz"], md_timestep=0.01, mobile=["Ag"])
    assert said.timestep == pytest.approx(0.02)
    np.testing.assert_array_equal(said.positions[:, said.ions], iodide_centres.positions[::2][:, iodide_centres.ions])
    assert centre_bonds(said, "I", 4, 5).shape == (50, 16, 4, 3)
    report = json.loads((folder / "said.xyz.json").read_text())
    assert (report["frames"], report["kinds"]) == (50, list(iodide_centres.kinds))


def test_the_commands_of_the_page_work(iodide_centres, tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "howto" / "wannier.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    write_extxyz(tmp_path / "centres.xyz", iodide_centres, iodide_centres.kinds, 1)
    write_extxyz(tmp_path / "long.xyz", iodide_centres.frames(0, 60), iodide_centres.kinds, 1)
    programs = {"superionic-electrons": script.run, "superionic-analyse": analysis_script.run}
    for line in re.findall(r"^\$ (superionic-.*)$", page, re.MULTILINE):
        name, *arguments = shlex.split(line)
        assert programs[name](arguments) == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "results" / "results.json").read_text())["observables"]
    assert {"dipole_moment_I", "rotor_time_I"} <= set(found)


def test_a_job_file_says_it_all(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trajectory = {"files": {str(folder / "centres.xyz"): None}, "md_timestep": 0.01}
    for command, asked, made in (
        ("fit", {"settings": {"product_functions": 0}, "output": "."}, "electrons.npz"),
        ("predict", {"output": "said.xyz", "every": 50}, "said.xyz.json"),
    ):
        (tmp_path / "job.json").write_text(json.dumps({"trajectory": trajectory, **asked}))
        assert script.run([command, "--job", "job.json"]) == 0
        assert (tmp_path / made).is_file()
    assert (tmp_path / "electrons.npz").read_bytes() == (folder / "out" / "electrons.npz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["fit", *READING], 2, "input: TRAJECTORY is not given; see superionic-electrons fit --help"),
        (["predict", "centres.xyz", *READING], 2, "input: --output is not given"),
        (["learn"], 2, "input: argument COMMAND: invalid choice: 'learn'"),
        (["fit", "centres.xyz", *READING, "--settings", "bad.yaml"], 2, "input: bad.yaml: cutof: Extra inputs"),
        (["fit", "centres.xyz", *READING, "--settings", "none.yaml"], 2, "input: none.yaml cannot be read: No such"),
        (["fit", "none.xyz", *READING], 3, "trajectory: none.xyz cannot be read"),
        (["fit", "ions.xyz", *READING], 3, "trajectory: the trajectory holds no Wannier centres to learn from"),
        (["fit", "still.xyz", *READING], 4, "regression: every number of one kind is the same"),
        (
            ["predict", "ions.xyz", *READING, "--model", "bad.yaml", "--output", "o.xyz"],
            5,
            "model: bad.yaml holds no mo",
        ),
        (["predict", "ions.xyz", *READING, "--output", "ions.xyz"], 2, "input: ions.xyz is there already"),
        (["predict", "ions.xyz", *READING, "--output", "o.xyz", "--every", "0"], 2, "input: every is 0 where 1"),
    ],
)
def test_what_goes_wrong_is_one_sentence(arguments, status, sentence, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "bad.yaml").write_text("cutof: 5.0\n")
    frames = [f"2\nLattice='9 0 0 0 9 0 0 0 9' Properties=species:S:1:pos:R:3\nAg 0 0 0\nI {x} 3 3\n" for x in (3, 4)]
    (folder / "ions.xyz").write_text("".join(frames).replace("'", '"'))
    still = "3\nLattice='9 0 0 0 9 0 0 0 9' Properties=species:S:1:pos:R:3\nAg 0 0 0\nI 3 3 3\nX 3 3 3\n"
    (folder / "still.xyz").write_text((20 * still).replace("'", '"'))
    assert script.run(arguments) == status
    said = capsys.readouterr().err
    assert said.startswith(f"superionic-electrons: {sentence}")
    assert said.count("\n") == 1
