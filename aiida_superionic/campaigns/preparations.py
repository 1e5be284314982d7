"""What the graph holds of the preparations that points need: their nodes, and the attempts at each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aiida import orm

from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.preparation import PreparationData

PREPARATION = "preparation"
"""The link by which an attempt takes what it is an attempt at."""


class Stage(StrEnum):
    """Where a preparation stands."""

    READY = "ready"
    RUNNING = "running"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True)
class PreparationStatus:
    """A preparation, its node if there is one, and the attempt that counts.

    Parameters
    ----------
    label
        For people; empty where there is no node.
    node_pk, attempt_pk
        None where there is none.
    stage
        Where it stands.
    message
        Why it failed.
    """

    label: str = ""
    node_pk: int | None = None
    attempt_pk: int | None = None
    stage: Stage = Stage.MISSING
    message: str = ""

    @property
    def awaited(self) -> str:
        """What points that need it wait for, in words; nothing once it is there."""
        if self.stage is Stage.READY:
            return ""
        if self.stage is Stage.MISSING:
            return "waits for its potential, which apply begins to make"
        if self.stage is Stage.RUNNING:
            return f"waits for {self.label} (process {self.attempt_pk})"
        return f"waits for {self.label}, which failed: {self.message}"


def preparation_statuses(hashes: Iterable[str]) -> dict[str, PreparationStatus]:
    """Return where preparations stand, by their hashes.

    The latest attempt that gave a potential counts; without one, one that runs; without one, the latest that failed.
    """
    wanted = sorted(set(hashes))
    found = dict.fromkeys(wanted, PreparationStatus())
    if not wanted:
        return found
    query = orm.QueryBuilder().append(PreparationData, filters={"attributes.hash": {"in": wanted}}, tag="node")
    for node in query.order_by({"node": {"id": "desc"}}).all(flat=True):
        attempts = node.base.links.get_outgoing(node_class=orm.WorkChainNode, link_label_filter=PREPARATION).all_nodes()
        tried = [_status(node, attempt) for attempt in attempts]
        ranks = {Stage.MISSING: 0, Stage.FAILED: 1, Stage.RUNNING: 2, Stage.READY: 3}
        best = max(tried, key=lambda status: (ranks[status.stage], status.attempt_pk), default=None)
        found[node.hash] = best or PreparationStatus(node.label, node.pk)
    return found


def prepared_potential(digest: str) -> PotentialData:
    """Return the potential that a preparation gave.

    Raises
    ------
    KeyError
        If it gave none yet.
    """
    status = preparation_statuses([digest])[digest]
    if status.stage is not Stage.READY:
        raise KeyError(digest)
    potential: PotentialData = orm.load_node(status.attempt_pk).outputs.potential
    return potential


def _status(node: PreparationData, attempt: orm.WorkChainNode) -> PreparationStatus:
    """Return how one attempt ended; one that a killed submitter left before a worker could continue it is none."""
    state = attempt.process_state and attempt.process_state.value
    if state is None or (state == "created" and attempt.checkpoint is None):
        return PreparationStatus(node.label, node.pk)
    if not attempt.is_terminated:
        return PreparationStatus(node.label, node.pk, attempt.pk, Stage.RUNNING)
    if attempt.is_finished_ok:
        return PreparationStatus(node.label, node.pk, attempt.pk, Stage.READY)
    reason = attempt.exit_message or (attempt.exception or "").strip().rpartition("\n")[2] or state
    return PreparationStatus(node.label, node.pk, attempt.pk, Stage.FAILED, reason)
