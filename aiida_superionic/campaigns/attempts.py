"""What the graph holds of a set of points: their nodes, and the attempts at each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aiida import orm

from aiida_superionic.campaigns.point_spec import PointSpecification
from aiida_superionic.campaigns.preparations import preparation_statuses
from aiida_superionic.data.point import PointData
from aiida_superionic.workchains.transport import TransportWorkChain

ACTIVE_STATES = ("created", "waiting", "running")
# Some observables are missing from the results of the last two; running such a point again gives the same.
FINISHED_STATUSES = (
    0,
    TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status,
    TransportWorkChain.exit_codes.ERROR_IMPOSSIBLE_REQUEST.status,
)


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
        return State.FINISHED if self.exit_status in FINISHED_STATUSES else State.FAILED


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
    hashes = [specification.hash for specification in specifications]
    nodes = _point_nodes(hashes)
    deciding = deciding_attempts(nodes.values())
    needed = preparation_statuses(digest for one in specifications for digest in one.preparations)
    pks = [nodes.get(digest) for digest in hashes]
    return [
        PointStatus(
            specification,
            pk,
            None if pk is None else deciding.get(pk),
            next(filter(None, (needed[digest].awaited for digest in specification.preparations)), ""),
        )
        for specification, pk in zip(specifications, pks, strict=True)
    ]


def deciding_attempts(points: Iterable[int]) -> dict[int, Attempt]:
    """Return the attempt that counts at each point that has one, by the pk of its node; see :func:`point_statuses`."""
    found = ((point, _deciding(attempts)) for point, attempts in _attempts(points).items())
    return {point: attempt for point, attempt in found if attempt is not None}


def _deciding(attempts: Iterable[Attempt]) -> Attempt | None:
    ranks = {State.FAILED: 0, State.RUNNING: 1, State.FINISHED: 2}
    living = [(ranks[attempt.state], attempt.pk, attempt) for attempt in attempts if attempt.state is not None]
    return max(living)[2] if living else None


def _point_nodes(hashes: Sequence[str]) -> dict[str, int]:
    if not hashes:
        return {}
    # Without subclasses the type is compared as a whole, which the database's index serves.
    query = orm.QueryBuilder().append(
        PointData,
        subclassing=False,
        filters={"attributes.hash": {"in": list(hashes)}},
        project=["attributes.hash", "id"],
    )
    # Should two nodes ever hold one point, the first stored counts.
    return dict(sorted(query.all(), key=lambda row: -row[1]))


def _attempts(point_pks: Iterable[int]) -> dict[int, list[Attempt]]:
    pks = list(point_pks)
    if not pks:
        return {}
    query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": pks}}, project="id", tag="point")
    query.append(
        orm.WorkChainNode,
        with_incoming="point",
        edge_filters={"label": "point"},
        project=["id", "uuid", "attributes.process_state", "attributes.exit_status"],
    )
    rows = query.all()
    stillborn = _stillborn([pk for _, pk, _, state, _ in rows if state == "created"])
    messages = _messages([pk for _, pk, _, state, status in rows if state not in ACTIVE_STATES and status != 0])
    found: dict[int, list[Attempt]] = {}
    for point, pk, uuid, state, status in rows:
        attempt = Attempt(pk, uuid, None if pk in stillborn else state, status, messages.get(pk, ""))
        found.setdefault(point, []).append(attempt)
    return found


def _messages(pks: list[int]) -> dict[int, str]:
    """Return why attempts ended as they did."""
    if not pks:
        return {}
    keys = ("process_state", "exit_message", "exception", "process_status")
    query = orm.QueryBuilder().append(
        orm.WorkChainNode, filters={"id": {"in": pks}}, project=["id", *(f"attributes.{key}" for key in keys)]
    )
    return {pk: _message(*reasons) for pk, *reasons in query.all()}


def _stillborn(pks: list[int]) -> set[int]:
    """Return those that no worker can continue: a submitter that is killed early leaves them without a checkpoint."""
    if not pks:
        return set()
    filters = {"id": {"in": pks}, "attributes": {"!has_key": orm.ProcessNode.CHECKPOINT_KEY}}
    return set(orm.QueryBuilder().append(orm.WorkChainNode, filters=filters, project="id").all(flat=True))


def _message(state: str | None, exit_message: str | None, exception: str | None, status: str | None) -> str:
    """Return why an attempt ended as it did; an exception's last line says what it was."""
    if state == "finished":
        return exit_message or ""
    if state == "excepted":
        return (exception or "").strip().rpartition("\n")[2] or "an exception was raised"
    return status or "killed" if state == "killed" else ""
