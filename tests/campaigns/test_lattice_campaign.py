"""Campaigns whose ions move in a model of a lattice."""

import json
import re
from pathlib import Path

import pytest
from aiida.engine import run_get_node
from click.testing import CliRunner

from aiida_superionic.campaigns import builders as module
from aiida_superionic.campaigns.attempts import State, point_statuses
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.campaigns.cost import cost_of
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.keys import MODELS
from aiida_superionic.campaigns.lattice_spec import LatticeRun
from aiida_superionic.campaigns.points import PointSpecification, expand
from aiida_superionic.campaigns.progress import progress_of
from aiida_superionic.campaigns.quantities import parse_time
from aiida_superionic.campaigns.results import conditions
from aiida_superionic.campaigns.spec import campaign_schema, load_campaign
from aiida_superionic.cli import cmd_root
from aiida_superionic.data.point import PointData
from aiida_superionic.report.page import render_report
from aiida_superionic.workchains.protocol import protocols

FILE = """\
campaign: cubic
model: time-local
structure: {material: simple-cubic, supercell: [6, 6, 6]}
potentials: [yukawa-4eV]
temperatures: [290, 580, 1160]
replicas: 2
seed: 3
lattice:
  protocol: fast
  ions: 2
  production: 150 ps
"""
_D = "diffusion_coefficient_Li"


def changed(old, new):
    assert FILE.count(old) == 1
    return FILE.replace(old, new)


def test_a_point_says_model_statistics_and_numbers(load):
    points = expand(load(FILE))
    assert [(point.temperature, point.seed) for point in points] == [
        (290, 3), (290, 4), (580, 3), (580, 4), (1160, 3), (1160, 4),
    ]  # fmt: skip
    (point, *_) = points
    fast = protocols("lattice")["fast"]
    assert json.loads(point.canonical_json) == {
        "version": 1,
        "material": "simple-cubic",
        "supercell": [6, 6, 6],
        "engine": "time-local",
        "potential": "yukawa-4eV",
        "temperature": 290,
        "constraint": "UC",
        "seed": 3,
        "ensemble": "nvt",
        "statistics": "quantum",
        "md": {
            "ions": 2,
            "production": 150,
            **{key: fast[key] for key in ("timestep", "sampling_interval", "equilibration", "segment", "fit_start")},
        },
        "observables": {},
    }
    assert point.label == "simple-cubic 6x6x6 · yukawa-4eV · 290 K · time-local · seed 3"
    stored = json.loads(point.canonical_json)
    assert PointSpecification.model_validate(stored).hash == point.hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("time-local", "full-lattice"),
        ("[6, 6, 6]", "[6, 6, 7]"),
        ("4eV", "8eV"),
        ("ions: 2", "ions: 3"),
        ("150 ps", "151 ps"),
        ("fast", "precise"),
        ("ions: 2", "ions: 2\n  statistics: classical"),
        ("ions: 2", "ions: 2\n  segment: 10 ps"),
    ],
)
def test_whatever_changes_the_result_changes_every_hash(load, old, new):
    assert not {point.hash for point in expand(load(FILE))} & {point.hash for point in expand(load(changed(old, new)))}


def test_molecular_dynamics_may_be_said_and_change_no_hash(load):
    silver = """\
campaign: study
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials: [vashishta-rahman]
temperatures: [700]
constraints: [UC]
replicas: 1
"""
    said, unsaid = (expand(load(text))[0] for text in (silver + "model: molecular-dynamics\n", silver))
    assert said.hash == unsaid.hash
    assert "statistics" not in json.loads(unsaid.canonical_json)
    with pytest.raises(
        CampaignFileError, match="line 7: the key lattice has no meaning with model: molecular-dynamics"
    ):
        load(silver + "lattice: {protocol: fast}\n")


REFUSED = [
    ("time-local", "time-lcal", 2, "unknown model 'time-lcal'; did you mean time-local?"),
    ("time-local", "[1]", 2, "model: [1] is not valid; write what moves the ions, the name of a model"),
    ("simple-cubic", "alpha-AgI", 3, "unknown material 'alpha-AgI'; write simple-cubic"),
    ("[6, 6, 6]", "[6, 6, 1]", 3, "structure.supercell: 1 is not valid; write three whole numbers from 2 to 100"),
    ("6]}", "6], lattice_constants: [3, 3, 3]}", 3, "the key lattice_constants has no meaning with model: time-local"),
    ("yukawa-4eV", "yukawa-5eV", 4, "unknown potential 'yukawa-5eV'; did you mean yukawa-"),
    ("[yukawa-4eV]", "[vashishta-rahman]", 4, "unknown potential 'vashishta-rahman'; write yukawa-4eV or yukawa-8eV"),
    ("[290,", "[-290,", 5, "temperatures: -290 is not valid"),
    ("replicas: 2", "replicas: 0", 6, "replicas: 0 is not valid"),
    ("seed: 3", "constraints: [UC, RC]", 7, "no motion is held here; write UC"),
    ("seed: 3", "rotors: [PS4]", 7, "the key rotors has no meaning with model: time-local; remove it"),
    ("seed: 3", "md: {protocol: fast}", 7, "the key md has no meaning with model: time-local; remove it"),
    ("seed: 3", "observables: [diffusion]", 7, "the key observables has no meaning with model: time-local"),
    ("seed: 3", "sed: 3", 7, "unknown key 'sed'; did you mean seed?"),
    ("  protocol: fast", "  protocl: fast", 9, "unknown key 'protocl'; did you mean protocol?"),
    ("fast", "quick", 9, "unknown protocol 'quick'"),
    ("ions: 2", "ions: 0", 10, "lattice.ions: 0 is not valid; write a whole number from 1 to 1000"),
    ("ions: 2", "statistics: fermi", 10, "unknown statistics 'fermi'; write classical or quantum"),
    ("150 ps", "150", 11, "the time 150 has no unit; say the unit"),
    ("150 ps", "10 ps", 8, "the times do not fit together: fit_start must lie within the segment"),
    (
        "150 ps",
        "150 ps\n  timestep: 3 fs",
        8,
        "the times do not fit together: the sampling interval must be a multiple",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "sentence"), REFUSED)
def test_each_fault_is_refused_with_its_line_and_what_would_be_right(load, old, new, line, sentence):
    with pytest.raises(CampaignFileError) as refused:
        load(changed(old, new))
    messages = [f"line {problem.line}: {problem.sentence}" for problem in refused.value.problems]
    assert any(message.startswith(f"line {line}:") and sentence in message for message in messages), messages


def test_the_example_and_the_page_show_campaigns_that_are_read(load):
    root = Path(__file__).parents[2]
    example = load_campaign(root / "examples" / "time-local.yaml")
    assert len(expand(example)) == 8
    page = (root / "docs" / "howto" / "lattice.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n(campaign: .*?)```", page, re.DOTALL)
    assert {point.engine for point in expand(load(text))} == {"time-local"}
    # Each setting that the example names in its comment is one, at its default.
    shown = dict(
        re.findall(r"^#   (\w+): (\S+(?: [fp]s)?) ", (root / "examples/time-local.yaml").read_text(), re.MULTILINE)
    )
    assert set(shown) == set(LatticeRun.model_fields) - {"protocol"}
    fast = protocols("lattice")["fast"]
    assert int(shown.pop("ions")) == fast["ions"]
    assert shown.pop("statistics") != fast["statistics"]
    assert {name: parse_time(text) for name, text in shown.items()} == {name: fast[name] for name in shown}


def test_the_schema_knows_the_words_of_the_model():
    schema = json.loads(json.dumps(campaign_schema("time-local")))
    assert schema["$defs"]["LatticeStructure"]["properties"]["material"]["enum"] == ["simple-cubic"]
    assert set(schema["properties"]["model"]["enum"]) == set(MODELS)
    assert "md" not in schema["properties"]


def test_a_job_that_waits_is_told(specification, store_point, store_attempt, store_job):
    point = specification(engine="time-local", material="simple-cubic", potential="yukawa-4eV")
    store_job(store_attempt(store_point(point), "waiting"), "iteration_01")
    assert progress_of(point_statuses([point])) == ["run is being prepared"]


@pytest.fixture
def run_points(lattice_code):
    """Return a function that makes attempts at points in this process, as ``apply`` would submit them."""

    def run(points):
        for point in points:
            assert module.codes_of(point) == ("lattice",)
            builder = module.attempt_builder(point, module.Machine({"lattice": lattice_code}))
            builder.point = PointData(json.loads(point.canonical_json), point.hash).store()
            run_get_node(builder)
        return point_statuses(points)

    return run


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_campaign_from_the_file_to_its_page(load, run_points, tmp_path):
    text = (
        changed("replicas: 2", "replicas: 1")
        .replace("[290, 580, 1160]", "[30, 290, 435, 580]")
        .replace("ions: 2", "ions: 16\n  statistics: classical")
    )
    points = expand(load(text))
    statuses = run_points(points)
    assert {status.state for status in statuses} == {State.FINISHED}
    results = collect_results(statuses)
    cold, *others = results
    # Too cold to move: a bound is a result, and why is told.
    assert cold.observables[_D]["value"] is None
    assert "diffusion_coefficient_Li < " in cold.message
    values = [result.observables[_D]["value"] for result in others]
    assert all(1e-5 < value < 1e-2 for value in values)
    assert others[0].provenance["aiida-superionic"]
    assert {"parameters", "point", "observables", "curves"} <= set(others[0].provenance)
    assert "mean_squared_displacement_Li" in others[0].curves
    assert cost_of(statuses).jobs == len(points)
    page = render_report("cubic", conditions(results), results)
    assert "yukawa-4eV" in page
    assert "Diffusion coefficient (Li)" in page
    printed = CliRunner().invoke(cmd_root, ["campaign", "results", str(tmp_path / "campaign.yaml")])
    assert printed.exit_code == 0, printed.output
    assert "Activation energies" in printed.output
    assert "time-local" in printed.output


@pytest.mark.slow
@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_point_whose_motion_breaks_off_has_failed(run_points, specification):
    hot = specification(
        engine="time-local",
        material="simple-cubic",
        potential="yukawa-8eV",
        supercell=(6, 6, 6),
        temperature=10_000.0,
        statistics="quantum",
        md={**{key: float(value) for key, value in protocols("lattice")["fast"].items() if isinstance(value, float)}}
        | {"ions": 2.0, "timestep": 0.025, "production": 150.0},
        observables={},
    )
    (status,) = run_points([hot])
    assert status.state is State.FAILED
    assert "the motion broke off" in status.attempt.message
