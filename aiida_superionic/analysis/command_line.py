"""What the console scripts share: how they refuse a request and how they exit."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import TrajectoryError

BAD_INPUT = 2
BAD_TRAJECTORY = 3

_Job = TypeVar("_Job")


class Parser(argparse.ArgumentParser):
    """A parser that raises :class:`ParameterError` where the command line is wrong."""

    def error(self, message: str) -> NoReturn:
        """Raise the error."""
        raise ParameterError(message)


def read_job(path: Path, understand: Callable[[dict[str, Any]], _Job]) -> _Job:
    """Return what a job file says, as ``understand`` makes it of the file's JSON.

    Raises
    ------
    ParameterError
        If the file cannot be read, lacks an entry, or is not what is expected.
    """
    try:
        return understand(json.loads(path.read_bytes()))
    except ParameterError:
        raise
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise ParameterError(f"{path} has no entry {error.args[0]!r}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ParameterError(f"{path} is no readable job: {error}") from error


def complain(program: str, message: str) -> None:
    """Print one sentence on the standard error."""
    print(f"{program}: {message}", file=sys.stderr)


def exit_status(
    program: str, run: Callable[[], int], others: Mapping[type[Exception], tuple[int, str]] | None = None
) -> int:
    """Run, and return the exit status; what is wrong with the request or its data is one sentence each.

    Parameters
    ----------
    program
        That the sentences begin with.
    run
        What returns the exit status where nothing is wrong.
    others
        Exit status and subject of other errors than those of a request or a trajectory.
    """
    known: dict[type[Exception], tuple[int, str]] = {
        ParameterError: (BAD_INPUT, "input"),
        TrajectoryError: (BAD_TRAJECTORY, "trajectory"),
        **(others or {}),
    }
    kinds: tuple[type[Exception], ...] = tuple(known)
    try:
        return run()
    except kinds as error:
        status, subject = next(told for kind, told in known.items() if isinstance(error, kind))
        complain(program, f"{subject}: {error}")
        return status


def exit_with_status_of(run: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run the command line of this process, and exit with its status."""
    # A batch job's locale may know no Å.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:]))
