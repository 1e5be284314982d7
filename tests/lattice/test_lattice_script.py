"""The console script: results as files, and one sentence for each thing that is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

from aiida_superionic.analysis.results_files import read_results
from aiida_superionic.datafiles import dump_yaml
from aiida_superionic.lattice.crystal_file import read_crystal, write_crystal
from aiida_superionic.lattice.script import run


@pytest.fixture
def request_file(tmp_path, published):
    """Return a function that writes a request of a short run, with changes."""

    def write(**changes):
        asked = published.request("yukawa-4eV").model_dump(mode="json", exclude_none=True)
        asked |= {"temperature": 580.0, "cells": [5, 5, 5], "ions": 4, "production": 60.0, "species": "Li"} | changes
        path = tmp_path / "request.yaml"
        path.write_text(dump_yaml(asked), encoding="utf-8")
        return str(path)

    return write


def test_a_run_leaves_its_results(request_file, tmp_path, capsys):
    assert run(["diffusion", request_file(), "--output", str(tmp_path / "out")]) in {0, 4}
    result, summary = read_results(tmp_path / "out")
    assert summary["parameters"]["diffusion"]["ions"] == 4
    assert set(result.scalars) == {"diffusion_coefficient_Li", "temperature"}
    assert len(result.curves["mean_squared_displacement_Li"].x) == 240
    assert "diffusion_coefficient_Li" in capsys.readouterr().out


def test_a_bound_is_written_and_told_by_the_status(request_file, tmp_path, capsys):
    assert run(["diffusion", request_file(temperature=5.0), "--output", str(tmp_path / "out")]) == 4
    assert "upper bound only" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "results.json").read_text())["failures"]


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"temperature": -1.0}, 2, "temperature"),
        ({"colour": "red"}, 2, "colour"),
        ({"sampling_interval": 0.0123}, 2, "multiple of the timestep"),
        ({"segment": 100.0}, 2, "segment within the production"),
        ({"crystal": {}}, 2, "either simple_cubic or file"),
        ({"species": "../../x"}, 2, "species"),
        ({"timestep": 0.1, "sampling_interval": 0.1}, 3, "too long for the crystal's highest frequency"),
        (
            {"crystal": {"simple_cubic": {"spacing": 3.0, "mass": 30.0, "nearest": 0.5, "next_nearest": -0.6}}},
            3,
            "not stable",
        ),
        ({"crystal": {"file": "/nowhere/crystal.npz"}}, 3, "cannot be read"),
        ({"ions": 126}, 3, "do not fit into 125 cells"),
    ],
)
def test_what_is_wrong_is_one_sentence(request_file, tmp_path, capsys, changes, status, sentence):
    assert run(["diffusion", request_file(**changes), "--output", str(tmp_path / "out")]) == status
    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out" / "results.json").exists()


def test_a_crystal_is_read_back_as_it_was_written(skewed, tmp_path):
    write_crystal(tmp_path / "crystal.npz", skewed)
    back = read_crystal(tmp_path / "crystal.npz")
    for name in ("lattice", "basis", "masses", "cells", "force_constants"):
        np.testing.assert_array_equal(getattr(back, name), getattr(skewed, name))


def test_a_damaged_crystal_is_refused(skewed, tmp_path, request_file, capsys):
    path = tmp_path / "crystal.npz"
    write_crystal(path, skewed)
    path.write_bytes(path.read_bytes()[:300])
    assert run(["diffusion", request_file(crystal={"file": str(path)}), "--output", str(tmp_path)]) == 3
    assert "holds no crystal" in capsys.readouterr().err


def test_the_script_starts_without_aiida():
    code = "import sys; import aiida_superionic.lattice.script; sys.exit('aiida' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
