"""The campaign commands on a graph that holds nothing yet."""

import io
import json
import math

import pytest
from aiida import orm
from rich.console import Console

from aiida_superionic.campaigns import apply as module
from aiida_superionic.campaigns import collect, reconcile
from aiida_superionic.campaigns.attempts import State
from aiida_superionic.campaigns.results import PointResult
from aiida_superionic.cli import campaign as cli
from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.units import BOLTZMANN


def test_plan_shows_every_point_and_stores_nothing(invoke, campaign_file, stored):
    before = stored()
    output = invoke("campaign", "plan", campaign_file()).output
    assert "4 points: 0 finished, 0 running, 0 failed, 4 missing; apply would submit 4" in output
    assert stored() == before


def test_status_shows_every_point(invoke, campaign_file):
    output = invoke("campaign", "status", campaign_file()).output
    assert output.count("alpha-AgI 2x2x2") == 4
    assert "4 points: 0 finished, 0 running, 0 failed, 4 missing" in output


def test_status_done_says_only_whether_all_have_finished(invoke, campaign_file):
    assert invoke("campaign", "status", campaign_file(), "--done", status=1).output == ""


def test_results_of_nothing_are_a_valid_document(invoke, campaign_file):
    document = json.loads(invoke("campaign", "results", campaign_file(), "--format", "json").stdout)
    assert all(row["observables"] == {} for row in document)
    assert {point["state"] for row in document for point in row["points"]} == {"missing"}


def test_apply_without_a_daemon_stores_nothing(invoke, campaign_file, stored):
    before = stored()
    result = invoke("campaign", "apply", campaign_file(), status=2)
    assert result.stderr == "Error: the daemon is not running; start it with: verdi daemon start\n"
    assert stored() == before


def test_apply_without_codes_stores_nothing(invoke, campaign_file, stored, monkeypatch, aiida_profile_clean):
    monkeypatch.setattr(module, "daemon_lives", lambda: True)
    before = stored()
    result = invoke("campaign", "apply", campaign_file(), status=2)
    assert result.stderr == (
        "Error: no code lammps@superionic-local is registered; run: aiida-superionic engines install lammps, and then"
        " aiida-superionic setup\n"
    )
    assert stored() == before


def test_apply_needs_no_daemon_where_nothing_is_left_to_run(invoke, campaign_file, monkeypatch):
    def finished(specifications):
        return [module.PointStatus(one, None, None) for one in specifications]

    monkeypatch.setattr(module.PointStatus, "state", State.FINISHED)
    monkeypatch.setattr(module, "point_statuses", finished)
    output = invoke("campaign", "apply", campaign_file()).output
    assert "submitted 0, revived 0, of 4 points" in output
    assert orm.load_group("study").type_string == "superionic.campaign"


@pytest.fixture
def all_running(monkeypatch):
    monkeypatch.setattr(module.PointStatus, "state", State.RUNNING)


@pytest.mark.usefixtures("all_running")
def test_watching_ends_when_the_daemon_does(invoke, campaign_file):
    result = invoke("campaign", "status", campaign_file(), "--watch", status=2)
    assert result.stderr == "Error: the daemon is not running; start it with verdi daemon start, and apply once more\n"


@pytest.mark.usefixtures("all_running")
def test_interrupted_watching_says_that_the_runs_go_on(invoke, campaign_file, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(reconcile, "daemon_lives", interrupted)
    result = invoke("campaign", "status", campaign_file(), "--watch", status=130)
    assert "no longer watching; the daemon goes on with the runs" in result.output


def test_watching_in_a_file_says_the_same_once_a_minute(monkeypatch):
    now, console = [100.0], Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(cli.time, "monotonic", lambda: now[0])
    with cli._display(console) as show:
        for now[0] in (100.0, 105.0, 111.0, 122.0, 150.0, 161.0):
            show([])
    lines = console.file.getvalue().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["0 finished, 0 running, 0 failed, 0 missing: "] * 2


def test_report_that_cannot_be_written_is_told(invoke, campaign_file, tmp_path):
    result = invoke("campaign", "report", campaign_file(), "-o", tmp_path / "no" / "page.html", status=2)
    assert result.stderr == f"Error: {tmp_path / 'no' / 'page.html'} cannot be written: No such file or directory\n"


def test_report_is_a_page_to_read_and_one_to_explore(invoke, campaign_file, tmp_path):
    path = tmp_path / "page.html"
    output = invoke("campaign", "report", campaign_file(), "-o", path).output
    assert output == f"report: {path}\nto sort, filter and plot: {tmp_path / 'page-explore.html'}\n"
    assert "4 points: 4 missing" in path.read_text()
    assert 'href="page-explore.html"' in path.read_text()
    assert 'href="page.html"' in (tmp_path / "page-explore.html").read_text()


def test_locked_database_is_told_in_a_sentence():
    import sqlite3

    from sqlalchemy.exc import OperationalError

    @tells_user_errors
    def command():
        raise OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked"))

    with pytest.raises(UserError, match=r"^the database does not answer \(database is locked\); nothing is lost"):
        command()


def test_results_of_several_temperatures_have_activation_energies(invoke, campaign_file, monkeypatch):
    """D = 10⁻³ exp(−0.1 eV / k_B T), exactly."""
    points = [
        PointResult(
            label=f"alpha-AgI · {temperature:g} K · seed 1",
            specification={"constraint": "UC",
                "material": "alpha-AgI", "potential": "vashishta-rahman", "temperature": temperature, "seed": 1
            },
            uuid=None, pk=None, state="finished", message="", curves={}, provenance={},
            observables={
                "diffusion_coefficient_Ag": {
                    "value": 1e-3 * math.exp(-0.1 / (BOLTZMANN * temperature)),
                    "error": 1e-7, "unit": "cm^2/s", "upper_bound": None,
                }
            },
        )
        for temperature in (500.0, 600.0, 700.0)
    ]  # fmt: skip
    monkeypatch.setattr(collect, "collect_results", lambda *_, **__: points)
    output = invoke("campaign", "results", campaign_file()).output
    assert "Activation energies" in output
    assert "0.100" in output.partition("Activation energies")[2]
    monkeypatch.setattr(collect, "collect_results", lambda *_, **__: points[:2])
    assert "Activation energies" not in invoke("campaign", "results", campaign_file()).output


def test_status_of_many_points_is_of_conditions(invoke, campaign_file):
    file = campaign_file("replicas: 2", "replicas: 60")
    output = invoke("campaign", "status", file).output
    assert output.count("alpha-AgI 2x2x2") == 2
    assert "seed" not in output
    assert output.count(" 60") == 2
    assert "0 conditions have finished" in output
    assert invoke("campaign", "status", file, "--all").output.count("alpha-AgI 2x2x2") == 120


def test_plan_says_that_a_cost_is_unknown(invoke, campaign_file, aiida_profile_clean):
    output = invoke("campaign", "plan", campaign_file()).output
    assert "4 points of which nothing alike has run: their cost is unknown" in output


def test_retry_says_what_it_needs(invoke, campaign_file):
    assert "Missing option '--failed'" in invoke("campaign", "retry", campaign_file(), status=2).stderr
