"""What the engine jobs of a campaign took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiida import orm

from aiida_superionic.campaigns.attempts import IDS_PER_QUERY, PointStatus

_DEEPEST_JOB = 3  # transport -> md -> lammps base -> job


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
    pks = [status.attempt.pk for status in statuses if status.attempt]
    jobs: dict[int, dict[str, float]] = {}
    for start in range(0, len(pks), IDS_PER_QUERY):
        for depth in range(_DEEPEST_JOB):
            query = orm.QueryBuilder()
            query.append(orm.WorkChainNode, filters={"id": {"in": pks[start : start + IDS_PER_QUERY]}}, tag="0")
            for level in range(depth):
                query.append(orm.WorkChainNode, with_incoming=str(level), tag=str(level + 1))
            query.append(orm.CalcJobNode, with_incoming=str(depth), tag="job", project="id")
            query.append(orm.Dict, with_incoming="job", edge_filters={"label": "usage"}, project="attributes")
            jobs.update(query.iterall())
    if not jobs:
        return None
    began = min(job["started"] for job in jobs.values())
    ended = max(job["ended"] for job in jobs.values())
    return Cost(len(jobs), sum(job["cpu_seconds"] for job in jobs.values()), ended - began)
