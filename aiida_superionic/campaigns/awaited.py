"""What running attempts wait for: the chains of processes from each attempt down to its jobs."""

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


def awaited(pks: Collection[int]) -> dict[int, list[list[Awaited]]]:
    """Return the processes that attempts wait for, as chains from the top down, the last called first.

    A workchain that runs a step waits for nothing yet. One that waits does so for all that it called and that has not
    ended, but of those with one label only for the last: an earlier one may be left over from a step that a killed
    worker did not end, and that was done again.
    """
    chains: dict[int, list[list[Awaited]]] = {pk: [] for pk in pks}
    waiting: dict[int, tuple[int, list[Awaited]]] = {pk: (pk, []) for pk in pks}
    while waiting:
        called = _called(sorted(waiting))
        below = {}
        for caller, (attempt, chain) in waiting.items():
            for process in called.get(caller, ()):
                if process.is_job:
                    chains[attempt].append([*chain, process])
                else:
                    below[process.pk] = attempt, [*chain, process]
            if chain and caller not in called:
                chains[attempt].append(chain)
        waiting = below
    for found in chains.values():
        found.sort(key=lambda chain: [process.pk for process in chain], reverse=True)
    return chains


def _called(pks: list[int]) -> dict[int, list[Awaited]]:
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
    last = {
        (caller, label): Awaited(pk, label, node_type == orm.CalcJobNode.class_node_type)
        for caller, pk, node_type, label in sorted(query.all())
    }
    called: dict[int, list[Awaited]] = {}
    for (caller, _), process in last.items():
        called.setdefault(caller, []).append(process)
    return called
