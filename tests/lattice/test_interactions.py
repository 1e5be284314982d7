"""Pair energies and their derivatives, and their sums over atoms."""

import numpy as np
import pytest

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.interactions import Tabulated, Yukawa
from aiida_superionic.lattice.pair_kernels import energy, gradients, radial, slope

YUKAWA = Yukawa(4.0, 0.5)
TABLE = Tabulated.of(lambda x: 30.0 * np.exp(-x / 0.4) - 2.0 / x**6, 0.8, 5.0, 4000)


@pytest.mark.parametrize("interaction", [YUKAWA, TABLE])
def test_each_derivative_is_the_slope_of_the_one_before(interaction):
    parameters, step = interaction.parameters, 1e-5
    for x in (1.1, 2.3, 3.7, 4.9):
        _, *derivatives = radial(x, parameters)
        above, below = radial(x + step, parameters), radial(x - step, parameters)
        for order in range(3):
            numerical = (above[order] - below[order]) / (2.0 * step)
            assert derivatives[order] == pytest.approx(numerical, rel=1e-5, abs=1e-6)


def test_a_table_is_its_function_with_value_and_slope_at_the_end_taken_off():
    def function(x):
        return 30.0 * np.exp(-x / 0.4) - 2.0 / x**6

    end, slope_at_end = function(5.0), -75.0 * np.exp(-12.5) + 12.0 / 5.0**7
    for x in (0.81, 1.234, 4.2):
        expected = function(x) - end - slope_at_end * (x - 5.0)
        assert radial(x, TABLE.parameters)[0] == pytest.approx(expected, rel=1e-7, abs=1e-10)
    assert radial(5.0001, TABLE.parameters) == (0.0, 0.0, 0.0, 0.0)
    assert np.all(np.isnan(radial(0.79, TABLE.parameters)))


@pytest.mark.parametrize("interaction", [YUKAWA, TABLE])
def test_sums_over_atoms_are_derivatives_of_the_energy(interaction):
    generator = np.random.default_rng(3)
    atoms = 1.5 * np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) + generator.normal(
        0.0, 0.1, (8, 3)
    )
    ion, parameters, step = np.array([0.2, -0.1, 0.3]), interaction.parameters, 1e-5
    atom_velocities, velocity = generator.normal(0.0, 3.0, (8, 3)), generator.normal(0.0, 5.0, 3)
    on_atoms, rate, on_ion = np.empty((8, 3)), np.empty(3), np.empty(3)
    gradients(atoms, atom_velocities, ion, velocity, parameters, on_atoms, rate)
    slope(atoms, ion, parameters, on_ion)
    for c in range(3):
        shift = step * np.eye(3)[c]
        difference = energy(atoms, ion + shift, parameters) - energy(atoms, ion - shift, parameters)
        assert on_ion[c] == pytest.approx(difference / (2.0 * step), rel=1e-6, abs=1e-7)
    np.testing.assert_allclose(on_atoms.sum(axis=0), -on_ion, atol=1e-12)
    moved = np.array(atoms)
    moved[5, 1] += step
    difference = (energy(moved, ion, parameters) - energy(atoms, ion, parameters)) / step
    assert on_atoms[5, 1] == pytest.approx(difference, rel=1e-3, abs=1e-6)
    later, earlier = np.empty(3), np.empty(3)
    slope(atoms + step * atom_velocities, ion + step * velocity, parameters, later)
    slope(atoms - step * atom_velocities, ion - step * velocity, parameters, earlier)
    np.testing.assert_allclose(rate, (later - earlier) / (2.0 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("distances", "energies"),
    [
        (np.linspace(0.0, 3.0, 20), np.zeros(20)),
        (np.linspace(3.0, 1.0, 20), np.zeros(20)),
        (np.linspace(1.0, 3.0, 20) ** 2, np.zeros(20)),
        (np.linspace(1.0, 3.0, 20), np.full(20, np.nan)),
        (np.linspace(1.0, 3.0, 5), np.zeros(5)),
    ],
)
def test_what_is_no_table_is_refused(distances, energies):
    with pytest.raises(LatticeError, match="table of an interaction"):
        Tabulated(distances, energies)


def test_a_yukawa_energy_needs_a_screening_length():
    with pytest.raises(LatticeError, match="screening length above zero"):
        Yukawa(1.0, 0.0)
