"""Arrhenius and Meyer–Neldel figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from aiida_superionic.report import figures
from aiida_superionic.report.arrhenius import Compensation, Scan
from aiida_superionic.report.figures import Plot, Stroke, axis_text, plain_text, with_unit
from aiida_superionic.report.formatting import heading, measurement, typeset, unit_label

_MARKERS = "os^Dv<>p"
_BEYOND = 0.05
"""Part of the range of 1/T by which a line goes on beyond its last points."""

_ARROW = 0.4
"""Length of the arrow below an upper bound, as a part of it."""


def arrhenius_plots(found: Sequence[Scan]) -> list[Plot]:
    """Draw each quantity on a logarithmic axis against 1000/T, with the fits; upper bounds are arrows."""
    plots = []
    for quantity in dict.fromkeys(scan.quantity for scan in found):
        group = [scan for scan in found if scan.quantity == quantity]
        drawn = [group[k] for k in figures.chosen(len(group), figures.MOST_LINES)]
        title = f"Arrhenius plot: {drawn[0].title[:1].lower()}{drawn[0].title[1:]}"
        energies = "; ".join(
            f"{f'{scan.label}: ' if scan.label else ''}Eₐ = {typeset(measurement(scan.activation_energy))} eV"
            for scan in drawn
        )
        description = f"{title}, means over replicas and fit. {energies}."
        description += figures.and_others(len(drawn), len(group), "conditions")
        with figures.style():
            figure, [axis] = figures.panels(1)
            for scan, stroke, marker in zip(drawn, figures.strokes(len(drawn)), _MARKERS, strict=False):
                _draw_scan(axis, scan, stroke, marker)
            figures.logarithmic(axis, "y")
            axis.set_xlabel("1000/T (1/K)")
            name = drawn[0].title
            axis.set_ylabel(axis_text(with_unit(f"{name[:1].lower()}{name[1:]}", drawn[0].unit)))
            above: Any = axis.secondary_xaxis("top", functions=(_inverse, _inverse))
            temperatures = sorted({float(t) for scan in drawn for t in (*scan.temperatures, *scan.bounds[:, 0])})
            few = figures.chosen(len(temperatures), figures.MOST_LINES)
            above.set_xticks([temperatures[k] for k in few], [f"{temperatures[k]:g}" for k in few])
            above.minorticks_off()
            above.set_xlabel("T (K)")
            figures.legend_below(figure, axis)
            plots.append(figures.plot(figure, f"arrhenius-{quantity}", title, description, wide=False))
    return plots


def compensation_plots(found: Sequence[Compensation]) -> list[Plot]:
    """Draw ln of the prefactors against the activation energies, with the fit; ellipses are one standard error."""
    plots = []
    for entry in found:
        title = f"Meyer–Neldel plot: {heading(entry.quantity).lower()}"
        result = f"Δ = {typeset(measurement(entry.energy))} eV" if entry.energy else entry.reason
        with figures.style():
            figure, [axis] = figures.panels(1)
            drawn = [entry.scans[k] for k in figures.chosen(len(entry.scans), figures.MOST_LINES)]
            for scan, stroke, marker in zip(drawn, figures.strokes(len(drawn)), _MARKERS, strict=False):
                _draw_ellipse(axis, scan, stroke, marker)
            if entry.fit is not None:
                energies = np.array([scan.fit.activation_energy for scan in entry.scans])
                ends = np.array([energies.min(), energies.max()])
                axis.plot(
                    ends,
                    entry.fit.intercept + ends / entry.fit.energy,
                    color=figures.PAGE_COLOUR,
                    linewidth=1.0,
                    label=result,
                )
            axis.set_xlabel("activation energy Eₐ (eV)")
            axis.set_ylabel(f"ln of the prefactor ({unit_label(entry.unit)})")
            axis.margins(0.12)
            figures.legend_below(figure, axis)
            description = f"{title}: prefactors against activation energies. {result}."
            description += figures.and_others(len(drawn), len(entry.scans), "conditions")
            plots.append(figures.plot(figure, f"meyer-neldel-{entry.quantity}", title, description, wide=False))
    return plots


def _draw_scan(axis: Axes, scan: Scan, stroke: Stroke, marker: str) -> None:
    energy = f"{typeset(measurement(scan.activation_energy))} eV"
    x = 1000.0 / scan.temperatures
    axis.errorbar(
        x,
        scan.values,
        yerr=scan.errors,
        linestyle="",
        marker=marker,
        markersize=5,
        capsize=3,
        color=stroke.colour,
    )
    temperatures, bounds = scan.bounds.T
    axis.errorbar(
        1000.0 / temperatures, bounds, yerr=_ARROW * bounds, uplims=True, linestyle="", marker="_", color=stroke.colour
    )
    beyond = _BEYOND * np.ptp(x)
    line = np.linspace(x.min() - beyond, x.max() + beyond, 60)
    values, error = scan.fit.predict(1000.0 / line)
    label = plain_text(f"{scan.label}: {energy}" if scan.label else energy)
    axis.plot(line, values, color=stroke.colour, linestyle=stroke.dashes, linewidth=1.2, label=label)
    axis.fill_between(
        line, values * np.exp(-error), values * np.exp(error), color=stroke.colour, alpha=0.15, linewidth=0
    )


def _draw_ellipse(axis: Axes, scan: Scan, stroke: Stroke, marker: str) -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 60)
    log, energy = np.linalg.cholesky(scan.fit.covariance) @ np.array([np.cos(angle), np.sin(angle)])
    centre = scan.fit.activation_energy, scan.fit.log_prefactor
    axis.plot(energy + centre[0], log + centre[1], color=stroke.colour, linewidth=0.8)
    label = plain_text(scan.label or scan.title)
    axis.plot(*centre, marker=marker, color=stroke.colour, linestyle="", label=label)


def _inverse(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        return 1000.0 / np.asarray(x, np.float64)
