"""The points of a campaign and their means over replicas as columns, for a page that sorts, filters and plots them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.campaigns.results import FINISHED, Condition, PointResult
from aiida_superionic.report.formatting import heading, measurement, plain, typeset, unit_label
from aiida_superionic.report.table import column_title, headline_quantities, quantities, units

POINTS, MEANS = "points", "means over replicas"
INVERSE = "1000/T, 1/K"
_UNITS = {"temperature": "K"}
_ABSENT = "—"


@dataclass(frozen=True, eq=False)
class Column:
    """One column of the table and, where it holds numbers, one choice for an axis.

    Parameters
    ----------
    key
        Its name in the table of columns, without anything that people or the graph have written.
    title
        What people call it, with its unit.
    values
        Numbers, shape (n,), not a number where there is none, or text.
    errors
        The standard errors of the numbers, shape (n,); None where they have none.
    otherwise
        What is written in place of a number where there is none: a bound; None where there is nothing to write.
    measured
        Whether the column is a result, and not what was asked for.
    """

    key: str
    title: str
    values: Array | list[str]
    errors: Array | None = None
    otherwise: list[str] | None = None
    measured: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return isinstance(self.values, np.ndarray)

    @property
    def distinct(self) -> list[Any]:
        """The values that the column takes, in order."""
        if isinstance(self.values, np.ndarray):
            return list(np.unique(self.values[np.isfinite(self.values)]).tolist())
        return sorted(set(self.values))


@dataclass(frozen=True)
class _Row:
    label: str
    specification: Mapping[str, Any]
    state: str
    scalar: Callable[[str], Scalar | None]
    point: PointResult | None = None


@dataclass(frozen=True)
class Columns:
    """The rows of the page, column by column: the points first, then the means over replicas.

    Parameters
    ----------
    asked
        What the specifications have that differs, and the temperature.
    results
        The quantities of the graph.
    first
        The keys of the results that are first asked for.
    identity
        Of each row its label, state, exit message, UUID, pk and what it is, as text; and the number of its condition.
    """

    asked: list[Column]
    results: list[Column]
    first: list[str] = field(default_factory=list)
    identity: dict[str, list[Any]] = field(default_factory=dict)


def columns(conditions: Sequence[Condition], points: Sequence[PointResult]) -> Columns:
    """Return what the page sorts, filters and plots.

    Means are rows of their own only where a condition has several replicas.
    """
    rows = [_Row(p.label, p.specification, p.state, p.scalar, p) for p in points]
    number = {id(replica): k for k, condition in enumerate(conditions) for replica in condition.replicas}
    of_condition = [number.get(id(point), -1) for point in points]
    if any(len(condition.replicas) > 1 for condition in conditions):
        rows += [_Row(c.label, c.specification, _state(c), c.observables.get) for c in conditions]
        of_condition += range(len(conditions))
    unit_of = units(conditions)
    names = quantities(conditions)
    results = [_result(f"q{k}", column_title(name, unit_of[name]), name, rows) for k, name in enumerate(names)]
    return Columns(
        asked=list(_asked([row.specification for row in rows])),
        results=results,
        first=[results[names.index(name)].key for name in headline_quantities(conditions)],
        identity={
            "label": [row.label for row in rows],
            "state": [row.state for row in rows],
            "message": [row.point.message if row.point else "" for row in rows],
            "uuid": [(row.point.uuid or "") if row.point else "" for row in rows],
            "pk": [_ABSENT if row.point is None or row.point.pk is None else str(row.point.pk) for row in rows],
            "what": [POINTS if row.point else MEANS for row in rows],
            "condition": of_condition,
        },
    )


def _state(condition: Condition) -> str:
    return FINISHED if condition.finished else condition.replicas[0].state


def _result(key: str, title: str, name: str, rows: Sequence[_Row]) -> Column:
    scalars = [row.scalar(name) for row in rows]
    return Column(
        key,
        title,
        _numbers([scalar.value if scalar else None for scalar in scalars]),
        _numbers([scalar.error if scalar else None for scalar in scalars]),
        [typeset(measurement(scalar)) if scalar and scalar.value is None else "" for scalar in scalars]
        if any(scalar and scalar.value is None for scalar in scalars)
        else None,
        measured=True,
    )


def _numbers(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _asked(specifications: Sequence[Mapping[str, Any]]) -> Iterator[Column]:
    """Yield a column for each entry of the specifications that differs, and for the temperature."""
    flat = [dict(_leaves(specification)) for specification in specifications]
    for k, path in enumerate(dict.fromkeys(path for entries in flat for path in entries)):
        values = [entries.get(path) for entries in flat]
        if path != "temperature" and len({plain(value) for value in values if value is not None}) < 2:
            continue
        title = _title(path)
        if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
            yield Column(f"k{k}", title, _numbers(values))
            if path == "temperature":
                yield Column(f"k{k}i", INVERSE, 1000.0 / _numbers(values))
        else:
            yield Column(f"k{k}", title, [_ABSENT if value is None else plain(value) for value in values])


def _leaves(entries: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in entries.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{key} ")
        else:
            yield f"{path}{key}", value


def _title(path: str) -> str:
    unit = unit_label(_UNITS.get(path, "1"))
    return f"{heading(path)}, {unit}" if unit else heading(path)
