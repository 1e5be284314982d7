"""The numbers beside published ones, as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report import figures
from aiida_superionic.report.figures import PALETTE, Plot, plain_text
from aiida_superionic.report.formatting import PLAIN_EXPONENTS, heading, power_of_ten, unit_label
from aiida_superionic.report.table import Cell, Row, split_labels


def comparison_plot(table: Sequence[Row]) -> Plot | None:
    """Draw the numbers with their error bars, replica by replica, beside the published ones.

    Returns
    -------
    Plot or None
        One panel per quantity that has been published; None where there is none.
    """
    _, own = split_labels([row.condition for row in table])
    labelled = [
        (label, row) for label, row in zip(own, table, strict=True) if any(cell.comparisons for cell in row.cells)
    ]
    n_published = len(labelled)
    labelled = [labelled[k] for k in figures.chosen(n_published, figures.MOST_PANELS)]
    table = [row for _, row in labelled]
    columns = [cells for cells in zip(*(row.cells for row in table), strict=True) if any(c.comparisons for c in cells)]
    if not columns:
        return None
    labels: list[str] = []
    rows: list[dict[str, int]] = []
    for label, row in labelled:
        methods = dict.fromkeys(entry.reference.method for cell in row.cells for entry in cell.comparisons)
        rows.append({method: len(labels) + 1 + i for i, method in enumerate(methods)})
        labels += [f"this work, {label}" if label else "this work", *(f"published, {method}" for method in methods)]
    names = ", ".join(heading(cells[0].quantity) for cells in columns)
    title = "Beside published numbers"
    description = f"{title}: {names}; mean and standard error (dots), replicas (ticks), published numbers (diamonds)."
    description += figures.and_others(len(labelled), n_published, "conditions")
    with figures.style():
        size = figures.PAGE_WIDTH, 1.2 + 0.32 * len(labels)
        figure = Figure(figsize=size, layout="constrained")
        axes: Any = figure.subplots(1, len(columns), sharey=True, squeeze=False)
        for axis, cells in zip(axes[0], columns, strict=True):
            unit, scale = _scaled_unit(cells)
            for row, cell, row_of in zip(table, cells, rows, strict=True):
                _draw_measured(axis, row.condition, cell, min(row_of.values()) - 1, scale)
                for entry in cell.comparisons:
                    published, y = entry.reference, row_of[entry.reference.method]
                    error = None if published.error is None else published.error / scale
                    axis.errorbar(published.value / scale, y, xerr=error, fmt="D", mfc="none", color=PALETTE[1])
            axis.set_title(heading(cells[0].quantity))
            axis.set_xlabel(unit)
            axis.grid(axis="y", color=figures.PAGE_COLOUR, alpha=0.12)
            axis.margins(x=0.15)
            axis.locator_params(axis="x", nbins=5)
        axes[0, 0].set_yticks(range(len(labels)), [plain_text(label) for label in labels])
        axes[0, 0].set_ylim(len(labels) - 0.5, -0.5)
        return figures.plot(figure, "comparison", title, description, wide=True)


def _scaled_unit(cells: Sequence[Cell]) -> tuple[str, float]:
    """Return the unit of an axis with its power of ten, and that power, for published numbers far from 1."""
    published = [entry.reference for cell in cells for entry in cell.comparisons]
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
