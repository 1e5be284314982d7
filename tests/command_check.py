"""Whether a command line is one that the program would accept, without running it."""

import argparse
import re
import sys
from contextlib import suppress
from importlib.metadata import distribution
from unittest.mock import patch

import click
from aiida.cmdline.commands.cmd_verdi import verdi
from handbook import ROOT

from aiida_superionic.cli import cmd_root

GROUPS = {"aiida-superionic": cmd_root, "verdi": verdi}
SCRIPTS = {point.name: point for point in distribution("aiida-superionic").entry_points.select(group="console_scripts")}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
_CHECKED_TYPES = (click.Choice, click.types.IntParamType, click.types.FloatParamType)


class _UnderstoodError(BaseException):
    """Ends a script whose command line has been read."""


def check(words, complete=True):
    """Raise an error that says what is wrong with a command, unless nothing is.

    Parameters
    ----------
    words
        The program and its arguments.
    complete
        Whether arguments that the program needs must be there; in a sentence a command may stand without them.

    Returns
    -------
    bool
        Whether the program is one that is known here.
    """
    program, *arguments = words
    if program in GROUPS:
        _check_click(GROUPS[program], program, arguments, complete)
    elif program in SCRIPTS:
        _check_script(program, arguments, complete)
    elif program == "make":
        unknown = {word for word in arguments if "=" not in word} - TARGETS
        assert not unknown, f"make has no target {unknown}"
    elif program in ("python", "python3"):
        _check_python(arguments)
    elif program == "pip":
        _check_pip(arguments)
    else:
        return False
    return True


def _check_click(command, path, arguments, complete):
    context = click.Context(command, info_name=path)
    given, rest, _ = command.make_parser(context).parse_args(list(arguments))
    if isinstance(command, click.Group):
        if rest:
            below = command.get_command(context, rest[0])
            assert below is not None, f"{path} has no command {rest[0]}"
            _check_click(below, f"{path} {rest[0]}", rest[1:], complete)
        return
    assert not rest, f"{path} takes no {rest}"
    for parameter in command.params:
        value = given.get(parameter.name)
        if complete and parameter.required and parameter.default is None:
            assert value not in (None, ()), f"{path} lacks {parameter.name}"
        if isinstance(parameter.type, _CHECKED_TYPES) and isinstance(value, str):
            parameter.type_cast_value(context, value)


def _check_script(program, arguments, complete):
    read = argparse.ArgumentParser.parse_args

    def only_read(self, *given, **named):
        read(self, *given, **named)
        raise _UnderstoodError

    reads_only = patch.object(argparse.ArgumentParser, "parse_args", only_read)
    status = None
    with reads_only, patch.object(sys, "argv", [program, *arguments]), suppress(_UnderstoodError):
        try:
            SCRIPTS[program].load()()
        except SystemExit as ended:
            status = ended.code
    assert not (complete and status), f"{program} does not understand {arguments}"


def _check_python(arguments):
    script = next((word for word in arguments if word.endswith(".py")), None)
    if script is not None and "/" in script:
        assert (ROOT / script).is_file(), f"there is no {script}"


def _check_pip(arguments):
    known = set(distribution("aiida-superionic").metadata.get_all("Provides-Extra"))
    asked = {name for word in arguments for extras in re.findall(r"\[(.*)\]", word) for name in extras.split(",")}
    assert asked <= known, f"there is no extra {asked - known}"
