"""The page of the time-local model: its figures, and its numbers beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.table import Table

from aiida_superionic.analysis.arrhenius import ArrheniusFit
from aiida_superionic.analysis.results import Result
from aiida_superionic.lattice.barrier import static_barrier
from aiida_superionic.lattice.request import LatticeModel
from aiida_superionic.report.figures import Plot
from aiida_superionic.report.formatting import measurement
from aiida_superionic.report.page import page, write_whole
from aiida_superionic.units import BOLTZMANN, DIFFUSION_IN_CM2_PER_S

_CONFIDENT = 1.96
"""Standard errors of a 95 % interval."""
_BARRIER_EXTENTS = {"": 3, " (eight corners)": 1}
_FEWEST_COUNTED = 5.0
_BATH = {
    "speed_of_sound_longitudinal": "Speed of sound, longitudinal, along an edge",
    "speed_of_sound_transverse": "Speed of sound, transverse",
    "highest_energy": "Highest phonon energy",
    "static_recoil": "W(0), diagonal",
    "loss": "Loss matrix, diagonal",
    "recoil_after_0p2_ps": "Largest |W(t)/W(0)| after 0.2 ps",
}


@dataclass(frozen=True)
class Comparison:
    """A table of text: a title, headings, and rows."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rich(self) -> Table:
        """Return the table for a terminal."""
        table = Table(*self.headings, title=self.title)
        for row in self.rows:
            table.add_row(*row)
        return table


def comparison(
    model: LatticeModel, results: Mapping[str, Result], fits: Mapping[str, ArrheniusFit]
) -> list[Comparison]:
    """Return what is known from results, beside what was published.

    Parameters
    ----------
    model
        Whose results they are.
    results
        By name of the run; those of diffusion begin with the equations, time-local or full.
    fits
        Arrhenius fits by equations.
    """
    published = {entry.quantity: entry for entry in model.published}
    rows: list[tuple[str, ...]] = []

    def beside(title: str, text: str, quantity: str) -> None:
        entry = published.get(quantity)
        rows.append((title, text, entry.text if entry else "", entry.where if entry else ""))

    for equations, fit in fits.items():
        width = _CONFIDENT * fit.activation_energy_error * 1e3
        tag = equations.replace("-", "_")
        beside(
            f"Activation energy, {equations}",
            f"{fit.activation_energy * 1e3:.1f} ± {width:.1f} meV (95 %)",
            f"activation_energy_{tag}",
        )
        low, middle, high = (
            np.exp(fit.log_prefactor + s * _CONFIDENT * np.sqrt(fit.covariance[0, 0])) / DIFFUSION_IN_CM2_PER_S
            for s in (-1, 0, 1)
        )
        beside(
            f"D₀, {equations}",
            f"{middle:.1f} (+{high - middle:.1f} −{middle - low:.1f}) Å²/ps (95 %)",
            f"prefactor_{tag}",
        )
        beside(f"χ² of this fit; temperatures less two are expected, {equations}", f"{fit.chi_square:.1f}", "")
    crystal = model.crystal.crystal()
    for name, interaction in model.interactions.items():
        for where, extent in _BARRIER_EXTENTS.items():
            found = static_barrier(crystal, interaction.interaction(), extent)
            barrier = {key: 1e3 * value for key, value in found.items()}
            for kind in ("unrelaxed", "relaxed"):
                parts = f" = {barrier['interaction']:.2f} + {barrier['deformation']:.2f}" if kind == "relaxed" else ""
                quantity = "" if where else f"barrier_{name}_{kind}"
                beside(f"Barrier, {name}, {kind}{where}", f"{barrier[kind]:.2f} meV{parts}", quantity)
    if bath := results.get("crystal"):
        for quantity, title in _BATH.items():
            beside(title, measurement_text(bath, quantity), quantity)
    tables = [Comparison("Beside the published numbers", ("quantity", "here", "published", "where"), tuple(rows))]
    if bath:
        tables.append(_histograms(bath))
    tables += [table for table in (_collisions(results), _dissipation(results), _conservation(results)) if table]
    return [*tables, *_diffusion(results)]


def measurement_text(result: Result, name: str) -> str:
    """Return a scalar with its error and unit."""
    scalar = result.scalars[name]
    if scalar.value is not None and scalar.error is None:
        return f"{scalar.value:.4g} {'' if scalar.unit == '1' else scalar.unit}".strip()
    return f"{measurement(scalar)} {scalar.unit}"


def _histograms(bath: Result) -> Comparison:
    rows = []
    for name, curve in bath.curves.items():
        expected = bath.curves.get(f"{name}_expected")
        if expected is None or curve.error is None:
            continue
        counted = (expected.y / curve.error) ** 2 >= _FEWEST_COUNTED
        deviation = ((curve.y - expected.y) / curve.error)[counted]
        what, _, temperature = name.rpartition("_")
        energy = float(temperature.removesuffix("K").replace("p", ".")) * BOLTZMANN * 1e3
        rows.append((what, f"{energy:.3g} meV", f"{np.mean(deviation**2):.2f}", str(len(deviation))))
    headings = ("of the atoms", "k_B T", "χ² per bin", "bins")
    return Comparison("Histograms beside Maxwell and Boltzmann", headings, tuple(rows))


def _collisions(results: Mapping[str, Result]) -> Comparison | None:
    rows = []
    for name, result in results.items():
        if name.startswith("reflection"):
            _, screening, speed = name.split("-")
            for what in ("deflection", "force"):
                found = {
                    form.removeprefix(f"largest_{what}_"): measurement_text(Result({"x": scalar}), "x")
                    for form, scalar in result.scalars.items()
                    if form.startswith(f"largest_{what}_")
                }
                rows.append((f"λ = {screening} Å, {speed} Å/ps: {what}", *found.values()))
                headings = ("largest", *(form.replace("_", "-") for form in found))
    return Comparison("A head-on collision", headings, tuple(rows)) if rows else None


def _dissipation(results: Mapping[str, Result]) -> Comparison | None:
    result = results.get("dissipation")
    if result is None:
        return None
    rows = tuple(
        (name.removeprefix("decay_time_").replace("_", "-"), measurement_text(result, name)) for name in result.scalars
    )
    return Comparison("Dissipation", ("equations", "amplitude falls to 1/e in"), rows)


def _conservation(results: Mapping[str, Result]) -> Comparison | None:
    result = results.get("conservation")
    if result is None:
        return None
    rows = tuple((name.replace("_", " "), measurement_text(result, name)) for name in result.scalars)
    return Comparison("Energy of the full equations, 10 ps, r_H = 0", ("quantity", "value"), rows)


def _diffusion(results: Mapping[str, Result]) -> list[Comparison]:
    rows = []
    for name, result in results.items():
        if not name.startswith(("time-local", "full")):
            continue
        d = next(scalar for n, scalar in result.scalars.items() if n.startswith("diffusion_coefficient"))
        t = result.scalars["temperature"]
        energy, error = ((number or 0.0) * BOLTZMANN * 1e3 for number in (t.value, t.error))
        rows.append((name, f"{measurement(d)} {d.unit}", f"{energy:.2f} ± {error:.2f} meV"))
    headings = ("run: equations, interaction, k_B T, ions", "D", "M⟨v²⟩/3")
    return [Comparison("Diffusion", headings, tuple(rows))] if rows else []


def write_lattice_report(
    path: Path,
    citation: str,
    plots: Sequence[tuple[str, Plot]],
    tables: Sequence[Comparison],
    *,
    written: datetime | None = None,
) -> None:
    """Write the page; a reader of the file sees the old one or the new one, never a part.

    Parameters
    ----------
    path
        The HTML file.
    citation
        Of what the published numbers are from.
    plots
        Number of the figure there, and the figure.
    tables
        Of :func:`comparison`.
    written
        The date on the page; now where not given.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    write_whole(
        path,
        page("lattice.html", "The time-local model", written, citation=citation, plots=plots, tables=tables),
    )
