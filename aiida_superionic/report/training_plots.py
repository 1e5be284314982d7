"""Figures of a training: true and predicted labels, learning curves, and whether predicted errors hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import erf

from aiida_superionic.analysis.results import Curve
from aiida_superionic.datasets import SUBSETS
from aiida_superionic.report import figures
from aiida_superionic.report.figures import PALETTE, Plot, joined, with_unit
from aiida_superionic.report.formatting import species_label

_MOST_POINTS = 500
"""Of a subset in a panel of pairs; every one is a mark in the page."""

_COLOURS = dict(zip(SUBSETS, (PALETTE[0], PALETTE[2], PALETTE[1]), strict=True))
_MARKERS = dict(zip(SUBSETS, "os^", strict=True))
_PAIRS = re.compile(rf"parity_({'|'.join(SUBSETS)})_(.+)")
_LEARNING = re.compile(rf"(\w+?)_learning_curve_(\w+)_({'|'.join(SUBSETS)})")
_COVERAGE = "calibration_"


def training_plots(curves: Mapping[str, Curve]) -> list[Plot]:
    """Return the figures for which there are curves, in the order of the page."""
    made = (_parity_plot(curves), _learning_plot(curves), _calibration_plot(curves))
    return [plot for plot in made if plot is not None]


def _parity_plot(curves: Mapping[str, Curve]) -> Plot | None:
    """Draw predicted against true labels, a panel for each kind."""
    panels: dict[str, dict[str, Curve]] = {}
    for name, curve in curves.items():
        if found := _PAIRS.fullmatch(name):
            panels.setdefault(found[2], {})[found[1]] = curve
    if not panels:
        return None
    kinds = sorted(panels, key=lambda kind: (not kind.startswith("energy"), kind.startswith("stress"), kind))
    title = "True and predicted labels"
    with figures.style():
        figure, axes = figures.panels(len(kinds))
        for axis, kind in zip(axes, kinds, strict=True):
            _draw_pairs(axis, kind, panels[kind])
        _shared_legend(figure, axes)
        description = f"{title}: {joined([_kind_text(kind) for kind in kinds])}; on the line they are the same."
        return figures.plot(figure, "parity", title, description, wide=len(kinds) > 1)


def _draw_pairs(axis: Axes, kind: str, of_subset: Mapping[str, Curve]) -> None:
    ends = np.array([f(np.concatenate([c.x, c.y])) for f in (np.min, np.max) for c in of_subset.values()])
    axis.plot([ends.min(), ends.max()], [ends.min(), ends.max()], color=figures.PAGE_COLOUR, linewidth=0.7, zorder=3)
    for subset in (name for name in SUBSETS if name in of_subset):
        curve = of_subset[subset]
        taken = figures.chosen(len(curve.x), _MOST_POINTS)
        axis.plot(
            curve.x[taken],
            curve.y[taken],
            linestyle="",
            marker=_MARKERS[subset],
            markersize=3,
            markeredgewidth=0,
            alpha=0.5,
            color=_COLOURS[subset],
            label=subset,
        )
    first = next(iter(of_subset.values()))
    axis.set_xlabel(with_unit(first.x_label, first.x_unit))
    axis.set_ylabel(with_unit(first.y_label, first.y_unit))
    axis.set_title(_kind_text(kind), loc="left")


def _kind_text(kind: str) -> str:
    what, _, species = kind.partition("_")
    return f"{what} on {species_label((species,))}" if species else what


def _learning_plot(curves: Mapping[str, Curve]) -> Plot | None:
    """Draw errors against steps of the training, a line for each member."""
    panels: dict[str, list[tuple[str, Curve]]] = {}
    for name, curve in curves.items():
        if found := _LEARNING.fullmatch(name):
            panels.setdefault(found[2], []).append((found[3], curve))
    if not panels:
        return None
    title = "Learning curves"
    with figures.style():
        figure, axes = figures.panels(len(panels))
        for axis, (what, lines) in zip(axes, sorted(panels.items()), strict=True):
            for subset, curve in lines:
                axis.plot(curve.x, curve.y, color=_COLOURS[subset], linewidth=0.9, alpha=0.8, label=subset)
            _, curve = lines[0]
            axis.set_xlabel(with_unit(curve.x_label, curve.x_unit))
            axis.set_ylabel(with_unit(f"error of the {what}", curve.y_unit))
            figures.logarithmic(axis, "x")
            figures.logarithmic(axis, "y")
            axis.set_title(what, loc="left")
        _shared_legend(figure, axes)
        description = f"{title}: root mean square errors against the steps of the training, a line for each member."
        return figures.plot(figure, "learning-curves", title, description, wide=len(panels) > 1)


def _calibration_plot(curves: Mapping[str, Curve]) -> Plot | None:
    """Draw the share of small mistakes beside the normal one, and actual errors against predicted ones."""
    names = [name.removeprefix(_COVERAGE) for name in curves if name.startswith(_COVERAGE)]
    if not names:
        return None
    # Each temperature of the test frames where they are told apart, or each subset.
    names = [name for name in names if re.fullmatch(r"test_\d+K", name)] or names
    names.sort(key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    title = "Predicted errors and mistakes"
    strokes = figures.strokes(len(names), ordered=len(names) > 2)
    with figures.style():
        figure, (left, right) = figures.panels(2)
        for name, stroke in zip(names, strokes, strict=True):
            shares, actual = curves[f"{_COVERAGE}{name}"], curves[f"actual_error_{name}"]
            how: dict[str, Any] = {"color": stroke.colour, "linestyle": stroke.dashes, "label": _group_text(name)}
            left.plot(shares.x, shares.y, **how)
            if shares.error is not None:
                band = shares.y - shares.error, shares.y + shares.error
                left.fill_between(shares.x, *band, color=stroke.colour, alpha=0.15, linewidth=0)
            right.errorbar(actual.x, actual.y, yerr=actual.error, marker="o", markersize=4, capsize=2, **how)
        widths = curves[f"{_COVERAGE}{names[0]}"].x
        normal: dict[str, Any] = {"color": figures.PAGE_COLOUR, "linewidth": 0.8, "linestyle": (0, (2, 2))}
        left.plot(widths, erf(widths / np.sqrt(2.0)), label="normal", **normal)
        ends = [right.dataLim.xmin, right.dataLim.xmax]
        right.plot(ends, ends, **normal)
        left.set_xlabel("mistake over predicted error")
        left.set_ylabel("share of force components below")
        right.set_xlabel("predicted error of forces (meV/Å)")
        right.set_ylabel("actual error (meV/Å)")
        for which in ("x", "y"):
            figures.logarithmic(right, which)
        _shared_legend(figure, [left])
        description = (
            f"{title}: the share of force components that are no further off than a multiple of their predicted error"
            " (left; broken: of normal mistakes), and the root mean square mistake of atoms of like predicted error"
            " (right; broken: the same). Bands and bars are one standard error, frames taken as independent."
        )
        return figures.plot(figure, "calibration", title, description, wide=True)


def _group_text(name: str) -> str:
    """Return ``test, 300 K`` for ``test_300K``."""
    return re.sub(r"_(\d+)K$", r", \1 K", name)


def _shared_legend(figure: Figure, axes: list[Axes]) -> None:
    """Put one legend below, in which each label is once."""
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + figures.LEGEND_ROW_HEIGHT)
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=len(entries), markerscale=2)
