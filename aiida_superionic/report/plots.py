"""Figures of the curves, the surfaces, and the numbers beside published ones, as inline SVG.

Figures follow from the names of the curves: all that share the words before the species are one figure, so that the
curves of a new observable appear without an edit. Text and axes take the colour of the page that they stand in.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report.formatting import (
    PLAIN_EXPONENTS,
    heading,
    measurement,
    power_of_ten,
    species_label,
    split_species,
    typeset,
    unit_label,
)
from aiida_superionic.report.table import Cell, Row, split_labels

# Okabe and Ito's colours, which every kind of colour vision tells apart, without black and yellow: the one is lost on a
# dark page, the other on a light one.
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# The curves that rise to a plateau, and the scalar that is its height.
_PLATEAUS = {"friction_integral": "friction_coefficient"}

# A spectrum reaches up to the sampling frequency, many times the highest mode.
_FREQUENCY_UNITS = ("THz", "cm^-1")
_INVISIBLE = 0.01

_MOST_SECTIONS = 10
_BRIGHTEST_PERCENT = 99.7

_PAGE_COLOUR = "#010203"
_PANEL_WIDTH, _PANEL_HEIGHT = 6.0, 3.9
_PANELS_PER_ROW = 2
_LETTERS_PER_LABEL = 36
_LETTERS_PER_PANEL, _LETTERS_PER_HANDLE, _LEGEND_ROW_HEIGHT = 68, 8, 0.24
_STYLE: Any = {
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
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "axes.titlecolor"),
        _PAGE_COLOUR,
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
    family: str
    lines: tuple[_Line, ...]


def curve_families(conditions: Iterable[Condition]) -> dict[str, list[str]]:
    """Return the names of the curves by what stands before the species, both in order of appearance."""
    return _families(name for condition in conditions for name in condition.curves)


def _families(names: Iterable[str]) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
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
        x_label, _ = _axis_labels(panels[0].lines, title)
        species = ", ".join(filter(None, map(_species, names)))
        labels = [label for label in split_labels(conditions)[1] if label]
        where = "".join((f" of {species}" if species else "", f" at {', '.join(labels)}" if labels else ""))
        description = f"{title}{where} against {x_label}."
        with _style():
            svg = _svg(_curve_figure(panels), family)
        plots.append(Plot(family, title, description, svg, wide=len(panels) > 1))
    return plots


def surface_plots(conditions: Sequence[Condition]) -> list[Plot]:
    """Draw one figure per family of surfaces, with a panel for each surface in each condition.

    Few values of y are a line each, as papers draw a function of distance at some times; many make a map.
    """
    plots = []
    own_labels = split_labels(conditions)[1]
    for family, names in _families(name for condition in conditions for name in condition.surfaces).items():
        surfaces = [
            (", ".join(filter(None, (_species(name), label))), condition.surfaces[name])
            for name in names
            for condition, label in zip(conditions, own_labels, strict=True)
            if name in condition.surfaces
        ]
        title = heading(family)
        first = surfaces[0][1]
        with _style():
            if all(len(surface.y) <= _MOST_SECTIONS for _, surface in surfaces):
                figure = _curve_figure([_sections(label, title, surface) for label, surface in surfaces])
            else:
                figure = _map_figure(surfaces)
            svg = _svg(figure, family)
        panels = "; ".join(label for label, _ in surfaces if label)
        description = f"{title}{f' of {panels}' if panels else ''} against {first.x_label} and {first.y_label}."
        plots.append(Plot(family, title, description, svg, wide=len(surfaces) > 1))
    return plots


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
    with _style():
        figure = Figure(figsize=(_PANEL_WIDTH * _PANELS_PER_ROW, 1.2 + 0.32 * len(labels)), layout="constrained")
        axes: Any = figure.subplots(1, len(columns), sharey=True, squeeze=False)
        for axis, cells in zip(axes[0], columns, strict=True):
            unit, scale = _scaled_unit(cells)
            for row, cell, row_of in zip(table, cells, rows, strict=True):
                _draw_measured(axis, row.condition, cell, min(row_of.values()) - 1, scale)
                for entry in cell.comparisons:
                    published, y = entry.reference, row_of[entry.reference.method]
                    error = None if published.error is None else published.error / scale
                    axis.errorbar(published.value / scale, y, xerr=error, fmt="D", mfc="none", color=OKABE_ITO[1])
            axis.set_title(heading(cells[0].quantity))
            axis.set_xlabel(unit)
            axis.grid(axis="y", color=_PAGE_COLOUR, alpha=0.12)
            axis.margins(x=0.15)
            axis.locator_params(axis="x", nbins=5)
        axes[0, 0].set_yticks(range(len(labels)), [_plain_text(label) for label in labels])
        axes[0, 0].set_ylim(len(labels) - 0.5, -0.5)
        svg = _svg(figure, "comparison")
    names = ", ".join(heading(cells[0].quantity) for cells in columns)
    description = f"{names}: mean and standard error (dots), replicas (ticks), published numbers (diamonds)."
    return Plot("comparison", "Beside published numbers", description, svg, wide=True)


def _scaled_unit(cells: Sequence[Cell]) -> tuple[str, float]:
    """Return the unit of an axis with its power of ten, and that power, for published numbers far from 1."""
    published = [entry.reference for cell in cells for entry in cell.comparisons]
    unit = unit_label(published[0].unit)
    exponent = math.floor(math.log10(max(abs(reference.value) for reference in published)))
    return (unit, 1.0) if exponent in PLAIN_EXPONENTS else (f"{power_of_ten(exponent)} {unit}", 10.0**exponent)


def _panels(conditions: Sequence[Condition], names: Sequence[str]) -> list[_Panel]:
    family = heading(split_species(names[0])[0])
    if len(conditions) == 1:
        colours = _colours(len(names))
        lines = [_line(conditions[0], name, _species(name), colours[i]) for i, name in enumerate(names)]
        return [_Panel("", family, tuple(lines))]
    colours = _colours(len(conditions))
    _, labels = split_labels(conditions)
    return [
        _Panel(
            _species(name),
            family,
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
    figure = Figure(layout="constrained")
    grid: Any = figure.subplots(n_rows, n_columns, squeeze=False)
    axes: list[Axes] = list(grid.flat)
    for unused in axes[len(panels) :]:
        unused.remove()
    handles: dict[str, Artist] = {}
    for axis, panel in zip(axes, panels, strict=False):
        _draw_panel(axis, panel)
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles[label] = handle
    height = _PANEL_HEIGHT * n_rows
    if handles:
        fitting = n_columns * _LETTERS_PER_PANEL // (max(map(len, handles)) + _LETTERS_PER_HANDLE)
        n_legend_columns = max(1, min(len(handles), fitting))
        height += _LEGEND_ROW_HEIGHT * -(-len(handles) // n_legend_columns)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=n_legend_columns)
    figure.set_size_inches(_PANEL_WIDTH * n_columns, height)
    return figure


def _sections(label: str, family: str, surface: Surface) -> _Panel:
    shades = mpl.colormaps["plasma"](np.linspace(0.0, 0.85, len(surface.y)))
    axes = (surface.x_label, surface.x_unit, surface.z_label, surface.z_unit)
    lines = []
    for k, y in enumerate(surface.y):
        curve = Curve(surface.x, surface.z[:, k], *axes, None if surface.error is None else surface.error[:, k])
        name = f"{surface.y_label} {y:.3g} {unit_label(surface.y_unit)}".rstrip()
        lines.append(_Line(name, to_hex(shades[k]), curve, (), None))
    return _Panel(label, family, tuple(lines))


def _map_figure(surfaces: Sequence[tuple[str, Surface]]) -> Figure:
    n_columns = min(len(surfaces), _PANELS_PER_ROW)
    n_rows = -(-len(surfaces) // n_columns)
    figure = Figure(layout="constrained", figsize=(_PANEL_WIDTH * n_columns, _PANEL_HEIGHT * n_rows))
    axes: list[Axes] = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for unused in axes[len(surfaces) :]:
        unused.remove()
    for axis, (label, surface) in zip(axes, surfaces, strict=False):
        # Bins of little volume hold few counts, and their noise would set the scale.
        top = float(np.percentile(surface.z, _BRIGHTEST_PERCENT)) or float(surface.z.max()) or 1.0
        drawn = axis.pcolormesh(
            surface.x, surface.y, surface.z.T, cmap="cividis", vmin=0.0, vmax=top, shading="nearest", rasterized=True
        )
        axis.set_xlabel(_with_unit(surface.x_label, surface.x_unit))
        axis.set_ylabel(_with_unit(surface.y_label, surface.y_unit))
        axis.set_title(_plain_text(label), loc="left")
        figure.colorbar(drawn, ax=axis, extend="max", label=_with_unit(surface.z_label, surface.z_unit))
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
        axis.plot(mean.x, mean.y, color=line.colour, label=_plain_text(line.label))
        plateau = line.plateau
        if plateau is not None and plateau.value is not None and plateau.unit == mean.y_unit:
            label = (
                f"plateau, {typeset(measurement(plateau))} {unit_label(plateau.unit)}"
                if len(panel.lines) == 1
                else None
            )
            axis.axhline(plateau.value, color=line.colour, linestyle=(0, (5, 3)), linewidth=1.0, label=label)
    values = np.concatenate([line.mean.y for line in panel.lines])
    if values.min() < 0.0 < values.max():
        axis.axhline(0.0, color=_PAGE_COLOUR, linewidth=0.6, alpha=0.5, zorder=0)
    axis.margins(x=0.0)
    if panel.lines[0].mean.x_unit in _FREQUENCY_UNITS:
        axis.set_xlim(right=max(_end_of_spectrum(line.mean) for line in panel.lines))
    x_label, y_label = _axis_labels(panel.lines, panel.family)
    axis.set_xlabel(_with_subscripts(x_label))
    axis.set_ylabel(_with_subscripts(textwrap.fill(y_label, _LETTERS_PER_LABEL)))
    axis.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axis.set_title(_plain_text(panel.title), loc="left")


def _draw_measured(axis: Axes, condition: Condition, cell: Cell, y: int, scale: float) -> None:
    scalar = cell.scalar
    if scalar is None:
        return
    if scalar.value is None:
        if scalar.upper_bound is not None:
            axis.plot(scalar.upper_bound / scale, y, marker="<", color=OKABE_ITO[0])
        return
    single = [replica.scalar(cell.quantity) for replica in condition.finished]
    values = [entry.value / scale for entry in single if entry is not None and entry.value is not None]
    error = None if scalar.error is None else scalar.error / scale
    axis.plot(values, [y] * len(values), linestyle="", marker="|", color=OKABE_ITO[0], markersize=9, alpha=0.6)
    axis.errorbar(scalar.value / scale, y, xerr=error, fmt="o", color=OKABE_ITO[0], capsize=4, markersize=5)


def _plain_text(text: str) -> str:
    """Return text that matplotlib draws as it stands, without reading formulae into it."""
    return text.replace("$", r"\$")


def _end_of_spectrum(curve: Curve) -> float:
    """Return the frequency at which to end the axis: the highest mode, with a quarter more, of all that was sampled."""
    visible = np.flatnonzero(np.abs(curve.y) > _INVISIBLE * np.abs(curve.y).max())
    highest = curve.x[visible[-1]] if len(visible) else curve.x[-1]
    return float(min(1.25 * highest, curve.x[-1]))


def _axis_labels(lines: Sequence[_Line], family: str) -> tuple[str, str]:
    """Return the labels of x and y with their units; where the lines call y differently, the family names it."""
    first = lines[0].mean
    same = all(line.mean.y_label == first.y_label for line in lines)
    y_label = first.y_label if same else family.lower()
    return _with_unit(first.x_label, first.x_unit), _with_unit(y_label, first.y_unit)


def _with_unit(label: str, unit: str) -> str:
    return f"{label} ({unit_label(unit)})" if unit_label(unit) else label


def _with_subscripts(label: str) -> str:
    return re.sub(r"_(\w+)", r"$_{\\mathrm{\1}}$", _plain_text(label))


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
    svg = re.sub(r"<!--.*?-->\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL).replace(_PAGE_COLOUR, "currentColor")
    prefix = re.sub(r"\W", "-", name)
    return re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
