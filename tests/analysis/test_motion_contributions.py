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


def test_errors_of_replicas_that_begin_alike_are_those_of_a_monte_carlo() -> None:
    """Half of the variance of a run is that of its beginning, which the modes share and the differences do not have."""
    n_studies, n_replicas, spread = 4000, 8, 0.1
    rng = np.random.default_rng(2)
    shared = rng.normal(size=(n_studies, 1, n_replicas))
    own = rng.normal(size=(n_studies, len(CONDUCTIVITIES), n_replicas))
    values = np.array(list(CONDUCTIVITIES.values()))[:, None] * (1.0 + spread * (shared + own) / math.sqrt(2.0))
    errors, decreases, shares = [], [], []
    for study in values:
        means = {
            mode: Scalar(row.mean(), row.std(ddof=1) / math.sqrt(n_replicas), "mS/cm")
            for mode, row in zip(CONDUCTIVITIES, study, strict=True)
        }
        found = motion_contributions(means, dict(zip(CONDUCTIVITIES, study.tolist(), strict=True)))
        errors.append([found["log_conductivity_decrease_rotation"].error, found["share_of_rotation"].error])
        decreases.append(found["log_conductivity_decrease_rotation"].value)
        shares.append(found["share_of_rotation"].value)
    scatter = np.array([np.std(decreases), np.std(shares)])
    mean_square = np.mean(np.square(errors), axis=0)
    # A sample variance of 7 degrees of freedom scatters by sqrt(2/7); 4000 are averaged, and scatter themselves.
    assert np.sqrt(mean_square) == pytest.approx(scatter, rel=5.0 * math.hypot(0.5 * math.sqrt(2.0 / 7.0), 0.71) / 63.0)
    # Independent means would have a variance of the difference twice as large.
    independent = motion_contributions(
        {mode: Scalar(v, spread * v / math.sqrt(8.0), "mS/cm") for mode, v in CONDUCTIVITIES.items()}
    )
    assert independent["log_conductivity_decrease_rotation"].error == pytest.approx(
        math.sqrt(2.0) * scatter[0], rel=0.06
    )


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
