"""The campaign file: what is read from it, and the sentence and line with which each fault is refused."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_superionic.analysis.registry import observables
from aiida_superionic.campaigns import crystal
from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.quantities import parse_time
from aiida_superionic.campaigns.spec import campaign_schema, load_campaign
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.workchains.protocol import protocols

EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = """\
campaign: agi-friction
structure:
  material: alpha-AgI
  supercell: [3, 3, 3]
potentials: [vashishta-rahman]
temperatures:
  - 600
  - 750
constraints: [UC]
replicas: 5
seed: 1
md:
  protocol: balanced
  production: 100 ps
observables:
  - diffusion
  - friction: {longest_lag: 3}
  - cage_residence
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        return load_campaign(path)

    return load


def study(campaign):
    """Return the one part of a campaign."""
    (part,) = campaign.parts
    return part.study


def changed(old, new):
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_campaign_is_read_with_times_in_ps(load):
    campaign = study(load(changed("production: 100 ps", "production: 0.1 ns\n  timestep: 0.5 fs")))
    assert campaign.campaign == "agi-friction"
    assert campaign.structure.material == "alpha-AgI"
    assert campaign.structure.supercell == (3, 3, 3)
    assert campaign.temperatures == (600.0, 750.0)
    assert {"production": 100.0, "timestep": 0.0005}.items() <= campaign.md_settings(
        Crystal.of_reference(campaign.structure)
    ).items()
    assert [(request.name, request.parameters) for request in campaign.observables] == [
        ("diffusion", {}),
        ("friction", {"longest_lag": 3.0}),
        ("cage_residence", {}),
    ]


def test_a_list_of_the_file_is_a_list_of_the_point(load):
    (request,) = study(load(GOOD[: GOOD.index("  - diffusion")] + "  - van_hove: {times: [1, 2.5]}\n")).observables
    assert request.parameters == {"times": (1.0, 2.5)}


def test_what_is_left_out_has_its_default(load):
    campaign = load(GOOD[: GOOD.index("seed:")])
    assert study(campaign).seed == 1
    assert study(campaign).md.protocol == "balanced"
    point = expand(campaign)[0]
    assert point.md == protocols("md")["balanced"]
    names = set(point.observables)
    assert {"conductivity", "diffusion", "friction", "host_lattice"} <= names
    # α-AgI has neither polyanions nor, under a force field, electrons; the last is no routine.
    assert not names & {"dipoles", "tetrahedral_rotor", "rotor_angles", "reorientations", "density_profile"}


def test_a_material_sets_the_timestep_that_a_file_leaves_out(load):
    thiophosphate = changed("alpha-AgI", "alpha-Li3PS4")
    assert expand(load(thiophosphate))[0].md["timestep"] == 0.002
    given = thiophosphate.replace("  protocol: balanced", "  protocol: balanced\n  timestep: 1 fs")
    assert expand(load(given))[0].md["timestep"] == 0.001


def test_the_example_is_a_campaign_of_four_points_with_what_the_paper_prints():
    campaign = load_campaign(EXAMPLES / "agi.yaml")
    assert len(expand(campaign)) == 4
    assert {request.name for request in study(campaign).observables} >= {"diffusion", "friction", "cage_residence"}


def test_the_example_with_constraints_asks_for_every_mode_at_one_volume():
    points = expand(load_campaign(EXAMPLES / "polyanion.yaml"))
    assert {point.constraint for point in points} == {"UC", "RC", "RTC", "RTVC"}
    assert {point.lattice_constants for point in points} == {(7.8, 7.8, 7.8)}
    n_seeds = len({point.seed for point in points})
    assert n_seeds >= 3  # for a scatter that is an error bar
    assert len(points) == 8 * n_seeds


REFUSED = [
    # keys
    ("campaign:", "campaing:", 1, "unknown key 'campaing'; did you mean campaign?"),
    ("temperatures:", "Temperatures:", 6, "unknown key 'Temperatures'; did you mean temperatures?"),
    ("  material:", "  materail:", 3, "unknown key 'materail'; did you mean material?"),
    ("protocol:", "protocoll:", 13, "unknown key 'protocoll'; did you mean protocol?"),
    (
        "protocol:",
        "zzz:",
        13,
        "unknown key 'zzz'; write checkpoint_interval or engine or ensemble or equilibration or level or production or"
        " protocol or sampling_interval or thermo_interval or thermostat_damping or timestep",
    ),
    ("replicas: 5\n", "", 1, "the key replicas is missing; write a whole number from 1 to 10000"),
    ("  material: alpha-AgI\n", "", 2, "the key structure.material is missing; write the name of a reference crystal"),
    # names
    ("agi-friction", "'a b'", 1, "campaign: 'a b' is not valid; write a name of at most 64"),
    ("agi-friction", "-a", 1, "campaign: '-a' is not valid"),
    ("agi-friction", "a" * 65, 1, "is not valid"),
    ("agi-friction", "agi;ls", 1, "campaign: 'agi;ls' is not valid"),
    ("agi-friction", "$(reboot)", 1, "campaign: '$(reboot)' is not valid"),
    ("agi-friction", '"agi\\n"', 1, r"campaign: 'agi\n' is not valid"),
    ("agi-friction", "7", 1, "campaign: 7 is not valid"),
    # structure
    ("alpha-AgI", "alpha-AgJ", 3, "unknown material 'alpha-AgJ'; did you mean alpha-AgI?"),
    ("alpha-AgI", "ALPHA-agi", 3, "unknown material 'ALPHA-agi'; did you mean alpha-AgI?"),
    ("alpha-AgI", "quartz", 3, "unknown material 'quartz'; write "),
    ("alpha-AgI", '"alpha-AgI\\nshell reboot"', 3, r"unknown material 'alpha-AgI\nshell reboot'"),
    ("[3, 3, 3]", "[3, 3]", 4, "structure.supercell: [3, 3] is not valid; write three whole numbers"),
    ("[3, 3, 3]", "[3, 3, 3, 3]", 4, "structure.supercell: [3, 3, 3, 3] is not valid"),
    ("[3, 3, 3]", "[3, 3, 0]", 4, "structure.supercell: 0 is not valid"),
    ("[3, 3, 3]", "[3, 3, 2.5]", 4, "structure.supercell: 2.5 is not valid"),
    ("[3, 3, 3]", "[3, 3, true]", 4, "structure.supercell: true is not valid"),
    (
        "[3, 3, 3]",
        "[3, 3, 3]\n  lattice_constants: 5.1",
        5,
        "lattice_constants: 5.1 is not valid; write three",
    ),
    ("[3, 3, 3]", "[3, 3, 3]\n  lattice_constants: [5.1, 5.1]", 5, "[5.1, 5.1] is not valid; write three numbers"),
    ("[3, 3, 3]", "[3, 3, 3]\n  lattice_constants: [5.1, 5.1, 0]", 5, "structure.lattice_constants: 0 is not valid"),
    ("[3, 3, 3]", "[3, 3, 3]\n  lattice_constants: [5.1, .nan, 5.1]", 5, "lattice_constants: nan is not valid"),
    ("[3, 3, 3]", "[3, 3, 3]\n  lattice_constants: [15.3, 15.3, 15.3]", 5, "15.3, 15.3, 15.3 Å are more than 20% off"),
    # potentials
    ("vashishta-rahman", "vashista-rahman", 5, "unknown potential 'vashista-rahman'; did you mean vashishta-rahman?"),
    ("[vashishta-rahman]", "vashishta-rahman", 5, "potentials: 'vashishta-rahman' is not valid; write a list"),
    ("[vashishta-rahman]", "[]", 5, "potentials: [] is not valid; write a list"),
    ("[vashishta-rahman]", "[vashishta-rahman, vashishta-rahman]", 5, "vashishta-rahman is given twice; remove one"),
    # temperatures
    ("- 750", "- -5", 8, "temperatures: -5 is not valid; write a list of temperatures in K, numbers above 0"),
    ("- 750", "- 0", 8, "temperatures: 0 is not valid"),
    ("- 750", "- 10001", 8, "temperatures: 10001 is not valid"),
    ("- 750", "- true", 8, "temperatures: true is not valid"),
    ("- 750", "- '750'", 8, "temperatures: '750' is not valid"),
    ("- 750", "- .nan", 8, "temperatures: nan is not valid"),
    ("- 750", "- .inf", 8, "temperatures: inf is not valid"),
    ("- 750", "- 1e999", 8, "temperatures: inf is not valid"),
    ("- 750", "- 750 K", 8, "temperatures: '750 K' is not valid"),
    ("- 750", "- [750]", 8, "temperatures: [750] is not valid"),
    ("- 750", "-", 8, "temperatures: null is not valid"),
    ("- 750", "- 600.0", 8, "600.0 is given twice; remove one"),
    # constraints
    ("[UC]", "[RC]", 9, "alpha-AgI: the structure holds no polyanions, so there is nothing to constrain"),
    ("[UC]", "[UC, RTVC]", 9, "alpha-AgI: the structure holds no polyanions"),
    ("[UC]", "[UC, RTV]", 9, "unknown constraint mode 'RTV'; did you mean"),
    ("[UC]", "[UC]\nrotors: [PS4]", 9, "rotors are named and nothing is constrained; write RC, RTC, RTVC"),
    ("[UC]", "[uc]", 9, "unknown constraint mode 'uc'; did you mean UC?"),
    ("[UC]", "[none]", 9, "unknown constraint mode 'none'; write RC or RTC or RTVC or UC"),
    # replicas and seed
    ("replicas: 5", "replicas: 0", 10, "replicas: 0 is not valid; write a whole number from 1 to 10000"),
    ("replicas: 5", "replicas: 10001", 10, "replicas: 10001 is not valid"),
    ("replicas: 5", "replicas: 5.0", 10, "replicas: 5.0 is not valid"),
    ("replicas: 5", "replicas: five", 10, "replicas: 'five' is not valid"),
    ("replicas: 5", "replicas: true", 10, "replicas: true is not valid"),
    ("seed: 1", "seed: 0", 11, "seed: 0 is not valid; write a whole number from 1"),
    ("seed: 1", "seed: 900000000", 11, "seed: 900000000 is not valid"),
    # molecular dynamics
    ("balanced", "balancd", 13, "unknown protocol 'balancd'; did you mean balanced?"),
    ("balanced", "exact", 13, "unknown protocol 'exact'; write balanced or fast or precise"),
    ("100 ps", "100", 14, "the time 100 has no unit; say the unit, for example 100 ps"),
    ("100 ps", "-100 ps", 14, "the time '-100 ps' is out of range; write one from 1 as to 1 ms"),
    ("100 ps", "0 ps", 14, "the time '0 ps' is out of range"),
    ("100 ps", "1e999 ps", 14, "the time '1e999 ps' is out of range"),
    ("100 ps", "100 Ps", 14, "the time '100 Ps' is out of range"),
    ("100 ps", "100 K", 14, "the time '100 K' is not a time; the usual units are fs, ps and ns"),
    ("100 ps", "100 pss", 14, "the time '100 pss' has an unknown unit; the usual ones are fs, ps and ns"),
    ("100 ps", "nan ps", 14, "the time 'nan ps' is not a time; write a number and a unit, for example 100 ps"),
    ("100 ps", "9**9**9**9 ps", 14, "the time '9**9**9**9 ps' is not a time"),
    ("100 ps", "100 ps; shell ls", 14, "the time '100 ps; shell ls' is not a time"),
    ("100 ps", "true", 14, "the time true is not a time"),
    ("100 ps", "", 14, "the time null is not a time"),
    ("100 ps", "[100 ps]", 14, "the time ['100 ps'] is not a time"),
    # observables
    ("- diffusion", "- diffussion", 16, "unknown observable 'diffussion'; did you mean diffusion?"),
    ("- diffusion", "- colour", 16, "unknown observable 'colour'; write angular_distribution or cage_residence or"),
    ("- diffusion", "- friction", 17, "friction is given twice; remove one"),
    ("- diffusion", "- 5", 16, "5 is not an observable; write a name, or one name with parameters"),
    ("- diffusion", "- {a: 1, b: 2}", 16, "{'a': 1, 'b': 2} is not an observable"),
    ("- diffusion", "- diffusion: 5", 16, "observables: 5 is not valid; write a list of observables, each a name or"),
    ("- diffusion", "- dipoles", 16, "dipoles needs Wannier centres, which the dynamics of alpha-AgI do not have; "),
    ("- diffusion", "- reorientations: {dwell: 1}", 16, "reorientations needs polyanions, which the dynamics of"),
    (
        "- diffusion",
        "- tetrahedral_rotor",
        16,
        "tetrahedral_rotor needs Wannier centres or polyanions AX4, which the dynamics of alpha-AgI do not have",
    ),
    ("longest_lag: 3", "longest_lg: 3", 17, "unknown key 'longest_lg'; did you mean longest_lag?"),
    ("longest_lag: 3", "longest_lag: '3'", 17, "observables.friction.longest_lag: '3' is not valid; write a finite"),
    ("friction: {longest_lag: 3", "van_hove: {times: 3", 17, "van_hove.times: 3 is not valid; write a list of finite"),
    ("friction: {longest_lag: 3", "van_hove: {times: [3, x]", 17, "van_hove.times: 'x' is not valid; write a list"),
    ("longest_lag: 3", "longest_lag: true", 17, "observables.friction.longest_lag: true is not valid"),
    ("longest_lag: 3", "longest_lag: .inf", 17, "observables.friction.longest_lag: inf is not valid"),
    ("longest_lag: 3", "longest_lag: null", 17, "observables.friction.longest_lag: null is not valid"),
    (
        "- cage_residence",
        '- cage_residence: {neighbour: "I\\nshell ls"}',
        18,
        r"'I\nshell ls' is not a name; write letters",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "sentence"), REFUSED)
def test_each_fault_is_refused_with_its_line_and_what_would_be_right(load, old, new, line, sentence):
    with pytest.raises(CampaignFileError) as error:
        load(changed(old, new))
    messages = [f"line {problem.line}: {problem.sentence}" for problem in error.value.problems]
    assert any(message.startswith(f"line {line}:") and sentence in message for message in messages), messages


def test_an_observable_of_charges_is_refused_for_a_material_without(load, monkeypatch):
    bare = (agi := materials()["alpha-AgI"]).model_copy(update={"formal_charges": {"I": -1}})
    monkeypatch.setattr(crystal, "materials", lambda: {"alpha-AgI": bare})
    monkeypatch.setattr(crystal, "make_supercell", lambda *_, **__: make_supercell(agi, (2, 2, 2), 1))
    crystal._dynamics_of.cache_clear()
    try:
        with pytest.raises(CampaignFileError, match="line 16: conductivity needs formal charges of the mobile species"):
            load(changed("- diffusion", "- conductivity"))
    finally:
        crystal._dynamics_of.cache_clear()


def test_without_a_structure_nothing_is_said_of_observables(load):
    with pytest.raises(CampaignFileError) as error:
        load(GOOD[: GOOD.index("seed:")].replace("alpha-AgI", "alpha-AgJ"))
    assert len(error.value.problems) == 1


@pytest.mark.parametrize("section", ["structure", "md"])
def test_a_section_that_is_no_mapping_is_refused(load, section):
    text = re.sub(rf"^{section}:\n(  .*\n)+", f"{section}: plain\n", GOOD, flags=re.MULTILINE)
    with pytest.raises(CampaignFileError, match=f"{section}: 'plain' is not valid; write"):
        load(text)


PHOSPHATE = GOOD.replace("alpha-AgI", "gamma-Na3PO4").replace("[3, 3, 3]", "[2, 2, 2]")


def test_the_polyanions_of_a_material_are_constrained(load):
    campaign = load(PHOSPHATE.replace("[UC]", "[UC, RC, RTC, RTVC]\nrotors: [PO4]"))
    assert study(campaign).constraints == ("UC", "RC", "RTC", "RTVC")
    points = [point for point in expand(campaign) if (point.temperature, point.seed) == (600, 1)]
    assert [point.held and (point.held.mode, point.held.rotors) for point in points] == [
        None,
        ("RC", ("PO4",)),
        ("RTC", ("PO4",)),
        ("RTVC", ("PO4",)),
    ]
    # What is not constrained does not depend on the choice of rotors, and without it all polyanions are constrained.
    whole = {point.hash: point for point in expand(load(PHOSPHATE.replace("[UC]", "[UC, RC]")))}
    assert points[0].hash in whole
    assert points[1].hash not in whole
    assert {point.held.rotors for point in whole.values() if point.held} == {()}


def test_a_rotor_that_the_material_lacks_is_refused(load):
    with pytest.raises(CampaignFileError) as error:
        load(PHOSPHATE.replace("[UC]", "[RC]\nrotors: [PS4]"))
    (problem,) = error.value.problems
    assert problem.line == 10
    assert problem.sentence == "gamma-Na3PO4: no polyanion PS4 in the structure; it holds PO4"


def test_every_fault_of_a_file_is_told_once_and_in_order(load):
    text = GOOD.replace("alpha-AgI", "beta-AgI").replace("750", "-750").replace("[UC]", "[RX]")
    with pytest.raises(CampaignFileError) as error:
        load(text.replace("3}", "x, fit_strt: 1}").replace("agi-friction", "a b"))
    assert [problem.line for problem in error.value.problems] == [1, 3, 8, 9, 17, 17]
    lines = str(error.value).splitlines()
    assert len(lines) == 6
    assert all(re.fullmatch(r".*study\.yaml, line [0-9]+: .+; .+", line) for line in lines)


def test_a_campaign_without_bounds_is_refused(load):
    temperatures = ", ".join(str(temperature) for temperature in range(300, 400))
    text = GOOD.replace("  - 600\n  - 750\n", f"  [{temperatures}]\n").replace("replicas: 5", "replicas: 1001")
    with pytest.raises(CampaignFileError, match="line 9: the campaign has 100100 points; ask for at most 100000"):
        load(text)


def test_the_schema_knows_the_words_of_the_registries():
    schema = json.loads(json.dumps(campaign_schema("molecular-dynamics")))
    definitions = schema["$defs"]
    assert "alpha-AgI" in definitions["ReferenceStructure"]["properties"]["material"]["enum"]
    assert "vashishta-rahman" in definitions["NamedPotential"]["enum"]
    assert schema["additionalProperties"] is False
    names, *with_parameters = definitions["ObservableRequest"]["anyOf"]
    assert set(names["enum"]) == set(observables())
    parameters = {
        name: set(form["properties"][name]["properties"]) for form in with_parameters for name in form["required"]
    }
    assert parameters == {
        name: {parameter.name for parameter in entry.parameters} for name, entry in observables().items()
    }


TOKENS = [
    "", "null", "true", "0", "1e400", ".nan", "-.inf", "9" * 40, "600", "'", '"', "[", "]", "{", "}", ":", "- ", "\n",
    "  ", "\t", "#", "&a ", "*a", "!!python/object:os.system ", "!x ", "<<: ", "? ", "| ", "> ", "%YAML 1.1\n", "---\n",
    "...\n", "@", "`", ",", "$(ls)", "; shell ls", "\x00", "\x1b[31m", "\u2028", "\ud7ff", "é", "100 as", "3 __class__",
    "5 %", "10 degC", '"\\ud800"', '"\\x1b"', "friction", "{diffusion: null}", "{friction: {longest_lag: }}",
]  # fmt: skip


@st.composite
def mutated_files(draw):
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["insert", "value", "drop line", "double line", "drop text"]))
        lines = text.splitlines(keepends=True) or [""]
        row = draw(st.integers(0, len(lines) - 1))
        start = draw(st.integers(0, len(text)))
        token = draw(st.sampled_from(TOKENS) | st.text(max_size=5))
        if kind == "insert":
            text = text[:start] + token + text[start:]
        elif kind == "drop text":
            text = text[:start] + text[start + draw(st.integers(1, 20)) :]
        else:
            key, colon, _ = lines[row].partition(":")
            lines[row] = {
                "value": f"{key}{colon} {token}\n",
                "drop line": "",
                "double line": lines[row] * 2,
            }[kind]
            text = "".join(lines)
    return text.encode("utf-8", "surrogatepass")


def outcome(path):
    """Return the campaign, or the error with which its file was refused."""
    try:
        return load_campaign(path)
    except CampaignFileError as error:
        return error


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated_files())
def test_a_damaged_file_is_read_or_refused_by_name_and_place(tmp_path, capsys, content):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = outcome(path)
    assert capsys.readouterr() == ("", "")
    if isinstance(result, CampaignFileError):
        lines = str(result).split("\n")
        assert len(lines) == len(result.problems) > 0
        assert all(re.fullmatch(r".*study\.yaml, line [1-9][0-9]*: .+; .+|.*did you mean .+\?", line) for line in lines)
        assert all(line.isprintable() for line in lines)
    else:
        assert len(expand(result)) > 0


UNITS = st.text("abcdefghijklmnopqrstuvwxyzKPMGT_µμ°%*/^ 0", max_size=5) | st.text(max_size=12)


@settings(max_examples=300)
@given(UNITS)
def test_no_text_passes_as_a_time_but_a_number_and_a_unit(unit):
    refused = False
    try:
        time = parse_time(f"1 {unit}")
    except ValueError:
        refused = True
    assert refused or (time > 0.0 and re.fullmatch(r"[0 ]*[A-Za-zµμ]+ *", unit))
