"""Published numbers stand beside ours."""

from collections.abc import Callable
from dataclasses import replace

from matplotlib.figure import Figure

from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.comparison import comparison_plot
from aiida_superionic.report.table import rows


def test_published_and_measured_numbers_stand_side_by_side(
    study: list[PointResult], figures: dict[str, Figure]
) -> None:
    [condition] = conditions(study)
    assert comparison_plot(rows([condition])) is not None
    axes = figures["comparison"].axes
    assert [axis.get_title().replace("\n", " ") for axis in axes] == [
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


def test_the_same_published_numbers_stand_once_under_all_that_they_belong_to(
    make_point: Callable[..., PointResult], figures: dict[str, Figure]
) -> None:
    points = [
        make_point(1, label=f"alpha-AgI · {potential} · 750 K · UC · seed 1", specification=specification)
        for potential in ("vashishta-rahman", "student", "forces")
        for specification in [make_point(1).specification | {"potential": potential}]
    ]
    points[2] = replace(points[2], observables={"temperature": points[2].observables["temperature"]})
    assert comparison_plot(rows(conditions(points))) is not None
    # What has measured nothing that was published is left out.
    assert [label.get_text() for label in figures["comparison"].axes[0].get_yticklabels()] == [
        "this work, vashishta-rahman",
        "this work, student",
        "published, classical FF",
        "published, DFT",
        "published, MLP",
    ]


def test_nothing_published_is_no_comparison(make_point: Callable[..., PointResult]) -> None:
    assert comparison_plot(rows(conditions([make_point(1, 623.0)]))) is None
    assert comparison_plot([]) is None
