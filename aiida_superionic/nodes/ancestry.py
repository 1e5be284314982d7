"""What a node comes from, on the graph: the links of its data, whichever workchains called what made them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from graphlib import TopologicalSorter

from aiida import orm
from aiida.common.links import LinkType
from aiida.tools.graph.graph_traversers import traverse_graph

from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.nodes.facts import SETTINGS, Facts, data_facts, process_facts, versions_told

_CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
_TOLD = (DatasetData, PotentialData, TrajectoryData, orm.TrajectoryData, orm.StructureData)
"""Data that are a step of their own on the way to a number; others are passed on the way to what made them."""
_ENDS = (DatasetData, PotentialData)
"""Where one thing ends and another begins: what is behind them is told below them alone."""
_NO_ROLE = re.compile(r"iteration|CALL|run")
_NUMBERED = re.compile(r"_\d.*")


class Ancestry:
    """All that some nodes come from, by the links of data.

    Parameters
    ----------
    pks
        The nodes.
    """

    def __init__(self, pks: Iterable[int]) -> None:
        upward = traverse_graph(pks, get_links=True, links_backward=(LinkType.INPUT_CALC, LinkType.CREATE))
        query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": list(upward["nodes"])}})
        self.nodes: dict[int, orm.Node] = {node.pk: node for node in query.all(flat=True)}
        self._incoming: dict[int, dict[str, int]] = {pk: {} for pk in self.nodes}
        self._outgoing: dict[int, dict[str, int]] = {pk: {} for pk in self.nodes}
        for link in sorted(upward["links"] or (), key=lambda link: (link.source_id, link.link_label)):
            self._incoming[link.target_id][link.link_label] = link.source_id
            self._outgoing[link.source_id][link.link_label] = link.target_id

    def is_process(self, pk: int) -> bool:
        """Return whether a node is a process."""
        return isinstance(self.nodes[pk], orm.ProcessNode)

    def is_step(self, pk: int) -> bool:
        """Return whether a node is a step of its own on the way to a number; others are passed on the way."""
        node = self.nodes[pk]
        if self.is_process(pk) or isinstance(node, _TOLD):
            return True
        return not self._incoming[pk] and not isinstance(node, (*SETTINGS, orm.AbstractCode))

    def is_end(self, pk: int) -> bool:
        """Return whether a node is a thing of its own, such as a potential."""
        return isinstance(self.nodes[pk], _ENDS)

    def maker(self, pk: int) -> int | None:
        """Return the process that made data; None of data that none made."""
        return None if self.is_process(pk) else next(iter(self._incoming[pk].values()), None)

    def sources(self, pk: int) -> list[int]:
        """Return the steps that a node comes from at once.

        A step that another one of them comes from is left to that: a run that goes on from another starts from the
        other's structure by way of it. But the potential of a run is its own. Frames are left to the job that made them
        where that is a source too.
        """
        found = self._direct(pk)
        direct = [one for one in found if not (isinstance(self.nodes[one], DatasetData) and self.maker(one) in found)]
        behind = {one for other in direct if not self.is_end(other) for one in self._behind[other]}
        return [one for one in direct if one not in behind or isinstance(self.nodes[one], PotentialData)]

    def facts(self, pk: int) -> Facts:
        """Return what a node is."""
        node = self.nodes[pk]
        if not self.is_process(pk):
            return data_facts(node)
        inputs = {label: self.nodes[one] for label, one in self._incoming[pk].items()}
        outputs = {label: self.nodes[one] for label, one in self._outgoing[pk].items()}
        made = [label for label, one in self._incoming[pk].items() if self.maker(one) is not None]
        return process_facts(node, inputs, outputs, self._versions.get(pk, ""), made)

    def role(self, pk: int) -> str:
        """Return what a job was called for, in words: ``production``; nothing where nobody said it."""
        while (called := self._callers.get(pk)) is not None:
            pk, label = called
            if not _NO_ROLE.match(label):
                return _NUMBERED.sub("", label).replace("_", " ")
        return ""

    def _direct(self, pk: int) -> dict[int, None]:
        """Return the first steps on each way up from a node."""
        found: dict[int, None] = {}
        for one in self._incoming[pk].values():
            found |= {one: None} if self.is_step(one) else self._direct(one)
        return found

    @cached_property
    def _behind(self) -> dict[int, frozenset[int]]:
        """By step, those behind it up to the next ends."""
        direct = {pk: self._direct(pk) for pk in self.nodes if self.is_step(pk)}
        found: dict[int, frozenset[int]] = {}
        for pk in TopologicalSorter(direct).static_order():
            found[pk] = frozenset(direct[pk]).union(*(found[one] for one in direct[pk] if not self.is_end(one)))
        return found

    @cached_property
    def _versions(self) -> dict[int, str]:
        return versions_told([pk for pk, node in self.nodes.items() if isinstance(node, orm.CalcJobNode)])

    @cached_property
    def _callers(self) -> dict[int, tuple[int, str]]:
        """By pk of a process, that which called it, and by which label."""
        jobs = [pk for pk in self.nodes if self.is_process(pk)]
        calls = traverse_graph(jobs, get_links=True, links_backward=_CALLS)["links"] or ()
        return {link.target_id: (link.source_id, link.link_label) for link in calls}
