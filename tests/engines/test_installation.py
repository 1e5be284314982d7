"""Finding engines: what starts and tells its version, in the order of preference."""

import sys
from pathlib import Path

import pytest

from aiida_superionic.engines.catalogue import EngineError, engines, own_scripts
from aiida_superionic.engines.installation import default_prefix, find, install

_LAMMPS_HELP = "\nLarge-scale Atomic/Molecular Massively Parallel Simulator - {version}\n\nUsage example: lmp\n"


@pytest.fixture
def stub():
    """Return a maker of executables that print a text and exit with a status."""

    def make(path, text, status=0, to=1, mode=0o755):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ncat >&{to} <<'END'\n{text}\nEND\nexit {status}\n")
        path.chmod(mode)
        return path

    return make


@pytest.fixture
def lammps():
    return engines()["lammps"]


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Hide what is installed on this machine: the stubs need no more than a shell."""
    monkeypatch.setattr("aiida_superionic.engines.installation.own_scripts", lambda: tmp_path / "own")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    return tmp_path


def test_version_is_parsed(lammps, stub, alone):
    text = _LAMMPS_HELP.format(version="22 Jul 2025 - Update 4")
    stub(alone / "prefix/lammps/bin/lmp", text)
    (found,) = (one for one in find(lammps, alone / "prefix") if one.executable.is_relative_to(alone))
    assert found.version == "22 Jul 2025 - Update 4"
    assert found.executable == alone / "prefix/lammps/bin/lmp"
    assert found.origin == "installed by aiida-superionic"


def test_our_own_comes_first_then_this_environment_then_path(lammps, stub, alone):
    for folder, version in [("path", "3"), ("own", "2"), ("prefix/lammps/bin", "1")]:
        stub(alone / folder / "lmp", _LAMMPS_HELP.format(version=version))
    stub(alone / "path/lmp_serial", _LAMMPS_HELP.format(version="4"))
    found = [one for one in find(lammps, alone / "prefix") if one.executable.is_relative_to(alone)]
    assert [one.version for one in found] == ["1", "2", "3", "4"]
    assert [one.origin for one in found] == ["installed by aiida-superionic", "this environment", "PATH", "PATH"]


def test_what_does_not_start_is_left_out(lammps, stub, alone):
    stub(alone / "path/lmp", "lmp: error while loading shared libraries: libmpi.so.12", 127, to=2)
    stub(alone / "path/lmp_mpi", _LAMMPS_HELP.format(version="1"), mode=0o644)
    (alone / "path/lmp_serial").mkdir()
    assert not [one for one in find(lammps, alone / "prefix") if one.executable.is_relative_to(alone)]


def test_what_it_said_is_told(lammps, stub, tmp_path):
    broken = stub(tmp_path / "lmp", "error while loading shared libraries: libmpi.so.12", 127, to=2)
    with pytest.raises(EngineError, match=r"lmp does not print the version of lammps; it prints: error while loading"):
        lammps.version_of(broken)
    with pytest.raises(EngineError, match="does not start"):
        lammps.version_of(tmp_path / "gone")


def test_folders_of_path_that_are_relative_are_not_searched(lammps, stub, alone, monkeypatch):
    stub(alone / "here/lmp", _LAMMPS_HELP.format(version="1"))
    monkeypatch.chdir(alone / "here")
    monkeypatch.setenv("PATH", ".:/bin")
    assert not [one for one in find(lammps, alone / "prefix") if one.executable.name == "lmp" and one.version == "1"]


def test_the_prefix_is_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("SUPERIONIC_ENGINES", str(tmp_path))
    assert default_prefix() == tmp_path
    monkeypatch.delenv("SUPERIONIC_ENGINES")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_prefix() == Path("/data/aiida-superionic/engines")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_prefix() == Path.home() / ".local/share/aiida-superionic/engines"


def test_engines_of_one_package_share_an_environment(stub, alone):
    conversion = engines()["conversion"]
    stub(alone / "prefix/analysis/bin/superionic-convert", "0.1.0")
    (found,) = (one for one in find(conversion, alone / "prefix") if one.executable.is_relative_to(alone))
    assert (found.version, found.origin) == ("0.1.0", "installed by aiida-superionic")


def test_the_analysis_of_this_environment(analysis_installation):
    import aiida_superionic

    assert analysis_installation.version == aiida_superionic.__version__
    assert own_scripts() == Path(sys.executable).parent


def test_the_real_lammps_tells_its_version(lammps_installation):
    assert lammps_installation.version[:1].isdigit()
    assert "20" in lammps_installation.version


@pytest.fixture
def cp2k():
    return engines()["cp2k"]


def test_cp2k_and_its_data_are_found(cp2k, stub, alone, monkeypatch):
    monkeypatch.delenv("CP2K_DATA_DIR", raising=False)
    stub(alone / "path/cp2k.psmp", " CP2K version 2023.1\n Source code revision git:b888bd8")
    (found,) = (one for one in find(cp2k, alone / "prefix") if one.executable.is_relative_to(alone))
    assert (found.version, found.data_folder) == ("2023.1", None)
    data = alone / "share/cp2k"
    data.mkdir(parents=True)
    (data / "BASIS_MOLOPT").touch()
    assert found.data_folder == data
    other = alone / "other"
    monkeypatch.setenv("CP2K_DATA_DIR", str(other))
    assert found.data_folder is None
    other.mkdir()
    (other / "BASIS_MOLOPT").touch()
    assert found.data_folder == other


def test_pip_is_not_asked_for_cp2k(cp2k, tmp_path):
    with pytest.raises(EngineError, match="pip has no cp2k; as root: apt-get install cp2k"):
        install(cp2k, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_real_cp2k_tells_its_version_and_its_data(cp2k_installation):
    assert cp2k_installation.version[:2] == "20"
    assert (cp2k_installation.data_folder / "GTH_POTENTIALS").is_file()
