"""The query command on a graph that holds nothing yet; what queries find is tested with the campaigns."""

import ast
import json

import pytest

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


def test_nothing_is_found_in_every_format(invoke):
    text = "temperature < 600 K and constraint = RC"
    assert invoke("query", text).stdout == "0 points\n"
    assert json.loads(invoke("query", text, "--format", "json").stdout) == []
    header, *rows = invoke("query", text, "--format", "csv").stdout.splitlines()
    assert header.startswith("point,material,potential,engine,temperature [K],constraint,seed")
    assert rows == []


def test_explained_query_is_python(invoke):
    code = invoke("query", "temperature < 600 K or state = failed and campaign = study", "--explain").stdout
    ast.parse(code)
    assert "'attributes.specification.temperature': {'<': 600.0}" in code


def test_words_are_listed(invoke):
    output = invoke("query", "--list").stdout
    assert {"temperature", "constraint", "campaign", "state"} <= {line.split()[0] for line in output.splitlines()}


def test_quantity_that_nothing_has_is_told(invoke):
    told = invoke("query", "D > 1 cm^2/s", status=2).stderr
    assert told == (
        "Error: the graph has no quantity 'diffusion_coefficient'; aiida-superionic query --list shows what there is\n"
    )


def test_query_without_text_is_told(invoke):
    assert "Missing argument 'TEXT', such as" in invoke("query", status=2).stderr
