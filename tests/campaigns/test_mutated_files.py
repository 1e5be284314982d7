"""A thousand damaged campaign files: each is read, or refused with sentences that name the place; nothing is stored."""

import random
import re
import warnings
from pathlib import Path

import pytest
from aiida import orm
from ase.io import write

from aiida_superionic.calculations.evaluate import level_of_theory_of
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.dynamics_spec import Campaign, MolecularDynamics
from aiida_superionic.campaigns.execution import Resources
from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.potential_spec import Learning, Training
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.campaigns.structure_spec import OwnStructure, ReferenceStructure, StructureQuery
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.potentials import parse_potential, potentials

EXAMPLES = Path(__file__).parents[2] / "examples"
EVERY_KEY = """\
version: 1
campaign: every-key
model: molecular-dynamics
computer: cluster
limit: 20
resources:
  cluster:
    num_machines: 1
    num_mpiprocs_per_machine: 8
    num_cores_per_mpiproc: 1
    max_wallclock: 12 h
    max_memory: 16 GB
    queue_name: short
    account: physics
    qos: normal
    priority: low
    withmpi: true
    engine: {num_machines: 2}
    analysis: {num_machines: 1}
structures:
  - material: alpha-AgI
    supercell: [2, 2, 2]
    lattice_constants: [5.0, 5.0, 5.0]
  - file: silver.xyz
    mobile: [Ag]
    formal_charges: {Ag: 1, I: -1}
    supercell: [2, 2, 1]
  - node: silver
    mobile: [Ag]
  - query: {group: crystals, label: 's*', elements: [Ag, I]}
    mobile: [Ag]
potentials:
  - vashishta-rahman
  - node: own
  - train:
      dataset: frames
      family: pod
      protocol: fast
      settings: {cutoff: 5.5, learn_stress: false}
      committee: 2
      seed: 3
  - learn:
      dataset: frames
      family: deepmd
      protocol: balanced
      training: fast
      temperatures: [600, 900]
      steps: [1000, 2000]
      timestep: 1 fs
      teacher: vashishta-rahman
temperatures: [600, 750]
constraints: [UC]
rotors: []
replicas: 2
seed: 1
md:
  engine: lammps
  protocol: fast
  ensemble: nvt
  timestep: 1 fs
  equilibration: 10 ps
  production: 60 ps
  sampling_interval: 5 fs
  thermo_interval: 50 fs
  thermostat_damping: 100 fs
  checkpoint_interval: 10 ps
observables:
  - diffusion
  - friction: {longest_lag: 3.0}
sweep:
  - md: {production: 120 ps}
  - temperatures: [900]
    replicas: 3
"""
VALUES = [
    "", "null", "true", "-1", "0", "1", "3.5", "1e400", "-.inf", ".nan", "9" * 12, "9" * 40,
    "[]", "{}", "[1, 2]", "{a: 1}",
    "[[[[1]]]]", "word", "'600'", '"\\ud800"', '"\\x1b[31m"', "é", "100 as", "10 degC", "12 h", "1 GB",
    "../../etc/passwd",
    "/dev/zero", ".", "[null]", "[UC, RC]", "{node: 1}", "{train: 5}", "{learn: {}}", "{file: x.cif}", "alpha-AgI",
]  # fmt: skip
TRICKS = [
    "&a ", "*a", "<<: *a", "!!python/object:os.system ls", "!x ", "? ", "| \n", "> \n", "%YAML 1.1\n", "---\n",
    "...\n", "\t",
    "\x00", "\x85", "\ufeff", "- ", ": ", "# ", "{", "}", "[", "]", '"', "'", ",", "@", "`", "\r\n", "  ",
]  # fmt: skip
MOST_EXPANDED = 500
"""Points of a file that are made: tens of thousands are as good, and slow."""


def damaged(text, draw):
    """Return a text with one damage."""
    lines = text.splitlines(keepends=True) or ["\n"]
    row = draw.randrange(len(lines))
    kind = draw.choice(["byte", "drop", "double", "swap", "value", "number", "key", "trick", "cut"])
    if kind == "byte":
        content = bytearray(text.encode("utf-8", "surrogateescape"))
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        return bytes(content).decode("utf-8", "surrogateescape")
    if kind == "trick":
        place = draw.randrange(len(text) + 1)
        return text[:place] + draw.choice(TRICKS) + text[place:]
    if kind == "cut":
        return text[: draw.randrange(1, len(text))]
    if kind == "number":
        numbers = list(re.finditer(r"\d+", text)) or [re.match("", text)]
        found = draw.choice(numbers)
        return text[: found.start()] + draw.choice(["-1", "0", "7", "10001", "9" * 25, "1e9"]) + text[found.end() :]
    if kind == "swap":
        other = draw.randrange(len(lines))
        lines[row], lines[other] = lines[other], lines[row]
    else:
        key, colon, value = lines[row].partition(":")
        indent = key[: len(key) - len(key.lstrip())]
        lines[row] = {
            "drop": "",
            "double": lines[row] * 2,
            "value": f"{key}{colon} {draw.choice(VALUES)}\n",
            "key": f"{indent}{draw.choice(['unknown', 'material', 'node', 'sweep', '5', '[a]', 'méd'])}{colon}{value}",
        }[kind]
    return "".join(lines)


@pytest.fixture
def folder(tmp_path, agi, aiida_profile_clean):
    """Return a folder beside whose campaigns everything lies that the one with every key names."""
    atoms = agi((1, 1, 1))
    write(tmp_path / "silver.xyz", atoms, format="extxyz")
    structure = orm.StructureData(ase=atoms)
    frames = tuple(
        Frame(
            species=tuple(atoms.get_chemical_symbols()),
            positions=atoms.positions,
            cell=atoms.cell[:],
            energy=0.0,
            forces=0.1 * atoms.positions,
            subset=subset,
        )
        for subset in ("train", "validation")
    )
    nodes = {
        "silver": structure,
        "own": PotentialData(potentials()["vashishta-rahman"]),
        "frames": DatasetData(Dataset(frames, level_of_theory_of(parse_potential(potentials()["vashishta-rahman"])))),
    }
    for label, node in nodes.items():
        node.label = label
        node.store()
    orm.Group("crystals").store().add_nodes([structure])
    return tmp_path


def stored():
    return [orm.QueryBuilder().append(kind).count() for kind in (orm.Node, orm.Group)]


def outcome(path):
    """Return the points of a file, or the sentences with which it is refused."""
    try:
        campaign = load_campaign(path)
        if sum(part.study.n_points for part in campaign.parts) > MOST_EXPANDED:
            return campaign.parts
        return expand(campaign)
    except CampaignFileError as error:
        return str(error)


def test_the_file_with_every_key_has_every_key(folder):
    words = set(re.findall(r"(\w+):", EVERY_KEY))
    sections = (
        *(Campaign, MolecularDynamics, Resources, ReferenceStructure, OwnStructure, StructureQuery, Training, Learning),
    )
    missing = {key for section in sections for key in section.model_fields} - words
    assert missing == {"structure", "level"}  # each stands for another that is there
    path = folder / "study.yaml"
    path.write_text(EVERY_KEY)
    # Three structures, of which two are one; four potentials; and of the sweep two temperatures, and one.
    assert len(outcome(path)) == 3 * 4 * (2 * 2 + 3)


def what_is_wrong_with(result):
    """Return in what the outcome of a file is not as it should be; nothing where it is."""
    if isinstance(result, Exception):
        return f"raised {result!r}"
    if isinstance(result, str):
        for line in result.split("\n"):
            if not re.fullmatch(r".*study\.yaml, line [1-9][0-9]*: .{10,}", line) or not line.isprintable():
                return f"said {line!r}"
        return ""
    return "" if result else "has no points"


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_each_is_read_or_refused_with_its_place_and_nothing_is_stored(folder, capsys, count):
    draw = random.Random(20261121)
    examples = [(EXAMPLES / name).read_text() for name in ("agi.yaml", "polyanion.yaml", "time-local.yaml")]
    texts = [EVERY_KEY, EVERY_KEY, *examples]
    before = stored()
    path = folder / "study.yaml"
    wrong, refused = [], 0
    for _ in range(count):
        text = draw.choice(texts)
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            text = damaged(text, draw) or "\n"
        content = text.encode("utf-8", "surrogateescape")
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                result = outcome(path)
            except Exception as error:
                result = error
        refused += isinstance(result, str)
        if told := what_is_wrong_with(result):
            wrong.append((told, content))
    assert not wrong, f"{len(wrong)} files, the first: {wrong[0]}"
    assert capsys.readouterr() == ("", "")
    assert stored() == before
    # Damage is noticed where it is one; a comment, a name or a number may change and be as good.
    assert 0.5 * count < refused < 0.95 * count
