"""Figures of ions in a vibrating crystal: what the bath is, how it gives way, and how ions diffuse in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aiida_superionic.analysis.arrhenius import ArrheniusFit
from aiida_superionic.analysis.results import Curve, Result
from aiida_superionic.lattice.diffusion import line_through
from aiida_superionic.report import figures
from aiida_superionic.report.figures import Plot, with_unit
from aiida_superionic.units import BOLTZMANN

_FORMS = ("full", "time_local", "quasistatic", "homogeneous", "transcendental")


def bath_plot(bath: Result, temperatures: Sequence[float]) -> Plot:
    """Draw the dispersion, the recoil kernel, and the spread of displacements and speeds beside the expected one."""
    with figures.style():
        figure, axes = figures.panels(4)
        for name, curve in bath.curves.items():
            if name.startswith("dispersion_"):
                axes[0].plot(curve.x, curve.y, color=figures.PALETTE[0])
        _name_axes(axes[0], bath.curves["dispersion_0"])
        recoil = bath.curves["recoil_kernel"]
        axes[1].plot(recoil.x, recoil.y, color=figures.PALETTE[0])
        axes[1].axhline(0.0, color=figures.PAGE_COLOUR, linewidth=0.6)
        _name_axes(axes[1], recoil)
        for axis, what in zip(axes[2:], ("displacement", "speed"), strict=True):
            for stroke, temperature in zip(figures.strokes(len(temperatures), ordered=True), temperatures, strict=True):
                found = bath.curves[f"{what}_{_tag(temperature)}"]
                expected = bath.curves[f"{what}_{_tag(temperature)}_expected"]
                label = f"{BOLTZMANN * temperature * 1e3:.3g} meV"
                axis.fill_between(found.x, found.y, step="mid", color=stroke.colour, alpha=0.3, linewidth=0)
                axis.plot(expected.x, expected.y, color=stroke.colour, label=label)
            _name_axes(axis, found)
            axis.set_yscale("log")
            axis.set_ylim(bottom=1e-3 * max(axis.get_ylim()[1], 1e-9))
        axes[3].legend(title="k_BT".replace("_B", "$_B$"))
        for axis, letter in zip(axes, ("dispersion", "recoil kernel", "displacements", "speeds"), strict=True):
            axis.set_title(letter, loc="left")
        description = (
            "The bath: dispersion along Γ X M Γ R, recoil kernel, and displacements and speeds of atoms in one seeded"
            " state (filled) beside those of Maxwell and Boltzmann with the variance of equation 24 (lines)."
        )
        return figures.plot(figure, "bath", "The bath", description, wide=True)


def reflection_plot(collisions: Mapping[str, Result]) -> Plot:
    """Draw how far an atom gives way and the force on the ion, a column for each collision."""
    with figures.style():
        figure = Figure(layout="constrained", figsize=(figures.PAGE_WIDTH, 6.4))
        axes = figure.subplots(2, len(collisions), squeeze=False)
        strokes = figures.strokes(len(_FORMS))
        for column, (label, result) in zip(axes.T, collisions.items(), strict=True):
            for axis, what in zip(column, ("deflection", "force"), strict=True):
                for form, stroke in zip(_FORMS, strokes, strict=True):
                    curve = result.curves[f"{what}_{form}"]
                    axis.plot(
                        curve.x, curve.y, color=stroke.colour, linestyle=stroke.dashes, label=form.replace("_", "-")
                    )
                full = result.curves[f"{what}_full"]
                axis.axhline(full.y[np.abs(full.y).argmax()], color=figures.PAGE_COLOUR, linewidth=0.6, linestyle="--")
                _name_axes(axis, full)
            column[0].set_title(label, loc="left")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        description = (
            "A head-on collision: deflection of the atom and force on the ion, by the full equations, and as the"
            " time-local forms have them for the ion's full path; dashed: the largest of the full solution."
        )
        return figures.plot(figure, "reflection", "A head-on collision", description, wide=True)


def dissipation_plot(result: Result) -> Plot:
    """Draw how an ion on an edge comes to rest."""
    with figures.style():
        figure, axes = figures.panels(2)
        for axis, what in zip(axes, ("position", "velocity"), strict=True):
            for form, stroke in zip(("full", "time_local"), figures.strokes(2), strict=True):
                curve = result.curves[f"{what}_{form}"]
                axis.plot(curve.x, curve.y, color=stroke.colour, linestyle=stroke.dashes, label=form.replace("_", "-"))
            _name_axes(axis, curve)
        axes[1].legend()
        description = "Dissipation: an ion between two atoms of a row comes to rest, in full and in time-local form."
        return figures.plot(figure, "dissipation", "Dissipation", description, wide=True)


def conservation_plot(result: Result) -> Plot:
    """Draw how the energy that the full equations gain falls with the step."""
    with figures.style():
        figure, (axis,) = figures.panels(1)
        curve = result.curves["energy_gain"]
        axis.loglog(curve.x, curve.y, "o", color=figures.PALETTE[0], label="gained")
        fifth = curve.y[-1] * (curve.x / curve.x[-1]) ** 5
        axis.loglog(curve.x, fifth, color=figures.PALETTE[1], label="fifth power")
        axis.legend()
        _name_axes(axis, curve)
        description = "Energy that the full equations gain in a run from a crystal at rest, with a fixed set of atoms."
        return figures.plot(figure, "conservation", "Conservation of energy", description, wide=False)


def path_plot(runs: Mapping[str, Result], species: str) -> Plot:
    """Draw paths of single ions in space."""
    with figures.style():
        figure = Figure(layout="constrained", figsize=(figures.PAGE_WIDTH, 3.4))
        for k, (label, result) in enumerate(runs.items()):
            axis = figure.add_subplot(1, len(runs), k + 1, projection="3d")
            x, y, z = (result.curves[f"path_{species}_{c}"].y / 10.0 for c in "xyz")
            axis.plot(x, y, z, linewidth=0.5, color=figures.PALETTE[0])
            axis.plot(x[:1], y[:1], z[:1], "o", color=figures.PALETTE[1], markersize=4)
            axis.plot(x[-1:], y[-1:], z[-1:], "x", color=figures.PALETTE[1], markersize=5)
            axis.set_title(label, fontsize=9)
            axis.tick_params(labelsize=7)
            axis.set_aspect("equal")
        description = "Paths of an ion, in nm: circles where they begin, crosses where they end."
        return figures.plot(figure, "paths", "Paths", description, wide=True)


def displacement_plot(name: str, title: str, runs: Mapping[str, Result], species: str, fit_start: float) -> Plot:
    """Draw mean squared displacements of segments with their standard errors and fitted lines."""
    with figures.style():
        figure, (axis,) = figures.panels(1)
        _draw_displacements(axis, runs, species, fit_start)
        axis.legend(fontsize=8)
        description = f"{title}: means over segments with their standard errors (bands) and weighted lines (dashed)."
        return figures.plot(figure, name, title, description, wide=False)


def arrhenius_plot(
    name: str, title: str, runs: Mapping[float, Result], species: str, fit_start: float, fit: ArrheniusFit
) -> Plot:
    """Draw mean squared displacements by temperature in K, and diffusion coefficients with the Arrhenius line."""
    with figures.style():
        figure, axes = figures.panels(2)
        labels = {f"{BOLTZMANN * t * 1e3:.3g} meV": result for t, result in runs.items()}
        _draw_displacements(axes[0], labels, species, fit_start)
        axes[0].legend(fontsize=8, title="k$_B$T")
        scalars = {t: r.scalars[f"diffusion_coefficient_{species}"] for t, r in runs.items()}
        found = [(t, s.value, s.error or 0.0) for t, s in scalars.items() if s.value is not None]
        temperatures, values, errors = (np.array(column) for column in zip(*found, strict=True))
        inverse = 1e-3 / (BOLTZMANN * temperatures)
        axes[1].errorbar(inverse, values, errors, fmt="o", color=figures.PALETTE[0], markersize=4, capsize=2)
        line = np.linspace(inverse.min(), inverse.max(), 50)
        fitted, spread = fit.predict(1e-3 / (BOLTZMANN * line))
        axes[1].plot(line, fitted, color=figures.PALETTE[1])
        axes[1].fill_between(
            line, fitted * np.exp(-spread), fitted * np.exp(spread), color=figures.PALETTE[1], alpha=0.2, linewidth=0
        )
        axes[1].set_yscale("log")
        axes[1].set_xlabel("1/(k$_B$T) (1/meV)")
        axes[1].set_ylabel(with_unit("D", "cm^2/s"))
        description = f"{title}: mean squared displacements and, from their slopes, D with its Arrhenius line."
        return figures.plot(figure, name, title, description, wide=True)


def _draw_displacements(axis: Axes, runs: Mapping[str, Result], species: str, fit_start: float) -> None:
    for (label, result), stroke in zip(runs.items(), figures.strokes(len(runs), ordered=True), strict=True):
        curve = result.curves[f"mean_squared_displacement_{species}"]
        error = curve.error if curve.error is not None else np.zeros_like(curve.y)
        axis.plot(curve.x, curve.y, color=stroke.colour, label=label)
        axis.fill_between(curve.x, curve.y - error, curve.y + error, color=stroke.colour, alpha=0.3, linewidth=0)
        offset, slope = line_through(curve.x, curve.y, error, fit_start)
        axis.plot(curve.x, offset + slope * curve.x, color=figures.PAGE_COLOUR, linewidth=0.8, linestyle="--")
    _name_axes(axis, curve)


def _name_axes(axis: Axes, curve: Curve) -> None:
    axis.set_xlabel(with_unit(curve.x_label, curve.x_unit))
    axis.set_ylabel(with_unit(curve.y_label, curve.y_unit if curve.y_unit != "1" else ""))


def _tag(temperature: float) -> str:
    return f"{temperature:.6g}K".replace(".", "p")
