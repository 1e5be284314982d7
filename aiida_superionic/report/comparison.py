"""The numbers beside published ones, as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report import figures
from aiida_superionic.report.figures import PALETTE, Plot, plain_text
from aiida_superionic.report.formatting import PLAIN_EXPONENTS, heading, power_of_ten, unit_label
from aiida_superionic.report.literature import Reference
from aiida_superionic.report.table import Cell, Row, split_labels

_TITLE_LETTERS = 18


def comparison_plot(table: Sequence[Row]) -> Plot | None:
    """Draw the numbers with their error bars, replica by replica, beside the published ones.

    Returns
    -------
    Plot or None
        One panel per quantity that has been published; None where there is none.
    """
    _, own = split_labels([row.condition for row in table])
    beside = [(label, row) for label, row in zip(own, table, strict=True) if _references(row)]
    n_beside = len(beside)
    beside = [beside[k] for k in figures.chosen(n_beside, figures.MOST_PANELS)]
    if not beside:
        return None
    columns = [k for k in range(len(beside[0][1].cells)) if any(row.cells[k].comparisons for _, row in beside)]
    labels: list[str] = []
    measured: list[tuple[int, Row]] = []
    published: list[tuple[int, Reference]] = []
    for group in _with_the_same_references(beside):
        for label, row in group:
            measured.append((len(labels), row))
            labels.append(f"this work, {label}" if label else "this work")
        references = _references(group[0][1])
        for method in dict.fromkeys(reference.method for reference in references):
            published += [(len(labels), reference) for reference in references if reference.method == method]
            labels.append(f"published, {method}")
    quantities = [beside[0][1].cells[k].quantity for k in columns]
    title = "Beside published numbers"
    description = f"{title}: {', '.join(map(heading, quantities))}; mean and standard error (dots), replicas (ticks), "
    description += f"published numbers (diamonds).{figures.and_others(len(beside), n_beside, 'conditions')}"
    with figures.style():
        size = figures.PAGE_WIDTH, 1.5 + 0.32 * len(labels)
        figure = Figure(figsize=size, layout="constrained")
        axes: Any = figure.subplots(1, len(columns), sharey=True, squeeze=False)
        for axis, k, quantity in zip(axes[0], columns, quantities, strict=True):
            unit, scale = _scaled_unit([reference for _, reference in published if reference.quantity == quantity])
            for y, row in measured:
                _draw_measured(axis, row.condition, row.cells[k], y, scale)
            for y, reference in published:
                if reference.quantity == quantity:
                    error = None if reference.error is None else reference.error / scale
                    axis.errorbar(reference.value / scale, y, xerr=error, fmt="D", mfc="none", color=PALETTE[1])
            axis.set_title(fill(heading(quantity), _TITLE_LETTERS))
            axis.set_xlabel(unit)
            axis.grid(axis="y", color=figures.PAGE_COLOUR, alpha=0.12)
            axis.margins(x=0.15)
            axis.locator_params(axis="x", nbins=3)
        axes[0, 0].set_yticks(range(len(labels)), [plain_text(label) for label in labels])
        axes[0, 0].set_ylim(len(labels) - 0.5, -0.5)
        return figures.plot(figure, "comparison", title, description, wide=True)


def _references(row: Row) -> list[Reference]:
    return [entry.reference for cell in row.cells for entry in cell.comparisons]


def _with_the_same_references(beside: Sequence[tuple[str, Row]]) -> list[list[tuple[str, Row]]]:
    """Return the conditions in groups beside which the same numbers stand: these are drawn once for all of them."""
    groups: dict[frozenset[Reference], list[tuple[str, Row]]] = {}
    for label, row in beside:
        groups.setdefault(frozenset(_references(row)), []).append((label, row))
    return list(groups.values())


def _scaled_unit(published: Sequence[Reference]) -> tuple[str, float]:
    """Return the unit of an axis with its power of ten, and that power, for published numbers far from 1."""
    unit = unit_label(published[0].unit)
    exponent = math.floor(math.log10(max(abs(reference.value) for reference in published)))
    return (unit, 1.0) if exponent in PLAIN_EXPONENTS else (f"{power_of_ten(exponent)} {unit}", 10.0**exponent)


def _draw_measured(axis: Axes, condition: Condition, cell: Cell, y: int, scale: float) -> None:
    scalar = cell.scalar
    if scalar is None:
        return
    if scalar.value is None:
        if scalar.upper_bound is not None:
            axis.plot(scalar.upper_bound / scale, y, marker="<", color=PALETTE[0])
        return
    single = [replica.scalar(cell.quantity) for replica in condition.finished]
    values = [entry.value / scale for entry in single if entry is not None and entry.value is not None]
    error = None if scalar.error is None else scalar.error / scale
    axis.plot(values, [y] * len(values), linestyle="", marker="|", color=PALETTE[0], markersize=9, alpha=0.6)
    axis.errorbar(scalar.value / scale, y, xerr=error, fmt="o", color=PALETTE[0], capsize=4, markersize=5)
