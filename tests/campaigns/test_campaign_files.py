"""Exporting campaigns, and setting them beside each other."""

import csv
import json
import sys

import pytest
from aiida.engine import run_get_node
from aiida.tools.archive import import_archive

from aiida_superionic.campaigns.builders import Machine, attempt_builder
from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData

FILE = """\
campaign: study
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials: [vashishta-rahman]
temperatures: [700, 750]
constraints: [UC]
replicas: 2
md: {protocol: fast, production: 60 ps}
observables: [diffusion, {friction: {longest_lag: 3.0}}]
"""
SHORT = """\
campaign: study
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials: [vashishta-rahman]
temperatures: [700]
constraints: [UC]
replicas: 2
md: {equilibration: 0.2 ps, production: 2 ps, timestep: 2 fs, sampling_interval: 10 fs}
observables: [temperature]
"""


@pytest.fixture
def campaign_file(tmp_path):
    def make(text=FILE):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return path

    return make


@pytest.fixture
def run_campaign(lammps_code, analysis_code):
    """Return a function that runs a campaign in this process, one point after the other."""

    def run(file):
        campaign = load_campaign(file)
        group = CampaignGroup.collection.get_or_create(campaign.campaign)[0]
        for specification in expand(campaign):
            point = PointData(json.loads(specification.canonical_json), specification.hash)
            point.label = specification.label
            builder = attempt_builder(specification, Machine({"lammps": lammps_code, "analysis": analysis_code}))
            builder.point = point.store()
            group.add_nodes([point])
            _, attempt = run_get_node(builder)
            assert attempt.is_finished_ok, attempt.exit_message

    return run


def test_archive_in_an_empty_profile_gives_the_same_results(
    aiida_profile_clean, invoke, campaign_file, run_campaign, tmp_path
):
    file = campaign_file(SHORT)
    run_campaign(file)
    formats = ("table", "csv")
    before = [invoke("campaign", "results", file, "--all", "--format", format_).stdout for format_ in formats]
    archive = tmp_path / "study.aiida"
    assert invoke("campaign", "export", file, "-o", archive).stdout == f"{archive}: 2 points\n"

    aiida_profile_clean.reset_storage()
    assert "2 missing" in invoke("campaign", "status", file).stdout
    import_archive(archive)
    assert [invoke("campaign", "results", file, "--all", "--format", format_).stdout for format_ in formats] == before
    assert "K" in before[0]
    assert "2 finished" in invoke("campaign", "status", file).stdout
    assert invoke("query", "campaign = study and measured_temperature > 1 K").stdout.endswith("2 points\n")
    assert "0 points in the group study and not asked for" in invoke("campaign", "diff", file).stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("study.xlsx", "study.xlsx does not say what to write; let it end in .aiida or .csv or .json or .parquet"),
        ("study.aiida", "no point of study has run to its end; there is nothing to export"),
        ("no/study.csv", "no/study.csv cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_exported_is_told(aiida_profile_clean, invoke, campaign_file, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    assert invoke("campaign", "export", campaign_file(), "-o", name, status=2).stderr == f"Error: {said}\n"


def test_parquet_without_pyarrow_is_told(aiida_profile_clean, invoke, campaign_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    told = invoke("campaign", "export", campaign_file(), "-o", tmp_path / "study.parquet", status=2).stderr
    assert told == "Error: pyarrow is not installed; run: pip install 'aiida-superionic[tables]'\n"


def scalar(value, error, unit="cm^2/s"):
    return {"value": value, "error": error, "unit": unit, "upper_bound": None}


@pytest.fixture
def finish(store_point, store_attempt):
    """Return a function that stores a finished attempt at every point of a file, with results by its temperature."""

    def store(file, observables):
        for specification in expand(load_campaign(file)):
            store_attempt(store_point(specification), observables=observables(specification))

    return store


def test_tables_hold_every_number_of_every_point(invoke, campaign_file, finish, tmp_path):
    file = campaign_file()
    finish(file, lambda point: {"diffusion_coefficient_Ag": scalar(point.temperature * 1e-8, 1e-7)})
    invoke("campaign", "export", file, "-o", tmp_path / "study.csv")
    rows = list(csv.DictReader((tmp_path / "study.csv").open()))
    assert [(float(row["temperature [K]"]), int(row["seed"])) for row in rows] == [
        (700, 1),
        (700, 2),
        (750, 1),
        (750, 2),
    ]
    assert [float(row["diffusion_coefficient_Ag [cm^2/s]"]) for row in rows] == [7e-6, 7e-6, 7.5e-6, 7.5e-6]
    invoke("campaign", "export", file, "-o", tmp_path / "study.json")
    points = json.loads((tmp_path / "study.json").read_text())
    assert points[3]["observables"]["diffusion_coefficient_Ag"]["value"] == 7.5e-6
    assert points[3]["specification"]["observables"] == {"diffusion": {}, "friction": {"longest_lag": 3.0}}


def test_parquet_holds_numbers_with_units(invoke, campaign_file, finish, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    file = campaign_file()
    finish(file, lambda point: {"temperature": scalar(point.temperature + 1.0, 1.0, "K")} if point.seed == 1 else {})
    invoke("campaign", "export", file, "-o", tmp_path / "study.parquet")
    table = parquet.read_table(tmp_path / "study.parquet")
    assert table["measured_temperature"].to_pylist() == [701.0, None, 751.0, None]
    assert table.schema.field("measured_temperature").metadata == {b"unit": b"K"}


def test_campaigns_set_apart_by_one_thing_are_compared(invoke, campaign_file, finish, tmp_path):
    first = campaign_file()
    second = tmp_path / "other.yaml"
    second.write_text(first.read_text().replace("60 ps", "90 ps").replace("[700, 750]", "[750, 800]"))
    finish(first, lambda point: {"diffusion_coefficient_Ag": scalar(2e-5 + 1e-8 * point.seed, 1e-7)})
    finish(second, lambda point: {"diffusion_coefficient_Ag": scalar(3e-5 + 1e-8 * point.seed, 1e-7)})
    output = invoke("campaign", "diff", first, second).stdout
    assert f"4 points only in {first}:" in output
    assert f"4 points only in {second}:" in output
    assert "0 points in both" in output
    assert "set apart by md: " in output
    assert "1 of 1 numbers differ by more than 3 standard errors" in output
    assert "750 K · UC · Diffusion coefficient (Ag), cm²/s: (2.00150 ± 0.00050)e-05 | (3.00150 ± 0.00050)e-05" in output
    assert "0 of 0 numbers differ" in invoke("campaign", "diff", first, first).stdout


def test_results_within_their_errors_do_not_differ(invoke, campaign_file, finish, tmp_path):
    first = campaign_file()
    second = tmp_path / "other.yaml"
    second.write_text(first.read_text().replace("60 ps", "90 ps"))
    finish(first, lambda point: {"temperature": scalar(700.0 + point.seed, 1.0, "K")})
    finish(second, lambda point: {"temperature": scalar(700.5 + point.seed, 1.0, "K")})
    assert "0 of 2 numbers differ" in invoke("campaign", "diff", first, second).stdout


def test_file_beside_the_graph(aiida_profile_clean, invoke, campaign_file):
    file = campaign_file()
    nodes = [PointData(json.loads(one.canonical_json), one.hash) for one in expand(load_campaign(file))]
    for node, one in zip(nodes, expand(load_campaign(file)), strict=True):
        node.label = one.label
        node.store()
    CampaignGroup("study").store().add_nodes(nodes)
    file.write_text(file.read_text().replace("[700, 750]", "[700, 800]"))
    output = invoke("campaign", "diff", file).stdout
    assert f"2 points in the group study and not asked for by {file}:\n  alpha-AgI 2x2x2" in output
    assert output.count("750 K") == output.count("800 K") == 2
    assert f"2 points asked for by {file} and not on the graph:" in output
    assert output.endswith("2 points asked for and on the graph\n")
