"""Modes side by side, from made-up runs."""

import math

import pytest

from aiida_superionic.analysis.mode_comparison import CONDUCTIVITY, compare_modes
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.units import BOLTZMANN


def runs(barriers, temperatures=(500.0, 1000.0), relative_error=0.1):
    """Return one run of each mode and temperature whose σT follows the Arrhenius equation."""
    for temperature in temperatures:
        for mode, barrier in barriers.items():
            sigma = 1e6 / temperature * math.exp(-barrier / (BOLTZMANN * temperature))
            yield temperature, mode, 1, {CONDUCTIVITY: Scalar(sigma, relative_error * sigma, "mS/cm")}


def test_activation_energies_are_those_that_made_the_conductivities():
    found = compare_modes(runs({"UC": 0.2, "RC": 0.3}))
    assert found["activation_energy_UC"].value == pytest.approx(0.2)
    assert found["activation_energy_RC"].value == pytest.approx(0.3)
    # Two points of error s each: the slope's error is s √2 over their distance in 1/(k_B T).
    distance = (1 / 500.0 - 1 / 1000.0) / BOLTZMANN
    assert found["activation_energy_UC"].error == pytest.approx(0.1 * math.sqrt(2.0) / distance)
    assert math.exp(found["log_prefactor_UC"].value) == pytest.approx(1e6)
    decrease = found["log_conductivity_decrease_rotation_500K"].value
    assert decrease == pytest.approx(0.1 / (BOLTZMANN * 500.0) / math.log(10.0))


def test_one_temperature_has_no_activation_energy():
    assert not any(name.startswith("activation") for name in compare_modes(runs({"UC": 0.2}, (500.0,))))


def test_replicas_share_a_mean_and_bounds_stay_bounds():
    given = [(550.5, "UC", n, {CONDUCTIVITY: Scalar(value, 0.1, "mS/cm")}) for n, value in enumerate((1.0, 3.0))]
    given.append((550.5, "RC", 0, {CONDUCTIVITY: Scalar(None, None, "mS/cm", upper_bound=0.02)}))
    found = compare_modes(given)
    mean = found["conductivity_nernst_einstein_UC_550_5K"]
    assert (mean.value, mean.error) == (pytest.approx(2.0), pytest.approx(1.0))
    assert found["log_conductivity_decrease_rotation_550_5K"].lower_bound == pytest.approx(2.0)


def test_the_band_centre_shifts_by_what_is_held():
    given = [
        (
            600.0,
            mode,
            1,
            {"band_centre_Na": Scalar(value, 0.3, "THz"), "band_centre_sensitivity_Na": Scalar(1.0, None, "THz")},
        )
        for mode, value in (("UC", 3.0), ("RTVC", 2.5))
    ]
    shift = compare_modes(given)["band_centre_shift_Na_600K"]
    assert shift.value == pytest.approx(0.5)
    assert shift.error == pytest.approx(0.3 * math.sqrt(2.0))
    assert "band_centre_shift_sensitivity_Na_600K" not in compare_modes(given)
