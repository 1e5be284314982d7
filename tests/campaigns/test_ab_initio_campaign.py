"""Campaigns whose forces are those of CP2K."""

import json

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.campaigns import builders as module
from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.points import expand
from aiida_superionic.data.point import PointData
from aiida_superionic.workchains.md import TIMES
from aiida_superionic.workchains.protocol import protocols

FILE = """\
campaign: reference
structure: {material: alpha-AgI, supercell: [1, 1, 1]}
temperatures: [600]
constraints: [UC]
replicas: 1
seed: 3
md:
  engine: cp2k
  level: xtb
  protocol: fast
  equilibration: 5 fs
  production: 10 fs
  sampling_interval: 0.5 fs
observables:
  - radial_distribution
  - temperature
"""


def test_a_point_says_engine_and_level(load):
    (point,) = expand(load(FILE))
    assert (point.engine, point.potential) == ("cp2k", "xtb")
    assert point.md == {**protocols("ab_initio_md")["fast"], "equilibration": 0.005, "production": 0.01} | {
        "sampling_interval": 0.0005
    }
    assert json.loads(point.canonical_json)["engine"] == "cp2k"
    (other,) = expand(load(FILE.replace("level: xtb", "level: fast")))
    assert other.hash != point.hash


def test_a_point_of_lammps_has_the_hash_that_it_had_before_there_were_engines(specification):
    assert "engine" not in json.loads(specification().canonical_json)
    assert specification(engine="cp2k").hash != specification().hash


def test_every_engine_has_the_protocols_that_a_campaign_may_name():
    names = {tuple(protocols(times)) for times in TIMES.values()}
    settings = {tuple(sorted(protocols(times)["fast"])) for times in TIMES.values()}
    assert len(names) == len(settings) == 1


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("engine: cp2k", "engine: cpk2", 8, "unknown engine 'cpk2'; did you mean cp2k?"),
        ("level: xtb", "level: xbt", 9, "unknown level of theory 'xbt'; did you mean xtb?"),
        ("  level: xtb\n", "", 7, "engine: cp2k needs a level of theory; write level: xtb or fast"),
        ("  engine: cp2k\n", "", 1, "the key potentials is missing; write a list of names of potentials"),
        (
            "temperatures",
            "potentials: [vashishta-rahman]\ntemperatures",
            3,
            "with engine: cp2k the forces are those of md.level",
        ),
        ("[UC]", "[UC, RC]", 4, "motions are held with engine: lammps only; write UC"),
    ],
)
def test_what_does_not_fit_the_engine_is_refused(load, old, new, line, sentence):
    with pytest.raises(CampaignFileError) as refused:
        load(FILE.replace(old, new))
    assert [problem.line for problem in refused.value.problems] == [line]
    assert sentence in str(refused.value)


def test_a_level_without_its_engine_is_refused(load):
    with pytest.raises(CampaignFileError, match="line 9: a level of theory is for engine: cp2k"):
        load("potentials: [vashishta-rahman]\n" + FILE.replace("  engine: cp2k\n", ""))


def test_a_point_from_the_file_to_its_result(load, cp2k_code, analysis_code):
    (point,) = expand(load(FILE))
    builder = module.attempt_builder(point, module.Machine({"cp2k": cp2k_code, "analysis": analysis_code}))
    builder.point = PointData(json.loads(point.canonical_json), point.hash).store()
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    (result,) = collect_results(point_statuses([point]))
    assert result.provenance["CP2K"] == node.outputs.results["cp2k_version"]
    assert orm.load_node(result.provenance["level of theory"]).get_dict()["FORCE_EVAL"]["DFT"]["QS"]["METHOD"] == "XTB"
    # The velocities of the trajectory against what CP2K says of them.
    temperature = result.observables["temperature"]
    assert temperature["value"] == pytest.approx(node.outputs.thermo.get_array("temperature").mean(), rel=0.02)
    assert result.curves["radial_distribution_Ag_I"].x.max() < 0.5 * 5.0855
