"""Orientations that are known, and uniform ones."""

from dataclasses import replace

import numpy as np
import polyatomic
import pytest

from aiida_superionic.analysis.observables.rotors import rotor_angles
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged


@pytest.mark.parametrize("formula", ["ps4", "p2s6", "b10h10"])
def test_free_rotors_point_everywhere(rng, formula):
    """P(θ) = sin θ / 2, in a cell whose vectors are not along x, y and z."""
    trajectory = polyatomic.free_rotors(getattr(polyatomic, formula), rng)
    name = formula.upper()
    curves = rotor_angles(trajectory, bin_width=10.0).curves
    edges = np.radians(np.linspace(0.0, 180.0, 19))
    share = -0.5 * np.diff(np.cos(edges))
    noise = 5.0 / np.sqrt(4000.0 * share)  # 4000 bodies; their equivalent vectors only add to what is known
    for axis in "abc":
        curve = curves[f"rotor_angle_distribution_{axis}_{name}"]
        assert curve.y.sum() * 10.0 == pytest.approx(1.0)
        assert np.all(np.abs(curve.y * 10.0 / share - 1.0) < noise)


def test_the_angles_of_a_body_at_rest():
    """A bond along (1, 1, 1) is 54.7° from each axis; and from one along (1, 1, 0)/√2 it is 35.3°."""
    trajectory = polyatomic.crystal(*polyatomic.ps4(), np.tile(np.eye(3), (20, 1, 1, 1)))
    cell = np.array([[9.0, 9.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    curves = rotor_angles(replace(trajectory, cell=cell)).curves
    series = [curves[f"rotor_angle_{axis}_PS4"] for axis in "abc"]
    bond = polyatomic.CORNERS[0]
    expected = np.degrees(np.arccos([(bond[0] + bond[1]) / np.sqrt(2.0), bond[1], bond[2]]))
    np.testing.assert_allclose([curve.y[5] for curve in series], expected, atol=1e-6)
    assert series[0].x[5] == pytest.approx(0.05)
    assert series[0].y_unit == "degree"
    # The distribution takes all four bonds: two at 54.7° and two at 125.3° from c.
    distribution = curves["rotor_angle_distribution_c_PS4"]
    assert distribution.x[np.flatnonzero(distribution.y)].tolist() == [52.5, 127.5]
    np.testing.assert_allclose(distribution.y[distribution.y > 0.0], 0.1)


def test_what_cannot_be_is_refused(rng):
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, 10, 2))
    with pytest.raises(ParameterError, match="bin_width 0°"):
        rotor_angles(trajectory, bin_width=0.0)
    with pytest.raises(NotConverged, match="no polyanions"):
        rotor_angles(replace(trajectory, mobile=("Li", "S", "P")))
