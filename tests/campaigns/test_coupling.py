"""What motions contribute, from conditions that differ in what is held."""

import math

import pytest

from aiida_superionic.analysis.mode_comparison import CONDUCTIVITY
from aiida_superionic.campaigns.coupling import couplings
from aiida_superionic.campaigns.results import PointResult, conditions


def point(mode, sigma, temperature=1100.0, seed=1, upper_bound=None):
    rotors = [] if mode == "UC" else ["PO4"]
    entry = {"value": sigma, "error": 1.0, "unit": "mS/cm", "upper_bound": upper_bound}
    return PointResult(
        label=f"gamma-Na3PO4 2x2x2 · pedone · {temperature:g} K · {' '.join([mode, *rotors])} · seed {seed}",
        specification={"temperature": temperature, "constraint": mode, "rotors": rotors, "seed": seed},
        uuid=None,
        pk=None,
        state="finished",
        message="",
        observables={CONDUCTIVITY: entry},
        curves={},
        provenance={},
    )


def test_replicas_are_averaged_before_the_logarithm():
    points = [point("UC", s, seed=n) for n, s in enumerate((100.0, 300.0))]
    points += [point("RC", s, seed=n + 2) for n, s in enumerate((10.0, 30.0))]
    (found,) = couplings(conditions(points))
    assert found.label == "gamma-Na3PO4 2x2x2 · pedone · 1100 K"
    assert found.temperature == 1100.0
    rotation = found.contributions["log_conductivity_decrease_rotation"]
    assert rotation.value == pytest.approx(1.0)
    # Both means have a relative error of 1/2: the standard error of 100 and 300 is 100.
    assert rotation.error == pytest.approx(math.sqrt(2.0) * 0.5 / math.log(10.0))


def test_what_replicas_of_one_seed_have_in_common_is_no_error_of_their_difference():
    """The seed makes the orientations, which all modes share: here the conductivities differ between them alike."""
    points = [point("UC", s, seed=n) for n, s in enumerate((100.0, 300.0))]
    points += [point("RC", s, seed=n) for n, s in reversed(list(enumerate((10.0, 30.0))))]
    (found,) = couplings(conditions(points))
    rotation = found.contributions["log_conductivity_decrease_rotation"]
    assert rotation.value == pytest.approx(1.0)
    assert rotation.error == pytest.approx(0.0, abs=1e-12)
    assert found.conductivities["UC"].error == pytest.approx(100.0)


def test_temperatures_are_kept_apart_and_shares_need_all_modes():
    sigmas = {"UC": 1000.0, "RC": 100.0, "RTC": 50.0, "RTVC": 10.0}
    points = [point(mode, sigma) for mode, sigma in sigmas.items()] + [point("UC", 1.0, 900.0), point("RC", 1.0, 900.0)]
    hot, cold = couplings(conditions(reversed(points)))[::-1]
    assert list(hot.modes) == ["UC", "RC", "RTC", "RTVC"]
    assert hot.contributions["share_of_rotation"].value == pytest.approx(0.5)
    assert cold.temperature == 900.0
    assert "share_of_rotation" not in cold.contributions
    assert cold.contributions["log_conductivity_decrease_rotation"].value == pytest.approx(0.0)


def test_what_is_below_the_measurable_range_is_a_bound():
    points = [point("UC", 100.0), point("RC", None, upper_bound=1.0)]
    (found,) = couplings(conditions(points))
    rotation = found.contributions["log_conductivity_decrease_rotation"]
    assert rotation.value is None
    assert rotation.lower_bound == pytest.approx(2.0)


def test_one_mode_alone_tells_nothing():
    assert couplings(conditions([point("UC", 100.0), point("UC", 100.0, 900.0)])) == []
    assert couplings(conditions([point("UC", 100.0), point("RC", None)])) == []
