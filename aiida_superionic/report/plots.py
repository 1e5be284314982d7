"""Figures of the curves and of the numbers beside published ones, as inline SVG.

Figures follow from the names of the curves: all that share the words before the species are one figure, so that the
curves of a new observable appear without an edit. Text and axes take the colour of the page that they stand in.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from aiida_superionic.analysis.results import Curve, Scalar
from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report.table import Row
from aiida_superionic.report.formatting import heading, measurement, species_label, split_species, typeset, unit_label

# Okabe and Ito's colours that differ for every kind of colour vision, without black and yellow: one is lost on a dark page, the
# other on a light one.
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# The curves that rise to a plateau, and the scalar that is its height.
_PLATEAUS = {"friction_integral": "friction_coefficient"}

_PAGE_COLOUR = "#010203"
_PANEL_WIDTH, _PANEL_HEIGHT = 6.0, 3.9
_PANELS_PER_ROW = 2
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "aiida-superionic",
    "path.simplify_threshold": 0.3,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "axes.titlecolor"), _PAGE_COLOUR
    ),
}


@dataclass(frozen=True)
class Plot:
    """A figure for the page: its name, its title, what it shows in words, and the SVG element itself."""

    name: str
    title: str
    description: str
    svg: str
    wide: bool


@dataclass(frozen=True)
class _Line:
    label: str
    colour: str
    mean: Curve
    replicas: tuple[Curve, ...]
    plateau: Scalar | None


@dataclass(frozen=True)
class _Panel:
    title: str
    lines: tuple[_Line, ...]


def curve_families(conditions: Iterable[Condition]) -> dict[str, list[str]]:
    """Return the names of the curves by what stands before the species, both in order of appearance."""
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for condition in conditions for name in condition.curves):
        families.setdefault(split_species(name)[0], []).append(name)
    return families


def curve_plots(conditions: Sequence[Condition]) -> list[Plot]:
    """Draw one figure per family of curves.

    The species share a panel where there is one condition; otherwise each has its own, and the conditions share it.
    """
    plots = []
    for family, names in curve_families(conditions).items():
        panels = _panels(conditions, names)
        title = heading(family)
        axes = panels[0].lines[0].mean
        drawn = dict.fromkeys(" ".join(filter(None, (panel.title, line.label))) for panel in panels for line in panel.lines)
        what = f"{_axis_label(axes.y_label, axes.y_unit)} against {_axis_label(axes.x_label, axes.x_unit)}"
        description = f"{title}: {what}, for {', '.join(filter(None, drawn)) or conditions[0].label}."
        with _style():
            svg = _svg(_curve_figure(panels), family)
        plots.append(Plot(family, title, description, svg, wide=len(panels) > 1))
    return plots


def comparison_plot(table: Sequence[Row]) -> Plot | None:
    """Draw the numbers with their error bars, replica by replica, beside the published ones.

    Returns
    -------
    Plot or None
        One panel per quantity; None where nothing in the table has been published.
    """
    table = [row for row in table if any(cell.comparisons for cell in row.cells)]
    if not table:
        return None
    n_panels = len(table[0].cells)
    with _style():
        figure = Figure(layout="constrained")
        axes: Any = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
        labels: list[str] = []
        height = 0
        for row, row_label in zip(table, distinguishing_labels([row.condition for row in table]), strict=True):
            methods = list(dict.fromkeys(entry.reference.method for cell in row.cells for entry in cell.comparisons))
            for axis, cell in zip(axes, row.cells, strict=True):
                _draw_measured(axis, row.condition, cell.quantity, cell.scalar, height)
                for entry in cell.comparisons:
                    y = height + 1 + methods.index(entry.reference.method)
                    reference = entry.reference
                    axis.errorbar(
                        reference.value, y, xerr=reference.error, fmt="D", mfc="none", color=OKABE_ITO[1], markersize=6
                    )
            ours = f"this work, {row_label}" if row_label else "this work"
            labels += [ours, *(f"published, {method}" for method in methods)]
            height = len(labels)
        for axis, cell in zip(axes, table[0].cells, strict=True):
            units = [row.condition.observables[cell.quantity].unit for row in table if cell.quantity in row.condition.observables]
            axis.set_xlabel(_axis_label(heading(cell.quantity), units[0] if units else ""))
            axis.grid(axis="y", color=_PAGE_COLOUR, alpha=0.12)
            axis.margins(x=0.18)
            axis.locator_params(axis="x", nbins=4)
            axis.ticklabel_format(axis="x", scilimits=(-3, 4), useMathText=True)
        axes[0].set_yticks(range(height), labels)
        axes[0].set_ylim(height - 0.5, -0.5)
        figure.set_size_inches(_PANEL_WIDTH * _PANELS_PER_ROW, 1.1 + 0.32 * height)
        svg = _svg(figure, "comparison")
    names = ", ".join(heading(cell.quantity) for cell in table[0].cells)
    description = f"{names}: the mean with its standard error, every replica, and the published numbers, side by side."
    return Plot("comparison", "Beside published numbers", description, svg, wide=True)


def distinguishing_labels(conditions: Sequence[Condition]) -> list[str]:
    """Return what of each condition's label the other labels do not share; empty for a single condition."""
    parts = [condition.label.split(" · ") for condition in conditions]
    if len({len(words) for words in parts}) > 1:
        return [condition.label for condition in conditions]
    differing = [i for i, words in enumerate(zip(*parts, strict=True)) if len(set(words)) > 1]
    return [" · ".join(words[i] for i in differing) for words in parts]


def _panels(conditions: Sequence[Condition], names: Sequence[str]) -> list[_Panel]:
    if len(conditions) == 1:
        colours = _colours(len(names))
        lines = [_line(conditions[0], name, _species(name), colours[i]) for i, name in enumerate(names)]
        return [_Panel("", tuple(lines))]
    colours = _colours(len(conditions))
    labels = distinguishing_labels(conditions)
    return [
        _Panel(
            _species(name),
            tuple(
                _line(condition, name, label, colour)
                for condition, label, colour in zip(conditions, labels, colours, strict=True)
                if name in condition.curves
            ),
        )
        for name in names
    ]


def _line(condition: Condition, name: str, label: str, colour: str) -> _Line:
    replicas = tuple(replica.curves[name] for replica in condition.finished if name in replica.curves)
    family, species = split_species(name)
    plateau = condition.observables.get("_".join((_PLATEAUS[family], *species))) if family in _PLATEAUS else None
    return _Line(label, colour, condition.curves[name], replicas if len(replicas) > 1 else (), plateau)


def _species(name: str) -> str:
    return species_label(split_species(name)[1])


def _colours(n: int) -> list[str]:
    if n <= len(OKABE_ITO):
        return list(OKABE_ITO[:n])
    # More conditions than colours that can be told apart: a scan, which a perceptually even scale orders.
    return [to_hex(colour) for colour in mpl.colormaps["plasma"](np.linspace(0.05, 0.85, n))]


def _curve_figure(panels: Sequence[_Panel]) -> Figure:
    n_columns = min(len(panels), _PANELS_PER_ROW)
    n_rows = -(-len(panels) // n_columns)
    legend_height = 0.26 * -(-len(panels[0].lines) // (3 * n_columns))
    size = (_PANEL_WIDTH * n_columns, _PANEL_HEIGHT * n_rows + legend_height)
    figure = Figure(figsize=size, layout="constrained")
    grid: Any = figure.subplots(n_rows, n_columns, squeeze=False)
    axes: list[Axes] = list(grid.flat)
    for axis, panel in zip(axes, panels, strict=False):
        _draw_panel(axis, panel)
    for axis in axes[len(panels) :]:
        axis.remove()
    handles = {label: handle for axis in axes[: len(panels)] for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if any(handles):
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 3 * n_columns))
    return figure


def _draw_panel(axis: Axes, panel: _Panel) -> None:
    for line in panel.lines:
        mean = line.mean
        for replica in line.replicas:
            axis.plot(replica.x, replica.y, color=line.colour, linewidth=0.6, alpha=0.35)
        if mean.error is not None:
            axis.fill_between(
                mean.x, mean.y - mean.error, mean.y + mean.error, color=line.colour, alpha=0.22, linewidth=0
            )
        axis.plot(mean.x, mean.y, color=line.colour, label=line.label)
        plateau = line.plateau
        if plateau is not None and plateau.value is not None and plateau.unit == mean.y_unit:
            axis.axhline(plateau.value, color=line.colour, linestyle=(0, (5, 3)), linewidth=1.0)
            text = f"{typeset(measurement(plateau))} {unit_label(plateau.unit)}"
            axis.annotate(
                text, (1.0, plateau.value), xycoords=("axes fraction", "data"), xytext=(0, 4), textcoords="offset points",
                ha="right", color=line.colour,
            )
    first = panel.lines[0].mean
    values = np.concatenate([line.mean.y for line in panel.lines])
    if values.min() < 0.0 < values.max():
        axis.axhline(0.0, color=_PAGE_COLOUR, linewidth=0.6, alpha=0.5, zorder=0)
    axis.margins(x=0.0)
    axis.set_xlabel(_axis_label(first.x_label, first.x_unit))
    axis.set_ylabel(_axis_label(first.y_label, first.y_unit))
    axis.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axis.set_title(panel.title, loc="left")


def _draw_measured(axis: Axes, condition: Condition, quantity: str, scalar: Scalar | None, y: int) -> None:
    if scalar is None:
        return
    if scalar.value is None:
        if scalar.upper_bound is not None:
            axis.plot(scalar.upper_bound, y, marker="<", color=OKABE_ITO[0])
        return
    single = [replica.scalar(quantity) for replica in condition.finished]
    values = [entry.value for entry in single if entry is not None and entry.value is not None]
    axis.plot(values, [y] * len(values), linestyle="", marker="|", color=OKABE_ITO[0], markersize=9, alpha=0.6)
    axis.errorbar(scalar.value, y, xerr=scalar.error, fmt="o", color=OKABE_ITO[0], capsize=4, markersize=5)


def _axis_label(label: str, unit: str) -> str:
    unit = unit_label(unit)
    return f"{label} ({unit})" if unit else label


@contextmanager
def _style() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def _svg(figure: Figure, name: str) -> str:
    """Return the SVG element alone, in the colour of the page, with identifiers that no other figure has."""
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].replace(_PAGE_COLOUR, "currentColor")
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 aria-hidden="true"', re.sub(r' height="[^"]*pt"', "", svg, count=1), count=1)
