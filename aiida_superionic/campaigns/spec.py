"""From a campaign file to the campaign that it describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import models_json_schema

from aiida_superionic.campaigns.document import CampaignFileError, Document, Location, Problem, load_document
from aiida_superionic.campaigns.dynamics_spec import Campaign
from aiida_superionic.campaigns.faults import faults_of
from aiida_superionic.campaigns.keys import (
    LATTICE_MODELS,
    MODELS,
    MOLECULAR_DYNAMICS,
    MOST_POINTS,
    PADDLEWHEEL,
    too_many,
)
from aiida_superionic.campaigns.lattice_spec import LatticeCampaign
from aiida_superionic.campaigns.paddlewheel_spec import PaddlewheelCampaign
from aiida_superionic.campaigns.wording import quote

__all__ = ["Campaign", "CampaignFile", "LatticeCampaign", "campaign_schema", "load_campaign"]

_SWEEP = "sweep"
_WHOLE_FILE = ("version", "campaign", "model", "computer", "resources", "limit", _SWEEP)
"""Keys that are one for all parts of a file."""
_MERGED = ("md", "lattice", "electrons", "larger")
"""Mappings of settings, of which a part of a sweep replaces those that it says."""
_EITHER = ({"structure", "structures"},)
"""Keys of which one replaces the other."""
_MOST_PARTS = 1000
_KINDS: dict[str, type[Campaign | LatticeCampaign]] = {
    PADDLEWHEEL: PaddlewheelCampaign,
    **dict.fromkeys(LATTICE_MODELS, LatticeCampaign),
}
"""What a file is by its model; molecular dynamics otherwise."""


@dataclass(frozen=True)
class Part:
    """One product of conditions: the whole file, or what one entry of its sweep makes of it.

    Parameters
    ----------
    study
        What is asked for.
    number
        Of the entry in the sweep; None where there is no sweep.
    swept
        The keys that the entry replaces, and the settings in those of which it replaces some.
    """

    study: Campaign | LatticeCampaign
    number: int | None = None
    swept: frozenset[Location] = frozenset()

    def place(self, location: Location) -> Location:
        """Return where in the file a value of the study stands."""
        return _place(self.number, self.swept, location)


@dataclass(frozen=True)
class CampaignFile:
    """The campaign that a file describes: its parts, of which the points are united.

    Parameters
    ----------
    document
        The file.
    parts
        At least one.
    """

    document: Document
    parts: tuple[Part, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return self.document.path

    @property
    def study(self) -> Campaign | LatticeCampaign:
        """The first part: all have the keys in common that are one for the whole file."""
        return self.parts[0].study

    @property
    def campaign(self) -> str:
        """The name of the campaign."""
        return self.study.campaign

    def refusal(self, faults: Iterable[tuple[Part, Location, str]]) -> CampaignFileError:
        """Return the error of values that cannot be used, of which each is told once."""
        problems = [Problem(self.document.line(part.place(location)), sentence) for part, location, sentence in faults]
        return CampaignFileError(self.path, list(dict.fromkeys(problems)))


def load_campaign(path: Path) -> CampaignFile:
    """Read and validate a campaign file.

    Files and nodes that it names are not looked at: see :func:`aiida_superionic.campaigns.points.expand`.

    Parameters
    ----------
    path
        The YAML file.

    Returns
    -------
    CampaignFile
        The campaign, with every default filled in, temperatures in K and times in ps.

    Raises
    ------
    CampaignFileError
        If the file is not a valid campaign; its message has one sentence per fault.
    """
    document = load_document(path)
    model = document.data.get("model", MOLECULAR_DYNAMICS)
    kind = _KINDS.get(model, Campaign) if isinstance(model, str) else Campaign
    others = tuple(other for other in (Campaign, *_KINDS.values()) if other is not kind)
    named = model if model in MODELS else quote(model)
    parts: list[Part] = []
    problems: list[Problem] = []
    for data, number, swept in _parts(document):
        try:
            parts.append(Part(kind.model_validate(data), number, swept))
        except ValidationError as error:
            problems += [
                Problem(document.line(_place(number, swept, location)), sentence)
                for location, sentence in faults_of(error, kind, others, named)
            ]
    if problems:
        raise CampaignFileError(path, list(dict.fromkeys(problems)))
    if (points := sum(part.study.n_points for part in parts)) > MOST_POINTS:
        raise CampaignFileError(path, [Problem(document.line((_SWEEP,)), too_many(points))])
    return CampaignFile(document, tuple(parts))


def campaign_schema(model: str | None = None) -> dict[str, Any]:
    """Return the JSON schema of a campaign file.

    Parameters
    ----------
    model
        What moves the ions; if absent, the schema decides by the model that a file names.
    """
    kinds = dict.fromkeys((Campaign, *_KINDS.values()))
    names, schema = models_json_schema([(kind, "validation") for kind in kinds], title="A campaign")
    for kind in kinds:
        _with_sweep(schema["$defs"][kind.__name__], kind.__name__)
    if model is not None:
        return {**schema, **schema["$defs"][_KINDS.get(model, Campaign).__name__]}
    chosen: dict[str, Any] = names[Campaign, "validation"]
    for kind in list(kinds)[1:]:
        asked = [name for name, of in _KINDS.items() if of is kind]
        chooses = {"properties": {"model": {"enum": asked}}, "required": ["model"]}
        chosen = {"if": chooses, "then": names[kind, "validation"], "else": chosen}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema, **chosen}


def _with_sweep(schema: dict[str, Any], name: str) -> None:
    """Let entries of a sweep say what else the file would have to."""
    properties = schema["properties"]
    swept = {key: {"$ref": f"#/$defs/{name}/properties/{key}"} for key in properties if key not in _WHOLE_FILE}
    properties[_SWEEP]["items"] = {
        "type": "object",
        "properties": swept,
        "minProperties": 1,
        "additionalProperties": False,
    }
    properties[_SWEEP]["minItems"] = 1
    needed = [key for key in schema["required"] if key not in _WHOLE_FILE]
    either = {"oneOf": [{"required": [key]} for key in sorted(_EITHER[0])]}
    schema["required"] = [key for key in schema["required"] if key in _WHOLE_FILE]
    schema |= {"if": {"not": {"required": [_SWEEP]}}, "then": {"required": needed, **either}}


def _parts(document: Document) -> Iterator[tuple[dict[str, Any], int | None, frozenset[Location]]]:
    """Yield the keys of each part of a file, and which of them are of the sweep."""
    shared = {key: value for key, value in document.data.items() if key != _SWEEP}
    if _SWEEP not in document.data:
        yield shared, None, frozenset()
        return
    sweep = document.data[_SWEEP]
    if not isinstance(sweep, list) or not 1 <= len(sweep) <= _MOST_PARTS:
        raise _refused(document, (_SWEEP,), f"{_SWEEP}: {quote(sweep)} is not valid; {_RIGHT}")
    for number, entry in enumerate(sweep):
        if not isinstance(entry, dict) or not entry:
            raise _refused(document, (_SWEEP, number), f"{_SWEEP}: {quote(entry)} is not valid; {_RIGHT}")
        for key in entry:
            if key in _WHOLE_FILE:
                place = (_SWEEP, number, key)
                raise _refused(document, place, f"{key} is one for the whole file; write it above the sweep")
        yield _replaced(shared, entry), number, frozenset(_said(shared, entry))


def _place(number: int | None, swept: frozenset[Location], location: Location) -> Location:
    if number is None:
        return location
    own = location[:1] in swept or location[:2] in swept
    return (_SWEEP, number, *location) if own else location


_RIGHT = (
    f"write a list of 1 to {_MOST_PARTS} mappings, each with the keys that it replaces, for example"
    f" {_SWEEP}: [{{temperatures: [600], replicas: 4}}, {{temperatures: [900]}}]"
)


def _refused(document: Document, location: Location, sentence: str) -> CampaignFileError:
    return CampaignFileError(document.path, [Problem(document.line(location), sentence)])


def _is_merged(shared: dict[str, Any], entry: dict[str, Any], key: str) -> bool:
    return key in _MERGED and isinstance(entry[key], dict) and isinstance(shared.get(key), dict)


def _replaced(shared: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Return what an entry of a sweep makes of the keys that it shares with the others."""
    gone = {key for either in _EITHER if either & set(entry) for key in either}
    data = {key: value for key, value in shared.items() if key not in gone}
    merged = {key: {**shared[key], **entry[key]} for key in entry if _is_merged(shared, entry, key)}
    return {**data, **entry, **merged}


def _said(shared: dict[str, Any], entry: dict[str, Any]) -> Iterator[Location]:
    for key, value in entry.items():
        if _is_merged(shared, entry, key):
            yield from ((key, setting) for setting in value)
        else:
            yield (key,)
