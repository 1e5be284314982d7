"""The commands that the page about provenance shows are there, and so is what its Python takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from aiida_superionic.cli import cmd_root
from aiida_superionic.nodes.tools import NodeTools

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "provenance.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ aiida-superionic (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line):
    name, *arguments = shlex.split(line)
    command = cmd_root.commands[name]
    values, _, _ = command.make_parser(click.Context(command)).parse_args(arguments)
    assert values


def test_every_tool_is_one():
    named = set(re.findall(r"\btools\.(\w+)\(", PAGE))
    assert named == {name for name in vars(NodeTools) if not name.startswith("_")} - {"curves"}
