"""Setting up, and the engines; in processes of their own, because a profile is made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiida_superionic.engines.catalogue import engines

BIN = Path(sys.executable).parent


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a command as a user who has never used AiiDA."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"

    def run(*command, status=0):
        result = subprocess.run(
            [BIN / command[0], *command[1:]],
            env={**os.environ, "AIIDA_PATH": str(tmp_path / "aiida"), "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stderr
        return result

    return run


@pytest.mark.usefixtures("lammps_installation")
def test_setup_makes_what_is_missing_and_leaves_what_is_there(run, tmp_path):
    made = [
        "profile",
        "superionic",
        "computer",
        "superionic-local",
        "lammps@superionic-local",
        "analysis@superionic-local",
        "conversion@superionic-local",
        "fit@superionic-local",
    ]
    first = run("aiida-superionic", "setup", "--slots", "2").stdout
    assert all(word in first for word in made)
    # What is not installed unasked is registered where it is, and nothing is done about it where it is not.
    absent = first.count("is not on this machine; if you need it: ")
    codes = 2 + len(engines()) - absent
    assert first.count(" made\n") == codes
    second = run("aiida-superionic", "setup").stdout
    assert second.count(" there already\n") == codes
    assert " made\n" not in second
    third = run("verdi", "computer", "show", "superionic-local").stdout
    assert "seq 1 2" in third


def test_command_without_a_profile_says_how_to_make_one(run, tmp_path):
    (tmp_path / "study.yaml").write_text(
        "{campaign: a, structure: {material: alpha-AgI, supercell: [2, 2, 2]}, potentials: [vashishta-rahman],"
        " temperatures: [700], constraints: [UC], replicas: 1}"
    )
    result = run("aiida-superionic", "campaign", "plan", tmp_path / "study.yaml", status=2)
    assert result.stderr == "Error: there is no profile yet; make one with: aiida-superionic setup\n"


@pytest.mark.usefixtures("lammps_installation")
def test_engines_list_shows_what_is_on_the_machine(invoke, lammps_executable, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    output = invoke("engines", "list").output
    assert "molecular dynamics" in output
    assert str(lammps_executable) in output
    assert "superionic-analyse" in output


def test_engine_that_is_not_there_is_told_how_to_install(invoke, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("aiida_superionic.engines.installation.own_scripts", lambda: tmp_path)
    output = invoke("engines", "list", "--prefix", tmp_path / "none").output
    assert "aiida-superionic engines install lammps" in output
    assert "apt-get install cp2k" in output


@pytest.mark.usefixtures("cp2k_installation")
def test_engines_list_shows_the_data_of_cp2k(invoke, cp2k_installation, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    output = invoke("engines", "list").output
    assert str(cp2k_installation.executable) in output
    assert f"data in {cp2k_installation.data_folder}" in output
    monkeypatch.setenv("CP2K_DATA_DIR", "/nowhere")
    assert "no data: set CP2K_DATA_DIR" in invoke("engines", "list").output


def test_unknown_engine_is_answered_with_the_nearest_one(invoke, stored):
    before = stored()
    result = invoke("engines", "install", "lamps", status=2)
    assert result.stderr == "Error: unknown engine 'lamps'; did you mean lammps?\n"
    assert stored() == before
