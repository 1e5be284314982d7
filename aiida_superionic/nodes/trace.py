"""The path of a number, or of anything on the graph, back to what made it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from aiida import orm
from rich.console import Console
from rich.tree import Tree

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.nodes.ancestry import Ancestry
from aiida_superionic.nodes.facts import Facts, kind_of, name_of
from aiida_superionic.nodes.lookup import attempt_at
from aiida_superionic.nodes.numbers import Number, number_called, numbers_of
from aiida_superionic.nodes.steps import Step, identity
from aiida_superionic.nodes.tree import tree_of

_ORDER = (TrajectoryData, PotentialData, DatasetData, orm.ProcessNode, orm.StructureData)
"""In which the sources of a step are told: what matters most for a number first."""
_WIDTH = 120
"""Letters of a line of a trace as text; a terminal has its own."""


@dataclass(frozen=True)
class Trace:
    """Where a node, or one number of it, comes from.

    Parameters
    ----------
    node
        What was asked for.
    quantity, scalar
        The number; empty and None where the node as a whole is traced.
    path
        The steps, the last one first.
    """

    node: orm.Node
    quantity: str
    scalar: Scalar | None
    path: Step

    def as_dict(self) -> dict[str, Any]:
        """Return the trace as plain data; facts that have a unit name it: ``temperature [K]``."""
        number = None if self.scalar is None else {"name": self.quantity, **asdict(self.scalar)}
        return {"node": identity(self.node), "quantity": number, "path": self.path.as_dict()}

    def __rich__(self) -> Tree:
        return tree_of(self.path, self.quantity, self.scalar)

    def __str__(self) -> str:
        console = Console(markup=False, no_color=True, width=_WIDTH)
        with console.capture() as capture:
            console.print(self)
        return capture.get()


def trace(node: orm.Node, quantity: str | None = None) -> Trace:
    """Return the path of one number of a node, or of the node itself, back to what made it.

    Parameters
    ----------
    node
        A process, data, or a point of a campaign, which stands for the attempt that counts.
    quantity
        The number, as :func:`aiida_superionic.nodes.numbers.number_called` takes it.

    Raises
    ------
    NodeError
        If the node has no such number, or a point no attempt.
    """
    asked, node = node, attempt_at(node)
    number = None if quantity is None else number_called(node, quantity)
    results = number.node if number else next((one.node for one in numbers_of(node).values()), None)
    if results is not None:
        told = f"{len(numbers_of(results))} quantities" if number is None else number.name
        begin = _begin(told, results, [results.pk], number)
    elif isinstance(node, orm.WorkflowNode):
        begin = _begin(str(node.process_label), node, [one.pk for one in _put_out(node)], None)
    else:
        begin = _begin("", node, [node.pk], None)
    return Trace(asked, number.name if number else "", number.scalar if number else None, begin)


def _begin(words: str, node: orm.Node, pks: list[int], number: Number | None) -> Step:
    """Return the first step, with all that are behind it."""
    first = Step(words, (node,), ({},))
    if not pks:
        return first
    tree = _Tree(Ancestry(pks), number)
    if not words:
        first = tree.step(pks)
    tree.grow(first, pks)
    return first


def _put_out(node: orm.WorkflowNode) -> list[orm.Node]:
    """Return what a workchain gave: data that are a step of their own, or all where none is."""
    given = node.base.links.get_outgoing(node_class=orm.Data).all_nodes()
    return [one for one in given if isinstance(one, (DatasetData, PotentialData, TrajectoryData))] or given


class _Tree:
    """The steps that are told, each node once and as near to the number as it comes."""

    def __init__(self, ancestry: Ancestry, number: Number | None) -> None:
        self._of = ancestry
        self._number = number
        self._told: set[int] = set()

    def grow(self, first: Step, pks: Iterable[int]) -> None:
        """Add what is behind the first step, level by level."""
        own = first.nodes[0].pk
        self._told.add(own)
        nearest: dict[int, None] = {}
        for pk in pks:
            nearest |= {pk: None} if pk != own and self._of.is_step(pk) else dict.fromkeys(self._of.sources(pk))
        todo = deque([(first, list(nearest))])
        while todo:
            step, behind = todo.popleft()
            new = [pk for pk in behind if pk not in self._told]
            step.also = self._nodes(pk for pk in behind if pk in self._told)
            for group in self._groups(new):
                members, between, further = self._with_like(group)
                self._told |= {*members, *between}
                one = self.step(members)
                one.between = self._nodes(between)
                step.sources.append(one)
                todo.append((one, further))

    def step(self, pks: list[int]) -> Step:
        """Return the step that nodes are which are alike."""
        pks = sorted(pks)
        facts = tuple(self._facts(pk) for pk in pks)
        return Step(self._words(pks[0]), self._nodes(pks), facts)

    def _nodes(self, pks: Iterable[int]) -> tuple[orm.Node, ...]:
        return tuple(self._of.nodes[pk] for pk in pks)

    def _facts(self, pk: int) -> Facts:
        facts = self._of.facts(pk)
        node = self._of.nodes[pk]
        if self._number is None or not isinstance(node, orm.CalcJobNode) or "observables" not in facts:
            return facts
        report = node.outputs.report.get_dict() if "report" in node.outputs else {}
        gave = [name for name, names in report.get("names", {}).items() if self._number.name in names]
        return {**facts, "observables": {name: report["parameters"][name] for name in gave} or facts["observables"]}

    def _words(self, pk: int) -> str:
        words = kind_of(self._of.nodes[pk]).words
        role = self._of.role(pk) if words.startswith("molecular dynamics") else ""
        return f"{words}, {role}" if role else words

    def _groups(self, pks: Iterable[int]) -> list[list[int]]:
        """Return nodes that are alike together, what matters most first."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for pk in pks:
            groups.setdefault(self._likeness(pk), []).append(pk)
        return sorted(groups.values(), key=lambda group: (self._place(group[0]), group[0]))

    def _place(self, pk: int) -> int:
        node = self._of.nodes[pk]
        return next((k for k, kind in enumerate(_ORDER) if isinstance(node, kind)), len(_ORDER))

    def _likeness(self, pk: int) -> tuple[str, ...]:
        node, maker = self._of.nodes[pk], self._of.maker(pk)
        made = "" if maker is None else self._words(maker)
        if isinstance(node, PotentialData):
            return self._words(pk), made, node.base.attributes.get("family"), "" if made else name_of(node)
        if isinstance(node, DatasetData):
            return self._words(pk), made, str(node.base.attributes.get("level_of_theory"))
        return self._words(pk), made

    def _with_like(self, group: list[int]) -> tuple[list[int], list[int], list[int]]:
        """Return a group with the steps like it that it follows on, the data between these, and what is behind all.

        Runs that go on from one another are one step, and so are datasets that are joined again and again.
        """
        members, between, behind = dict.fromkeys(group), dict[int, None](), dict[int, None]()
        todo, words = deque(group), self._words(group[0])
        while todo:
            for source in self._of.sources(todo.popleft()):
                like = self._like(source, words)
                if like is None:
                    behind[source] = None
                    continue
                if like != source:
                    between[source] = None
                if like not in members:
                    members[like] = None
                    todo.append(like)
        return list(members), list(between), [pk for pk in behind if pk not in members]

    def _like(self, source: int, words: str) -> int | None:
        """Return the process of these words that a source is, or the small step of these words that made it."""
        one = source if self._of.is_process(source) else self._of.maker(source)
        if one is None or self._words(one) != words:
            return None
        return one if one == source or isinstance(self._of.nodes[one], orm.CalcFunctionNode) else None
