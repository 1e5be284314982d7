"""Compiled: the energy of an ion among atoms, and its derivatives.

The loops of :mod:`aiida_superionic.lattice.time_local_kernels` and :mod:`aiida_superionic.lattice.full_kernels` know an
interaction by the three functions :func:`energy`, :func:`gradients` and :func:`slope` alone; these here are those of
pairs. Others, of any U(r, R), take their place by :class:`aiida_superionic.lattice.many_body.ManyBody`.
"""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import Array


@compiled
def radial(x: float, parameters: Array) -> tuple[float, float, float, float]:
    """Return a pair energy in eV at a distance in Å, and its first, second and third derivative."""
    if parameters[0] == 0.0:
        decay = 1.0 / parameters[2]
        inverse = 1.0 / x
        u = parameters[1] * np.exp(-x * decay) * inverse
        s = decay + inverse
        s1 = inverse * inverse
        u1 = -u * s
        u2 = u * (s * s + s1)
        u3 = -u * (s * s * s + 3.0 * s * s1 + 2.0 * s1 * inverse)
        return u, u1, u2, u3
    start, step, count = parameters[1], parameters[2], int(parameters[3])
    if not x >= start:
        return np.nan, np.nan, np.nan, np.nan
    k = int((x - start) / step)
    if k >= count:
        return 0.0, 0.0, 0.0, 0.0
    y = x - (start + k * step)
    c = parameters[4 + 6 * k : 10 + 6 * k]
    u = c[0] + y * (c[1] + y * (c[2] + y * (c[3] + y * (c[4] + y * c[5]))))
    u1 = c[1] + y * (2.0 * c[2] + y * (3.0 * c[3] + y * (4.0 * c[4] + y * 5.0 * c[5])))
    u2 = 2.0 * c[2] + y * (6.0 * c[3] + y * (12.0 * c[4] + y * 20.0 * c[5]))
    u3 = 6.0 * c[3] + y * (24.0 * c[4] + y * 60.0 * c[5])
    return u, u1, u2, u3


@compiled
def energy(atoms: Array, ion: Array, parameters: Array) -> float:
    """Return U(r, R) in eV of an ion at ``ion``, shape (3,), among ``atoms``, shape (n, 3)."""
    total = 0.0
    for j in range(len(atoms)):
        x = np.sqrt((ion[0] - atoms[j, 0]) ** 2 + (ion[1] - atoms[j, 1]) ** 2 + (ion[2] - atoms[j, 2]) ** 2)
        total += radial(x, parameters)[0]
    return total


@compiled
def gradients(
    atoms: Array, atom_velocities: Array, ion: Array, velocity: Array, parameters: Array, on_atoms: Array, rate: Array
) -> None:
    """Fill in ∂U/∂r of each atom, shape (n, 3), and d/dt ∂U/∂R, shape (3,), for given velocities."""
    rate[:] = 0.0
    for j in range(len(atoms)):
        dx, dy, dz = ion[0] - atoms[j, 0], ion[1] - atoms[j, 1], ion[2] - atoms[j, 2]
        x = np.sqrt(dx * dx + dy * dy + dz * dz)
        _, u1, u2, _ = radial(x, parameters)
        slope_over_x = u1 / x
        on_atoms[j, 0] = -slope_over_x * dx
        on_atoms[j, 1] = -slope_over_x * dy
        on_atoms[j, 2] = -slope_over_x * dz
        vx = velocity[0] - atom_velocities[j, 0]
        vy = velocity[1] - atom_velocities[j, 1]
        vz = velocity[2] - atom_velocities[j, 2]
        along = (u2 - slope_over_x) * (dx * vx + dy * vy + dz * vz) / (x * x)
        rate[0] += slope_over_x * vx + along * dx
        rate[1] += slope_over_x * vy + along * dy
        rate[2] += slope_over_x * vz + along * dz


@compiled
def slope(atoms: Array, ion: Array, parameters: Array, on_ion: Array) -> None:
    """Fill in ∂U/∂R, shape (3,)."""
    on_ion[:] = 0.0
    for j in range(len(atoms)):
        dx, dy, dz = ion[0] - atoms[j, 0], ion[1] - atoms[j, 1], ion[2] - atoms[j, 2]
        x = np.sqrt(dx * dx + dy * dy + dz * dz)
        slope_over_x = radial(x, parameters)[1] / x
        on_ion[0] += slope_over_x * dx
        on_ion[1] += slope_over_x * dy
        on_ion[2] += slope_over_x * dz
