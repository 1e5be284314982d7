"""Why points failed, the same reasons together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiida_superionic.campaigns.attempts import Attempt, PointStatus, State


@dataclass(frozen=True)
class Failure:
    """A reason, and the points whose attempts failed for it."""

    reason: str
    points: tuple[PointStatus, ...]


def failures(statuses: Iterable[PointStatus]) -> list[Failure]:
    """Return the reasons for which points failed, the most frequent first."""
    found: dict[str, list[PointStatus]] = {}
    for status in statuses:
        if status.attempt is not None and status.state is State.FAILED:
            found.setdefault(reason(status.attempt), []).append(status)
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [Failure(why, tuple(points)) for why, points in ordered]


def reason(attempt: Attempt) -> str:
    """Return why an attempt failed: ``401: production failed: ...`` with its exit code, or what ended it."""
    if attempt.exit_status is not None:
        return f"{attempt.exit_status}: {attempt.message}".rstrip(": ")
    return f"{attempt.process_state}: {attempt.message}" if attempt.message != "killed" else "killed"
