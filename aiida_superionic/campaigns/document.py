"""Reading a campaign file: plain data that knows which line each value stands on.

Only the part of YAML that a campaign needs is read: mappings, lists and the scalars of the YAML 1.2 core schema.
Tags, anchors, aliases and directives are refused, so that a file can neither make an object nor grow when it is read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from aiida_superionic.campaigns.wording import quote
from aiida_superionic.errors import SuperionicError

Location = tuple[str | int, ...]
"""Where a value stands: the keys and list indices that lead to it, such as ``("temperatures", 1)``."""

_LARGEST_FILE = 1_000_000
_DEEPEST_NESTING = 20
_LONGEST_NUMBER = 32

_NULL = re.compile(r"(?:null|Null|NULL|~|)")
_BOOLEAN = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(?:nan|NaN|NAN)")


class Problem(NamedTuple):
    """One fault of a campaign file; ``line`` counts from 1 and is None where the file could not be read at all."""

    line: int | None
    sentence: str


class CampaignFileError(SuperionicError):
    """A campaign file that cannot be used.

    Its message has one line per fault, in the order of the file: ``FILE, line N: what is wrong; what would be right``.

    Parameters
    ----------
    path
        The file.
    problems
        What is wrong with it.
    """

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(self._message(problem) for problem in self.problems))

    def _message(self, problem: Problem) -> str:
        name = str(self.path) if str(self.path).isprintable() else quote(str(self.path))
        place = name if problem.line is None else f"{name}, line {problem.line}"
        return f"{place}: {problem.sentence}"


@dataclass(frozen=True)
class Document:
    """The plain data of a YAML file, and the line of each of its values."""

    path: Path
    data: dict[str, Any]
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """Return the line, counted from 1, of a value or of the nearest enclosing one that the file holds."""
        while location not in self.lines:
            location = location[:-1]
        return self.lines[location]


def load_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Parameters
    ----------
    path
        The file: UTF-8 text of at most 1 MB.

    Returns
    -------
    Document
        The file's data as dict, list, str, int, float, bool and None. Keys are always text.

    Raises
    ------
    CampaignFileError
        If the file cannot be read, is not YAML, or uses more of YAML than a campaign needs.
    """
    text = _read(path)
    try:
        return _Composer(path, YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = " ".join((error.problem or "the syntax is wrong").split())
        raise _refusal(path, line, f"this is not YAML ({_printable(reason)}); mend the syntax") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refusal(path, line, "the text holds a control character; write plain text") from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); give the path of a campaign file"
        raise _refusal(path, None, reason) from None
    if len(content) > _LARGEST_FILE:
        raise _refusal(path, None, "is larger than 1 MB; a campaign file is a page of YAML")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(path, line, "the text is not UTF-8; save the file as UTF-8") from None


def _refusal(path: Path, line: int | None, sentence: str) -> CampaignFileError:
    return CampaignFileError(path, [Problem(line, sentence)])


def _printable(text: str) -> str:
    return text if text.isprintable() else quote(text)


class _Composer:
    """Builds plain data from the events of a YAML parser, without ever recursing deeper than a campaign does."""

    def __init__(self, path: Path, events: Iterator[Event]) -> None:
        self.path = path
        self.events = events
        self.lines: dict[Location, int] = {}

    def document(self) -> Document:
        """Return the one document of the stream."""
        next(self.events)
        start = next(self.events)
        if not isinstance(start, DocumentStartEvent):
            raise _refusal(self.path, 1, "the file is empty; write a campaign")
        if start.version or start.tags:
            raise self._refused(start, "YAML directives are not read; remove the lines that begin with %")
        event = next(self.events)
        self.lines[()] = _line(event)
        data = self._value(event, ())
        if not isinstance(data, dict):
            raise self._refused(event, "this is not a mapping; write keys and values such as 'campaign: my-study'")
        next(self.events)
        following = next(self.events)
        if isinstance(following, DocumentStartEvent):
            raise self._refused(following, "a second document begins; write one campaign per file")
        return Document(self.path, data, self.lines)

    def _value(self, event: Event, location: Location) -> Any:
        self._check_plain(event)
        if len(location) > _DEEPEST_NESTING:
            raise self._refused(event, "the values are nested too deeply; a campaign has at most six levels")
        if isinstance(event, MappingStartEvent):
            return self._mapping(location)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(location)
        assert isinstance(event, ScalarEvent)  # noqa: S101 - what else a node can be
        return self._scalar(event)

    def _check_plain(self, event: Event) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._refused(event, "YAML anchors (&) and aliases (*) are not read; write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise self._refused(event, f"the YAML tag {quote(str(tag))} is not read; write the plain value")

    def _mapping(self, location: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            self._check_plain(event)
            if not isinstance(event, ScalarEvent):
                raise self._refused(event, "a key is itself a list or a mapping; write a word as the key")
            key = event.value
            at = (*location, key)
            if key in mapping:
                first = self.lines[at]
                raise self._refused(event, f"the key {quote(key)} stands on line {first} already; remove one of them")
            self.lines[at] = _line(event)
            mapping[key] = self._value(next(self.events), at)
        return mapping

    def _sequence(self, location: Location) -> list[Any]:
        sequence: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            at = (*location, len(sequence))
            self.lines[at] = _line(event)
            sequence.append(self._value(event, at))
        return sequence

    def _scalar(self, event: ScalarEvent) -> str | int | float | bool | None:
        text: str = event.value
        if event.style is not None:
            return text
        if _NULL.fullmatch(text):
            return None
        if match := _BOOLEAN.fullmatch(text):
            return match[1] is not None
        if match := _INFINITY.fullmatch(text):
            return float(f"{match[1]}inf")
        if _NOT_A_NUMBER.fullmatch(text):
            return float("nan")
        if not _REAL.fullmatch(text):
            return text
        if len(text) > _LONGEST_NUMBER:
            raise self._refused(event, f"the number {quote(text)} is too long; write at most {_LONGEST_NUMBER} digits")
        return int(text) if _INTEGER.fullmatch(text) else float(text)

    def _refused(self, event: Event, sentence: str) -> CampaignFileError:
        return _refusal(self.path, _line(event), sentence)


def _line(event: Event) -> int:
    line: int = event.start_mark.line
    return line + 1
