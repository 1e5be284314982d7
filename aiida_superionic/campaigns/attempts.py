"""What the graph holds of a set of points: their nodes, and the attempts at each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiida import orm

from aiida_superionic.campaigns.point_spec import PointSpecification
from aiida_superionic.campaigns.preparations import preparation_statuses
from aiida_superionic.data.point import PointData
from aiida_superionic.workchains.transport import TransportWorkChain

IDS_PER_QUERY = 500
"""How many nodes one query may name: a database bounds the number of values in one filter."""

ACTIVE_STATES = ("created", "waiting", "running")
# A submitter that is killed before it wrote the checkpoint leaves a process that no worker can continue.
_STILLBORN = {"attributes.process_state": "created", "attributes": {"!has_key": orm.ProcessNode.CHECKPOINT_KEY}}


class State(StrEnum):
    """Where a point stands."""

    FINISHED = "finished"
    RUNNING = "running"
    FAILED = "failed"
    WAITING = "waiting"
    MISSING = "missing"


@dataclass(frozen=True)
class Attempt:
    """One workchain that took a point as its input."""

    pk: int
    uuid: str
    process_state: str | None
    exit_status: int | None
    message: str

    @property
    def state(self) -> State | None:
        """Where the attempt stands; None for one that a killed submitter left before a worker could continue it."""
        if self.process_state is None:
            return None
        if self.process_state in ACTIVE_STATES:
            return State.RUNNING
        # Some observables are missing from such a point's results; running it again gives the same.
        codes = TransportWorkChain.exit_codes
        if self.exit_status in {0, codes.ERROR_NOT_CONVERGED.status, codes.ERROR_IMPOSSIBLE_REQUEST.status}:
            return State.FINISHED
        return State.FAILED


@dataclass(frozen=True)
class PointStatus:
    """A point, its node if there is one, the attempt that counts, and what it waits for without one."""

    specification: PointSpecification
    node_pk: int | None
    attempt: Attempt | None
    awaits: str = ""

    @property
    def state(self) -> State:
        """Where the point stands."""
        return (self.attempt.state if self.attempt else None) or (State.WAITING if self.awaits else State.MISSING)


def point_statuses(specifications: Sequence[PointSpecification]) -> list[PointStatus]:
    """Return where each point stands, in the given order.

    The latest successful attempt counts; without one, a running attempt; without one, the latest that failed.
    """
    nodes = _point_nodes([specification.hash for specification in specifications])
    attempts = _attempts(nodes.values())
    needed = preparation_statuses(one.preparation for one in specifications if one.preparation is not None)
    awaits = {digest: status.awaited for digest, status in needed.items()}
    statuses = []
    for specification in specifications:
        pk = nodes.get(specification.hash)
        attempt = _deciding(attempts.get(pk, [])) if pk is not None else None
        statuses.append(PointStatus(specification, pk, attempt, awaits.get(specification.preparation or "", "")))
    return statuses


def _deciding(attempts: Iterable[Attempt]) -> Attempt | None:
    ranks = {State.FAILED: 0, State.RUNNING: 1, State.FINISHED: 2}
    living = [(ranks[attempt.state], attempt.pk, attempt) for attempt in attempts if attempt.state is not None]
    return max(living)[2] if living else None


def _point_nodes(hashes: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(hashes), IDS_PER_QUERY):
        chunk = list(hashes[start : start + IDS_PER_QUERY])
        query = orm.QueryBuilder().append(
            PointData, filters={"attributes.hash": {"in": chunk}}, project=["attributes.hash", "id"]
        )
        for digest, pk in sorted(query.iterall(), key=lambda row: -row[1]):
            found[digest] = pk  # should two nodes ever hold one point, the first stored counts
    return found


def _attempts(point_pks: Iterable[int]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = {}
    pks = list(point_pks)
    keys = ("process_state", "exit_status", "exit_message", "exception", "process_status")
    for start in range(0, len(pks), IDS_PER_QUERY):
        points = {"id": {"in": pks[start : start + IDS_PER_QUERY]}}
        stillborn = {pk for _, pk in _query_attempts(points, _STILLBORN, ["id"]).iterall()}
        rows = _query_attempts(points, {}, ["id", "uuid", *(f"attributes.{key}" for key in keys)])
        for point, pk, uuid, state, status, *reasons in rows.iterall():
            attempt = Attempt(pk, uuid, None if pk in stillborn else state, status, _message(state, *reasons))
            found.setdefault(point, []).append(attempt)
    return found


def _query_attempts(points: dict[str, Any], attempts: dict[str, Any], project: list[str]) -> orm.QueryBuilder:
    query = orm.QueryBuilder().append(PointData, filters=points, project="id", tag="point")
    return query.append(
        orm.WorkChainNode, with_incoming="point", edge_filters={"label": "point"}, filters=attempts, project=project
    )


def _message(state: str | None, exit_message: str | None, exception: str | None, status: str | None) -> str:
    """Return why an attempt ended as it did; an exception's last line says what it was."""
    if state == "finished":
        return exit_message or ""
    if state == "excepted":
        return (exception or "").strip().rpartition("\n")[2] or "an exception was raised"
    return status or "killed" if state == "killed" else ""
