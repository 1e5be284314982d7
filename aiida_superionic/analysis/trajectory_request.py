"""Which trajectory a console script reads, and how: from its command line or from a job file."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_superionic.analysis.readers import FORMATS, read_trajectory
from aiida_superionic.analysis.registry import ParameterError, suggestion
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError

_READING = {
    "format": (str, "text"),
    "kinds": ([str], "a list of text"),
    "md_timestep": (float, "a number"),
    "mobile": ([str], "a list of text"),
    "masses": ([float], "a list of numbers"),
    "charges": ({str: float}, "numbers by species"),
}
"""How to read a trajectory: the type of each entry (in a list or mapping, of its elements), and that type in words."""


@dataclass(frozen=True)
class TrajectoryRequest:
    """The parts of one run, and how to read them.

    Parameters
    ----------
    files
        The parts in order, each with its SHA-256 or None.
    reading
        The other arguments of :func:`read_trajectory`.
    beside
        Files that the parts need beside them, which their reader finds by itself, each with its SHA-256 or None.
    """

    files: Mapping[str, str | None]
    reading: Mapping[str, Any]
    beside: Mapping[str, str | None] = field(default_factory=dict)

    def read(self) -> Trajectory:
        """Check what the files are, and read them.

        Raises
        ------
        TrajectoryError
            If one is missing, changed or damaged.
        """
        for file, digest in {**self.files, **self.beside}.items():
            _check_digest(file, digest)
        return read_trajectory(list(self.files), **self.reading)

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> TrajectoryRequest:
        """Return what the options that :func:`add_trajectory_options` made say."""
        return cls(dict.fromkeys(options.trajectory), {key: getattr(options, key) for key in _READING})

    @classmethod
    def from_job(cls, entry: Mapping[str, Any], path: Path) -> TrajectoryRequest:
        """Return what the entry ``trajectory`` of a job file says.

        Parameters
        ----------
        entry
            ``files``, and ``beside`` where there are such, with the SHA-256 of each or null, and how to read them.
        path
            The job file, for messages.

        Raises
        ------
        ParameterError
            If an entry is unknown or of the wrong type.
        KeyError, ValueError, TypeError
            If there are no files by name.
        """
        reading = dict(entry)
        files, beside = dict(reading.pop("files")), dict(reading.pop("beside", {}))
        for name, digest in {**files, **beside}.items():
            if not isinstance(digest, str | None):
                raise ParameterError(f"{path}: the SHA-256 of {name!r} is {digest!r} where text is expected")
        for key, value in reading.items():
            if key not in _READING:
                raise ParameterError(f"{path}: unknown entry {key!r} of the trajectory{suggestion(key, _READING)}")
            kind, words = _READING[key]
            if value is not None and not _is(value, kind):
                raise ParameterError(f"{path}: {key} is {value!r} where {words} is expected")
        return cls(files, reading, beside)


def add_trajectory_options(parser: argparse.ArgumentParser) -> None:
    """Add the files of a trajectory, and how to read them, to a command line."""
    parser.add_argument("trajectory", nargs="*", metavar="TRAJECTORY", help="the parts of one run, in order")
    parser.add_argument("--format", choices=FORMATS, help="from the name where it is not given")
    parser.add_argument("--kinds", type=words, metavar="Ag,I", help="species of the LAMMPS types 1, 2 ...")
    parser.add_argument("--mobile", type=words, default=[], metavar="Ag", help="species that are meant to diffuse")
    parser.add_argument("--masses", type=_numbers, metavar="M,M", help="masses of the kinds in amu")
    parser.add_argument("--charges", type=_charges, metavar="Ag=1,I=-1", help="formal charges of species in e")
    parser.add_argument("--md-timestep", type=float, metavar="PS", help="time of one MD step in ps")


def words(text: str) -> list[str]:
    """Return the words of a list with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[float]:
    return [float(word) for word in words(text)]


def _charges(text: str) -> dict[str, float]:
    pairs = [word.partition("=") for word in words(text)]
    try:
        return {kind.strip(): float(charge) for kind, _, charge in pairs}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} where Ag=1,I=-1 is expected") from None


def _is(value: object, kind: Any) -> bool:
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(_is(element, float) for element in value.values())
    if isinstance(kind, list):
        return isinstance(value, list) and all(_is(element, kind[0]) for element in value)
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float if kind is float else kind)


def _check_digest(file: str, expected: str | None) -> None:
    if expected is None:
        return
    try:
        with open(file, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise TrajectoryError(f"{file} cannot be read: {error.strerror}") from error
    if digest != expected:
        raise TrajectoryError(f"{file} has changed: its SHA-256 is {digest} where {expected} is expected")
