"""Force constants, dispersion, sound and loss."""

import dataclasses

import numpy as np
import pytest

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.crystal import simple_cubic
from aiida_superionic.units import KINETIC_ENERGY


def test_the_dispersion_is_that_of_the_dynamical_matrix_written_out(cubic):
    """Equation 21 of the time-local model, at an arbitrary momentum."""
    q = np.array([0.13, 0.31, -0.22])
    x, y, z = 2.0 * np.pi * q
    k1, k2, m = 0.52, 0.17, 3.5e-3
    cosines = np.cos([x, y, z])
    matrix = 2.0 * k1 / m * np.diag(1.0 - cosines)
    sines = np.sin([x, y, z])
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        matrix[i, i] += 2.0 * k2 / m * (2.0 - cosines[i] * cosines[j] - cosines[i] * cosines[k])
        for other in (j, k):
            matrix[i, other] += 2.0 * k2 / m * sines[i] * sines[other]
    np.testing.assert_allclose(cubic.frequencies(q[None])[0] ** 2, np.linalg.eigvalsh(matrix), rtol=1e-6)
    highest = np.sqrt((4.0 * k1 + 8.0 * k2) / m)
    assert cubic.frequencies([[0.5, 0.0, 0.0]]).max() == pytest.approx(highest, rel=1e-6)


def test_speeds_of_sound_are_the_slopes_of_the_dispersion(skewed):
    """With atoms of a cell that move against each other, in a crystal without symmetry."""
    reciprocal = np.linalg.inv(skewed.lattice).T
    for direction in ([1.0, 0.0, 0.0], [0.3, -0.5, 0.81]):
        unit = np.array(direction) / np.linalg.norm(direction)
        q = 1e-3
        momentum = np.linalg.solve(2.0 * np.pi * reciprocal.T, q * unit)
        slopes = skewed.frequencies(momentum[None])[0, :3] / q
        np.testing.assert_allclose(skewed.speeds_of_sound(unit[None])[0], slopes, rtol=1e-5)


def test_the_loss_of_an_isotropic_crystal_is_that_of_its_speeds_of_sound():
    """With both springs alike no direction is another: the integral has the closed form Σ 1/(12 π ρ v³)."""
    crystal = simple_cubic(3.0, 30.0, 0.4, 0.4)
    directions = np.random.default_rng(1).normal(size=(50, 3))
    speeds = crystal.speeds_of_sound(directions / np.linalg.norm(directions, axis=1)[:, None])
    np.testing.assert_allclose(speeds, np.tile(speeds[0], (50, 1)), rtol=1e-9)
    closed = np.sum(1.0 / speeds[0] ** 3) / (12.0 * np.pi * crystal.density)
    np.testing.assert_allclose(crystal.loss_matrix(), closed * np.eye(3), rtol=1e-9, atol=1e-12 * closed)


def test_twice_the_stiffness_loses_less_by_the_power_three_halves(cubic):
    """L ∝ 1/(ρ v³), and v ∝ √k."""
    stiffer = simple_cubic(3.0, 3.5e-3 / KINETIC_ENERGY, 1.04, 0.34)
    np.testing.assert_allclose(np.diag(stiffer.loss_matrix()), np.diag(cubic.loss_matrix()) / 2.0**1.5, rtol=1e-6)


def test_an_unstable_crystal_is_refused(unstable):
    with pytest.raises(LatticeError, match=r"not stable: at the momentum .* squared frequency is -"):
        unstable.frequencies([[0.0, 0.5, 0.5], [0.1, 0.0, 0.0]])
    with pytest.raises(LatticeError, match="does not resist every shear"):
        unstable.loss_matrix()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"masses": np.array([-1.0])}, "above zero"),
        ({"masses": np.array([1.0, 2.0])}, "have the shape"),
        ({"lattice": np.ones((3, 3))}, "span no volume"),
        ({"lattice": np.full((3, 3), np.nan)}, "no number"),
    ],
)
def test_what_is_no_crystal_is_refused(cubic, change, sentence):
    with pytest.raises(LatticeError, match=sentence):
        dataclasses.replace(cubic, **change)


def test_couplings_without_their_counterpart_are_refused(cubic):
    constants = cubic.force_constants.copy()
    constants[0] *= 1.01
    with pytest.raises(LatticeError, match="cost energy to move all atoms alike"):
        dataclasses.replace(cubic, force_constants=constants)
    constants = cubic.force_constants.copy()
    constants[1, 0, 0, 0, 1] += 0.1
    with pytest.raises(LatticeError, match="not that of the opposite cell"):
        dataclasses.replace(cubic, force_constants=constants)
    with pytest.raises(LatticeError, match="the same pair of cells twice"):
        dataclasses.replace(
            cubic,
            cells=np.concatenate([cubic.cells, cubic.cells[:1]]),
            force_constants=np.concatenate([cubic.force_constants, cubic.force_constants[:1]]),
        )
