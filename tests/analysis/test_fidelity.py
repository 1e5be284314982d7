"""Potentials beside a reference, from made-up runs."""

import numpy as np
import pytest
from scipy.stats import norm

from aiida_superionic.analysis.fidelity import REFERENCE, Run, compare_with_reference, distance_of
from aiida_superionic.analysis.results import Curve, Scalar, Surface

_X = np.linspace(-8.0, 8.0, 801)


def density(mean, error=None):
    return Curve(_X, norm.pdf(_X, mean), "angle", "degree", "density", "1/degree", error)


def run(side, mean, diffusion=1.0, temperature=550.5, **curves):
    return Run(
        side,
        temperature,
        {"diffusion_coefficient_Ag": Scalar(diffusion, 0.5, "cm^2/s"), "temperature": Scalar(500.0, 1.0, "K")},
        {"tetrahedral_angle_distribution_I4": density(mean), **curves},
    )


def test_each_side_has_its_means_and_its_distance_from_the_reference():
    found = compare_with_reference(
        [
            *(run(REFERENCE, 0.0, diffusion) for diffusion in (1.0, 3.0)),
            *(run("student", 1.0, diffusion) for diffusion in (2.0, 3.0, 4.0)),
        ]
    )
    told = found.scalars
    assert told["diffusion_coefficient_Ag_student_550_5K"].value == pytest.approx(3.0)
    assert told["diffusion_coefficient_Ag_student_550_5K"].error == pytest.approx(1.0 / np.sqrt(3.0))
    assert told["diffusion_coefficient_spread_Ag_student_550_5K"].value == pytest.approx(1.0)
    assert told["diffusion_coefficient_spread_Ag_reference_550_5K"].value == pytest.approx(np.sqrt(2.0))
    distance = told["distance_tetrahedral_angle_distribution_I4_student_550_5K"]
    assert distance.value == pytest.approx(2.0 * norm.cdf(0.5) - 1.0, rel=1e-4)
    assert told["distance_by_chance_tetrahedral_angle_distribution_I4_550_5K"].value == 0.0
    assert not any("." in name for name in told)
    mean = found.curves["student_550_5K_tetrahedral_angle_distribution_I4"]
    np.testing.assert_allclose(mean.y, norm.pdf(_X, 1.0))
    assert found.warnings == []


def test_a_single_reference_run_has_the_distance_by_chance_of_its_error_bars():
    alone = run(REFERENCE, 0.0, tetrahedral_angle_distribution_I4=density(0.0, np.full(801, 0.01)))
    found = compare_with_reference([alone, run("student", 0.0)])
    expected = 0.01 * 16.0 / np.sqrt(np.pi)
    told = found.scalars["distance_by_chance_tetrahedral_angle_distribution_I4_550_5K"]
    assert told.value == pytest.approx(expected, rel=1e-3)
    assert "diffusion_coefficient_spread_Ag_student_550_5K" not in found.scalars


def test_a_quantity_that_is_only_bounded_has_a_bound_and_no_spread():
    bounded = Scalar(None, None, "cm^2/s", upper_bound=1e-7)
    still = [Run(side, 500.0, {"diffusion_coefficient_Na": bounded}, {}) for side in (REFERENCE, "student", "student")]
    found = compare_with_reference(still).scalars
    assert found["diffusion_coefficient_Na_student_500K"].upper_bound == pytest.approx(1e-7)
    assert not any("spread" in name for name in found)


def test_what_is_zero_in_every_run_is_left_out_and_what_is_in_one_side_alone_is_not():
    none, some = (Curve(_X, y, "distance", "Å", "g(r)", "1") for y in (np.zeros(801), norm.pdf(_X)))
    sides = {REFERENCE: none, "student": some}
    runs = [
        run(side, 0.0, radial_distribution_Sb_Sb=none, radial_distribution_Na_Na=of)
        for side, of in sides.items()
        for _ in range(2)
    ]
    found = compare_with_reference(runs)
    assert found.warnings == []
    assert not [name for name in (*found.scalars, *found.curves) if "Sb" in name]
    assert found.scalars["distance_radial_distribution_Na_Na_student_550_5K"].value == 1.0
    assert "reference_550_5K_radial_distribution_Na_Na" in found.curves


def test_what_one_side_lacks_is_named_and_temperatures_stay_apart():
    grid = np.array([0.5, 1.5])
    self_part = Surface(grid, np.array([1.0]), np.ones((2, 1)), "distance", "Å", "time", "ps", "Gs", "1/Å")
    found = compare_with_reference(
        [
            run(REFERENCE, 0.0, van_hove_self_Ag=self_part),
            run("student", 0.0),
            run("student", 0.0, temperature=700.0),
        ]
    )
    assert found.warnings == [
        "student lacks van_hove_self_Ag at 550.5 K",
        "the reference lacks tetrahedral_angle_distribution_I4 at 700 K",
    ]
    assert "distance_tetrahedral_angle_distribution_I4_student_700K" not in found.scalars


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("radial_distribution_Ag_I", True),
        ("radial_distribution_centres_Ag_I", False),
        ("tetrahedral_angle_distribution_I4", True),
        ("tetrahedral_angle_distribution_filtered_I4", False),
        ("mean_squared_displacement_Ag", False),
        ("distance_angle_density_Li_S_P", True),
    ],
)
def test_only_what_has_a_distance_is_compared(name, compared):
    assert (distance_of(name) is not None) == compared
