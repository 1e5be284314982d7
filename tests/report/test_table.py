"""Rows for the terminal, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.table import (
    csv_text,
    headline_quantities,
    json_text,
    quantities,
    quantity_tables,
    rows,
    split_labels,
    temperature_table,
    terminal_table,
)

GAMMA = "friction_coefficient_Ag"


def shown(renderable: RenderableType, width: int = 160) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def gamma(value: float | None, error: float | None, upper_bound: float | None = None) -> dict[str, dict[str, object]]:
    return {GAMMA: {"value": value, "error": error, "unit": "kg/s", "upper_bound": upper_bound}}


def test_terminal_table_has_the_number_and_the_published_one_beside_it(make_point: Callable[..., PointResult]) -> None:
    point = make_point(1, observables=gamma(3.12e-12, 0.15e-12))
    text = shown(terminal_table(rows(conditions([point]))))
    assert "Friction coefficient (Ag), kg/s" in text
    assert "(3.12 ± 0.15)e-12" in text
    assert "3.3e-12 (−5 %)" in text
    assert "1/1" in text


def test_other_potential_is_compared_with_all_and_with_none_as_its_own(make_point: Callable[..., PointResult]) -> None:
    point = make_point(1, observables=gamma(2.2e-12, 1e-13))
    point.specification["potential"] = "pod"
    [row] = rows(conditions([point]))
    assert row.cells[0].closest is None
    text = shown(terminal_table([row]))
    assert "DFT 2.2e-12 (0 %)" in text
    assert "classical FF 3.3e-12 (−33 %)" in text


def test_of_many_replicas_only_the_temperatures_that_are_off_are_shown(make_point: Callable[..., PointResult]) -> None:
    measured = {7: 800.0, 8: 780.0, 9: None}
    points = [
        make_point(seed, observables={"temperature": {"value": measured.get(seed, 751.0), "error": 1.0, "unit": "K"}})
        for seed in range(1, 102)
    ]
    text = shown(temperature_table(conditions(points)))
    assert "800.0 ± 1.0" in text
    assert "780.0" not in text
    assert "100 others are within 5% of what was set" in text
    assert shown(temperature_table(conditions(points[:100]))).count("finished") == 100


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_narrow_terminal_never_cuts_a_number(study: list[PointResult], width: int) -> None:
    assert "…" not in shown(terminal_table(rows(conditions(study))), width)
    assert "…" not in shown(temperature_table(conditions(study)), width)


def test_temperature_of_each_replica_is_shown(scan: list[PointResult]) -> None:
    text = shown(temperature_table(conditions(scan)))
    for point in scan:
        if point.state == "finished":
            assert f"{point.observables['temperature']['value']:.1f} ± 1.4" in text
    assert "failed: the host lattice has melted" in text
    assert "missing" in text


def test_default_columns_are_those_that_have_been_published(study: list[PointResult]) -> None:
    [row] = rows(conditions(study))
    assert [cell.quantity for cell in row.cells] == [
        "diffusion_coefficient_Ag",
        "friction_coefficient_Ag",
        "memory_time_Ag",
        "cage_residence_time_Ag",
    ]


def test_unpublished_quantities_are_all_shown(make_point: Callable[..., PointResult]) -> None:
    entry = {"value": 1.0, "error": 0.1, "unit": "1", "upper_bound": None}
    [row] = rows(conditions([make_point(1, observables={"zeta_Li": entry, "alpha_Li": entry, "temperature": entry})]))
    assert [cell.quantity for cell in row.cells] == ["alpha_Li", "zeta_Li"]


def test_unknown_column_is_refused_with_the_nearest(study: list[PointResult]) -> None:
    with pytest.raises(ValueError, match=r"memory_tme_Ag.*did you mean memory_time_Ag"):
        rows(conditions(study), ["memory_tme_Ag"])


def test_csv_reads_back_in_full_precision(scan: list[PointResult]) -> None:
    grouped = conditions(scan)
    lines = list(csv.DictReader(io.StringIO(csv_text(rows(grouped)))))
    assert len(lines) == len(grouped)
    for line, condition in zip(lines, grouped, strict=True):
        scalar = condition.observables[GAMMA]
        assert line["condition"] == condition.label
        assert float(line[f"{GAMMA} [kg/s]"]) == scalar.value
        assert float(line[f"{GAMMA} error"]) == scalar.error
        assert line[f"{GAMMA} upper_bound"] == ""
        assert int(line["finished"]) == int(line[f"{GAMMA} replicas"]) == len(condition.finished)
    assert [line[f"{GAMMA} published"] for line in lines] == ["", "", "3.3e-12"]


def test_json_reads_back_with_bounds_and_every_published_number(make_point: Callable[..., PointResult]) -> None:
    points = [make_point(1, observables=gamma(None, None, 1e-12)), make_point(2, observables=gamma(5e-13, 1e-13))]
    [entry] = json.loads(json_text(rows(conditions(points))))
    found = entry["observables"][GAMMA]
    assert (found["value"], found["error"], found["upper_bound"]) == (None, None, 1e-12)
    assert found["replicas"] == 1
    assert [(p["method"], p["deviation_percent"]) for p in found["published"]] == [
        ("classical FF", None),
        ("DFT", None),
        ("MLP", None),
    ]
    assert [p["uuid"] for p in entry["points"]] == [p.uuid for p in points]


def test_json_deviation_is_exact(make_point: Callable[..., PointResult]) -> None:
    [entry] = json.loads(json_text(rows(conditions([make_point(1, observables=gamma(3.3e-12 * 1.25, 1e-13))]))))
    assert entry["observables"][GAMMA]["published"][0]["deviation_percent"] == pytest.approx(25.0)


def test_text_is_the_same_every_time(scan: list[PointResult]) -> None:
    first, second = rows(conditions(scan)), rows(conditions(scan))
    assert csv_text(first) == csv_text(second)
    assert json_text(first) == json_text(second)
    assert shown(terminal_table(first)) == shown(terminal_table(second))


def test_no_results_is_a_table_without_numbers(make_point: Callable[..., PointResult]) -> None:
    table = rows(conditions([make_point(1, state="running"), make_point(2, state="missing")]))
    assert "0/2" in shown(terminal_table(table))
    assert shown(terminal_table([]))
    assert csv_text([]).count("\n") == 1
    assert json.loads(json_text([])) == []


def test_labels_are_split_into_what_is_shared_and_what_is_not(scan: list[PointResult]) -> None:
    grouped = conditions(scan)
    assert split_labels(grouped) == ("alpha-AgI 3x3x3 · vashishta-rahman · UC", ["600 K", "675 K", "750 K"])
    assert split_labels(grouped[:1]) == (grouped[0].label, [""])


def test_markup_in_a_label_is_shown_as_it_stands(make_point: Callable[..., PointResult]) -> None:
    points = [make_point(1, label="[red]a[/red] · seed 1"), make_point(1, 600.0, label="[link=x]b · seed 1")]
    text = shown(terminal_table(rows(conditions(points))))
    assert "[red]a[/red]" in text
    assert "[link=x]b" in text


def test_every_quantity_stands_on_a_line_of_its_own_under_each_condition(scan: list[PointResult]) -> None:
    found = conditions(scan)
    [table] = quantity_tables(found)
    assert table.row_count == len(quantities(found))
    assert len(table.columns) == 1 + len(found)
    assert "Temperature, K" in shown(table, width=300)


def test_a_table_leaves_out_what_none_of_its_conditions_has(make_point: Callable[..., PointResult]) -> None:
    points = [make_point(1, temperature=100.0 * number) for number in range(1, 6)]
    points[4] = replace(points[4], observables={"temperature": points[4].observables["temperature"]})
    first, second = quantity_tables(conditions(points))
    assert first.row_count > second.row_count == 1
    assert "Temperature, K" in shown(second)


def test_many_conditions_stand_in_tables_below_each_other(make_point: Callable[..., PointResult]) -> None:
    found = conditions([make_point(1, temperature=100.0 * number) for number in range(1, 7)])
    tables = list(quantity_tables(found))
    assert [len(table.columns) - 1 for table in tables] == [4, 2]
    assert [[column.header.plain for column in table.columns[1:]] for table in tables] == [
        ["100 K", "200 K", "300 K", "400 K"],
        ["500 K", "600 K"],
    ]


def test_without_published_numbers_transport_comes_first(make_point: Callable[..., PointResult]) -> None:
    number = {"value": 1.0, "error": 0.1, "unit": "1", "upper_bound": None}
    names = [
        "angular_velocity_spread_PS4",
        "cage_cutoff_Li",
        "haven_ratio",
        "reorientation_frequency_PS4",
        "temperature",
    ]
    found = conditions([make_point(1, observables=dict.fromkeys(names, number))])
    assert headline_quantities(found) == ["haven_ratio", "reorientation_frequency_PS4"]
    found = conditions([make_point(1, observables=dict.fromkeys(["cage_cutoff_Li", "temperature"], number))])
    assert headline_quantities(found) == ["cage_cutoff_Li"]
