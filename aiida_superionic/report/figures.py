"""What all figures share: style, palette, the text of axes, and the way from matplotlib to inline SVG.

Text and axes take the colour of the page that they stand in.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.report.formatting import unit_label, with_subscripts

# Colours of Okabe and Ito, without those that are lost on a white page, and a wine red of Tol: every kind of colour
# vision tells them apart.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#882255")
_DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.6, 1.2, 1.6)),
    (0, (9, 2.5)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
)
_SCALE, _DARKEST, _LIGHTEST = "plasma", 0.0, 0.6

PAGE_COLOUR = "#010203"
PAGE_WIDTH, _PANEL_HEIGHT = 12.0, (3.9, 3.9, 3.4)
LEGEND_ROW_HEIGHT = 0.24
MOST_LINES = 8
MOST_PANELS = 16
_MOST_POINTS = 600
_LETTERS_PER_LABEL = 42
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "svg.fonttype": "path",
    "svg.hashsalt": "aiida-superionic",
    "path.simplify_threshold": 0.3,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "axes.titlecolor"),
        PAGE_COLOUR,
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
class Stroke:
    """How a line is told from the others: by its colour and by its dashes."""

    colour: str
    dashes: Any


def strokes(n: int, *, ordered: bool = False) -> list[Stroke]:
    """Return n strokes that differ in colour and dashes.

    Parameters
    ----------
    n
        How many.
    ordered
        Whether the lines are steps of one quantity, such as a temperature: then, and where there are more than the
        palette has colours, they go from dark to light.
    """
    if n <= len(PALETTE) and not ordered:
        return [Stroke(colour, dashes) for colour, dashes in zip(PALETTE[:n], _DASHES[:n], strict=True)]
    shades = mpl.colormaps[_SCALE](np.linspace(_DARKEST, _LIGHTEST, n))
    return [Stroke(to_hex(shade), _DASHES[k % 2]) for k, shade in enumerate(shades)]


def chosen(n: int, most: int) -> list[int]:
    """Return the indices of at most so many of n, evenly spread, with the first and the last."""
    return list(range(n)) if n <= most else np.linspace(0, n - 1, most).round().astype(int).tolist()


def thinned(x: Array, y: Array, *, logarithmic: bool) -> slice | Array:
    """Return which points to draw: all, or of a long curve the lowest and the highest of each stretch of the axis."""
    if len(y) <= _MOST_POINTS:
        return slice(None)
    places = np.log(x.clip(min=x[x > 0.0].min())) if logarithmic else x
    edges = np.linspace(places[0], places[-1], _MOST_POINTS // 2 + 1)[1:-1]
    stretches = [stretch for stretch in np.split(np.arange(len(y)), np.searchsorted(places, edges)) if len(stretch)]
    extremes = [stretch[[y[stretch].argmin(), y[stretch].argmax()]] for stretch in stretches]
    return np.asarray(np.unique(np.concatenate([[0], *extremes, [len(y) - 1]])))


def panels(n: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with n axes: one alone on half the page, others two or three to a row."""
    n_columns = 3 if n % 3 == 0 else min(n, 2)
    n_rows = -(-n // n_columns)
    width = PAGE_WIDTH if n > 1 else 0.5 * PAGE_WIDTH
    figure = Figure(layout="constrained", figsize=(width, _PANEL_HEIGHT[n_columns - 1] * n_rows))
    axes: list[Axes] = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for unused in axes[n:]:
        unused.remove()
    return figure, axes[:n]


def legend_below(figure: Figure, axis: Axes) -> None:
    """Put a legend of one column below the axes, where it hides nothing."""
    handles, labels = axis.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + LEGEND_ROW_HEIGHT * len(handles))
    figure.legend(handles, labels, loc="outside lower center")


def logarithmic(axis: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis that holds anything positive logarithmic, with labels between the powers of ten if there are few."""
    low, high = axis.dataLim.intervalx if which == "x" else axis.dataLim.intervaly
    if high <= 0.0:
        return
    getattr(axis, f"set_{which}scale")("log")
    if low > 0.0 and high < 100.0 * low:
        drawn = axis.xaxis if which == "x" else axis.yaxis
        drawn.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        drawn.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
        drawn.set_minor_formatter(NullFormatter())


def with_unit(label: str, unit: str) -> str:
    """Return the label of an axis with its unit, which no line is broken before: ``time (ps)``."""
    unit_text = f" ({unit_label(unit)})" if unit_label(unit) else ""
    return with_subscripts(label) + unit_text.replace(" ", "\N{NO-BREAK SPACE}")


def plain_text(text: str) -> str:
    """Return text that matplotlib draws as it stands, without reading formulae into it."""
    return text.replace("$", r"\$")


def axis_text(label: str) -> str:
    """Return the label of an axis in lines that are not too long, with subscripts: ``G_s`` as in papers."""
    text = plain_text(textwrap.fill(label, _LETTERS_PER_LABEL)).replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"_(\w+)", r"$_{\\mathrm{\1}}$", text)


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the page, whatever the reader has set for matplotlib."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def plot(figure: Figure, name: str, title: str, description: str, *, wide: bool) -> Plot:
    """Return a figure for the page."""
    return Plot(name, title, description.replace("\N{NO-BREAK SPACE}", " "), svg(figure, name), wide)


def svg(figure: Figure, name: str) -> str:
    """Return the SVG element alone, in the colour of the page, with identifiers that no other figure has."""
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    text = stream.getvalue()
    text = re.sub(r"<!--.*?-->\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace(PAGE_COLOUR, "currentColor")
    # A hundredth of a point is finer than any screen or printer.
    text = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)
    prefix = re.sub(r"\W", "-", name)
    return re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{prefix}-", text)


def and_others(drawn: int, total: int, noun: str) -> str:
    """Return the sentence that says what a figure leaves out; empty where it shows all."""
    return "" if drawn == total else f" {drawn} of {total} {noun} are drawn."


def joined(words: Sequence[str]) -> str:
    """Return the words that say something, with commas between them."""
    return ", ".join(filter(None, words))
