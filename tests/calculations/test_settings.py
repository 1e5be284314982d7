"""The settings of a stage, and the state it starts from: only numbers, symbols and file names come through."""

import pytest
from pydantic import ValidationError

from aiida_superionic.calculations.settings import MdSettings, Start

HOSTILE = [
    "Ag\nshell rm -rf .",
    "Ag\n",
    "\nAg",
    "Ag\r",
    "$(shell)",
    "${HOME}",
    "`rm`",
    "Ag; quit",
    "Ag & jump",
    'Ag"',
    "'Ag'",
    "Ag #",
    "Ag I",
    "",
    "../Ag",
    "Ag\x00",
    "Аg",  # the first letter is Cyrillic
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", sorted(set(MdSettings.model_fields) - {"mobile"}))
def test_hostile_text_is_no_setting(settings, field, text):
    with pytest.raises(ValidationError, match=field):
        settings(**{field: text})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_no_species(settings, text):
    with pytest.raises(ValidationError, match="not a chemical symbol"):
        settings(mobile=[text])


@pytest.mark.parametrize(
    "text", [*HOSTILE, "checkpoint.0.restart\n", "a/b", "/etc/passwd", "..", ".hidden", "a..b", "-in"]
)
def test_hostile_text_is_no_file(text):
    with pytest.raises(ValidationError, match="file"):
        Start(file=text, step=0)
    with pytest.raises(ValidationError, match="trajectory"):
        Start(file="checkpoint.0.restart", step=1, trajectory=(text,))


@pytest.mark.parametrize("field", ["duration", "sampling_interval", "thermo_interval", "checkpoint_interval"])
@pytest.mark.parametrize("interval", [0.00075, 0.0001])
def test_intervals_are_whole_steps(settings, field, interval):
    with pytest.raises(
        ValidationError, match=f"{field} is {interval} ps, not a whole number of timesteps of 0.0005 ps"
    ):
        settings(**{field: interval})


def test_decimal_fractions_are_whole_steps(settings):
    # 0.3 / 0.0001 is 2999.9999999999995 in binary.
    assert settings(timestep=0.0001, duration=0.3).steps("duration") == 3000
    assert settings(duration=1000.0).steps("duration") == 2_000_000


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, 0.0])
@pytest.mark.parametrize(
    "field",
    ["temperature", "duration", "timestep", "thermostat_damping", "barostat_damping", "sampling_interval",
     "thermo_interval", "checkpoint_interval", "host_displacement_limit"],
)  # fmt: skip
def test_numbers_are_positive_and_finite(settings, field, number):
    with pytest.raises(ValidationError, match=field):
        settings(**{field: number})


def test_pressure_may_be_negative_but_not_infinite(settings):
    assert settings(pressure=-100.0).pressure == -100.0
    with pytest.raises(ValidationError, match="pressure"):
        settings(pressure=float("inf"))


def test_an_unknown_key_is_refused(settings):
    with pytest.raises(ValidationError, match="temprature"):
        settings(temprature=300.0)


@pytest.mark.parametrize("charges", [{"Xx": 1.0}, {"Ag": float("nan")}, {"Ag": "one"}, ["Ag"]])
def test_formal_charges_are_numbers_by_species(settings, charges):
    with pytest.raises(ValidationError, match="formal_charges"):
        settings(formal_charges=charges)


@pytest.mark.parametrize("mobile", [[], ["Ag", "Ag"], "Ag"])
def test_mobile_names_each_species_once(settings, mobile):
    with pytest.raises(ValidationError, match="mobile"):
        settings(mobile=mobile)


def test_settings_survive_the_database(settings):
    given = settings(sampling_interval=0.005, formal_charges={"Ag": 1, "I": -1})
    assert MdSettings.model_validate(given.model_dump(mode="json")) == given


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ({"step": 10, "energy": -1.0}, "keeps its energy"),
        ({"step": 0, "trajectory": ["trajectory.0.bin"]}, "no trajectory yet"),
        ({"step": -1}, "step"),
        ({"step": 0, "energy": float("nan")}, "energy"),
        ({"step": 0, "energy": "0; quit"}, "energy"),
        ({"step": 0, "command": "quit"}, "command"),
    ],
)
def test_inconsistent_starts_are_refused(start, told):
    with pytest.raises(ValidationError, match=told):
        Start(file="checkpoint.0.restart", **start)


def test_a_held_body_has_no_pressure(settings):
    for mode in ("RTC", "RTVC"):
        with pytest.raises(ValueError, match=f"npt with {mode}: bodies that are held in place leave no pressure"):
            settings(ensemble="npt", constraint={"mode": mode})
    assert settings(ensemble="npt", constraint={"mode": "RC"}).constraint.mode == "RC"


def test_langevin_dynamics_is_a_part_of_the_stage(settings):
    assert settings().langevin_steps == 0
    assert settings(langevin_duration=0.1).langevin_steps == 200
    with pytest.raises(ValueError, match=r"langevin_duration is 0\.3 ps of a duration of 0\.2 ps"):
        settings(langevin_duration=0.3)
