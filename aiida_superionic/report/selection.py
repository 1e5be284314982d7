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
    shown = {id(replica) for condition in on_page(conditions(points)) for replica in condition.replicas}
    kept = [id(point) in shown for point in points]
    detailed = iter(collect_results([status for status, keep in zip(statuses, kept, strict=True) if keep]))
    return [next(detailed) if keep else point for point, keep in zip(points, kept, strict=True)]
