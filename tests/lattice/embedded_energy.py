"""An energy that is no sum over pairs: −√Σρ(x) beside a Yukawa energy of pairs, written for Numba."""

import numpy as np

from aiida_superionic.lattice.many_body import ManyBody
from aiida_superionic.lattice.pair_kernels import energy as pair_energy
from aiida_superionic.lattice.pair_kernels import gradients as pair_gradients
from aiida_superionic.lattice.pair_kernels import slope as pair_slope

STRENGTH, RANGE = 0.5, 1.0


def energy(atoms, ion, parameters):
    density = 0.0
    for j in range(len(atoms)):
        density += np.exp(-np.sqrt(np.sum((ion - atoms[j]) ** 2)) / RANGE)
    return pair_energy(atoms, ion, parameters) - STRENGTH * np.sqrt(density)


def slope(atoms, ion, parameters, on_ion):
    pair_slope(atoms, ion, parameters, on_ion)
    density, gradient = 0.0, np.zeros(3)
    for j in range(len(atoms)):
        apart = ion - atoms[j]
        x = np.sqrt(np.sum(apart**2))
        density += np.exp(-x / RANGE)
        gradient -= np.exp(-x / RANGE) / (RANGE * x) * apart
    on_ion -= 0.5 * STRENGTH / np.sqrt(density) * gradient


def gradients(atoms, atom_velocities, ion, velocity, parameters, on_atoms, rate):
    pair_gradients(atoms, atom_velocities, ion, velocity, parameters, on_atoms, rate)
    density, gradient, density_rate, gradient_rate = 0.0, np.zeros(3), 0.0, np.zeros(3)
    for j in range(len(atoms)):
        apart, turn = ion - atoms[j], velocity - atom_velocities[j]
        x = np.sqrt(np.sum(apart**2))
        along = np.sum(apart * turn) / x
        value = np.exp(-x / RANGE) / RANGE
        density += value * RANGE
        gradient -= value / x * apart
        density_rate -= value * along
        gradient_rate -= value / x * (turn - along * (1.0 / RANGE + 1.0 / x) * apart)
    for j in range(len(atoms)):
        apart = ion - atoms[j]
        x = np.sqrt(np.sum(apart**2))
        on_atoms[j] -= 0.5 * STRENGTH / np.sqrt(density) * np.exp(-x / RANGE) / (RANGE * x) * apart
    rate -= 0.5 * STRENGTH * (gradient_rate / np.sqrt(density) - 0.5 * density_rate * gradient / density**1.5)


embedded = ManyBody(energy, gradients, slope)
