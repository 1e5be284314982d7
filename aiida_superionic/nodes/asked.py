"""What processes were asked for, and what sets several of them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida import orm

from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.nodes.facts import SETTINGS, UNITS, Facts, kind_of, name_of, settings_of
from aiida_superionic.nodes.numbers import title_of
from aiida_superionic.report.formatting import plain

_MOST_PARTS = 4
"""Of a label, that a legend has room for."""


def inputs_of(node: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return the inputs of a process, each by the end of its name that no other has."""
    links = node.base.links.get_incoming(node_class=orm.Data).all()
    given = {tuple(link.link_label.split("__")): link.node for link in links}
    return {_shortest(path, given): one for path, one in sorted(given.items())}


def asked_of(node: orm.ProcessNode) -> Facts:
    """Return what a process was asked for: what its point says where it has one, else what its inputs set."""
    given = inputs_of(node)
    point = given.get("point", given.get("preparation"))
    if isinstance(point, PointData):
        return point.specification
    return settings_of(given)


def named(node: orm.Node) -> str:
    """Return data in a few words: ``alpha-AgI 2x2x2 seed 1 (structure 11)``."""
    title, name = f"{kind_of(node).words} {node.pk}", name_of(node)
    return f"{name} ({title})" if name else title


def labels_of(nodes: Sequence[orm.Node]) -> list[str]:
    """Return what sets each of some nodes apart from the others, in a few words: ``600 K · seed 2``."""
    flat = [_flat(node) for node in nodes]
    keys = dict.fromkeys(key for one in flat for key in one)
    apart = [key for key in keys if len({one.get(key) for one in flat}) > 1]
    labels = [" · ".join(list(dict.fromkeys(one[key] for key in apart if key in one))[:_MOST_PARTS]) for one in flat]
    return [
        label if label and labels.count(label) == 1 else f"{label} · {title_of(node)}".removeprefix(" · ")
        for label, node in zip(labels, nodes, strict=True)
    ]


def _flat(node: orm.Node) -> dict[str, str]:
    """Return everything that a node was asked for, in words, by a path of names."""
    if not isinstance(node, orm.ProcessNode):
        return {"name": _called(node)}
    given = inputs_of(node)
    data: dict[str, str] = {}
    if not any(isinstance(one, PointData) for one in given.values()):
        data = {name: _called(one) for name, one in given.items() if not isinstance(one, SETTINGS)}
    return data | _words("", asked_of(node))


def _called(node: orm.Node) -> str:
    if isinstance(node, orm.AbstractCode):
        return str(node.full_label)
    if isinstance(node, PotentialData):
        return name_of(node) or f"{node.base.attributes.get('family')} {node.pk}"
    return name_of(node) or f"{kind_of(node).words} {node.pk}"


def _words(path: str, value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {key: text for name, one in value.items() for key, text in _words(f"{path}.{name}", one).items()}
    name = path.rpartition(".")[2]
    if name in UNITS:
        return {path: f"{plain(value)} {UNITS[name]}"}
    return {path: plain(value) if isinstance(value, str) else f"{name.replace('_', ' ')} {plain(value)}"}


def _shortest(path: tuple[str, ...], among: dict[tuple[str, ...], Any]) -> str:
    for length in range(1, len(path) + 1):
        ending = path[-length:]
        if sum(other[-length:] == ending for other in among) == 1:
            return ".".join(ending)
    return ".".join(path)
