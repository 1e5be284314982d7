"""What the pages of the handbook show is there: commands, keys of files, names in Python, links."""

import ast
import importlib
import re

import pytest
from command_check import GROUPS, SCRIPTS, check
from handbook import PAGES, ROOT, blocks, spans, words

from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.datafiles import dump_yaml, load_yaml
from aiida_superionic.lattice.request import DiffusionRequest

OTHERS = {"apt-get", "cd", "rabbitmqctl", "."}
"""Programs that are nobody's here, and that pages may name."""
CHECKED = ("console", "bash", "yaml", "python")
EXAMPLE = "{literalinclude} ../../examples/paddlewheel-full.yaml"
SHOWN = ("", "text", "sql", "erlang", "{toctree}", "{eval-rst}", "{code-block} text", EXAMPLE)
"""Languages of blocks that nothing here checks; examples have tests of their own."""
BASE = {
    "campaign": "base",
    "structure": {"material": "alpha-AgI", "supercell": [3, 3, 3]},
    "potentials": ["vashishta-rahman"],
    "temperatures": [750],
    "constraints": ["UC"],
    "replicas": 1,
}
CONSOLES = [
    pytest.param(line, id=f"{block.place} {line}") for block in blocks("console", "bash") for line, _ in block.commands
]
SPANS = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}:{line} {text}")
    for page, line, text in spans()
    if text.split(maxsplit=1)[0] in {*GROUPS, *SCRIPTS, "make"} and len(text.split()) > 1
]


def languages(*names):
    return [pytest.param(block, id=block.place) for block in blocks(*names)]


@pytest.mark.parametrize("line", CONSOLES)
def test_command_is_one(line):
    given = words(line)
    assert check(given) or given[0] in OTHERS


@pytest.mark.parametrize("text", SPANS)
def test_command_in_a_sentence_is_one(text):
    assert check([word for word in words(text) if word != "..."], complete=False)


@pytest.mark.parametrize("block", languages("yaml"))
def test_yaml_is_a_campaign_or_a_part_of_one(block, tmp_path):
    said = load_yaml(block.text)
    if "crystal" in said:
        request = {"interaction": {"yukawa": {"strength": 1.0, "screening": 0.5}}, "temperature": 600.0, **said}
        DiffusionRequest.model_validate(request)
        return
    if "campaign" not in said:
        said = completed(said)
    path = tmp_path / "campaign.yaml"
    path.write_text(dump_yaml(said), encoding="utf-8")
    load_campaign(path)


def completed(part):
    """Return a campaign that says what a part says, and what else it has to."""
    whole = BASE | part
    if "structures" in part:
        del whole["structure"]
    if "rotors" in part or "lattice_constants" in part.get("structure", {}):
        whole |= {"structure": {"material": "gamma-Na3PO4", "supercell": [2, 2, 2]}, "potentials": ["pedone"]} | part
    if part.get("md", {}).get("engine") == "cp2k":
        del whole["potentials"]
    return whole


@pytest.mark.parametrize("block", languages("python"))
def test_python_compiles_and_what_it_imports_is_there(block):
    tree = ast.parse(block.text, block.place)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name), f"{node.module} has no {name.name}"
        elif isinstance(node, ast.Import):
            for name in node.names:
                importlib.import_module(name.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_are_there(page):
    text = page.read_text(encoding="utf-8")
    linked = [(page.parent, path) for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
    named = [(ROOT, path) for path in re.findall(r"\b(?:docs|examples)/[\w/.-]+\.\w+", text)]
    missing = [path for folder, path in linked + named if "_build" not in path and not (folder / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_its_language(page):
    opening = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)[::2]
    assert set(opening) <= {*CHECKED, *SHOWN}
