"""The tutorial does what it shows, command by command; what other pages show of a finished campaign runs behind it."""

import re
import subprocess

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from handbook import NOTEBOOK, PAGES, TUTORIAL, agrees, blocks, words
from laboratory import BIN, Laboratory
from nbclient import NotebookClient
from scipy.stats import t as student

PATIENCE = 1800.0  # s
CHANCE = 1e-3  # that two samples of one distribution are told apart
RUNNABLE = [
    block for block in blocks("python", pages=[page for page in PAGES if page != TUTORIAL]) if block.mark == "run"
]

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory, lammps_installation):
    """Return an empty home, from which what a page leaves running is taken away."""
    laboratory = Laboratory(tmp_path_factory.mktemp("tutorial"))
    # As wide as the page: in a narrower table words stand in another order.
    laboratory.environment["COLUMNS"] = "120"
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


@pytest.fixture(scope="module")
def results(tutorial):
    """Return the table of results that the page shows, and the one that was printed."""
    [both] = [(shown, printed) for line, shown, printed in tutorial if "campaign results" in line]
    return both


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


def diffusion(table):
    """Return the diffusion coefficients of a table of results and their standard errors, shape (temperatures,)."""
    rows = re.findall(r"^│ \d+ K +│ +3/3 │ +\(([\d.]+) ± ([\d.]+)\)e([-+]\d+) │$", table, re.MULTILINE)
    assert len(rows) == 3
    values = np.array(rows, float)
    return values[:, 0] * 10 ** values[:, 2], values[:, 1] * 10 ** values[:, 2]


def activation_energy(table):
    """Return the activation energy of a table of results and its standard error, in eV."""
    [row] = re.findall(r"^│ Diffusion coefficient \(Ag\) │ +3 │ +([\d.]+) ± ([\d.]+) │", table, re.MULTILINE)
    return float(row[0]), float(row[1])


def test_every_command_prints_what_is_shown(tutorial):
    assert tutorial
    for line, shown, printed in tutorial:
        assert agrees(shown, printed), f"{line} printed\n{printed}and the page shows\n{shown}"


def test_diffusion_coefficients_are_those_of_the_page(results):
    (shown, shown_error), (ours, our_error) = map(diffusion, results)
    # Three replicas say little of their own scatter: it is taken from all of both tables, each with two degrees of
    # freedom.
    relative = np.concatenate([shown_error / shown, our_error / ours])
    limit = student.isf(CHANCE / 2, 2 * len(relative)) * np.sqrt(2 * np.mean(relative**2))
    assert np.abs(np.log(ours / shown)).max() < limit


def test_activation_energy_is_that_of_the_page(results):
    (shown, shown_error), (ours, our_error) = map(activation_energy, results)
    assert abs(ours - shown) < student.isf(CHANCE / 2, 12) * np.hypot(shown_error, our_error)
    assert f"{shown:.3f} ± {shown_error:.3f} eV" in TUTORIAL.read_text(encoding="utf-8")


def test_figure_shows_something(tutorial, laboratory):
    [name] = re.findall(r"savefig\(\"(.*?)\"", TUTORIAL.read_text(encoding="utf-8"))
    assert plt.imread(laboratory.folder / name).std() > 0.01


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.place)
def test_python_of_other_pages_runs(tutorial, laboratory, block):
    laboratory.run("python", "-c", block.text)


def test_notebook_runs(tutorial, laboratory):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(laboratory.folder)}})
    client.execute(env=laboratory.environment)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
