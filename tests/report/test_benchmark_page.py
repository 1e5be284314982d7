"""The page of a benchmark, of made-up numbers that can be looked up in it."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from rich.console import Console

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.report.benchmark import (
    Benchmark,
    benchmark_plots,
    benchmark_tables,
    compared_names,
    distance_plot,
    sections,
    write_benchmark_report,
)

_SIDES = ("hot", "student")


def curve(shift):
    x = np.linspace(0.1, 6.0, 60)
    return Curve(
        x, 1.0 + np.exp(-((x - 2.8 - shift) ** 2)), "distance", "Å", "g(r) of Ag and I", "1", np.full(60, 0.02)
    )


@pytest.fixture
def benchmark_results():
    observables, curves = {}, {}
    for number, temperature in enumerate(("500K", "650_5K")):
        observables[f"distance_by_chance_radial_distribution_Ag_I_{temperature}"] = Scalar(0.011, 0.001, "1")
        for place, side in enumerate(("reference", *_SIDES)):
            end = f"{side}_{temperature}"
            observables[f"temperature_{end}"] = Scalar(500.0 + place, 1.5, "K")
            observables[f"diffusion_coefficient_Ag_{end}"] = Scalar(2.61e-5 + place * 1e-6, 3e-7, "cm^2/s")
            observables[f"diffusion_coefficient_spread_Ag_{end}"] = Scalar(7e-7, None, "cm^2/s")
            observables[f"band_centre_sensitivity_Ag_{end}"] = Scalar(0.01, None, "THz")
            curves[f"{end}_radial_distribution_Ag_I"] = curve(0.1 * place + number)
            z = np.outer(np.exp(-np.linspace(0.0, 3.0, 20)), [1.0, 2.0])
            axes = ("distance", "Å", "time", "ps", "4πr² G_s of Ag", "1/Å")
            curves[f"{end}_van_hove_self_Ag"] = Surface(np.linspace(0.1, 4.0, 20), np.array([0.5, 1.0]), z, *axes)
            if side != "reference":
                observables[f"distance_radial_distribution_Ag_I_{end}"] = Scalar(0.031 + 0.01 * place, 0.002, "1")
                observables[f"force_error_{end}"] = Scalar(43.0, 0.9, "meV/Å")
                observables[f"force_error_Ag_{end}"] = Scalar(40.2 + place, 0.8, "meV/Å")
    return Benchmark(
        title="Benchmark <5>",
        setup=(("Reference", "a teacher"),),
        sides=_SIDES,
        temperatures=(500.0, 650.5),
        observables=observables,
        curves=curves,
        warnings=("hot lacks van_hove_self_Ag at 500 K",),
        provenance=(("workchain", "6f1b2c56-3c8e-4a53-9f0e-0a5b0d7c1e11"),),
    )


def test_every_temperature_has_forces_numbers_and_distances(benchmark_results):
    found = sections(benchmark_results)
    assert [section.title for section in found] == [
        f"{title} at {kelvins} K"
        for kelvins in ("500", "650.5")
        for title in ("Root mean square errors of forces", "Numbers", "Distances of curves")
    ]
    forces, numbers, distances = found[:3]
    assert forces.columns == _SIDES
    assert [name for name, _ in forces.rows] == ["all, meV/Å", "Ag, meV/Å"]
    assert [cell.value for cell in forces.rows[1][1]] == [41.2, 42.2]
    assert numbers.columns == ("reference", *_SIDES)
    assert [name for name, _ in numbers.rows] == [
        "Diffusion coefficient (Ag), cm²/s",
        "Diffusion coefficient spread (Ag), cm²/s",
        "Temperature, K",
    ]
    assert distances.columns == ("by chance", *_SIDES)
    assert [cell.value for cell in distances.rows[0][1]] == pytest.approx([0.011, 0.041, 0.051])


def test_a_side_whose_name_ends_in_that_of_another_is_told_from_it(benchmark_results):
    observables = {name.replace("_hot_", "_hot_student_"): told for name, told in benchmark_results.observables.items()}
    renamed = Benchmark(**{**vars(benchmark_results), "sides": ("hot_student", "student"), "observables": observables})
    assert compared_names(renamed, "500K") == ["radial_distribution_Ag_I"]
    assert [[name for name, _ in section.rows] for section in sections(renamed)] == [
        [name for name, _ in section.rows] for section in sections(benchmark_results)
    ]


def test_the_page_holds_numbers_figures_and_nodes(benchmark_results, tmp_path):
    path = tmp_path / "page.html"
    write_benchmark_report(path, benchmark_results, written=datetime(2026, 11, 21, tzinfo=UTC))
    text = path.read_text()
    words = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    for told in (
        "Benchmark &lt;5&gt;",
        "hot lacks van_hove_self_Ag at 500 K",
        "(2.610 ± 0.030) × 10⁻⁵",
        "0.0410 ± 0.0020",
        "verdi node show 6f1b2c56-3c8e-4a53-9f0e-0a5b0d7c1e11",
        "2026-11-21",
    ):
        assert told in words
    assert text.count("<svg") == 3
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)


def test_figures_show_every_side(benchmark_results, figures):
    assert [plot.name for plot in benchmark_plots(benchmark_results)] == [
        "distances",
        "radial_distribution",
        "van_hove_self",
    ]
    left, right = figures["distances"].axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("500 K", "650.5 K")
    assert [bar.get_width() for bar in left.patches] == [0.011]
    dots = [container.lines[0].get_xdata()[0] for container in left.containers if hasattr(container, "lines")]
    assert dots == pytest.approx([0.041, 0.051])
    labels = {line.get_label() for line in figures["radial_distribution"].axes[0].lines}
    assert {"reference · 500 K", "student · 650.5 K"} <= labels
    nothing = Benchmark("", (), _SIDES, (500.0,), {}, {}, (), ())
    assert distance_plot(nothing) is None
    assert benchmark_plots(nothing) == []


def test_the_terminal_shows_the_same(benchmark_results):
    console = Console(width=200)
    with console.capture() as captured:
        for table in benchmark_tables(benchmark_results):
            console.print(table)
    text = " ".join(captured.get().split())
    for told in ("41.20 ± 0.80", "(2.610 ± 0.030)e-05", "by chance", "0.0110 ± 0.0010"):
        assert told in text
