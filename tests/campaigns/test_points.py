"""The points of a campaign: their number and order, and a hash that depends on the meaning and not the spelling."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_superionic.campaigns.points import PointSpecification, expand
from aiida_superionic.campaigns.spec import Campaign

BASE = {
    "campaign": "study",
    "structure": {"material": "alpha-AgI", "supercell": [3, 3, 3]},
    "potentials": ["vashishta-rahman"],
    "temperatures": [600, 750],
    "constraints": ["UC"],
    "replicas": 3,
    "seed": 5,
    "md": {"protocol": "fast", "production": "100 ps"},
    "observables": ["diffusion", {"friction": {"longest_lag": 3.0}}],
}


def points(**changes):
    return expand(Campaign.model_validate({**BASE, **changes}))


def hashes(**changes):
    return [point.hash for point in points(**changes)]


def stored_as_aiida_does(value):
    """Round floats to the 14 significant digits that AiiDA keeps, which turns some of them into integers."""
    if isinstance(value, dict):
        return {key: stored_as_aiida_does(item) for key, item in value.items()}
    if isinstance(value, list):
        return [stored_as_aiida_does(item) for item in value]
    if isinstance(value, float):
        number = float(f"{value:.14g}")
        return int(number) if number.is_integer() else number
    return value


def test_points_are_the_product_in_the_order_of_the_file():
    assert [(point.temperature, point.seed) for point in points()] == [
        (600, 5), (600, 6), (600, 7), (750, 5), (750, 6), (750, 7),
    ]  # fmt: skip
    assert [point.temperature for point in points(temperatures=[750, 600], replicas=1)] == [750, 600]


def test_a_point_says_everything_that_was_asked_for():
    assert json.loads(points()[3].canonical_json) == {
        "version": 1,
        "material": "alpha-AgI",
        "supercell": [3, 3, 3],
        "potential": "vashishta-rahman",
        "temperature": 750,
        "constraint": "UC",
        "seed": 5,
        "md": {
            "checkpoint_interval": 10,
            "equilibration": 10,
            "production": 100,
            "sampling_interval": 0.005,
            "thermo_interval": 0.05,
            "thermostat_damping": 0.1,
            "timestep": 0.0005,
        },
        "observables": {"diffusion": {}, "friction": {"longest_lag": 3}},
    }


def test_the_hash_is_the_same_in_every_version():
    # The graphs that people keep know their points by this number.
    assert points()[3].hash == "34ad1d1554def0962a3a4af758c1563143563d4afa5d8eb4c8eceb7589827dca"


def test_lattice_constants_stand_in_the_label():
    structure = {**BASE["structure"], "lattice_constants": [5, 5.0855, 5.1]}
    assert points(structure=structure)[0].label.startswith("alpha-AgI 3x3x3 at 5 5.0855 5.1 Å · vashishta-rahman")
    assert points()[0].label.startswith("alpha-AgI 3x3x3 · vashishta-rahman")


def test_campaigns_share_points_whatever_their_names_and_sizes():
    assert hashes(campaign="another", temperatures=[750]) == hashes()[3:]
    assert hashes(seed=6, replicas=2, temperatures=[600]) == hashes()[1:3]


@pytest.mark.parametrize(
    "change",
    [
        {"structure": {"material": "alpha-AgI", "supercell": [3, 3, 4]}},
        {"structure": {"material": "alpha-AgI", "supercell": [3, 3, 3], "lattice_constants": [5.1, 5.1, 5.1]}},
        {"temperatures": [600.001, 750.001]},
        {"seed": 8},
        {"md": {"protocol": "balanced", "production": "100 ps"}},
        {"md": {"protocol": "fast", "production": "100.01 ps"}},
        {"md": {"protocol": "fast", "equilibration": "100 ps"}},
        {"md": {"protocol": "fast"}},
        {"md": {"protocol": "fast", "production": "100 ps", "ensemble": "nvt"}},
        {"observables": ["diffusion", "friction"]},
        {"observables": ["diffusion", {"friction": {"longest_lag": 3.1}}]},
        {"observables": [{"friction": {"longest_lag": 3.0}}]},
    ],
)
def test_whatever_changes_the_result_changes_every_hash(change):
    assert not set(hashes(**change)) & set(hashes())


def test_the_points_of_a_campaign_are_all_different():
    assert len(set(hashes(replicas=50))) == 100


@given(st.integers(1, 10_000_000).map(lambda steps: Decimal(steps) / 2000), st.integers(-3, 3))
def test_a_time_has_the_same_hash_in_every_unit(picoseconds, shift):
    spellings = [f"{picoseconds} ps", f"{picoseconds * 1000} fs", f"{picoseconds.scaleb(-3)} ns"]
    spellings.append(f"{picoseconds.scaleb(shift):f}e{-shift}ps")
    found = {tuple(hashes(md={"production": spelling})) for spelling in spellings}
    assert len(found) == 1


@given(st.integers(1, 10_000))
def test_whole_temperatures_hash_alike_as_integers_and_floats(temperature):
    assert hashes(temperatures=[temperature]) == hashes(temperatures=[float(temperature)])


@given(st.permutations(["diffusion", "vibrations", "temperature", {"friction": {"fit_start": 1, "fit_end": 9}}]))
def test_the_order_of_observables_is_no_part_of_the_hash(requests):
    expected = hashes(
        observables=["diffusion", "temperature", "vibrations", {"friction": {"fit_end": 9.0, "fit_start": 1}}]
    )
    assert hashes(observables=requests) == expected


@given(
    st.floats(0.0, 1e4, exclude_min=True),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(1, 10**8).map(lambda steps: steps / 2000),
)
def test_a_stored_point_keeps_its_hash(temperature, lag, production):
    (point,) = points(
        replicas=1,
        temperatures=[temperature],
        md={"production": f"{production!r} ps"},
        observables=[{"friction": {"longest_lag": lag}}],
    )
    stored = json.loads(json.dumps(stored_as_aiida_does(point.model_dump(mode="json"))))
    assert PointSpecification.model_validate(stored).hash == point.hash


def test_a_stored_point_with_a_list_keeps_its_hash():
    lists = [[1, 2.5, 1 / 3], [1.0, 2.5, 1 / 3]]
    one, other = (points(observables=[{"van_hove": {"times": times}}])[0] for times in lists)
    stored = stored_as_aiida_does(json.loads(one.canonical_json))
    assert stored["observables"] == {"van_hove": {"times": [1, 2.5, 0.333333333333]}}
    assert PointSpecification.model_validate(stored).hash == one.hash == other.hash


def test_the_label_reads_as_people_speak():
    assert points()[3].label == "alpha-AgI 3x3x3 · vashishta-rahman · 750 K · UC · seed 5"
    assert points(temperatures=[750.5])[0].label == "alpha-AgI 3x3x3 · vashishta-rahman · 750.5 K · UC · seed 5"
    held = PointSpecification.model_validate({**points()[0].model_dump(), "constraint": "RC", "rotors": ["PS4"]})
    assert held.label == "alpha-AgI 3x3x3 · vashishta-rahman · 600 K · RC PS4 · seed 5"


@pytest.mark.parametrize("text", ["x\nshell rm", "$(ls)", "a;b", "", "a b", "x\n", "-x", "é"])
@pytest.mark.parametrize("field", ["material", "potential", "constraint"])
def test_no_text_but_a_plain_name_fits_into_a_point(field, text):
    with pytest.raises(ValueError, match="pattern"):
        PointSpecification.model_validate({**points()[0].model_dump(), field: text})


def test_a_point_does_not_depend_on_how_its_settings_were_asked_for():
    assert hashes(md={"protocol": "fast"}) == hashes(
        md={"protocol": "balanced", "equilibration": "10 ps", "production": "60 ps"}
    )
