"""What is installed only where somebody asks for it: DeePMD-kit, NequIP, and the LAMMPS beside them."""

import pytest

from aiida_superionic.engines.catalogue import engines
from aiida_superionic.engines.installation import find, install

_NAMES = ("deepmd", "lammps-deepmd", "nequip-train", "nequip-compile", "lammps-nequip")


def test_they_share_an_environment_that_is_made_on_request():
    learning = [engine for engine in engines().values() if engine.environment == "learning"]
    assert {engine.name for engine in learning} == set(_NAMES)
    assert all(engine.on_request for engine in learning)
    assert {engine.how_to_install for engine in learning} == {"aiida-superionic engines install learning"}
    # What is built for one release of PyTorch is told which.
    first, second = learning[0].installs
    assert first[0].startswith("torch==")
    assert all("==" in requirement for requirement in second)


def test_pip_is_asked_step_by_step(tmp_path, monkeypatch):
    """A stub stands for the environment's Python, which is asked for its pip and for versions."""
    asked = tmp_path / "asked"
    home = tmp_path / "prefix" / "learning" / "bin"

    def create(where, with_pip):
        home.mkdir(parents=True)
        for name in ("python", "dp"):
            (home / name).write_text(f'#!/bin/sh\necho "$@" >> {asked}\necho DeePMD-kit v3.2.0\n')
            (home / name).chmod(0o755)

    monkeypatch.setattr("aiida_superionic.engines.installation.venv.create", create)
    deepmd = engines()["deepmd"]
    made = install(deepmd, tmp_path / "prefix")
    assert (made.executable, made.version) == (home / "dp", "3.2.0")
    *steps, probe = asked.read_text().splitlines()
    assert [step.split("--disable-pip-version-check ")[1].split() for step in steps] == [
        list(step) for step in deepmd.installs
    ]
    assert probe == "--version"


@pytest.mark.usefixtures("lammps_installation")
def test_a_lammps_without_deep_potentials_is_not_taken_for_one(lammps_installation, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", f"{lammps_installation.executable.parent}:/bin")
    assert not [
        one
        for one in find(engines()["lammps-deepmd"], tmp_path)
        if one.executable.parent == lammps_installation.executable.parent
    ]


@pytest.mark.parametrize("name", _NAMES)
def test_the_real_ones_tell_their_versions(learning_installation, name):
    assert learning_installation(name).version[:1].isdigit()
