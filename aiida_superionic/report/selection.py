"""What of a large campaign a page to read shows: so many conditions, and the curves and provenance of these alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from aiida_superionic.campaigns.attempts import PointStatus
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.campaigns.results import Condition, PointResult, conditions
from aiida_superionic.report.figures import chosen

MOST_CONDITIONS = 100

_T = TypeVar("_T")


def some(found: Sequence[_T]) -> list[_T]:
    """Return as many things as the page lists of a kind, evenly spread."""
    return [found[k] for k in chosen(len(found), MOST_CONDITIONS)]


def on_page(found: Sequence[Condition]) -> list[Condition]:
    """Return the conditions that the report shows: all, or of many some of those with results, evenly spread."""
    if len(found) <= MOST_CONDITIONS:
        return list(found)
    return some([condition for condition in found if condition.finished] or found)


def collect_for_page(statuses: Sequence[PointStatus]) -> list[PointResult]:
    """Return the results of all points, with curves and provenance for those whose conditions the report shows."""
    points = collect_results(statuses, with_curves=False)
    shown = {replica.pk for condition in on_page(conditions(points)) for replica in condition.replicas}
    kept = [status for status in statuses if status.attempt is not None and status.attempt.pk in shown]
    detailed = {(point.pk, point.label): point for point in collect_results(kept)}
    return [detailed.get((point.pk, point.label), point) for point in points]
