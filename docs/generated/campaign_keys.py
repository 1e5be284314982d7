"""The keys of campaign files, from the schema by which files are checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from aiida_superionic.campaigns.spec import campaign_schema


class Key(NamedTuple):
    """A key of a section of a campaign file."""

    name: str
    meaning: str
    choices: tuple[str, ...]
    sections: tuple[str, ...]
    default: str
    example: str


class Section(NamedTuple):
    """A mapping of a campaign file."""

    name: str
    meaning: str
    keys: tuple[Key, ...]


def sections() -> list[Section]:
    """Return the sections of campaign files, each behind one that names it."""
    schema = campaign_schema()["$defs"]
    found: dict[str, Section] = {}
    waiting = ["Campaign", "PaddlewheelCampaign", "LatticeCampaign"]
    while waiting:
        name = waiting.pop(0)
        if name not in found and "properties" in schema[name]:
            found[name] = _section(name, schema)
            waiting += [below for key in found[name].keys for below in key.sections]
    return list(found.values())


def _section(name: str, schema: dict[str, Any]) -> Section:
    section = schema[name]
    required = {*section.get("required", ()), *section.get("then", {}).get("required", ())}
    keys = []
    for key, said in section["properties"].items():
        named = [] if key == "sweep" else list(_values_of("$ref", said))
        below = [reference.rpartition("/")[2] for reference in named]
        default = "required" if key in required else in_yaml(said.get("default"))
        choices = dict.fromkeys(one for choice in _values_of("enum", said) for one in choice)
        choices |= dict.fromkeys(one for other in below for one in schema[other].get("enum", ()))
        linked = tuple(dict.fromkeys(other for other in below if "properties" in schema[other]))
        example = in_yaml(said["examples"][0]) if "examples" in said else ""
        keys.append(Key(key, said.get("description", ""), tuple(choices), linked, default, example))
    return Section(name, section["description"], tuple(keys))


def _values_of(word: str, data: Any) -> Iterator[Any]:
    """Yield what stands under a word anywhere in nested data, but for examples."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == word:
                yield value
            elif key != "examples":
                yield from _values_of(word, value)
    elif isinstance(data, list):
        for item in data:
            yield from _values_of(word, item)


def in_yaml(value: Any) -> str:
    """Return a value as a file would say it in one line, nothing for nothing."""
    if value in (None, [], {}):
        return ""
    return value if isinstance(value, str) else re.sub(r'"([^"]*)"', r"\1", json.dumps(value, ensure_ascii=False))
