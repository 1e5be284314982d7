"""The package as people install it: from what git holds, in an environment that was empty."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from handbook import ROOT, TUTORIAL, blocks

from aiida_superionic.datafiles import dump_yaml, load_yaml

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PLUGINS = PROJECT["entry-points"]
LOAD = """
from importlib.metadata import distribution
for point in distribution("aiida-superionic").entry_points:
    point.load()
    print(point.group, point.name)
"""
SMALL = {
    "replicas": 1,
    "md": {"equilibration": "1 ps", "production": "10 ps"},
    "observables": ["radial_distribution", "temperature"],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return an empty home with a checkout of HEAD that holds nothing but what git does."""
    home = tmp_path_factory.mktemp("home")
    checkout = home / "aiida-superionic"
    checkout.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x"], cwd=checkout, input=archive.stdout, check=True)
    return home


@pytest.fixture(scope="module")
def run(home):
    """Return a function that runs lines of a shell at home, in the environment of the package once it is there."""

    def run(*lines):
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment |= {"HOME": str(home), "AIIDA_PATH": str(home / "aiida")}
        result = subprocess.run(
            ["bash", "-euc", "\n".join(lines)],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{lines}: {result.stdout}{result.stderr}"
        return result.stdout

    return run


@pytest.fixture(scope="module")
def wheel(home):
    folder = home / "dist"
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder,
        home / "aiida-superionic",
    ]
    subprocess.run(build, check=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(home, run, wheel):
    """Return what activates the environment that the tutorial's commands make, with the wheel in it."""
    [block] = [block for block in blocks("console", pages=[TUTORIAL]) if block.mark == "install"]
    run(*(line for line, _ in block.commands))
    activate = ". ~/superionic/bin/activate"
    run(activate, f"pip install --quiet --no-deps --force-reinstall '{wheel}'")
    return activate


def test_wheel_holds_every_file_of_the_package(wheel, home):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    checkout = home / "aiida-superionic"
    files = {str(path.relative_to(checkout)) for path in (checkout / "aiida_superionic").rglob("*") if path.is_file()}
    assert held == files
    assert {name.rpartition(".")[2] for name in held} >= {"py", "yaml", "html", "css", "js", "typed"}


@pytest.mark.parametrize("group", PLUGINS)
def test_verdi_lists_every_entry_point(run, installed, group):
    listed = run(installed, f"verdi plugin list {group}").replace("*", " ").split()
    assert set(PLUGINS[group]) <= set(listed)


def test_every_entry_point_loads(run, installed):
    loaded = {tuple(line.split()) for line in run(installed, f"python -c '{LOAD}'").splitlines()}
    declared = {**PLUGINS, "console_scripts": PROJECT["scripts"]}
    assert loaded == {(group, name) for group, names in declared.items() for name in names}


def test_demo_runs(run, installed, home):
    examples = home / "demo" / "examples"
    examples.mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "demo.sh", examples)
    study = load_yaml((ROOT / "examples" / "agi.yaml").read_text(encoding="utf-8")) | SMALL
    (examples / "agi.yaml").write_text(dump_yaml(study), encoding="utf-8")
    printed = run(installed, "cd demo", "export AIIDA_PATH=$PWD/.demo COLUMNS=120", "sh examples/demo.sh agi")
    [temperature] = re.findall(r"│ Temperature, K +│ +([\d.]+) ± ", printed)
    # What a canonical ensemble of 108 ions scatters by, five times.
    assert abs(float(temperature) - 750) < 5 * 750 * (2 / (3 * 108)) ** 0.5
    assert (home / "demo" / ".demo" / "agi.html").stat().st_size > 0
