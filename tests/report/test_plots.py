"""Figures show every curve, with labelled axes, in any number of conditions."""

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from aiida_superionic.analysis.results import Curve, Surface
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report import plots
from aiida_superionic.report.plots import comparison_plot, curve_families, curve_plots, surface_plots
from aiida_superionic.report.table import rows


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Keep each figure that is drawn, by its name."""
    drawn: dict[str, Figure] = {}
    write = plots._svg

    def keep(figure: Figure, name: str) -> str:
        drawn[name] = figure
        return write(figure, name)

    monkeypatch.setattr(plots, "_svg", keep)
    return drawn


def only(point: PointResult, *names: str) -> PointResult:
    return replace(point, curves={name: point.curves[name] for name in names})


def test_curves_are_grouped_by_what_stands_before_the_species(study: list[PointResult]) -> None:
    families = curve_families(conditions(study))
    assert families["radial_distribution"] == [f"radial_distribution_{pair}" for pair in ("Ag_Ag", "Ag_I", "I_I")]
    assert families["friction_integral"] == ["friction_integral_Ag"]


@pytest.mark.parametrize("points", ["study", "scan"])
def test_every_curve_is_drawn_with_labels_and_units(
    points: str, figures: dict[str, Figure], request: pytest.FixtureRequest
) -> None:
    grouped = conditions(request.getfixturevalue(points))
    curve_plots(grouped)
    for family, names in curve_families(grouped).items():
        axes = figures[family].axes
        curve = grouped[0].curves[names[0]]
        for axis in axes:
            assert axis.get_xlabel() == f"{curve.x_label} ({curve.x_unit})"
            unit = curve.y_unit.replace("^2", "²")
            assert axis.get_ylabel() if unit == "1" else axis.get_ylabel().endswith(f"({unit})")
        drawn = [line.get_ydata() for axis in axes for line in axis.lines]
        for condition in grouped:
            for name in names:
                y = condition.curves[name].y
                assert any(np.array_equal(data, y) for data in drawn), (condition.label, name)
                for replica in condition.finished:
                    assert any(np.array_equal(data, replica.curves[name].y) for data in drawn)


def test_curve_of_a_new_observable_appears(make_point: Callable[..., PointResult], figures: dict[str, Figure]) -> None:
    x = np.linspace(0, 180, 19)
    curve = Curve(x, np.sin(np.radians(x)), "angle", "°", "ρ(θ)", "1/°")
    [plot] = curve_plots(conditions([make_point(1, curves={"angle_distribution_S_S": curve})]))
    assert plot.name == "angle_distribution"
    assert plot.title == "Angle distribution"
    assert plot.description == "Angle distribution of S–S against angle (°)."
    assert figures["angle_distribution"].axes[0].get_xlabel() == "angle (°)"


def test_species_that_name_their_axes_apart_share_the_name_of_the_family(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    x = np.linspace(0, 1, 5)
    curves = {
        f"velocity_autocorrelation_{s}": Curve(x, x, "time", "ps", f"autocorrelation of {s}", "1") for s in ("Ag", "I")
    }
    curve_plots(conditions([make_point(1, curves=curves)]))
    assert figures["velocity_autocorrelation"].axes[0].get_ylabel() == "velocity autocorrelation"
    curve_plots(conditions([make_point(1, curves=curves), make_point(1, 600.0, curves=curves)]))
    labels = [axis.get_ylabel() for axis in figures["velocity_autocorrelation"].axes]
    assert labels == ["autocorrelation of Ag", "autocorrelation of I"]


def test_spectrum_ends_after_its_highest_mode(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    frequency = np.linspace(0, 100, 1001)
    spectrum = np.where(frequency <= 8.0, 1.0, 0.0)
    curve_plots(conditions([make_point(1, curves={"s_Ag": Curve(frequency, spectrum, "frequency", "THz", "S", "ps")})]))
    assert figures["s"].axes[0].get_xlim() == pytest.approx((0.0, 10.0))
    curve_plots(
        conditions([make_point(1, curves={"s_Ag": Curve(frequency, 0 * frequency, "frequency", "THz", "S", "ps")})])
    )
    assert figures["s"].axes[0].get_xlim() == pytest.approx((0.0, 100.0))


def test_friction_is_marked_on_its_integral(study: list[PointResult], figures: dict[str, Figure]) -> None:
    [condition] = conditions(study)
    curve_plots([condition])
    [axis] = figures["friction_integral"].axes
    expected = condition.observables["friction_coefficient_Ag"].value
    assert any(np.array_equal(line.get_ydata(), [expected, expected]) for line in axis.lines)


def test_error_bands_are_one_standard_error(study: list[PointResult], figures: dict[str, Figure]) -> None:
    [condition] = conditions(study)
    curve_plots([condition])
    curve = condition.curves["force_spectrum_Ag"]
    assert curve.error is not None
    [band] = figures["force_spectrum"].axes[0].collections
    [path] = band.get_paths()
    edges = {tuple(vertex) for vertex in path.vertices}
    assert set(zip(curve.x, curve.y + curve.error, strict=True)) <= edges
    assert set(zip(curve.x, curve.y - curve.error, strict=True)) <= edges


def test_many_conditions_have_many_colours(make_point: Callable[..., PointResult], figures: dict[str, Figure]) -> None:
    points = [only(make_point(1, float(t)), "mean_squared_displacement_Ag") for t in range(500, 1000, 50)]
    curve_plots(conditions(points))
    colours = [
        line.get_color() for line in figures["mean_squared_displacement"].axes[0].lines if len(line.get_xdata()) > 2
    ]
    assert len(set(colours)) == len(points)


def test_legend_lies_within_the_figure(make_point: Callable[..., PointResult], figures: dict[str, Figure]) -> None:
    long = "a potential with quite a long name"
    wanted = "radial_distribution_Ag_I", "radial_distribution_I_I", "friction_integral_Ag"
    points = [only(make_point(1, label=f"alpha-AgI · {long} {i} · seed 1"), *wanted) for i in range(9)]
    for i, point in enumerate(points):
        point.specification["potential"] = f"{long} {i}"
    curve_plots(conditions(points))
    for name, figure in figures.items():
        box = figure.legends[0].get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width, name
        assert box.y0 >= 0, name


def test_published_and_measured_numbers_stand_side_by_side(
    study: list[PointResult], figures: dict[str, Figure]
) -> None:
    [condition] = conditions(study)
    assert comparison_plot(rows([condition])) is not None
    axes = figures["comparison"].axes
    assert [axis.get_title() for axis in axes] == [
        "Friction coefficient (Ag)",
        "Memory time (Ag)",
        "Cage residence time (Ag)",
    ]
    assert axes[0].get_xlabel() == "10⁻¹² kg/s"
    drawn = {round(float(x), 6) for line in axes[0].lines for x in line.get_xdata()}
    assert {3.3, 2.2, 2.5} <= drawn
    value = condition.observables["friction_coefficient_Ag"].value
    assert value is not None
    assert round(value * 1e12, 6) in drawn


def test_nothing_published_is_no_comparison(make_point: Callable[..., PointResult]) -> None:
    assert comparison_plot(rows(conditions([make_point(1, 623.0)]))) is None
    assert comparison_plot([]) is None


def test_svg_is_well_formed_the_same_every_time_and_in_the_colour_of_the_page(study: list[PointResult]) -> None:
    first, second = curve_plots(conditions(study)), curve_plots(conditions(study))
    assert first == second
    for plot in first:
        ElementTree.fromstring(plot.svg)  # noqa: S314 - our own output
        assert "currentColor" in plot.svg
    identifiers = [found for plot in first for found in re.findall(r'\bid="([^"]+)"', plot.svg)]
    assert len(identifiers) == len(set(identifiers))
    for plot in first:
        own = set(re.findall(r'\bid="([^"]+)"', plot.svg))
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', plot.svg)) <= own


def test_text_is_never_read_as_a_formula_or_as_markup(make_point: Callable[..., PointResult]) -> None:
    points = [make_point(1, label=r"$\frac{1$ --> <script> · seed 1"), make_point(1, 600.0, label="b$ · seed 1")]
    for plot in curve_plots(conditions(points)):
        assert "script" not in plot.svg
        ElementTree.fromstring(plot.svg)  # noqa: S314 - our own output


def test_curve_name_cannot_leave_its_attribute(make_point: Callable[..., PointResult]) -> None:
    curve = make_point(1).curves["cage_residence_Ag"]
    [plot] = curve_plots(conditions([make_point(1, curves={'x"><script>_Ag': curve})]))
    assert "script>" not in plot.svg


def some_surface(n_y: int) -> Surface:
    x, y = np.linspace(0.0, 5.0, 40), np.linspace(0.0, 180.0, n_y)
    z = np.outer(x, 1.0 + y)
    return Surface(x, y, z, "distance", "Å", "angle", "°", "density", "1/Å^3", 0.1 * z)


def test_surface_of_few_values_is_lines_with_their_errors(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    surface = some_surface(5)
    [plot] = surface_plots(conditions([make_point(1, surfaces={"van_hove_self_Ag": surface})]))
    [axis] = figures["van_hove_self"].axes
    assert (plot.title, axis.get_title(loc="left")) == ("Van hove self", "Ag")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("distance (Å)", "density (1/Å³)")
    lines = [line for line in axis.get_lines() if len(line.get_xdata()) == 40]
    for k, line in enumerate(lines):
        np.testing.assert_array_equal(line.get_ydata(), surface.z[:, k])
    assert [text.get_text() for text in figures["van_hove_self"].legends[0].get_texts()] == [
        "angle 0 °",
        "angle 45 °",
        "angle 90 °",
        "angle 135 °",
        "angle 180 °",
    ]
    assert len(axis.collections) == 5


def test_surface_of_many_values_is_a_map_in_every_condition(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    surface = some_surface(60)
    points = [make_point(1, T, surfaces={"angular_distribution_Ag_X_I": surface}) for T in (600.0, 750.0)]
    [plot] = surface_plots(conditions(points))
    assert plot.wide
    maps = [axis for axis in figures["angular_distribution"].axes if axis.get_xlabel()]
    assert [axis.get_title(loc="left") for axis in maps] == ["Ag–X–I, 600 K", "Ag–X–I, 750 K"]
    for axis in maps:
        assert (axis.get_xlabel(), axis.get_ylabel()) == ("distance (Å)", "angle (°)")
        [mesh] = axis.collections
        np.testing.assert_array_equal(np.asarray(mesh.get_array()).reshape(60, 40), surface.z.T)
        assert mesh.norm.vmin == 0.0
    bars = [axis.get_ylabel() for axis in figures["angular_distribution"].axes if axis not in maps]
    assert bars == ["density (1/Å³)"] * 2
    assert plot.svg.count("<image") >= 2  # the maps themselves; shapes would be megabytes


def test_map_of_nothing_is_drawn(make_point: Callable[..., PointResult]) -> None:
    surface = replace(some_surface(60), z=np.zeros((40, 60)))
    assert len(surface_plots(conditions([make_point(1, surfaces={"map": surface})]))) == 1
