"""The JSON schema that editors read, and the page on campaign files: what they allow is what is read."""

import json
import re
from pathlib import Path

import pytest

from aiida_superionic.campaigns.document import CampaignFileError, load_document
from aiida_superionic.campaigns.dynamics_spec import Campaign, MolecularDynamics
from aiida_superionic.campaigns.execution import Resources
from aiida_superionic.campaigns.keys import MODELS, VERSION
from aiida_superionic.campaigns.spec import campaign_schema, load_campaign
from aiida_superionic.campaigns.structure_spec import OwnStructure, ReferenceStructure, StructureQuery

jsonschema = pytest.importorskip("jsonschema")
ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.yaml") if "campaign:" in path.read_text())
PAGE = (ROOT / "docs" / "howto" / "campaigns.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GOOD = BLOCKS[0]


@pytest.fixture(scope="module")
def schema():
    schema = json.loads(json.dumps(campaign_schema()))
    jsonschema.Draft7Validator.check_schema(schema)
    return schema


def is_valid(schema, path):
    return not list(jsonschema.Draft7Validator(schema).iter_errors(load_document(path).data))


def with_block(block):
    """Return the first file of the page with the keys of a block in place of its own."""
    if block.startswith(("campaign:", "#")):
        return block
    keys = set(re.findall(r"^(\w+):", block, re.MULTILINE))
    keys |= {"structure", "structures"} if keys & {"structure", "structures"} else set()
    kept = re.split(r"^(?=\w)", GOOD, flags=re.MULTILINE)
    return "".join(part for part in kept if part.partition(":")[0] not in keys) + block


def test_there_are_examples():
    assert {path.name for path in EXAMPLES} >= {"agi.yaml", "polyanion.yaml", "time-local.yaml"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid(schema, path):
    load_campaign(path)
    assert is_valid(schema, path)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_what_the_page_shows_is_read_and_is_valid(schema, tmp_path, number):
    path = tmp_path / "campaign.yaml"
    path.write_text(with_block(BLOCKS[number]), encoding="utf-8")
    load_campaign(path)
    assert is_valid(schema, path)


def test_the_page_names_every_key():
    named = set(re.findall(r"`(\w+)`", PAGE)) | {key for block in BLOCKS for key in re.findall(r"(\w+):", block)}
    sections = (Campaign, MolecularDynamics, Resources, ReferenceStructure, OwnStructure, StructureQuery)
    assert not {key for section in sections for key in section.model_fields} - named
    assert set(MODELS) <= set(re.findall(r"`([\w-]+)`", PAGE))
    assert f"| {VERSION} |" in PAGE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("campaign: agi", "campaign: 5"),
        ("campaign: agi", "campaign: a b"),
        ("campaign: agi", "campagne: agi"),
        ("replicas: 4", "replicas: four"),
        ("replicas: 4", "replicas: 0"),
        ("replicas: 4\n", ""),
        ("seed: 1", "seed: 1.5"),
        ("[600, 675, 750]", "600"),
        ("[600, 675, 750]", "['600']"),
        ("[600, 675, 750]", "[]"),
        ("[UC]", "[XY]"),
        ("[vashishta-rahman]", "[vashishta]"),
        ("[vashishta-rahman]", "[{node: x, family: pod}]"),
        ("[vashishta-rahman]", "[{train: {dataset: x, seed: one}}]"),
        ("material: alpha-AgI, ", ""),
        ("material: alpha-AgI", "file: x.cif"),
        ("material: alpha-AgI", "file: x.cif, node: x, mobile: [Ag]"),
        ("supercell: [3, 3, 3]", "supercell: [3, 3]"),
        ("production: 80 ps", "production: 80"),
        ("protocol: fast", "protocol: quick"),
        ("longest_lag: 3.0", "longest_lag: long"),
        ("- diffusion", "- difusion"),
        ("seed: 1", "limit: none"),
        ("seed: 1", "resources: {here: {num_machines: one}}"),
        ("seed: 1", "resources: {here: {max_wallclock: 12}}"),
        ("seed: 1", "sweep: 5"),
        ("seed: 1", "sweep: [{limit: 5}]"),
        ("seed: 1", "sweep: [{replicas: many}]"),
        ("structure:", "structures: [{material: alpha-AgI, supercell: [2, 2, 2]}]\nstructure:"),
        ("seed: 1", "model: time-local"),
    ],
)
def test_what_the_schema_refuses_is_refused(schema, tmp_path, old, new):
    assert old in GOOD
    path = tmp_path / "campaign.yaml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    assert not is_valid(schema, path)
    with pytest.raises(CampaignFileError):
        load_campaign(path)
