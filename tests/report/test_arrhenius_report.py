"""Activation energies on the page are those of the fit to the averages over replicas."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWNBASE
from rich.console import Console

from aiida_superionic.analysis.arrhenius import fit_arrhenius
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.arrhenius import arrhenius_table, compensations, scans
from aiida_superionic.report.arrhenius_plots import arrhenius_plots, compensation_plots
from aiida_superionic.report.formatting import measurement, typeset
from aiida_superionic.report.page import render_report
from aiida_superionic.units import BOLTZMANN

TEMPERATURES = (500.0, 600.0, 750.0)


def scalar(value: float | None, error: float | None, unit: str, bound: float | None = None) -> dict[str, object]:
    return {"value": value, "error": error, "unit": unit, "upper_bound": bound}


@pytest.fixture
def scan_of(make_point: Callable[..., PointResult]) -> Callable[..., list[PointResult]]:
    def make(energy: float, prefactor: float = 1e-3, potential: str = "vashishta-rahman", seeds: int = 2):
        points = []
        for temperature in TEMPERATURES:
            exact = np.exp(-energy / (BOLTZMANN * temperature))
            for seed in range(1, seeds + 1):
                noise = 1.0 + 0.05 * (seed - 1.5) * (1.0 + temperature / 750.0)
                point = make_point(
                    seed,
                    temperature,
                    label=f"alpha-AgI · {potential} · {temperature:g} K · UC · seed {seed}",
                    curves={},
                    observables={
                        "diffusion_coefficient_Ag": scalar(prefactor * exact * noise, prefactor * exact / 9, "cm^2/s"),
                        "conductivity": scalar(1e6 * exact / temperature * noise, None, "mS/cm"),
                        "memory_time_Ag": scalar(100.0, 1.0, "fs"),
                    },
                )
                point.specification["potential"] = potential
                points.append(point)
        return points

    return make


def test_fit_is_that_of_the_averages_with_their_errors(scan_of: Callable[..., list[PointResult]]) -> None:
    grouped = conditions(scan_of(0.1))
    found = {scan.quantity: scan for scan in scans(grouped)}
    assert sorted(found) == ["conductivity", "diffusion_coefficient_Ag"]
    means = [condition.observables["diffusion_coefficient_Ag"] for condition in grouped]
    expected = fit_arrhenius(TEMPERATURES, [mean.value for mean in means], [mean.error for mean in means])
    assert found["diffusion_coefficient_Ag"].fit.activation_energy == expected.activation_energy
    np.testing.assert_array_equal(found["diffusion_coefficient_Ag"].fit.covariance, expected.covariance)


def test_conductivity_is_fitted_times_the_temperature(scan_of: Callable[..., list[PointResult]]) -> None:
    [scan] = [scan for scan in scans(conditions(scan_of(0.1, seeds=1))) if scan.quantity == "conductivity"]
    assert (scan.title, scan.unit) == ("Conductivity × T", "K mS/cm")
    assert scan.errors is None  # a single replica without an error
    assert scan.misfit == "—"
    ratio = scan.values[0] / np.exp(-0.1 / (BOLTZMANN * TEMPERATURES[0]))
    np.testing.assert_allclose(scan.values, ratio * np.exp(-0.1 / (BOLTZMANN * scan.temperatures)), rtol=0.1)


def test_page_and_terminal_print_the_numbers_of_the_fit(scan_of: Callable[..., list[PointResult]]) -> None:
    points = scan_of(0.1)
    grouped = conditions(points)
    found = scans(grouped)
    html = render_report("scan", grouped, points)
    console = Console(width=200, file=io.StringIO())
    console.print(arrhenius_table(found))
    terminal = console.file.getvalue()
    for scan in found:
        energy = measurement(scan.activation_energy)
        number, error = map(float, energy.split(" ± "))
        assert number == pytest.approx(scan.fit.activation_energy, abs=0.05 * error)
        assert error == pytest.approx(scan.fit.activation_energy_error, rel=0.05)
        assert f"<b>{energy}</b>" in html
        assert f"Eₐ = {energy} eV" in html
        assert energy in terminal
        assert typeset(measurement(scan.prefactor[0])) in html
        assert measurement(scan.prefactor[0]) in terminal
        assert scan.prefactor[0].value == pytest.approx(scan.fit.prefactor, rel=5e-3)


def test_two_temperatures_are_no_line(scan_of: Callable[..., list[PointResult]]) -> None:
    points = [point for point in scan_of(0.1) if point.specification["temperature"] < 700.0]
    assert scans(conditions(points)) == []
    assert 'id="arrhenius"' not in render_report("two", conditions(points), points)


def test_upper_bound_is_an_arrow_and_in_no_fit(
    scan_of: Callable[..., list[PointResult]], make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    points = scan_of(0.1)
    cold = make_point(1, 300.0, label="alpha-AgI · vashishta-rahman · 300 K · UC · seed 1", curves={})
    cold.observables.clear()
    cold.observables["diffusion_coefficient_Ag"] = scalar(None, None, "cm^2/s", 1e-7)
    with_bound = [s for s in scans(conditions([cold, *points])) if s.quantity.startswith("diffusion")]
    without = [s for s in scans(conditions(points)) if s.quantity.startswith("diffusion")]
    assert with_bound[0].bounds.tolist() == [[300.0, 1e-7]]
    assert with_bound[0].fit.activation_energy == without[0].fit.activation_energy
    arrhenius_plots(with_bound)
    [axis] = figures["arrhenius-diffusion_coefficient_Ag"].axes
    arrows = [line for line in axis.lines if line.get_marker() == CARETDOWNBASE]
    assert [line.get_xdata().tolist() for line in arrows if len(line.get_xdata())] == [[1000.0 / 300.0]]


def test_arrhenius_plot_has_points_line_and_axes_with_units(
    scan_of: Callable[..., list[PointResult]], figures: dict[str, Figure]
) -> None:
    found = scans(conditions(scan_of(0.1) + scan_of(0.2, potential="other")))
    plots = arrhenius_plots(found)
    assert [plot.title for plot in plots] == [
        "Arrhenius plot: diffusion coefficient (Ag)",
        "Arrhenius plot: conductivity × T",
    ]
    [axis] = figures["arrhenius-diffusion_coefficient_Ag"].axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("1000/T (1/K)", "diffusion coefficient (Ag) (cm²/s)")
    assert axis.get_yscale() == "log"
    labels = [text.get_text() for text in figures["arrhenius-diffusion_coefficient_Ag"].legends[0].get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["vashishta-rahman", "other"]
    points = [line for line in axis.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose(points[0].get_xdata(), 1000.0 / np.array(TEMPERATURES))
    np.testing.assert_array_equal(points[0].get_ydata(), found[0].values)


def test_meyer_neldel_rule_needs_three_scans(
    scan_of: Callable[..., list[PointResult]], figures: dict[str, Figure]
) -> None:
    """Prefactors exp(E/Δ) with Δ = 50 meV, and points without scatter about their lines."""
    points = [
        point
        for energy, name in ((0.1, "one"), (0.2, "two"), (0.3, "three"))
        for point in scan_of(energy, 1e-3 * np.exp(energy / 0.05), name, seeds=1)
    ]
    found = [scan for scan in scans(conditions(points)) if scan.quantity.startswith("diffusion")]
    assert compensations(found[:2]) == []
    [entry] = compensations(found)
    assert entry.energy is not None
    assert entry.energy.value == pytest.approx(0.05, rel=1e-3)
    [plot] = compensation_plots([entry])
    assert f"Δ = {typeset(measurement(entry.energy))} eV" in plot.description
    [axis] = figures["meyer-neldel-diffusion_coefficient"].axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("activation energy Eₐ (eV)", "ln of the prefactor (cm²/s)")
    centres = [line.get_xydata()[0] for line in axis.lines if len(line.get_xdata()) == 1]
    np.testing.assert_allclose([x for x, _ in centres], [scan.fit.activation_energy for scan in found])
