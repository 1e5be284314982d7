"""Figures of the curves and the surfaces.

Figures follow from the names: all that share the words before the species are one figure, so that the curves of a new
observable appear without an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.campaigns.results import Condition
from aiida_superionic.report import figures
from aiida_superionic.report.figures import Plot, Stroke, axis_text, joined, plain_text, thinned, with_unit
from aiida_superionic.report.formatting import measurement, typeset, unit_label
from aiida_superionic.report.looks import (
    Look,
    families,
    family_title,
    look,
    series_text,
    species_text,
    split_name,
)
from aiida_superionic.report.table import split_labels

# A spectrum reaches up to the sampling frequency, many times the highest mode, and a correlation far into its noise.
_INVISIBLE = {"THz": 0.01, "cm^-1": 0.01, "ps": 0.02}
_LEAST_OF_A_LOG_AXIS = 1e-3

# By what a displacement grows in the last half of the time where it grows with time rather than stays.
_DIFFUSIVE = 1.4

_MOST_SECTIONS = 10
_BRIGHTEST_PERCENT = 99.7
_LAST_WORD = re.compile(r" (along|with|in|of|from)$")
_TEMPERATURE = re.compile(r"[\d.]+ K")

_LETTERS_PER_INCH, _LETTERS_PER_HANDLE = 11, 10


@dataclass(frozen=True)
class _Line:
    label: str
    stroke: Stroke
    mean: Curve
    replicas: tuple[Curve, ...] = ()
    plateau: Scalar | None = None


@dataclass(frozen=True)
class _Panel:
    title: str
    family: str
    lines: tuple[_Line, ...]


def curve_plots(conditions: Sequence[Condition]) -> list[Plot]:
    """Draw one figure per family of curves, in the order of :mod:`looks`.

    The species share a panel where there is one condition; otherwise each has its own, and the conditions share it. Of
    many conditions or panels some are drawn, and the caption says how many.
    """
    plots = []
    with_curves = [condition for condition in conditions if condition.curves]
    few = [with_curves[k] for k in figures.chosen(len(with_curves), figures.MOST_LINES)]
    labels = _labels(few, conditions)
    for family, names in families(name for condition in few for name in condition.curves).items():
        all_panels = _panels(few, labels, names)
        panels = all_panels[: figures.MOST_PANELS]
        title = family_title(family)
        x_label, _ = _axis_labels([line for panel in panels for line in panel.lines], title)
        species = joined(list(dict.fromkeys(map(species_text, names))))
        drawn = [
            label
            for label, condition in zip(labels, few, strict=True)
            if label and condition.curves.keys() & set(names)
        ]
        where = "".join((f" of {species}" if species else "", f" at {joined(drawn)}" if drawn else ""))
        left_out = _cut_off(panels)
        left_out += figures.and_others(len(panels), len(all_panels), "panels")
        left_out += figures.and_others(len(few), len(with_curves), "conditions")
        with figures.style():
            figure = _curve_figure(panels)
            plots.append(
                figures.plot(
                    figure, family, title, f"{title}{where} against {x_label}.{left_out}", wide=len(panels) > 1
                )
            )
    return plots


def surface_plots(conditions: Sequence[Condition]) -> list[Plot]:
    """Draw one figure per family of surfaces, with a panel for each surface in each condition.

    Few values of y are a line each, as papers draw a function of distance at some times; many make a map.
    """
    plots = []
    for family, names in families(name for condition in conditions for name in condition.surfaces).items():
        everything = _surfaces(conditions, names)
        surfaces = [everything[k] for k in figures.chosen(len(everything), figures.MOST_PANELS)]
        title = family_title(family)
        first = surfaces[0][1]
        panels = "; ".join(label for label, _ in surfaces if label)
        description = f"{title}{f' of {panels}' if panels else ''} against {first.x_label} and {first.y_label}."
        sections = _all_sections(family, surfaces)
        description += _cut_off(sections) if sections else ""
        description += figures.and_others(len(surfaces), len(everything), "panels")
        with figures.style():
            figure = _curve_figure(sections) if sections else _map_figure(surfaces)
            plots.append(figures.plot(figure, family, title, description, wide=len(surfaces) > 1))
    return plots


def draw_curves(conditions: Sequence[Condition], names: Sequence[str]) -> Figure:
    """Draw some curves in one figure, with a line for each condition; the species share a panel where there is one."""
    labels = _labels(conditions, conditions)
    with figures.style():
        return _curve_figure(
            [panel for some in families(names).values() for panel in _panels(conditions, labels, some)]
        )


def draw_surfaces(conditions: Sequence[Condition], names: Sequence[str]) -> Figure:
    """Draw some surfaces in one figure, with a panel for each of them in each condition."""
    surfaces = _surfaces(conditions, names)
    sections = _all_sections(split_name(names[0])[0], surfaces)
    with figures.style():
        return _curve_figure(sections) if sections else _map_figure(surfaces)


def _surfaces(conditions: Sequence[Condition], names: Sequence[str]) -> list[tuple[str, Surface]]:
    """Return each surface in each condition, and what it is called among them."""
    labels = _labels(conditions, conditions)
    return [
        (joined((series_text(name), label)), condition.surfaces[name])
        for name in names
        for condition, label in zip(conditions, labels, strict=True)
        if name in condition.surfaces
    ]


def _cut_off(panels: Sequence[_Panel]) -> str:
    top = look(panels[0].family).top
    highest = max(float(line.mean.y.max()) for panel in panels for line in panel.lines)
    return f" What is higher than {top:g} is cut off." if top is not None and highest > top else ""


def _labels(conditions: Sequence[Condition], among: Sequence[Condition]) -> list[str]:
    label_of = {id(condition): label for condition, label in zip(among, split_labels(among)[1], strict=True)}
    return [label_of[id(condition)] for condition in conditions]


def _panels(conditions: Sequence[Condition], labels: Sequence[str], names: Sequence[str]) -> list[_Panel]:
    family = split_name(names[0])[0]
    if look(family).trace:
        return [
            _Panel(joined((series_text(name), label)), family, (_line(condition, name, "", figures.strokes(1)[0]),))
            for name in names
            for condition, label in zip(conditions, labels, strict=True)
            if name in condition.curves
        ]
    if len(conditions) == 1:
        return [_panel_of_species(conditions[0], family, group) for group in _sharing(names)]
    ordered = len(conditions) > 2 and all(map(_TEMPERATURE.fullmatch, labels))
    strokes = figures.strokes(len(conditions), ordered=ordered)
    return [
        _Panel(
            series_text(name),
            family,
            tuple(
                _line(condition, name, label, stroke)
                for condition, label, stroke in zip(conditions, labels, strokes, strict=True)
                if name in condition.curves
            ),
        )
        for name in names
    ]


def _sharing(names: Sequence[str]) -> list[list[str]]:
    """Return the curves that share a panel: those along one cell vector and, where they are many, of one species."""
    groups = [list(group) for _, group in groupby(sorted(names, key=_along), key=_along)]
    shared = []
    for group in groups:
        if len(group) <= len(figures.PALETTE):
            shared.append(group)
        else:
            shared += [list(part) for _, part in groupby(group, key=lambda name: split_name(name)[2][:1])]
    return [part[k : k + len(figures.PALETTE)] for part in shared for k in range(0, len(part), len(figures.PALETTE))]


def _along(name: str) -> str:
    return split_name(name)[1]


def _panel_of_species(condition: Condition, family: str, names: Sequence[str]) -> _Panel:
    strokes = figures.strokes(len(names))
    if len(names) == 1:
        return _Panel(series_text(names[0]), family, (_line(condition, names[0], "", strokes[0], alone=True),))
    along = _along(names[0])
    lines = [
        _line(condition, name, species_text(name), stroke, alone=True)
        for name, stroke in zip(names, strokes, strict=True)
    ]
    return _Panel(f"axis {along}" if along else "", family, tuple(lines))


def _line(condition: Condition, name: str, label: str, stroke: Stroke, *, alone: bool = False) -> _Line:
    family, _, species = split_name(name)
    how = look(family)
    replicas = tuple(replica.curves[name] for replica in condition.finished if name in replica.curves)
    if how.trace:
        return _Line(label, stroke, replace(replicas[0], error=None))
    plateau = condition.observables.get("_".join((how.plateau, *species))) if how.plateau else None
    single = replicas[: figures.MOST_LINES] if alone and len(replicas) > 1 else ()
    return _Line(label, stroke, condition.curves[name], single, plateau)


def _curve_figure(panels: Sequence[_Panel]) -> Figure:
    figure, axes = figures.panels(len(panels))
    for axis, panel in zip(axes, panels, strict=True):
        _draw_panel(axis, panel)
    legends = [dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True)) for axis in axes]
    if len({tuple(legend) for legend in legends if legend}) > 1:
        # One legend would give the same stroke two names.
        for axis, legend in zip(axes, legends, strict=True):
            if legend:
                axis.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none", handlelength=2.6)
    elif handles := next((legend for legend in legends if legend), {}):
        width, height = figure.get_size_inches()
        letters = int(width * _LETTERS_PER_INCH)
        texts = [fill(text, letters - _LETTERS_PER_HANDLE) for text in handles]
        n_columns = max(1, min(len(handles), letters // (max(map(len, handles)) + _LETTERS_PER_HANDLE)))
        n_rows = -(-sum(text.count("\n") + 1 for text in texts) // n_columns)
        figure.set_size_inches(width, height + figures.LEGEND_ROW_HEIGHT * n_rows)
        figure.legend(handles.values(), texts, loc="outside lower center", ncols=n_columns)
    return figure


def _all_sections(family: str, surfaces: Sequence[tuple[str, Surface]]) -> list[_Panel]:
    """Return the surfaces as lines, if each has few values of y; nothing where one has many, and maps are drawn."""
    if any(len(surface.y) > _MOST_SECTIONS for _, surface in surfaces):
        return []
    return [_sections(label, family, surface) for label, surface in surfaces]


def _sections(label: str, family: str, surface: Surface) -> _Panel:
    axes = (surface.x_label, surface.x_unit, surface.z_label, surface.z_unit)
    lines = []
    for k, stroke in enumerate(figures.strokes(len(surface.y), ordered=True)):
        curve = Curve(surface.x, surface.z[:, k], *axes, None if surface.error is None else surface.error[:, k])
        name = f"{surface.y_label} {surface.y[k]:.3g} {unit_label(surface.y_unit)}".rstrip()
        lines.append(_Line(name, stroke, curve))
    return _Panel(label, family, tuple(lines))


def _map_figure(surfaces: Sequence[tuple[str, Surface]]) -> Figure:
    figure, axes = figures.panels(len(surfaces))
    for axis, (label, surface) in zip(axes, surfaces, strict=True):
        # Bins of little volume hold few counts, and their noise would set the scale.
        top = float(np.percentile(surface.z, _BRIGHTEST_PERCENT)) or float(surface.z.max()) or 1.0
        drawn = axis.pcolormesh(
            surface.x, surface.y, surface.z.T, cmap="cividis", vmin=0.0, vmax=top, shading="nearest", rasterized=True
        )
        axis.set_xlabel(axis_text(with_unit(surface.x_label, surface.x_unit)))
        axis.set_ylabel(axis_text(with_unit(surface.y_label, surface.y_unit)))
        axis.set_title(plain_text(label), loc="left")
        figure.colorbar(drawn, ax=axis, extend="max", label=axis_text(with_unit(surface.z_label, surface.z_unit)))
    return figure


def _draw_panel(axis: Axes, panel: _Panel) -> None:
    how = look(panel.family)
    end = max(_end(line.mean, how) for line in panel.lines)
    means = [_shown(line.mean, how, end) for line in panel.lines]
    for line, mean in zip(panel.lines, means, strict=True):
        for replica in (_shown(replica, how, end) for replica in line.replicas):
            points = thinned(replica.x, replica.y, logarithmic="x" in how.log)
            axis.plot(replica.x[points], replica.y[points], color=line.stroke.colour, linewidth=0.6, alpha=0.35)
        _draw_line(axis, line, mean, how, alone=len(panel.lines) == 1)
    start = min(curve.x[0] for curve in means)
    if "x" not in how.log and 0.0 < start < 0.05 * end:
        start = 0.0
    for which in how.log:
        figures.logarithmic(axis, which)
    if end > start:
        axis.set_xlim(start, end)
    _draw_levels(axis, means, how, end)
    x_label, y_label = _axis_labels(panel.lines, family_title(panel.family))
    axis.set_xlabel(axis_text(x_label))
    axis.set_ylabel(axis_text(y_label))
    if "y" not in how.log:
        axis.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axis.set_title(plain_text(panel.title), loc="left")


def _draw_line(axis: Axes, line: _Line, mean: Curve, how: Look, *, alone: bool) -> None:
    colour = line.stroke.colour
    points = thinned(mean.x, mean.y, logarithmic="x" in how.log)
    x, y = mean.x[points], mean.y[points]
    if mean.error is not None:
        error = mean.error[points]
        axis.fill_between(x, y - error, y + error, color=colour, alpha=0.2, linewidth=0)
    axis.plot(
        x,
        y,
        color=colour,
        linestyle=line.stroke.dashes,
        linewidth=0.8 if how.trace else None,
        # A line through one point is none.
        marker="o" if len(x) == 1 else None,
        label=plain_text(line.label) or None,
    )
    plateau = line.plateau
    if plateau is not None and plateau.value is not None and plateau.unit == mean.y_unit:
        text = f"plateau, {typeset(measurement(plateau))} {unit_label(plateau.unit)}" if alone else None
        axis.axhline(plateau.value, color=colour, linestyle=(0, (5, 3)), linewidth=1.0, label=text)


def _draw_levels(axis: Axes, curves: Sequence[Curve], how: Look, end: float) -> None:
    """Draw what the eye compares the curves with: zero, the value of no order, a displacement that grows with time."""
    thin: Any = {"color": figures.PAGE_COLOUR, "linewidth": 0.6, "alpha": 0.5, "zorder": 0}
    lowest, highest = min(curve.y.min() for curve in curves), max(curve.y.max() for curve in curves)
    if "y" in how.log:
        axis.set_ylim(bottom=_bottom(curves))
        axis.autoscale(axis="x", enable=False)
    elif lowest < 0.0 < highest:
        axis.axhline(0.0, **thin)
    elif lowest >= 0.0 and lowest < 0.5 * highest:
        axis.set_ylim(bottom=0.0)
    if how.top is not None and highest > how.top:
        axis.set_ylim(0.0, how.top)
    if how.level is not None:
        axis.axhline(how.level, **thin)
    fastest = max(curves, key=lambda curve: float(curve.y[-1]))
    if how.diffusive and fastest.y[-1] > _DIFFUSIVE * np.interp(0.5 * fastest.x[-1], fastest.x, fastest.y):
        x = np.array([0.1 * end, end])
        y = 1.6 * fastest.y[-1] * x / fastest.x[-1]
        axis.plot(x, y, **thin | {"linestyle": (0, (4, 3)), "alpha": 0.8})
        axis.annotate("∝ t", (x[0], y[0]), ha="right", va="bottom", fontsize=9)


def _bottom(curves: Sequence[Curve]) -> float | None:
    positive = [curve.y[curve.y > 0.0].min() for curve in curves if np.any(curve.y > 0.0)]
    return 0.8 * float(min(positive)) if positive else None


def _shown(curve: Curve, how: Look, end: float) -> Curve:
    """Return the part of a curve that its axes can show."""
    kept = curve.x <= end
    if "x" in how.log:
        kept &= curve.x > 0.0
    if "y" in how.log:
        noise = np.zeros_like(curve.y) if curve.error is None else curve.error
        visible = kept & (curve.y > np.maximum(noise, _LEAST_OF_A_LOG_AXIS * np.abs(curve.y).max(initial=0.0)))
        # A curve that is nowhere above its noise stays, so that its legend says that it was there.
        kept = visible if visible.any() else kept
    if not kept.any():
        return curve
    error = None if curve.error is None else curve.error[kept]
    return replace(curve, x=curve.x[kept], y=curve.y[kept], error=error)


def _end(curve: Curve, how: Look) -> float:
    """Return where to end the axis: after all that stands out from zero, with a quarter more, of all that there is."""
    share = _INVISIBLE.get(curve.x_unit)
    visible = np.flatnonzero(np.abs(curve.y) > (share or 0.0) * np.abs(curve.y).max())
    if share is None or how.log or not len(visible):
        return float(curve.x[-1])
    return float(min(1.25 * curve.x[visible[-1]], curve.x[-1]))


def _axis_labels(lines: Iterable[_Line], title: str) -> tuple[str, str]:
    """Return the labels of x and y with their units.

    Where the lines call y differently, it is what stands before the species, or the title of the figure.
    """
    curves = [line.mean for line in lines]
    first = curves[0]
    names = {curve.y_label for curve in curves}
    if len(names) > 1:
        names = {label.rpartition(" of ")[0] or label for label in names}
    y_label = names.pop() if len(names) == 1 else title[:1].lower() + title[1:]
    x_label = first.x_label
    if any(curve.x_label != x_label for curve in curves):
        words = zip(*(curve.x_label.split() for curve in curves), strict=False)
        shared = " ".join(same[0] for same in takewhile(lambda same: len(set(same)) == 1, words))
        x_label = _LAST_WORD.sub("", shared)
    return with_unit(x_label, first.x_unit), with_unit(y_label, first.y_unit)
