"""What each command prints when it is asked for help."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib.metadata import distribution
from unittest.mock import patch

import click

from aiida_superionic.cli import cmd_root

PACKAGE = "aiida-superionic"
_WIDTH = "100"


def commands(command: click.Command = cmd_root, path: str = PACKAGE) -> Iterator[tuple[str, str]]:
    """Yield each command of ``aiida-superionic`` with the help that it prints."""
    context = click.Context(command, info_name=path, terminal_width=int(_WIDTH))
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        # A command may be reached by two names, and is shown by its own.
        for name in sorted({below.name or name for name, below in command.commands.items()}):
            yield from commands(command.commands[name], f"{path} {name}")


def scripts() -> Iterator[tuple[str, str]]:
    """Yield each console script of the ground floor with the help that it prints."""
    for point in sorted(distribution(PACKAGE).entry_points.select(group="console_scripts")):
        if point.name != PACKAGE:
            printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
            asked = patch.object(sys, "argv", [point.name, "--help"])
            with asked, patch.dict(os.environ, COLUMNS=_WIDTH), redirect_stdout(printed), suppress(SystemExit):
                point.load()()
            yield point.name, printed.buffer.getvalue().decode()
