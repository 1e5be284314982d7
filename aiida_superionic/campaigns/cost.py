"""What the engine jobs of a campaign took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiida import orm

from aiida_superionic.campaigns.attempts import PointStatus


class Usage(NamedTuple):
    """CPU time of a job, when it started and when it ended; in seconds."""

    cpu_seconds: float
    started: float
    ended: float


@dataclass(frozen=True)
class Cost:
    """CPU time of jobs, and the wall time between the first one's start and the last one's end; both in seconds."""

    jobs: int
    cpu: float
    wall: float

    def load(self, cores: int) -> float:
        """Return the part of so many cores that the jobs kept busy."""
        return self.cpu / (cores * self.wall)


def cost_of(statuses: Sequence[PointStatus]) -> Cost | None:
    """Return what the jobs of the attempts that count took; None where none has ended."""
    used = usage_of([status.attempt.pk for status in statuses if status.attempt])
    jobs = [job for jobs in used.values() for job in jobs]
    if not jobs:
        return None
    cpu, started, ended = zip(*jobs, strict=True)
    return Cost(len(jobs), sum(cpu), max(ended) - min(started))


def usage_of(attempts: Sequence[int]) -> dict[int, list[Usage]]:
    """Return what each job of attempts took, by the pk of the attempt; those that did not end have no entry."""
    jobs = _jobs_of(attempts)
    if not jobs:
        return {}
    query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": list(jobs)}}, project="id", tag="job")
    query.append(
        orm.Dict,
        with_incoming="job",
        edge_filters={"label": "usage"},
        project=[f"attributes.{field}" for field in Usage._fields],
    )
    found: dict[int, list[Usage]] = {}
    for job, *taken in query.all():
        found.setdefault(jobs[job], []).append(Usage(*taken))
    return found


def _jobs_of(attempts: Sequence[int]) -> dict[int, int]:
    """Return the jobs of attempts, at whatever depth, each with the pk of its attempt."""
    # One level at a time: of a chain of joins a database may begin with the end, and look at all jobs that ever ran.
    found: dict[int, int] = {}
    callers = {pk: pk for pk in attempts}
    while callers:
        query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": list(callers)}}, project="id", tag="caller")
        query.append((orm.WorkChainNode, orm.CalcJobNode), with_incoming="caller", project=["id", "node_type"])
        called = {pk: (callers[caller], node_type) for caller, pk, node_type in query.all()}
        found |= {pk: attempt for pk, (attempt, kind) in called.items() if kind == orm.CalcJobNode.class_node_type}
        callers = {pk: attempt for pk, (attempt, _) in called.items() if pk not in found}
    return found
