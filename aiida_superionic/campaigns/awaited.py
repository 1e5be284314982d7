"""What running attempts wait for: the chain of processes from each attempt down to its job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from aiida import orm

from aiida_superionic.campaigns.attempts import ACTIVE_STATES


@dataclass(frozen=True)
class Awaited:
    """A process that the one above it waits for."""

    pk: int
    label: str
    is_job: bool


def awaited(pks: Collection[int]) -> dict[int, list[Awaited]]:
    """Return the processes that attempts wait for, from the top down.

    A workchain that runs a step waits for nothing yet. One that waits does so for the last process that it called:
    an earlier one may be left over from a step that a killed worker did not end, and that was done again.
    """
    chains: dict[int, list[Awaited]] = {pk: [] for pk in pks}
    bottom = {pk: pk for pk in pks}
    while bottom:
        called = _last_called(sorted(bottom))
        for pk, process in called.items():
            chains[bottom[pk]].append(process)
        bottom = {process.pk: bottom[pk] for pk, process in called.items() if not process.is_job}
    return chains


def _last_called(pks: list[int]) -> dict[int, Awaited]:
    query = orm.QueryBuilder()
    query.append(
        orm.WorkChainNode,
        filters={"id": {"in": pks}, "attributes.process_state": "waiting"},
        project="id",
        tag="caller",
    )
    query.append(
        (orm.WorkChainNode, orm.CalcJobNode),
        with_incoming="caller",
        filters={"attributes.process_state": {"in": list(ACTIVE_STATES)}},
        project=["id", "node_type"],
        edge_project="label",
    )
    return {
        caller: Awaited(pk, label, node_type == orm.CalcJobNode.class_node_type)
        for caller, pk, node_type, label in sorted(query.all())
    }
