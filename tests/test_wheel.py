"""The package as people install it: from what git holds, in an environment that was empty."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
from handbook import ROOT, TUTORIAL, blocks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PLUGINS = {
    group: names
    for group, names in PROJECT["entry-points"].items()
    if group in {f"aiida.{kind}" for kind in ("calculations", "parsers", "workflows", "data", "groups")}
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


@pytest.mark.parametrize(
    "group", [group for group in PLUGINS if group.rpartition(".")[2] in ("calculations", "workflows")]
)
def test_verdi_tells_of_every_process(run, installed, group):
    told = run(installed, *(f"verdi plugin list {group} {name}" for name in PLUGINS[group]))
    assert told.count("Inputs:") == len(PLUGINS[group])


def test_campaign_is_planned(run, installed, home):
    [block] = [block for block in blocks("yaml", pages=[TUTORIAL]) if block.mark.startswith("file: ")]
    (home / "first.yaml").write_text(block.text, encoding="utf-8")
    who = "--first-name A --last-name B --institution C --email a@b.c"
    made = f"verdi profile setup core.sqlite_dos --non-interactive --profile-name p --broker none {who}"
    printed = run(installed, made, "aiida-superionic campaign plan first.yaml")
    assert re.search(r"^(\d+) points: 0 finished, 0 running, 0 failed, \1 missing", printed, re.MULTILINE)
