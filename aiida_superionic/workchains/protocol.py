"""Protocols: named sets of settings, in YAML files beside the workchains."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from pydantic import ValidationError

from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.errors import SuperionicError


class ProtocolError(SuperionicError, ValueError):
    """A protocol, or a setting of one, that does not exist."""


def protocols(process: str) -> dict[str, dict[str, Any]]:
    """Return the protocols of a workchain by name, each complete."""
    data = deepcopy(_read(process))
    shared: dict[str, Any] = data["shared"]
    return {
        name: {**shared, **{key: value for key, value in settings.items() if key != "description"}}
        for name, settings in data["protocols"].items()
    }


@cache
def _read(process: str) -> Any:
    # A campaign asks hundreds of times: for every part of a sweep, and every word that it checks.
    return load_yaml(read_folder("aiida_superionic.workchains", "protocols")[process])


def protocol_settings(process: str, protocol: str, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings of one protocol, with some of them replaced.

    Raises
    ------
    ProtocolError
        If the protocol or one of the overrides is unknown.
    """
    known = protocols(process)
    if protocol not in known:
        raise ProtocolError(f"the protocol {protocol!r} is not one of {', '.join(known)}")
    unknown = sorted(set(overrides or {}) - set(known[protocol]))
    if unknown:
        raise ProtocolError(f"{', '.join(unknown)} is not a setting of {process}: {', '.join(known[protocol])}")
    return {**known[protocol], **(overrides or {})}


def first_fault(settings: str, error: ValidationError) -> str:
    """Return in one sentence where settings of this name are wrong, and what is wrong there."""
    problem = error.errors()[0]
    where = ": ".join([settings, *map(str, problem["loc"])])
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
