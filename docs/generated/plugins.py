"""The entry points in AiiDA's groups, from the metadata of the package that is installed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, distribution
from typing import Any, NamedTuple

import click
from aiida.engine import BaseRestartWorkChain, CalcJob, Process, WorkChain

from generated.commands import PACKAGE

_AIIDA: tuple[type[Process], ...] = (CalcJob, BaseRestartWorkChain, WorkChain)
_SHOWN = {"code", "clean_workdir", "max_iterations"}
"""Inputs that AiiDA gives every process and that people set."""


class Port(NamedTuple):
    """An input or an output of a process."""

    name: str
    kind: str
    required: bool
    meaning: str


class Plugin(NamedTuple):
    """An entry point, and for a process what goes in, what comes out, and how it may end."""

    name: str
    path: str
    text: str
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    exit_codes: tuple[tuple[int, str, str], ...] = ()


def plugins() -> dict[str, list[Plugin]]:
    """Return the entry points in AiiDA's groups."""
    groups: dict[str, list[Plugin]] = {}
    for point in sorted(distribution(PACKAGE).entry_points):
        if point.group.startswith("aiida."):
            groups.setdefault(point.group, []).append(_plugin(point))
    return groups


def _plugin(point: EntryPoint) -> Plugin:
    loaded = point.load()
    text = loaded.help if isinstance(loaded, click.Command) else inspect.getdoc(loaded)
    head = (point.name, point.value.replace(":", "."), (text or "").replace("\b\n", ""))
    if not (inspect.isclass(loaded) and issubclass(loaded, Process)):
        return Plugin(*head)
    spec = loaded.spec()
    base = next(kind.spec() for kind in _AIIDA if issubclass(loaded, kind))
    codes = [code for label, code in spec.exit_codes.items() if base.exit_codes.get(label) != code]
    labels = {code.status: label for label, code in spec.exit_codes.items()}
    return Plugin(
        *head,
        tuple(_ports(spec.inputs, _given_by_aiida("inputs") - _SHOWN)),
        tuple(_ports(spec.outputs, _given_by_aiida("outputs"))),
        tuple(sorted((code.status, labels[code.status], code.message) for code in codes)),
    )


def _given_by_aiida(side: str) -> set[str]:
    return {name for kind in _AIIDA for name in getattr(kind.spec(), side)}


def _ports(namespace: Mapping[str, Any], hidden: set[str], above: str = "") -> Iterator[Port]:
    for name, port in sorted(namespace.items()):
        if name in hidden:
            continue
        below = list(_ports(port, hidden, f"{above}{name}.")) if isinstance(port, Mapping) else []
        if below and not port.help:
            yield from below
            continue
        kinds = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
        kind = " or ".join(one.__name__ for one in kinds if one not in (None, type(None)))
        # Of what AiiDA itself says, the first sentence.
        text = (port.help or "").partition(".")[0] if name in _SHOWN else port.help or ""
        yield Port(f"{above}{name}", kind, port.required, " ".join(text.split()))
        yield from below
