"""What the engine jobs of a campaign took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiida import orm

from aiida_superionic.campaigns.attempts import PointStatus

_DEEPEST_JOB = 3  # transport -> md -> lammps base -> job


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
    found: dict[int, list[Usage]] = {}
    for depth in range(_DEEPEST_JOB if attempts else 0):
        query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": list(attempts)}}, project="id", tag="0")
        for level in range(depth):
            query.append(orm.WorkChainNode, with_incoming=str(level), tag=str(level + 1))
        query.append(orm.CalcJobNode, with_incoming=str(depth), tag="job")
        query.append(
            orm.Dict,
            with_incoming="job",
            edge_filters={"label": "usage"},
            project=[f"attributes.{field}" for field in Usage._fields],
        )
        for attempt, *taken in query.all():
            found.setdefault(attempt, []).append(Usage(*taken))
    return found
