"""The published numbers are those of the papers, found by material and temperature."""

import pytest

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.report.literature import figures_like, literature, literature_figures, references
from aiida_superionic.report.looks import families

AGI = {"material": "alpha-AgI", "temperature": 750.0, "potential": "vashishta-rahman"}


def test_numbers_of_the_paddlewheel_paper() -> None:
    found = {(entry.quantity, entry.method): (entry.value, entry.unit) for entry in references(AGI)}
    assert found == {
        ("friction_coefficient_Ag", "classical FF"): (3.3e-12, "kg/s"),
        ("friction_coefficient_Ag", "DFT"): (2.2e-12, "kg/s"),
        ("friction_coefficient_Ag", "MLP"): (2.5e-12, "kg/s"),
        ("memory_time_Ag", "classical FF"): (134, "fs"),
        ("memory_time_Ag", "DFT"): (53, "fs"),
        ("memory_time_Ag", "MLP"): (60, "fs"),
        ("cage_residence_time_Ag", "classical FF"): (950, "fs"),
        ("cage_residence_time_Ag", "DFT"): (570, "fs"),
        ("cage_residence_time_Ag", "MLP"): (600, "fs"),
        ("dipole_moment_I", "classical FF"): (2, "D"),
        ("dipole_moment_I", "DFT"): (4, "D"),
        ("dipole_moment_I", "MLP"): (4, "D"),
        ("rotor_time_single_I", "classical FF"): (780, "fs"),
        ("rotor_time_single_I", "DFT"): (410, "fs"),
        ("rotor_time_single_I", "MLP"): (530, "fs"),
    }


def test_memory_time_and_friction_agree_with_each_other() -> None:
    # gamma/tau_M is Gamma(0) = <F^2>/(3 kB T), an energy curvature that the models share within a factor of two.
    numbers = {(entry.quantity, entry.method): entry.value for entry in references(AGI)}
    initial = [
        numbers["friction_coefficient_Ag", method] / (numbers["memory_time_Ag", method] * 1e-15)
        for method in ("classical FF", "DFT", "MLP")
    ]
    assert max(initial) < 2 * min(initial)


@pytest.mark.parametrize(("temperature", "matches"), [(749.0, True), (751.0, True), (748.9, False), (600.0, False)])
def test_temperature_matches_within_one_kelvin(temperature: float, matches: bool) -> None:
    assert bool(references(AGI | {"temperature": temperature})) is matches


def test_another_material_has_no_reference() -> None:
    assert references(AGI | {"material": "LiBH4"}) == ()


def test_same_potential_comes_first() -> None:
    assert [entry.potential for entry in references(AGI)[:5]] == ["vashishta-rahman"] * 5
    # For any other potential nothing is preferred, and the order is the file's.
    in_file_order = [entry for entry in literature() if entry.temperature == 750.0]
    assert list(references(AGI | {"potential": "pod"})) == in_file_order


def test_deviation_needs_a_value_in_the_same_unit() -> None:
    reference = references(AGI)[0]
    assert reference.deviation(Scalar(1.1 * reference.value, None, reference.unit)) == pytest.approx(10.0)
    assert reference.deviation(Scalar(1.0, None, "furlong")) is None
    assert reference.deviation(Scalar(None, None, reference.unit, upper_bound=1.0)) is None


def test_families_of_curves_know_the_figures_that_show_them() -> None:
    [told] = figures_like("mean_squared_displacement", [{"material": "LiBH4", "temperature": 750.0}, AGI])
    assert told == "Fig. 3 of “Electronic paddlewheels impact the dynamics of superionic conduction in AgI”"
    assert figures_like("mean_squared_displacement", [AGI | {"temperature": 500.0}]) == []
    assert figures_like("occupancy", [AGI]) == []


@pytest.mark.parametrize("family", sorted({family for paper in literature_figures() for family in paper.figures}))
def test_figures_are_of_families_that_the_page_knows(family: str) -> None:
    # What the page does not know comes last on it.
    assert next(iter(families(["a_family_that_is_new", family]))) == family
