"""The motions of polyanions side by side: conductivities, what each motion contributes, how often ions move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table
from rich.text import Text

from aiida_superionic.analysis.motion_contributions import CONSTRAINT_MODES, MOTIONS
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.campaigns.coupling import Coupling
from aiida_superionic.report import figures
from aiida_superionic.report.figures import Plot, Stroke, axis_text, joined, strokes
from aiida_superionic.report.formatting import heading, measurement, typeset, unit_label
from aiida_superionic.report.table import split_labels

_DECREASE = "log_conductivity_decrease"
_FREQUENCIES = ("jump_frequency", "reorientation_frequency")
_APART = 0.06


def modes_of(couplings: Sequence[Coupling]) -> list[str]:
    """Return the constraint modes that have a conductivity anywhere."""
    return [mode for mode in CONSTRAINT_MODES if any(mode in coupling.conductivities for coupling in couplings)]


def coupling_rows(couplings: Sequence[Coupling]) -> list[tuple[str, list[str]]]:
    """Return the table of the page and the terminal: a row per coupling, its label, and a cell for each heading."""
    shown = []
    for coupling, label in zip(couplings, _own_labels(couplings)[1], strict=True):
        cells = [measurement(coupling.conductivities.get(mode)) for mode in modes_of(couplings)]
        for name in (_DECREASE, "share_of"):
            cells += [measurement(coupling.contributions.get(f"{name}_{motion}")) for motion in MOTIONS]
        shown.append((label, cells))
    return shown


def _own_labels(couplings: Sequence[Coupling]) -> tuple[str, list[str]]:
    """Return what the labels share, and what each has of its own; a single one has all."""
    return split_labels(couplings) if len(couplings) > 1 else ("", [coupling.label for coupling in couplings])


def coupling_headings(couplings: Sequence[Coupling]) -> list[str]:
    """Return the headings of the cells."""
    unit = next(scalar.unit for coupling in couplings for scalar in coupling.conductivities.values())
    return [
        *(f"σ {mode}, {unit_label(unit)}" for mode in modes_of(couplings)),
        *(f"Δ {motion}" for motion in MOTIONS),
        *(f"r {motion}" for motion in MOTIONS),
    ]


def coupling_table(couplings: Sequence[Coupling]) -> Table:
    """Return the couplings for the terminal, a column each."""
    shared, _ = _own_labels(couplings)
    terminal = Table(
        title=Text(f"What each motion contributes: {shared}" if shared else "What each motion contributes")
    )
    terminal.caption = "σ: Nernst-Einstein conductivity; Δ: decrease of its decimal logarithm; r: share in all of it"
    terminal.add_column("")
    rows = coupling_rows(couplings)
    for label, _ in rows:
        terminal.add_column(Text(label), justify="right", overflow="fold")
    for index, title in enumerate(coupling_headings(couplings)):
        terminal.add_row(title, *(cells[index] for _, cells in rows))
    return terminal


def coupling_plots(couplings: Sequence[Coupling]) -> list[Plot]:
    """Draw the conductivity of each mode, with what each motion takes from it, and the frequencies of the motions."""
    if not couplings:
        return []
    total = len(couplings)
    couplings = [couplings[k] for k in figures.chosen(total, figures.MOST_LINES)]
    left_out = figures.and_others(len(couplings), total, "conditions")
    plots = [_conductivity_plot(couplings, left_out)]
    names = [
        name
        for name in dict.fromkeys(key for c in couplings for one in c.modes.values() for key in one.observables)
        if name.startswith(_FREQUENCIES)
    ]
    return [*plots, _frequency_plot(couplings, names, left_out)] if names else plots


def _conductivity_plot(couplings: Sequence[Coupling], left_out: str) -> Plot:
    modes = modes_of(couplings)
    title = "What each motion contributes"
    with figures.style():
        figure = Figure(figsize=(figures.PAGE_WIDTH, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        drawn = zip(
            couplings,
            _apart(len(couplings)),
            strokes(len(couplings), ordered=True),
            _own_labels(couplings)[1],
            strict=True,
        )
        for coupling, shift, stroke, label in drawn:
            _draw(left, [coupling.conductivities.get(mode) for mode in modes], stroke, label, shift)
            decreases = [coupling.contributions.get(f"{_DECREASE}_{motion}") for motion in MOTIONS]
            _draw(right, decreases, stroke, "", shift)
        left.set_yscale("log")
        left.set_xticks(range(len(modes)), modes)
        left.set_ylabel("Nernst–Einstein conductivity (mS/cm)")
        left.set_title("what is held", loc="left")
        right.axhline(0.0, color=figures.PAGE_COLOUR, linewidth=0.6, alpha=0.5)
        right.set_xticks(range(len(MOTIONS)), MOTIONS)
        right.set_ylabel("decrease of log₁₀ of the conductivity")
        right.set_title("the motion that is lost", loc="left")
        _legend(figure, left, len(couplings))
        description = (
            f"{title}: conductivity by what is held (left), and by how many orders of magnitude it falls with each"
            f" motion (right); triangles are bounds.{left_out}"
        )
        return figures.plot(figure, "coupling", title, description, wide=True)


def _frequency_plot(couplings: Sequence[Coupling], names: Sequence[str], left_out: str) -> Plot:
    modes = modes_of(couplings)
    title = "How often ions move"
    with figures.style():
        figure = Figure(figsize=(figures.PAGE_WIDTH, 4.2), layout="constrained")
        axes: Any = figure.subplots(1, len(couplings), squeeze=False, sharey=True)
        for axis, coupling in zip(axes[0], couplings, strict=True):
            for name, shift, stroke in zip(names, _apart(len(names)), strokes(len(names)), strict=True):
                found = [coupling.modes[m].observables.get(name) if m in coupling.modes else None for m in modes]
                _draw(axis, found, stroke, heading(name), shift)
            axis.set_yscale("log")
            axis.set_xticks(range(len(modes)), modes)
            axis.set_title(f"{coupling.temperature:.12g} K", loc="left")
        axes[0, 0].set_ylabel(axis_text(f"{heading(names[0]) if len(names) == 1 else 'frequency'} (1/ns)"))
        _legend(figure, axes[0, 0], len(names))
        quantities = joined([heading(name)[:1].lower() + heading(name)[1:] for name in names])
        description = f"{title}: {quantities} by what is held; triangles are bounds.{left_out}"
        return figures.plot(figure, "coupling_frequencies", title, description, wide=True)


def _apart(n: int) -> list[float]:
    """Return by how much each of n series is shifted along a row of categories, so that none hides another."""
    return [_APART * (k - (n - 1) / 2.0) for k in range(n)]


def _draw(axis: Any, scalars: Sequence[Scalar | None], stroke: Stroke, label: str, shift: float) -> None:
    measured = [(x + shift, s) for x, s in enumerate(scalars) if s is not None and s.value is not None]
    axis.errorbar(
        [x for x, _ in measured],
        [s.value for _, s in measured],
        yerr=[s.error or 0.0 for _, s in measured],
        fmt="o",
        linestyle=stroke.dashes,
        color=stroke.colour,
        capsize=4,
        markersize=5,
        linewidth=0.8,
        label=label or None,
    )
    for x, scalar in enumerate(scalars):
        if scalar is not None and scalar.value is None:
            for bound, marker in ((scalar.upper_bound, "v"), (scalar.lower_bound, "^")):
                if bound is not None:
                    axis.plot(x + shift, bound, marker=marker, color=stroke.colour)


def _legend(figure: Figure, axis: Any, n: int) -> None:
    handles, labels = axis.get_legend_handles_labels()
    if n > 1 and handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=2)


def typeset_rows(couplings: Sequence[Coupling]) -> list[tuple[str, list[str]]]:
    """Return :func:`coupling_rows` as the page prints numbers."""
    return [(label, [typeset(cell) for cell in cells]) for label, cells in coupling_rows(couplings)]
