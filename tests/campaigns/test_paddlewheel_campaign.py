"""Campaigns in which each point is a study of models side by side."""

import json
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from click.testing import CliRunner

from aiida_superionic.campaigns import builders as module
from aiida_superionic.campaigns.attempts import State, point_statuses
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.points import PointSpecification, expand, expansion
from aiida_superionic.campaigns.results import conditions
from aiida_superionic.campaigns.spec import campaign_schema, load_campaign
from aiida_superionic.cli import cmd_root
from aiida_superionic.data.contents import remember
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import potentials
from aiida_superionic.report.selection import collect_for_page
from aiida_superionic.workchains.paddlewheel import PaddlewheelWorkChain

FILE = """\
campaign: side-by-side
model: paddlewheel
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials:
  - vashishta-rahman
  - node: stiffer
temperatures: [750]
replicas: 1
seed: 3
md:
  timestep: 2 fs
  equilibration: 2 ps
  production: 12 ps
  sampling_interval: 20 fs
  thermo_interval: 20 fs
  checkpoint_interval: 1 ps
observables:
  - temperature
  - radial_distribution
  - diffusion: {fit_start: 0.25, fit_end: 0.5}
  - force_correlation: {longest_lag: 1.0}
  - van_hove: {times: [0.5]}
larger:
  supercells: [[4, 2, 2]]
  production: 4 ps
"""
ELECTRONS = "electrons: {centres: {Ag: 5, I: 4}, level: xtb, every: 20}\n"


@pytest.fixture
def stiffer():
    """Return a potential of the graph that repels a little more."""
    node = PotentialData(potentials()["vashishta-rahman"].replace("coefficient: 114.48", "coefficient: 120.0"))
    node.label = "stiffer"
    return node.store()


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_point_says_all_models_and_what_is_asked_of_them(load, stiffer):
    text = FILE.replace("replicas: 1", "replicas: 2") + ELECTRONS + "ab_initio: {level: fast, production: 2 ps}\n"
    first, second = expand(load(text))
    assert (first.seed, second.seed) == (3, 4)
    said = json.loads(first.canonical_json)
    content = stiffer.potential.content
    assert [model["potential"] for model in said["models"]] == ["vashishta-rahman", stiffer.potential.family]
    assert said["models"][1]["potential_content"] == content
    assert (said["engine"], said["ab_initio"], said["larger"]) == ("paddlewheel", "fast", [[4, 2, 2]])
    assert (said["larger_md"], said["ab_initio_md"]) == ({"production": 4}, {"production": 2})
    assert said["electrons"]["centres_per_ion"] == {"Ag": 5, "I": 4}
    assert f"vashishta-rahman and {stiffer.potential.family}-{content[:8]} · 750 K" in first.label
    assert PointSpecification.model_validate(said).hash == first.hash
    changes = [
        ("Ag: 5", "Ag: 6"),
        ("every: 20", "every: 10"),
        ("level: fast", "level: xtb"),
        ("production: 2 ps}", "production: 3 ps}"),
        ("[4, 2, 2]", "[4, 4, 2]"),
        ("production: 4 ps", "production: 5 ps"),
        ("  - vashishta-rahman\n", ""),
    ]
    hashes = {expand(load(text.replace(old, new)))[0].hash for old, new in changes}
    assert len(hashes | {first.hash}) == 1 + len(changes)


def test_a_point_waits_for_each_potential_that_is_to_be_made(load, frames):
    frames()
    learned = "\n".join(f"  - train: {{dataset: frames, seed: {seed}}}" for seed in (1, 2))
    asked = expansion(load(FILE.replace("  - node: stiffer", learned)))
    (point,) = asked.points
    assert len(point.preparations) == 2
    assert set(point.preparations) == set(asked.preparations)
    (status,) = point_statuses([point])
    assert status.state is State.WAITING
    assert set(module.codes_of(point)) == {"lammps", "analysis", "conversion"}


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("md:\n", "md:\n  engine: cp2k\n  level: xtb\n", 11, "potentials are run by LAMMPS; remove the engine"),
        ("md:\n", "md:\n  ensemble: nvt\n", 11, "models are compared where energy is conserved; write nve"),
        ("seed: 3", "constraints: [RC]", 9, "no motion is held here; write UC"),
        ("seed: 3", "rotors: [PS4]", 9, "nothing is constrained here; remove the rotors"),
        ("seed: 3", "electrons: {centres: {Cu: 5}, level: xtb}", 9, "alpha-AgI holds no Cu; write Ag or I"),
        ("seed: 3", "electrons: {centres: {Ag: 5}, level: xbt}", 9, "unknown level of theory 'xbt'; did you mean xtb?"),
        ("seed: 3", "electrons: {level: xtb}", 9, "the key electrons.centres is missing; write how many"),
        ("[[4, 2, 2]]", "[[4, 2, 2], [4, 2, 2]]", 24, "(4, 2, 2) is given twice; remove one of them"),
        ("seed: 3", "lattice: {protocol: fast}", 9, "the key lattice has no meaning with model: paddlewheel"),
        ("paddlewheel", "molecular-dynamics", 23, "the key larger has no meaning with model: molecular-dynamics"),
    ],
)
@pytest.mark.usefixtures("aiida_profile_clean", "stiffer")
def test_each_fault_is_refused_with_its_line_and_what_would_be_right(load, old, new, line, sentence):
    with pytest.raises(CampaignFileError) as refused:
        load(FILE.replace(old, new))
    messages = [f"line {problem.line}: {problem.sentence}" for problem in refused.value.problems]
    assert any(message.startswith(f"line {line}:") and sentence in message for message in messages), messages


def test_the_schema_and_the_example_agree_with_what_is_read():
    assert {"electrons", "larger", "ab_initio"} <= set(campaign_schema("paddlewheel")["properties"])
    assert "larger" not in campaign_schema("molecular-dynamics")["properties"]
    example = load_campaign(Path(__file__).parents[2] / "examples" / "paddlewheel.yaml").study
    assert example.electrons.settings.centres_per_ion == {"Ag": 5, "I": 4}
    assert example.larger.times.keys() == {"production"}


def nested(namespace):
    """Return the paths of the nodes in a namespace of outputs."""
    return {
        f"{key}.{path}".rstrip(".")
        for key, value in namespace.items()
        for path in ([""] if isinstance(value, orm.Node) else nested(value))
    }


@pytest.mark.usefixtures("aiida_profile_clean")
def test_models_forces_and_cells_from_the_file_to_the_page(
    load, stiffer, lammps_code, analysis_code, conversion_code, tmp_path
):
    (point,) = expand(load(FILE))
    remember(stiffer, stiffer.potential.content)  # as apply does
    codes = {"lammps": lammps_code, "analysis": analysis_code, "conversion": conversion_code}
    assert set(module.codes_of(point)) == set(codes)
    builder = module.attempt_builder(point, module.Machine(codes))
    builder.point = PointData(json.loads(point.canonical_json), point.hash).store()
    _, node = run_get_node(builder)
    own, other = models = ("vashishta_rahman", f"pair_functions_{stiffer.potential.content[:8]}")
    names, outputs = {"observables", "curves"}, node.outputs
    assert nested(outputs.ions) == {f"{model}.{name}" for model in models for name in names}
    assert nested(outputs.larger) == {f"4x2x2.{model}.{name}" for model in models for name in names}
    assert nested(outputs.forces) == {f"{on}.{of}.{name}" for on in models for of in models for name in names}
    assert "electrons" not in outputs
    # What moved the ions has no integral, within five standard errors from blocks; what did not has one.
    integral = {
        (on, of): outputs.forces[on][of].observables["force_correlation_integral_Ag"] for on in models for of in models
    }
    for model in models:
        assert abs(integral[model, model]["value"]) < 5 * integral[model, model]["error"]
        assert outputs.ions[model].observables["temperature"]["value"] == pytest.approx(750.0, rel=0.2)
    # Both models are begun alike, and are not the same.
    ours, others = (outputs.ions[model].curves.get_array("radial_distribution_Ag_I__y") for model in models)
    assert not np.array_equal(ours, others)
    runs = {link.link_label: link.node for link in node.base.links.get_outgoing(orm.ProcessNode).all()}
    assert runs[f"larger__4x2x2__{own}"].inputs.md.production.lammps.parameters["duration"] == 4.0
    if node.exit_status:  # in so few picoseconds a large cell may only bound its diffusion
        assert node.exit_status == PaddlewheelWorkChain.exit_codes.ERROR_INCOMPLETE.status
        assert "larger 4x2x2" in node.exit_message

    statuses = point_statuses([point])
    assert [status.state for status in statuses] == [State.FINISHED]
    points = collect_results(statuses)
    first, second = (model.replace("_", "-") for model in models)
    assert [(one.specification["atoms"], one.specification["potential"]) for one in points] == [
        (32, first),
        (32, second),
        (32, f"forces of {second} on frames of {first}"),
        (32, f"forces of {first} on frames of {second}"),
        (64, first),
        (64, second),
    ]
    averaged = conditions(points)
    # The forces that moved the ions, computed again, are the same but for rounding.
    again = pytest.approx(integral[own, own]["value"], rel=1e-6)
    assert averaged[0].observables["force_correlation_integral_Ag"].value == again
    assert averaged[2].observables["force_correlation_integral_Ag"].value == integral[own, other]["value"]
    assert averaged[0].curves.keys() == collect_for_page(statuses)[0].curves.keys() != set()

    file, page, table = (str(tmp_path / name) for name in ("campaign.yaml", "page.html", "points.csv"))
    for command in (["results", file], ["report", file, "--output", page], ["export", file, "--output", table]):
        done = CliRunner().invoke(cmd_root, ["campaign", *command])
        assert done.exit_code == 0, done.output
    for written in (page, table):
        assert f"forces of {second} on frames of {first}" in Path(written).read_text(encoding="utf-8")
