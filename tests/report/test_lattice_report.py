"""The page of the time-local model: numbers beside published ones, and its figures."""

import numpy as np

from aiida_superionic.analysis.arrhenius import fit_arrhenius
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.report import lattice_plots
from aiida_superionic.report.lattice import comparison, write_lattice_report
from aiida_superionic.units import BOLTZMANN


def walked(temperature, coefficient):
    """A result as a run of diffusion has it, of a known coefficient in cm²/s."""
    times = np.linspace(0.1, 12.0, 120)
    curves = {
        "mean_squared_displacement_Li": Curve(times, 6e4 * coefficient * times, "t", "ps", "⟨|ΔR|²⟩", "Å^2", times)
    }
    curves |= {f"path_Li_{c}": Curve(times, np.sin(times * k), "t", "ps", c, "Å") for k, c in enumerate("xyz", 1)}
    scalars = {
        "diffusion_coefficient_Li": Scalar(coefficient, 0.02 * coefficient, "cm^2/s"),
        "temperature": Scalar(temperature, 1.0, "K"),
    }
    return Result(scalars, curves)


def test_the_page_sets_activation_energies_and_barriers_beside_the_published_ones(tmp_path):
    model = lattice_models()["simple-cubic"]
    temperatures = [200.0, 300.0, 500.0]
    runs = {t: walked(t, 1e-3 * np.exp(-0.042 / (BOLTZMANN * t))) for t in temperatures}
    values = [runs[t].scalars["diffusion_coefficient_Li"] for t in temperatures]
    fit = fit_arrhenius(temperatures, [s.value for s in values], [s.error for s in values])
    results = {f"time-local-yukawa-4eV-{t:g}-1": run for t, run in runs.items()}
    tables = comparison(model, results, {"time-local": fit})
    beside = {row[0]: row[1:] for row in tables[0].rows}
    assert beside["Activation energy, time-local"][0].startswith("42.0 ± ")
    assert beside["Activation energy, time-local"][1] == "42 ± 5 meV (95 %)"
    assert beside["D₀, time-local"][0].startswith("10.0 (+")
    assert beside["Barrier, yukawa-4eV, relaxed"][:2] == ("42.33 meV = 39.41 + 2.92", "42.3 meV = 39.4 + 2.9")
    assert len(tables[-1].rows) == 3
    plot = lattice_plots.arrhenius_plot("diffusion", "Diffusion", runs, "Li", 1.0, fit)
    paths = lattice_plots.path_plot({"one": runs[300.0]}, "Li")
    page = tmp_path / "page.html"
    write_lattice_report(page, model.citation, [("7a", plot), ("5", paths)], tables)
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "42.0 ± " in text
    assert "<b>Figure 7a. Diffusion</b>" in text
