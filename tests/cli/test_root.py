"""One group of commands, reached in two ways, with help that a newcomer can work from."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from aiida.plugins.entry_point import load_entry_point

from aiida_superionic import __version__
from aiida_superionic.cli import cmd_root

BIN = Path(sys.executable).parent


def commands(command=cmd_root, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


def test_verdi_data_superionic_is_the_same_group():
    assert load_entry_point("aiida.cmdline.data", "superionic") is cmd_root


@pytest.mark.parametrize(
    ("path", "command"), commands(), ids=lambda part: " ".join(part) if isinstance(part, tuple) else ""
)
def test_every_command_explains_itself_and_its_options(invoke, path, command):
    text = " ".join(invoke(*path, "--help").output.split())
    assert command.help.splitlines()[0] in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[-1] in text
            assert parameter.help
        else:
            assert parameter.make_metavar(click.Context(command)) in text


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["campain"], "campaign"),
        (["campaign", "aply"], "apply"),
        (["campaign", "result"], "results"),
        (["setpu"], "setup"),
    ],
)
def test_unknown_command_is_answered_with_the_nearest_one(invoke, words, right):
    result = invoke(*words, status=2)
    assert f"`{words[-1]}` is not a" in result.output
    assert right in result.output.split("most similar commands are:")[1].split()


def test_version(invoke):
    assert invoke("--version").output == f"aiida-superionic {__version__}\n"


def test_both_console_scripts_reach_it():
    own = subprocess.run([BIN / "aiida-superionic", "campaign", "--help"], capture_output=True, text=True, check=True)
    verdi = subprocess.run(
        [BIN / "verdi", "data", "superionic", "campaign", "--help"], capture_output=True, text=True, check=True
    )
    assert own.stdout.splitlines()[2:] == verdi.stdout.splitlines()[2:]
    assert "apply" in own.stdout
