"""Compiled: ions between the stages of Butcher's fifth-order Runge–Kutta scheme of six stages.

The coefficients are those of the authors of the time-local model; written for accelerations, positions of a stage take
the products of the scheme's matrix with itself.
"""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import Array, IntArray
from aiida_superionic.lattice.pair_kernels import radial

STAGES = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1 / 4, 0, 0, 0, 0, 0],
        [1 / 8, 1 / 8, 0, 0, 0, 0],
        [0, -1 / 2, 1, 0, 0, 0],
        [3 / 16, 0, 0, 9 / 16, 0, 0],
        [-3 / 7, 2 / 7, 12 / 7, -12 / 7, 8 / 7, 0],
    ]
)
RESULT = np.array([7, 0, 32, 12, 32, 7]) / 90
SQUARED_STAGES = STAGES @ STAGES
SQUARED_RESULT = RESULT @ STAGES
TIMES = STAGES.sum(axis=1)
QUARTERS = np.array([0, 1, 1, 2, 3, 4])
"""Of each stage, which quarter of the step it lies at."""


@compiled
def enter_cell(ion: Array, inverse_lattice: Array, cell: IntArray) -> None:
    """Fill in the cell that an ion is in, shape (3,)."""
    for c in range(3):
        along = ion[0] * inverse_lattice[0, c] + ion[1] * inverse_lattice[1, c] + ion[2] * inverse_lattice[2, c]
        cell[c] = int(np.floor(along))


@compiled
def leave_cell(ion: Array, lattice: Array, cell: IntArray, relative: Array) -> None:
    """Fill in where an ion is from the corner of a cell, shape (3,)."""
    for c in range(3):
        relative[c] = ion[c] - cell[0] * lattice[0, c] - cell[1] * lattice[1, c] - cell[2] * lattice[2, c]


@compiled
def move_to_stage(
    ions: Array, velocities: Array, timestep: float, accelerations: Array, s: int, stage: Array, stage_velocities: Array
) -> None:
    """Fill in places and velocities of ions at stage ``s``, shape (W, 3), from accelerations, shape (6, W, 3)."""
    for w in range(len(ions)):
        for c in range(3):
            moved, faster = TIMES[s] * velocities[w, c], 0.0
            for e in range(s):
                moved += timestep * SQUARED_STAGES[s, e] * accelerations[e, w, c]
                faster += STAGES[s, e] * accelerations[e, w, c]
            stage[w, c] = ions[w, c] + timestep * moved
            stage_velocities[w, c] = velocities[w, c] + timestep * faster


@compiled
def move_ions(ions: Array, velocities: Array, timestep: float, accelerations: Array) -> bool:
    """Move ions by a step in place, and return whether they are still somewhere."""
    somewhere = True
    for w in range(len(ions)):
        for c in range(3):
            moved, faster = velocities[w, c], 0.0
            for e in range(6):
                moved += timestep * SQUARED_RESULT[e] * accelerations[e, w, c]
                faster += RESULT[e] * accelerations[e, w, c]
            ions[w, c] += timestep * moved
            velocities[w, c] += timestep * faster
            somewhere = somewhere and np.isfinite(ions[w, c])
    return somewhere


@compiled
def repel(ions: Array, k: int, box: Array, inverse_box: Array, repulsion: Array, force: Array) -> None:
    """Add what the other ions, at their nearest images, do to ion ``k``."""
    for j in range(len(ions)):
        if j == k:
            continue
        difference = ions[k] - ions[j]
        fractional = difference @ inverse_box
        for c in range(3):
            fractional[c] -= np.round(fractional[c])
        difference = fractional @ box
        x = np.sqrt(difference[0] ** 2 + difference[1] ** 2 + difference[2] ** 2)
        u1 = radial(x, repulsion)[1]
        for c in range(3):
            force[c] -= u1 / x * difference[c]
