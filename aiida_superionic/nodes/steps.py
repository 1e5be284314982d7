"""The steps on the way back from a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiida import orm

from aiida_superionic.nodes.facts import UNITS, Facts, entry_point, name_of


@dataclass(eq=False)
class Step:
    """One step on the way back from a number: a node, or several that are alike.

    Parameters
    ----------
    words
        What it is: ``molecular dynamics, production``.
    nodes
        Those of the graph, from the first on; of steps that follow on each other alike, all.
    facts
        Of each of them.
    sources
        The steps that it comes from.
    also
        Nodes that it comes from too, and that are told elsewhere in the trace.
    between
        Data that its nodes handed on to one another.
    """

    words: str
    nodes: tuple[orm.Node, ...]
    facts: tuple[Facts, ...]
    sources: list[Step] = field(default_factory=list)
    also: tuple[orm.Node, ...] = ()
    between: tuple[orm.Node, ...] = ()

    def walk(self) -> Iterator[Step]:
        """Yield the step and all that are behind it."""
        yield self
        for source in self.sources:
            yield from source.walk()

    def as_dict(self) -> dict[str, Any]:
        """Return the step and all that are behind it as plain data."""
        return {
            "what": self.words,
            "nodes": [
                {**identity(node), "facts": _with_units(facts)}
                for node, facts in zip(self.nodes, self.facts, strict=True)
            ],
            "from": [source.as_dict() for source in self.sources],
            "also_from": [identity(node) for node in self.also],
            "between": [identity(node) for node in self.between],
        }


def identity(node: orm.Node) -> dict[str, Any]:
    """Return by what a program knows a node."""
    kind = entry_point(node) if isinstance(node, orm.ProcessNode) else node.class_node_type.strip(".")
    return {"pk": node.pk, "uuid": node.uuid, "type": kind, "label": name_of(node)}


def _with_units(facts: Facts) -> Facts:
    return {f"{name} [{UNITS[name]}]" if name in UNITS else name: value for name, value in facts.items()}
