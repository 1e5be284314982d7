"""Compiled: ions and all atoms of a periodic crystal."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import Array, IntArray
from aiida_superionic.lattice.ion_kernels import (
    RESULT,
    SQUARED_RESULT,
    SQUARED_STAGES,
    TIMES,
    enter_cell,
    leave_cell,
    move_ions,
    move_to_stage,
    repel,
)
from aiida_superionic.lattice.pair_kernels import gradients, slope

_TILE = 1024
"""Sites whose accelerations are summed while they are in the fastest memory."""


@compiled
def wrap_edges(field: Array, margin: int) -> None:
    """Fill in the margins of a periodic field, shape (components, n₁ + 2m, n₂ + 2m, n₃ + 2m), from its inside."""
    n1, n2, n3 = field.shape[1] - 2 * margin, field.shape[2] - 2 * margin, field.shape[3] - 2 * margin
    for c in range(field.shape[0]):
        for i in range(margin, n1 + margin):
            for j in range(margin, n2 + margin):
                for k in range(margin):
                    field[c, i, j, k] = field[c, i, j, k + n3]
                    field[c, i, j, n3 + margin + k] = field[c, i, j, margin + k]
            for j in range(margin):
                field[c, i, j] = field[c, i, j + n2]
                field[c, i, n2 + margin + j] = field[c, i, margin + j]
        for i in range(margin):
            field[c, i] = field[c, i + n1]
            field[c, n1 + margin + i] = field[c, margin + i]


@compiled
def harmonic_accelerations(
    field: Array, margin: int, first: IntArray, second: IntArray, offsets: IntArray, stiffness: Array, out: Array
) -> None:
    """Fill in −m⁻¹ V r for displacements r whose margins are filled in; ``out`` is right inside the margins alone.

    Each coupling takes the whole field at once: component ``second``, moved by ``offsets`` in memory, times
    ``stiffness``, is taken off component ``first``, ascending.
    """
    plane = field.shape[2] * field.shape[3]
    low = margin * (plane + field.shape[3] + 1)
    high = plane * field.shape[1] - low
    flat, result = field.reshape(field.shape[0], -1), out.reshape(field.shape[0], -1)
    for start in range(low, high, _TILE):
        end = min(start + _TILE, high)
        result[:, start:end] = 0.0
        for e in range(len(first)):
            k = stiffness[e]
            # Counting from zero in both tells the compiler that no index is negative: it may then use wide registers.
            target = result[first[e], start:end]
            source = flat[second[e], start + offsets[e] : end + offsets[e]]
            for n in range(end - start):
                target[n] -= k * source[n]


@compiled
def record_atoms(field: Array, margin: int, atoms: IntArray, out: Array) -> None:
    """Fill in what a field is at some atoms, shape (K, 3)."""
    for j in range(len(atoms)):
        i1 = atoms[j, 0] % (field.shape[1] - 2 * margin) + margin
        i2 = atoms[j, 1] % (field.shape[2] - 2 * margin) + margin
        i3 = atoms[j, 2] % (field.shape[3] - 2 * margin) + margin
        for c in range(3):
            out[j, c] = field[3 * atoms[j, 3] + c, i1, i2, i3]


@compiled
def move_field_to_stage(old: Array, old_velocities: Array, timestep: float, kicks: Array, s: int, new: Array) -> None:
    """Fill in the displacements at stage ``s``, shape (n,), from accelerations, shape (6, n).

    The number of terms is written out: a loop over them would go through memory once for each.
    """
    f = timestep * timestep * SQUARED_STAGES[s]
    t = timestep * TIMES[s]
    if s == 0:
        new[:] = old
    elif s == 1:
        for n in range(len(old)):
            new[n] = old[n] + t * old_velocities[n] + f[0] * kicks[0, n]
    elif s < 4:
        for n in range(len(old)):
            new[n] = old[n] + t * old_velocities[n] + f[0] * kicks[0, n] + f[1] * kicks[1, n] + f[2] * kicks[2, n]
    else:
        for n in range(len(old)):
            early = f[0] * kicks[0, n] + f[1] * kicks[1, n] + f[2] * kicks[2, n]
            new[n] = old[n] + t * old_velocities[n] + early + f[3] * kicks[3, n] + f[4] * kicks[4, n]


@compiled
def move_field(old: Array, old_velocities: Array, timestep: float, kicks: Array) -> None:
    """Move displacements and their velocities, shape (n,), by a step in place, from accelerations, shape (6, n)."""
    f, g = timestep * timestep * SQUARED_RESULT, timestep * RESULT
    for n in range(len(old)):
        early = f[0] * kicks[0, n] + f[1] * kicks[1, n] + f[2] * kicks[2, n]
        old[n] += timestep * old_velocities[n] + early + f[3] * kicks[3, n] + f[4] * kicks[4, n]
        # The second stage has no weight in the result.
        old_velocities[n] += (
            g[0] * kicks[0, n] + g[2] * kicks[2, n] + g[3] * kicks[3, n] + g[4] * kicks[4, n] + g[5] * kicks[5, n]
        )


@compiled
def full_steps(  # noqa: PLR0912 - as above
    field: Array,
    field_velocities: Array,
    ions: Array,
    velocities: Array,
    steps: int,
    timestep: float,
    margin: int,
    inertia: Array,
    masses: Array,
    first: IntArray,
    second: IntArray,
    offsets: IntArray,
    stiffness: Array,
    environment: IntArray,
    sites: Array,
    lattice: Array,
    inverse_lattice: Array,
    box: Array,
    parameters: Array,
    repulsion: Array,
    follow: bool,
    stride: int,
    recorded: Array,
    recorded_velocities: Array,
    watched: IntArray,
    recorded_atoms: Array,
) -> int:
    """Move the crystal and the ions in it by equations 2 and 3, in place, and return the step that failed, or −1.

    ``field`` and ``field_velocities`` have the shape (3A, n₁ + 2m, n₂ + 2m, n₃ + 2m); of the atoms ``watched``, cell
    and number, shape (K, 4), places and velocities are recorded too, shape (records, K, 2, 3).
    """
    n_ions, n_around = len(ions), len(environment)
    shape = np.array([field.shape[1] - 2 * margin, field.shape[2] - 2 * margin, field.shape[3] - 2 * margin])
    inverse_box = np.linalg.inv(box).astype(np.float64)
    cells = np.zeros((n_ions, 3), np.int64)
    indices = np.zeros((n_ions, n_around, 3), np.int64)
    on_lattice = np.zeros((6, *field.shape))
    stage_field = field.copy()
    accelerations = np.zeros((6, n_ions, 3))
    stage, stage_velocities = np.empty((n_ions, 3)), np.empty((n_ions, 3))
    atoms, on_atoms, rate = np.empty((n_around, 3)), np.empty((n_around, 3)), np.empty(3)
    still = np.zeros((n_around, 3))
    relative, on_ion = np.empty(3), np.empty(3)
    size = field.size
    old, old_velocities, new = field.reshape(size), field_velocities.reshape(size), stage_field.reshape(size)
    kicks = on_lattice.reshape(6, size)
    for step in range(steps):
        for w in range(n_ions):
            if follow:
                enter_cell(ions[w], inverse_lattice, cells[w])
            for c in range(3):
                for j in range(n_around):
                    indices[w, j, c] = (cells[w, c] + environment[j, c]) % shape[c] + margin
        for s in range(6):
            move_field_to_stage(old, old_velocities, timestep, kicks, s, new)
            wrap_edges(stage_field, margin)
            harmonic_accelerations(stage_field, margin, first, second, offsets, stiffness, on_lattice[s])
            move_to_stage(ions, velocities, timestep, accelerations, s, stage, stage_velocities)
            for w in range(n_ions):
                leave_cell(stage[w], lattice, cells[w], relative)
                for j in range(n_around):
                    for c in range(3):
                        component = 3 * environment[j, 3] + c
                        atoms[j, c] = (
                            sites[j, c] + stage_field[component, indices[w, j, 0], indices[w, j, 1], indices[w, j, 2]]
                        )
                gradients(atoms, still, relative, stage_velocities[w], parameters, on_atoms, rate)
                slope(atoms, relative, parameters, on_ion)
                for j in range(n_around):
                    for c in range(3):
                        on_lattice[
                            s, 3 * environment[j, 3] + c, indices[w, j, 0], indices[w, j, 1], indices[w, j, 2]
                        ] -= on_atoms[j, c] / masses[environment[j, 3]]
                for c in range(3):
                    accelerations[s, w, c] = -on_ion[c]
                if len(repulsion) > 0:
                    repel(stage, w, box, inverse_box, repulsion, accelerations[s, w])
                for c in range(3):
                    accelerations[s, w, c] /= inertia[c]
        move_field(old, old_velocities, timestep, kicks)
        if not move_ions(ions, velocities, timestep, accelerations):
            return step
        if (step + 1) % stride == 0:
            k = (step + 1) // stride - 1
            recorded[k] = ions
            recorded_velocities[k] = velocities
            record_atoms(field, margin, watched, recorded_atoms[k, :, 0])
            record_atoms(field_velocities, margin, watched, recorded_atoms[k, :, 1])
    return -1
