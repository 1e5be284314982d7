"""The tutorial does what it shows, command by command; what other pages show of a finished campaign runs behind it."""

import re
import subprocess

import matplotlib.pyplot as plt
import nbformat
import pytest
from handbook import NOTEBOOK, PAGES, TUTORIAL, agrees, blocks, words
from laboratory import BIN, Laboratory
from nbclient import NotebookClient

PATIENCE = 1800.0  # s
RUNNABLE = [
    block for block in blocks("python", pages=[page for page in PAGES if page != TUTORIAL]) if block.mark == "run"
]

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory, lammps_installation):
    """Return an empty home, from which what a page leaves running is taken away."""
    laboratory = Laboratory(tmp_path_factory.mktemp("tutorial"))
    laboratory.environment["MPLBACKEND"] = "Agg"
    try:
        yield laboratory
    finally:
        laboratory.kill()


@pytest.fixture(scope="module")
def tutorial(laboratory):
    """Return each command of the page with what is shown and what it printed, run in order."""
    done = []
    for block in blocks("console", "yaml", "python", pages=[TUTORIAL]):
        if block.mark.startswith("file: "):
            (laboratory.folder / block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        # What installs the package is run where the package is tested as it is installed: tests/test_wheel.py.
        elif block.mark != "install":
            done += [(line, shown, run(laboratory, line)) for line, shown in block.commands]
    return done


def run(laboratory, line):
    program, *arguments = words(line)
    process = subprocess.run(
        [BIN / program, *arguments],
        cwd=laboratory.folder,
        env=laboratory.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert process.returncode == 0, f"{line} ended with {process.returncode}: {process.stdout}"
    return process.stdout


def test_every_command_prints_what_is_shown(tutorial):
    assert tutorial
    for line, shown, printed in tutorial:
        assert agrees(shown, printed), f"{line} printed\n{printed}and the page shows\n{shown}"


def test_figure_shows_something(tutorial, laboratory):
    [name] = re.findall(r"!\[.*\]\((\w+\.png)\)", TUTORIAL.read_text(encoding="utf-8"))
    assert plt.imread(laboratory.folder / name).std() > 0.01
    assert (TUTORIAL.parent / name).is_file()


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.place)
def test_python_of_other_pages_runs(tutorial, laboratory, block):
    laboratory.run("python", "-c", block.text)


def test_notebook_runs(tutorial, laboratory):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(laboratory.folder)}})
    client.execute(env=laboratory.environment)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
