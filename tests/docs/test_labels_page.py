"""The commands and settings that the page about labels shows are there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.cli.dataset import cmd_dataset
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.protocol import protocols

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "labels.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ aiida-superionic dataset (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line):
    name, *arguments = shlex.split(line)
    command = cmd_dataset.commands[name]
    values, _, _ = command.make_parser(click.Context(command)).parse_args(arguments)
    assert {option.name for option in command.params if option.required} <= {key for key in values if values[key]}


def test_every_protocol_and_setting_is_named():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(protocols("dft"))
    settings = PAGE.partition("`overrides` replace single settings:")[2].partition("The dataset carries")[0]
    named = set(re.findall(r"`(\w+)`", settings)) - {"none", "D3"}
    assert named == set(LevelOfTheory.model_fields) - {"method"}


def test_the_level_in_words_is_the_one_that_the_example_makes():
    assert f"`{level_of_theory('balanced', {'dispersion': 'D3(BJ)'}).name}`" in PAGE
