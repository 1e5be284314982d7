"""The report of a campaign: one HTML file that needs nothing else, to read, to send and to print."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined

from aiida_superionic import __version__
from aiida_superionic.campaigns.coupling import couplings
from aiida_superionic.campaigns.results import FINISHED, Condition, PointResult
from aiida_superionic.report.arrhenius import compensations, scans
from aiida_superionic.report.arrhenius_plots import arrhenius_plots, compensation_plots
from aiida_superionic.report.comparison import comparison_plot
from aiida_superionic.report.coupling import coupling_headings, coupling_plots, typeset_rows
from aiida_superionic.report.curves import curve_plots, surface_plots
from aiida_superionic.report.figures import Plot
from aiida_superionic.report.formatting import heading, measurement, percent, plain, typeset, unit_label
from aiida_superionic.report.literature import figures_like
from aiida_superionic.report.looks import in_page_order
from aiida_superionic.report.selection import on_page, some
from aiida_superionic.report.table import (
    TEMPERATURE,
    Row,
    column_title,
    headline_quantities,
    quantities,
    rows,
    split_labels,
    state_text,
    units,
)

_MOST_VALUES = 24
_SETUP_TITLES = {
    "version": "Version of the specification",
    "lattice_constants": "Lattice constants, Å",
    "temperature": "Temperature, K",
    "md": "Dynamics (times in ps)",
}


@dataclass(frozen=True)
class _Node:
    what: str
    text: str
    is_node: bool


def write_report(
    path: Path,
    title: str,
    conditions: Sequence[Condition],
    points: Sequence[PointResult],
    *,
    columns: Sequence[str] | None = None,
    explore: str = "",
    written: datetime | None = None,
) -> None:
    """Write the report; a reader of the file sees the old one or the new one, never a part.

    Parameters
    ----------
    path
        The HTML file.
    title
        Of the page: the name of the campaign.
    conditions
        The points averaged over replicas.
    points
        All points, in the order in which they are listed.
    columns
        The scalars of the main table; the headline quantities where not given.
    explore
        The name of the file beside it in which the points are sorted, filtered and plotted; empty where there is none.
    written
        The date on the page; now where not given.

    Raises
    ------
    ValueError
        If no condition has one of the columns.
    OSError
        If the file cannot be written.
    """
    write_whole(path, render_report(title, conditions, points, columns=columns, explore=explore, written=written))


def render_report(
    title: str,
    conditions: Sequence[Condition],
    points: Sequence[PointResult],
    *,
    columns: Sequence[str] | None = None,
    explore: str = "",
    written: datetime | None = None,
) -> str:
    """Return the text of the page that :func:`write_report` writes."""
    shown = on_page(conditions)
    table = rows(shown, columns)
    unit_of = units(shown)
    per_point = list(dict.fromkeys([TEMPERATURE, *(headline_quantities(shown) if columns is None else columns)]))
    _, short = split_labels(shown)
    found = scans(conditions)
    compensated = compensations(found)
    comparison = comparison_plot(table)
    arrhenius = [*arrhenius_plots(found), *compensation_plots(compensated)]
    coupled = couplings(conditions)
    coupled_shown = some(coupled)
    modes = coupling_plots(coupled_shown)
    all_shown = len(shown) == len(conditions)
    points_shown = points if all_shown else [replica for condition in shown for replica in condition.replicas]
    shared, own = _shared_and_own([point.provenance for point in points_shown])
    unfinished = [point for point in points if point.state != FINISHED]
    return page(
        "report.html",
        title,
        written,
        explore=explore,
        summary=summary(conditions, points),
        n_conditions=len(conditions),
        setup=_setup(conditions),
        table=table,
        column_titles=[column_title(cell.quantity, unit_of.get(cell.quantity, "")) for cell in table[0].cells]
        if table
        else [],
        labels=[label or condition.label for label, condition in zip(short, shown, strict=True)],
        sources=_sources(table),
        comparison=comparison,
        scans=some(found),
        n_scans=len(found),
        compensations=compensated,
        arrhenius=arrhenius,
        mode_plots=modes,
        per_point=[(name, column_title(name, unit_of.get(name, ""))) for name in per_point],
        everything=rows(shown, quantities(shown)),
        plots=_with_published(in_page_order([*curve_plots(shown), *surface_plots(shown)]), shown),
        coupling_headings=coupling_headings(coupled_shown) if coupled else [],
        coupling_rows=typeset_rows(coupled_shown),
        n_couplings=len(coupled),
        points=points_shown,
        n_points=len(points),
        unfinished=some(unfinished),
        n_unfinished=len(unfinished),
        shared_provenance=[_node(what, text) for what, text in shared.items()],
        own_provenance=[[_node(what, text) for what, text in entries.items()] for entries in own],
        specifications=[
            (condition.label, json.dumps(condition.specification, indent=2, ensure_ascii=False)) for condition in shown
        ],
    )


def page(template: str, title: str, written: datetime | None, **content: Any) -> str:
    """Return the text of a page.

    Parameters
    ----------
    template
        Name of its template.
    title
        Of the page.
    written
        The date on it; now where None.
    content
        What else the template names.
    """
    environment = Environment(
        loader=PackageLoader("aiida_superionic.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "measurement": lambda scalar: typeset(measurement(scalar)),
        "typeset": typeset,
        "percent": percent,
        "plain": plain,
        "heading": heading,
        "unit": unit_label,
        "state": state_text,
    }
    when = (written or datetime.now().astimezone()).strftime("%Y-%m-%d %H:%M %Z").strip()
    return environment.get_template(template).render(title=title, version=__version__, written=when, **content)


def write_whole(path: Path, text: str) -> None:
    """Write a page; a reader of the file sees the old one or the new one, never a part.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def summary(conditions: Sequence[Condition], points: Sequence[PointResult]) -> str:
    """Return how many conditions and points there are, and in which states: the first line of a page."""
    states = Counter(point.state for point in points)
    counts = ", ".join(f"{number} {state}" for state, number in states.items())
    return f"{_count(len(conditions), 'condition')}, {_count(len(points), 'point')}: {counts or 'none yet'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _setup(conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    """Return what was run: each entry of the specifications with the values that it takes."""
    values: dict[str, dict[str, None]] = {}
    for condition in conditions:
        said = {key: value for key, value in condition.specification.items() if value}
        for key, value in said.items():
            values.setdefault(key, {})[plain(value)] = None
    seeds = sorted({replica.specification["seed"] for condition in conditions for replica in condition.replicas})
    setup = [(_SETUP_TITLES.get(key, heading(key)), _listed("; ", list(texts))) for key, texts in values.items()]
    return [*setup, ("Seeds", _listed(", ", list(map(str, seeds))))]


def _listed(separator: str, values: Sequence[str]) -> str:
    """Return the values, or of many the first and the last."""
    if len(values) <= _MOST_VALUES:
        return separator.join(values)
    return separator.join([*values[: _MOST_VALUES - 2], "…", f"{values[-1]} ({len(values)} in all)"])


def _with_published(plots: Sequence[Plot], conditions: Sequence[Condition]) -> list[Plot]:
    """Return the figures with where papers draw the same said in their captions."""
    specifications = [condition.specification for condition in conditions]
    published = {plot.name: ", ".join(figures_like(plot.name, specifications)) for plot in plots}
    return [
        replace(plot, description=f"{plot.description} Compare {published[plot.name]}.")
        if published[plot.name]
        else plot
        for plot in plots
    ]


def _sources(table: Sequence[Row]) -> list[str]:
    """Return where the published numbers stand, one paper a line."""
    places: dict[str, dict[str, None]] = {}
    for cell in (cell for row in table for cell in row.cells):
        for comparison in cell.comparisons:
            reference = comparison.reference
            places.setdefault(reference.title, {})[f"{heading(reference.quantity)}: {reference.where}"] = None
    return [f"“{title}”. {'; '.join(where)}." for title, where in places.items()]


def _shared_and_own(provenances: Iterable[dict[str, str]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Split what all points have in common from what each has of its own; points that have not run say nothing."""
    entries = list(provenances)
    started = [entry for entry in entries if entry]
    shared = {
        what: text
        for what, text in (started[0] if started else {}).items()
        if all(e.get(what) == text for e in started)
    }
    return shared, [{what: text for what, text in entry.items() if what not in shared} for entry in entries]


def _node(what: str, text: str) -> _Node:
    try:
        return _Node(what, text, is_node=str(UUID(text)) == text)
    except ValueError:
        return _Node(what, text, is_node=False)
