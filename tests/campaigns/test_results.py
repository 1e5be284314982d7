"""Averages over replicas: exact numbers, honest errors, bounds."""

import json
from typing import Any

import numpy as np
import pytest

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.campaigns.results import PointResult, conditions


def point(seed: int, observables: dict[str, Any] | None = None, **changes: Any) -> PointResult:
    fields: dict[str, Any] = {
        "label": f"alpha-AgI 3x3x3 · vashishta-rahman · 750 K · UC · seed {seed}",
        "specification": {"material": "alpha-AgI", "temperature": 750.0, "md": {"protocol": "fast"}, "seed": seed},
        "uuid": None,
        "pk": None,
        "state": "finished",
        "message": "",
        "observables": observables or {},
        "curves": {},
        "provenance": {},
    }
    return PointResult(**(fields | changes))


def scalar(value: float | None, error: float | None = 0.5, upper_bound: float | None = None, unit: str = "fs") -> Any:
    return {"tau": {"value": value, "error": error, "unit": unit, "upper_bound": upper_bound}}


def curve(x: list[float], y: list[float], y_label: str = "MSD") -> dict[str, Curve]:
    return {"msd_Ag": Curve(np.array(x), np.array(y), "t", "ps", y_label, "Å^2", error=np.full(len(x), 9.0))}


def test_mean_and_standard_error_are_exact() -> None:
    [condition] = conditions([point(seed, scalar(value)) for seed, value in ((1, 1.0), (2, 2.0), (3, 6.0))])
    # Sample variance (4 + 1 + 9)/2 = 7; the mean of three has 7/3.
    assert condition.observables["tau"] == Scalar(3.0, pytest.approx(np.sqrt(7 / 3)), "fs")


def test_single_replica_keeps_its_own_error() -> None:
    failed = point(2, scalar(99.0), state="failed", message="molten")
    [condition] = conditions([point(1, scalar(1.0, 0.25)), failed])
    assert condition.observables["tau"] == Scalar(1.0, 0.25, "fs")
    assert [replica.state for replica in condition.replicas] == ["finished", "failed"]
    assert len(condition.finished) == 1


def test_claimed_error_is_the_actual_scatter() -> None:
    rng = np.random.default_rng(7)
    n_studies, n_replicas, sigma = 2000, 4, 3.0
    means, claimed = [], []
    for values in rng.normal(10.0, sigma, (n_studies, n_replicas)):
        [condition] = conditions([point(seed, scalar(float(value))) for seed, value in enumerate(values)])
        means.append(condition.observables["tau"].value)
        claimed.append(condition.observables["tau"].error)
    # A variance from n normal samples has the relative standard error sqrt(2/(n - 1)); both variances are estimated,
    # the actual one from n_studies means and the claimed one from n_studies times n_replicas - 1 degrees of freedom.
    ratio = np.mean(np.square(claimed)) / np.var(means, ddof=1)
    relative = np.sqrt(2 / (n_studies - 1) + 2 / (n_studies * (n_replicas - 1)))
    assert abs(ratio - 1) < 5 * relative


def test_upper_bound_of_any_replica_bounds_the_condition() -> None:
    bounded = [point(1, scalar(None, None, 3.0)), point(2, scalar(None, None, 5.0)), point(3, scalar(2.0))]
    [condition] = conditions(bounded)
    assert condition.observables["tau"] == Scalar(None, None, "fs", upper_bound=5.0)


def test_upper_bound_is_not_below_a_measured_value() -> None:
    [condition] = conditions([point(1, scalar(None, None, 3.0)), point(2, scalar(7.0))])
    assert condition.observables["tau"].upper_bound == 7.0


def test_replicas_that_did_not_converge_give_no_number() -> None:
    [condition] = conditions([point(1, scalar(None, None)), point(2, scalar(None, None))])
    assert condition.observables["tau"] == Scalar(None, None, "fs")
    [condition] = conditions([point(1, scalar(None, None)), point(2, scalar(4.0, 0.1))])
    assert condition.observables["tau"] == Scalar(4.0, 0.1, "fs")


def test_conditions_differ_by_anything_but_the_seed() -> None:
    warm = {"material": "alpha-AgI", "temperature": 800.0, "md": {"protocol": "fast"}, "seed": 1}
    reordered = {"seed": 2, "md": {"protocol": "fast"}, "temperature": 750.0, "material": "alpha-AgI"}
    points = [point(1), point(1, specification=warm, label="warm · seed 1"), point(2, specification=reordered)]
    cold, hot = conditions(points)
    assert cold.replicas == (points[0], points[2])
    assert cold.label == "alpha-AgI 3x3x3 · vashishta-rahman · 750 K · UC"
    assert hot.label == "warm"
    assert "seed" not in cold.specification
    assert json.dumps(cold.specification) == json.dumps(
        {k: v for k, v in points[0].specification.items() if k != "seed"}
    )


def test_curves_on_one_grid_are_averaged_pointwise() -> None:
    points = [point(1, curves=curve([0, 1, 2], [0, 1, 2])), point(2, curves=curve([0, 1, 2], [0, 3, 8]))]
    mean = conditions(points)[0].curves["msd_Ag"]
    np.testing.assert_array_equal(mean.x, [0, 1, 2])
    np.testing.assert_array_equal(mean.y, [0, 2, 5])
    # Of two samples the standard error is half their difference.
    np.testing.assert_allclose(mean.error, [0, 1, 3], rtol=1e-14)


def test_curves_on_other_grids_are_interpolated_where_all_have_data() -> None:
    points = [point(1, curves=curve([0, 1, 2, 3], [0, 2, 4, 6])), point(2, curves=curve([0.5, 1.5, 2.5], [1, 3, 5]))]
    mean = conditions(points)[0].curves["msd_Ag"]
    np.testing.assert_array_equal(mean.x, [1, 2])
    np.testing.assert_allclose(mean.y, [2, 4], rtol=1e-14)  # both are y = 2x
    np.testing.assert_allclose(mean.error, 0, atol=1e-14)


def test_single_curve_keeps_its_own_error() -> None:
    mean = conditions([point(1, curves=curve([0, 1], [0, 1])), point(2)])[0].curves["msd_Ag"]
    np.testing.assert_array_equal(mean.error, [9.0, 9.0])


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([point(1, scalar(1.0)), point(2, scalar(1.0, unit="ps"))], "replicas of tau have the units fs, ps"),
        (
            [point(1, curves=curve([0, 1], [0, 1])), point(2, curves=curve([2, 3], [0, 1]))],
            "msd_Ag have no t in common",
        ),
        ([point(1, curves=curve([0], [0])), point(2, curves=curve([0], [0], "g"))], "msd_Ag have different axes"),
    ],
)
def test_replicas_that_cannot_be_averaged_are_refused(points: list[PointResult], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditions(points)


def test_a_campaign_without_points_has_no_conditions() -> None:
    assert conditions([]) == []


def surface(x: list[float], z: float, z_label: str = "G") -> dict[str, Surface]:
    values = np.full((len(x), 2), z)
    axes = ("r", "Å", "t", "ps", z_label, "1")
    return {"map_Ag": Surface(np.array(x), np.array([0.0, 1.0]), values, *axes, np.full_like(values, 9.0))}


def test_surfaces_are_averaged_on_the_part_of_the_grid_that_all_have() -> None:
    replicas = [point(1, surfaces=surface([1.0, 2.0, 3.0], 1.0)), point(2, surfaces=surface([1.0, 2.0], 2.0))]
    [condition] = conditions([*replicas, point(3, surfaces=surface([1.0, 2.0], 6.0))])
    mean = condition.surfaces["map_Ag"]
    np.testing.assert_array_equal(mean.x, [1.0, 2.0])
    np.testing.assert_allclose(mean.z, np.full((2, 2), 3.0))
    np.testing.assert_allclose(mean.error, np.full((2, 2), np.sqrt(7 / 3)))
    [single] = conditions(replicas[:1])
    np.testing.assert_array_equal(single.surfaces["map_Ag"].error, np.full((3, 2), 9.0))


@pytest.mark.parametrize("other", [surface([1.0, 2.5], 1.0), surface([1.0, 2.0], 1.0, z_label="H")])
def test_surfaces_on_different_axes_are_refused(other: dict[str, Surface]) -> None:
    with pytest.raises(ValueError, match="surface map_Ag have different axes"):
        conditions([point(1, surfaces=surface([1.0, 2.0], 1.0)), point(2, surfaces=other)])
