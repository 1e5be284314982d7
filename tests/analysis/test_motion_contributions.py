"""Contributions of the polyanions' motions: exact numbers, errors against a Monte Carlo, bounds that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aiida_superionic.analysis.motion_contributions import MOTIONS, motion_contributions
from aiida_superionic.analysis.results import Scalar

CONDUCTIVITIES = {"UC": 1000.0, "RC": 100.0, "RTC": 50.0, "RTVC": 1.0}  # mS/cm


def conductivities(relative_error: float = 0.0) -> dict[str, Scalar]:
    return {mode: Scalar(value, relative_error * value, "mS/cm") for mode, value in CONDUCTIVITIES.items()}


def test_decreases_are_orders_of_magnitude_and_shares_add_up_to_one() -> None:
    found = motion_contributions(conductivities())
    decreases = [found[f"log_conductivity_decrease_{motion}"].value for motion in MOTIONS]
    assert decreases == pytest.approx([1.0, math.log10(2.0), math.log10(50.0)])
    shares = [found[f"share_of_{motion}"].value for motion in MOTIONS]
    assert shares == pytest.approx([1.0 / 3.0, math.log10(2.0) / 3.0, math.log10(50.0) / 3.0])
    assert sum(shares) == pytest.approx(1.0)


def test_errors_are_those_of_a_monte_carlo() -> None:
    found = motion_contributions(conductivities(0.05))
    n = 200_000
    rng = np.random.default_rng(1)
    logs = np.log10([value * (1.0 + 0.05 * rng.normal(size=n)) for value in CONDUCTIVITIES.values()])
    decreases = -np.diff(logs, axis=0)
    shares = decreases / decreases.sum(axis=0)
    for index, motion in enumerate(MOTIONS):
        # A sample standard deviation is good to 1/sqrt(2n); the logarithm's curvature changes it by some 0.05².
        for name, sample in (("log_conductivity_decrease", decreases), ("share_of", shares)):
            error = found[f"{name}_{motion}"].error
            assert error == pytest.approx(sample[index].std(), rel=5.0 / math.sqrt(2.0 * n) + 2.0 * 0.05**2)


def test_a_conductivity_below_the_measurable_range_bounds_what_depends_on_it() -> None:
    given = conductivities() | {"RTVC": Scalar(None, None, "mS/cm", upper_bound=0.1)}
    found = motion_contributions(given)
    assert found["log_conductivity_decrease_vibration"].lower_bound == pytest.approx(math.log10(500.0))
    assert found["share_of_rotation"].upper_bound == pytest.approx(1.0 / 4.0)
    assert found["share_of_translation"].upper_bound == pytest.approx(math.log10(2.0) / 4.0)
    assert found["share_of_vibration"].lower_bound == pytest.approx(math.log10(500.0) / 4.0)
    # Whatever the conductivity below the bound is, the shares keep to their bounds.
    for value in (0.1, 0.01, 1e-6):
        exact = motion_contributions(given | {"RTVC": Scalar(value, 0.0, "mS/cm")})
        for motion in MOTIONS:
            share, bound = exact[f"share_of_{motion}"].value, found[f"share_of_{motion}"]
            assert share is not None
            assert share <= (math.inf if bound.upper_bound is None else bound.upper_bound) + 1e-12
            assert share >= (-math.inf if bound.lower_bound is None else bound.lower_bound) - 1e-12


def test_two_bounded_conductivities_leave_their_difference_open() -> None:
    bound = Scalar(None, None, "mS/cm", upper_bound=0.1)
    found = motion_contributions(conductivities() | {"RTC": bound, "RTVC": bound})
    assert found["log_conductivity_decrease_translation"].lower_bound == pytest.approx(3.0)
    assert found["log_conductivity_decrease_vibration"] == Scalar(None, None, "1")
    assert found["share_of_rotation"].upper_bound == pytest.approx(1.0 / 4.0)
    assert found["share_of_vibration"] == Scalar(None, None, "1")


def test_a_whole_decrease_within_its_error_has_no_shares() -> None:
    equal = {mode: Scalar(100.0, 10.0, "mS/cm") for mode in CONDUCTIVITIES}
    found = motion_contributions(equal)
    assert found["log_conductivity_decrease_rotation"].value == 0.0
    assert all(found[f"share_of_{motion}"].value is None for motion in MOTIONS)


def test_modes_that_were_not_run_leave_out_what_needs_them() -> None:
    given = {mode: scalar for mode, scalar in conductivities().items() if mode in {"UC", "RC"}}
    assert set(motion_contributions(given)) == {"log_conductivity_decrease_rotation"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"UC": Scalar(0.0, 1.0, "mS/cm")}, "above zero"),
        ({"UC": Scalar(None, None, "mS/cm")}, "above zero"),
        ({"RVC": Scalar(1.0, 0.1, "mS/cm")}, "RVC is no constraint mode"),
    ],
)
def test_what_has_no_logarithm_is_refused(given: dict[str, Scalar], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        motion_contributions(given)
