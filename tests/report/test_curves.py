"""Figures show every curve, with labelled axes, in any number of conditions."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from aiida_superionic.analysis.results import Curve, Surface
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.curves import curve_plots, surface_plots
from aiida_superionic.report.figures import MOST_LINES, MOST_PANELS
from aiida_superionic.report.looks import families


def only(point: PointResult, *names: str) -> PointResult:
    return replace(point, curves={name: point.curves[name] for name in names})


def test_curves_are_grouped_by_what_stands_before_the_species(study: list[PointResult]) -> None:
    found = families(name for condition in conditions(study) for name in condition.curves)
    assert found["radial_distribution"] == [f"radial_distribution_{pair}" for pair in ("Ag_Ag", "Ag_I", "I_I")]
    assert found["friction_integral"] == ["friction_integral_Ag"]


def test_routine_curves_come_first_and_unknown_ones_last() -> None:
    names = ["rotor_angle_a_PS4", "new_thing_Ag", "cage_residence_Ag", "rotor_angle_b_PS4", "radial_distribution_Ag_I"]
    assert list(families(names)) == ["radial_distribution", "cage_residence", "rotor_angle", "new_thing"]
    assert families(names)["rotor_angle"] == ["rotor_angle_a_PS4", "rotor_angle_b_PS4"]


@pytest.mark.parametrize("points", ["study", "scan"])
def test_every_curve_is_drawn_with_labels_and_units(
    points: str, figures: dict[str, Figure], request: pytest.FixtureRequest
) -> None:
    grouped = conditions(request.getfixturevalue(points))
    curve_plots(grouped)
    for family, names in families(name for condition in grouped for name in condition.curves).items():
        axes = figures[family].axes
        curve = grouped[0].curves[names[0]]
        for axis in axes:
            assert axis.get_xlabel() == f"{curve.x_label} ({curve.x_unit})"
            unit = curve.y_unit.replace("^2", "²")
            assert axis.get_ylabel() if unit == "1" else axis.get_ylabel().endswith(f"({unit})")
        drawn = [set(zip(*line.get_data(), strict=True)) for axis in axes for line in axis.lines]
        for condition in grouped:
            for name in names:
                # The noise after the end of a correlation is not drawn.
                points = [*zip(condition.curves[name].x, condition.curves[name].y, strict=True)][20:40]
                assert any(set(points) <= line for line in drawn), (condition.label, name)


def test_replicas_are_drawn_where_there_is_one_condition(study: list[PointResult], figures: dict[str, Figure]) -> None:
    curve_plots(conditions(study))
    drawn = [line.get_ydata() for line in figures["radial_distribution"].axes[0].lines]
    for replica in study:
        assert any(np.array_equal(y, replica.curves["radial_distribution_Ag_I"].y) for y in drawn)


def test_curve_of_a_new_observable_appears(make_point: Callable[..., PointResult], figures: dict[str, Figure]) -> None:
    x = np.linspace(0, 180, 19)
    curve = Curve(x, np.sin(np.radians(x)), "angle", "°", "ρ(θ)", "1/°")
    [plot] = curve_plots(conditions([make_point(1, curves={"angle_distribution_S_S": curve})]))
    assert plot.name == "angle_distribution"
    assert plot.title == "Angle distribution"
    assert plot.description == "Angle distribution of S–S against angle (°)."
    assert figures["angle_distribution"].axes[0].get_xlabel() == "angle (°)"


def test_a_distribution_of_a_single_bin_is_seen(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    point = make_point(1)
    single = Curve(np.array([60.0]), np.array([1.0]), "angle", "degree", "probability density", "1/degree")
    curve_plots(conditions([replace(point, curves={"new_thing_Ag": single})]))
    assert figures["new_thing"].axes[0].lines[-1].get_marker() == "o"


def test_species_that_name_their_axes_apart_share_what_stands_before_the_species(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    x = np.linspace(0, 1, 5)
    curves = {
        f"velocity_autocorrelation_{s}": Curve(x, x, "time", "ps", f"autocorrelation of {s}", "1") for s in ("Ag", "I")
    }
    curve_plots(conditions([make_point(1, curves=curves)]))
    assert figures["velocity_autocorrelation"].axes[0].get_ylabel() == "autocorrelation"
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


def test_many_conditions_are_a_few_lines_that_differ(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    points = [only(make_point(1, float(t)), "cage_residence_Ag") for t in range(500, 1000, 10)]
    [plot] = curve_plots(conditions(points))
    lines = [line for line in figures["cage_residence"].axes[0].lines if len(line.get_xdata()) > 2]
    labels = [line.get_label() for line in lines]
    assert len(lines) == MOST_LINES
    assert (labels[0], labels[-1]) == ("500 K", "990 K")
    assert len({line.get_color() for line in lines}) == MOST_LINES
    assert all(one.get_linestyle() != next_.get_linestyle() for one, next_ in pairwise(lines))
    assert f"{MOST_LINES} of 50 conditions are drawn" in plot.description


def test_many_species_are_a_few_lines_to_a_panel(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    curve = make_point(1).curves["radial_distribution_Ag_I"]
    kinds = ["Li", "P", "S", "B", "H"]
    names = [f"radial_distribution_{a}_{b}" for i, a in enumerate(kinds) for b in kinds[i:]]
    curve_plots(conditions([make_point(1, curves=dict.fromkeys(names, curve))]))
    axes = figures["radial_distribution"].axes
    legends = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in axes if axis.get_legend()]
    assert legends[:2] == [["Li–Li", "Li–P", "Li–S", "Li–B", "Li–H"], ["P–P", "P–S", "P–B", "P–H"]]
    assert axes[-1].get_title(loc="left") == "H–H"


def test_panels_are_capped_and_the_caption_says_so(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    curve = make_point(1).curves["cage_residence_Ag"]
    curves = {f"cage_residence_Ag_{k}": curve for k in "ABCDEFGHIJKLMNOPQRST"}
    [plot] = curve_plots(conditions([make_point(1, t, curves=curves) for t in (600.0, 700.0)]))
    assert len(figures["cage_residence"].axes) == MOST_PANELS
    assert f"{MOST_PANELS} of 20 panels are drawn" in plot.description


def test_size_of_a_figure_does_not_grow_with_the_length_of_its_curve(make_point: Callable[..., PointResult]) -> None:
    rng = np.random.default_rng(0)

    def size(n: int) -> int:
        noise = Curve(np.arange(float(n)), rng.normal(size=n), "frame", "1", "noise", "1", np.ones(n))
        [plot] = curve_plots(conditions([make_point(1, curves={"noise_Ag": noise})]))
        return len(plot.svg)

    assert size(200_000) < 1.2 * size(2_000)


def test_the_extremes_of_a_long_curve_are_drawn(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    y = np.random.default_rng(0).normal(size=20_000)
    y[[7_777, 12_345]] = 50.0, -50.0
    curve_plots(conditions([make_point(1, curves={"noise_Ag": Curve(np.arange(2e4), y, "frame", "1", "y", "1")})]))
    drawn = figures["noise"].axes[0].lines[0].get_ydata()
    assert (drawn.max(), drawn.min(), drawn[0], drawn[-1]) == (50.0, -50.0, y[0], y[-1])


def test_correlation_ends_where_its_noise_begins(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    t = np.linspace(0.0, 10.0, 1001)
    curve = Curve(t, np.where(t <= 2.0, np.cos(t), 1e-3 * np.sin(50 * t)), "time", "ps", "C", "1")
    curve_plots(conditions([make_point(1, curves={"c_Ag": curve})]))
    [axis] = figures["c"].axes
    assert axis.get_xlim() == pytest.approx((0.0, 2.5))
    assert axis.lines[0].get_xdata()[-1] == pytest.approx(2.5)


def test_displacement_is_on_logarithmic_axes_beside_a_line_of_slope_one(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    t = np.linspace(0.0, 10.0, 101)
    label = "time", "ps", "mean squared displacement", "Å^2"
    curves = {"mean_squared_displacement_Ag": Curve(t, 2.0 * t, *label)}
    curve_plots(conditions([make_point(1, curves=curves)]))
    [axis] = figures["mean_squared_displacement"].axes
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    x, y = axis.lines[-1].get_data()
    assert np.log(y[1] / y[0]) == pytest.approx(np.log(x[1] / x[0]))
    curves = {"mean_squared_displacement_I": Curve(t, 1.0 - np.exp(-9.0 * t), *label)}
    curve_plots(conditions([make_point(1, curves=curves)]))
    assert len(figures["mean_squared_displacement"].axes[0].lines) == 1


def test_ions_that_are_held_fixed_leave_the_time_axis_positive(
    make_point: Callable[..., PointResult], figures: dict[str, Figure], recwarn: pytest.WarningsRecorder
) -> None:
    t = np.linspace(0.0, 10.0, 101)
    label = "time", "ps", "mean squared displacement", "Å^2"
    curves = {"mean_squared_displacement_B": Curve(t, np.zeros_like(t), *label)}
    curve_plots(conditions([make_point(1, curves=curves)]))
    [axis] = figures["mean_squared_displacement"].axes
    assert axis.get_xlim() == pytest.approx((0.1, 10.0))
    assert [str(warning.message) for warning in recwarn] == []


def test_trace_of_one_polyanion_is_not_averaged(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    t = np.linspace(0.0, 1.0, 50)
    points = [
        make_point(seed, curves={"rotor_angle_a_PS4": Curve(t, np.sin(9 * seed * t), "time", "ps", "angle", "degree")})
        for seed in (1, 2)
    ]
    curve_plots(conditions(points))
    [axis] = figures["rotor_angle"].axes
    [trace] = [line for line in axis.lines if len(line.get_xdata()) == 50]
    np.testing.assert_array_equal(trace.get_ydata(), np.sin(9 * t))
    assert not axis.collections
    assert (axis.get_title(loc="left"), axis.get_ylabel()) == ("PS₄, axis a", "angle (°)")


def test_bond_does_not_hide_the_rest_of_the_distribution(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    curve = make_point(1).curves["radial_distribution_Ag_I"]
    bonded = replace(curve, y=np.where(np.abs(curve.x - 2.0) < 0.1, 80.0, curve.y))
    [plot] = curve_plots(conditions([make_point(1, curves={"radial_distribution_P_S": bonded})]))
    assert figures["radial_distribution"].axes[0].get_ylim() == (0.0, 10.0)
    assert "higher than 10 is cut off" in plot.description


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
    assert (plot.title, axis.get_title(loc="left")) == ("Self part of the van Hove function", "Ag")
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
