"""Compiled: ions in time-local form."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import Array, IntArray
from aiida_superionic.lattice.ion_kernels import QUARTERS, enter_cell, leave_cell, move_ions, move_to_stage, repel
from aiida_superionic.lattice.pair_kernels import gradients, slope


@compiled
def time_local_slope(
    homogeneous: Array,
    homogeneous_velocities: Array,
    ion: Array,
    velocity: Array,
    parameters: Array,
    recoil: Array,
    loss: Array,
    passes: int,
    tolerance: float,
    scratch: Array,
    on_ion: Array,
) -> bool:
    """Fill in ∂U/∂R where the crystal has given way (equations 18 to 20), and return whether its place is found.

    One pass takes the thermal positions on the right side (equation 17); more repeat it with what came out until atoms
    move by less than the tolerance in Å (equation 16, with the velocities of thermal motion).
    """
    atoms, moved, on_atoms = scratch[0], scratch[1], scratch[2]
    rate = np.empty(3)
    atoms[:] = homogeneous
    found = passes <= 1
    for _ in range(passes):
        gradients(atoms, homogeneous_velocities, ion, velocity, parameters, on_atoms, rate)
        for j in range(len(homogeneous)):
            for c in range(3):
                moved[j, c] = homogeneous[j, c] - loss[c, 0] * rate[0] - loss[c, 1] * rate[1] - loss[c, 2] * rate[2]
        places, pushes = moved.reshape(-1), on_atoms.reshape(-1)
        for m in range(len(pushes)):  # by columns of a symmetric matrix: sums that do not wait for each other
            push = pushes[m]
            for n in range(len(places)):
                places[n] -= recoil[m, n] * push
        if passes > 1 and np.abs(moved - atoms).max() < tolerance:
            found = True
        atoms[:] = moved
        if found:
            break
    slope(atoms, ion, parameters, on_ion)
    return found


@compiled
def gather_samples(frames: Array, first: int, cell: IntArray, environment: IntArray, window: Array) -> None:
    """Fill in the samples of the atoms around a cell, shape (taps, n, 3), from those of the whole crystal.

    ``frames`` has the shape (samples, 3A, n₁, n₂, n₃); ``environment`` holds cell displacements and atom numbers, (n,
    4).
    """
    n1, n2, n3 = frames.shape[2:]
    for j in range(len(environment)):
        i1 = (cell[0] + environment[j, 0]) % n1
        i2 = (cell[1] + environment[j, 1]) % n2
        i3 = (cell[2] + environment[j, 2]) % n3
        for c in range(3):
            component = 3 * environment[j, 3] + c
            for k in range(len(window)):
                window[k, j, c] = frames[first + k, component, i1, i2, i3]


@compiled
def weigh(window: Array, weights: Array, out: Array) -> None:
    """Fill in the sum over samples, shape (taps, n), times their weights."""
    out[:] = 0.0
    for k in range(len(weights)):
        weight, sample = weights[k], window[k]
        for n in range(len(out)):
            out[n] += weight * sample[n]


@compiled
def give_way(
    cell: IntArray,
    environment: IntArray,
    past_cells: IntArray,
    past: Array,
    newest: int,
    weights: Array,
    places: Array,
) -> None:
    """Add to the places of atoms, shape (n, 3), what forces on atoms in the past, shape (steps + 1, n, 3), do now.

    ``newest`` is where the last force stands in the ring of the past; ``weights`` are those of one quarter of the step,
    shape (steps + 1, D, D, D, 3A, 3A).
    """
    length, reach = len(past), weights.shape[1] // 2
    for p in range(length):
        at = (newest - p) % length
        for j in range(len(environment)):
            for k in range(len(environment)):
                d1 = past_cells[at, 0] + environment[k, 0] - cell[0] - environment[j, 0]
                d2 = past_cells[at, 1] + environment[k, 1] - cell[1] - environment[j, 1]
                d3 = past_cells[at, 2] + environment[k, 2] - cell[2] - environment[j, 2]
                if max(abs(d1), abs(d2), abs(d3)) > reach:
                    continue
                block = weights[p, d1 + reach, d2 + reach, d3 + reach]
                a, b = 3 * environment[j, 3], 3 * environment[k, 3]
                for c in range(3):
                    for d in range(3):
                        places[j, c] += block[a + c, b + d] * past[at, k, d]


@compiled
def time_local_steps(  # noqa: PLR0912, PLR0915 - one pass over stages and ions; split, each part would take all arrays
    ions: Array,
    velocities: Array,
    first_step: int,
    steps: int,
    timestep: float,
    inertia: Array,
    frames: Array,
    first_sample: int,
    steps_per_sample: int,
    weights: Array,
    rates: Array,
    environment: IntArray,
    sites: Array,
    lattice: Array,
    inverse_lattice: Array,
    box: Array,
    recoil: Array,
    loss: Array,
    passes: int,
    tolerance: float,
    parameters: Array,
    repulsion: Array,
    follow: bool,
    memory: Array,
    past_cells: IntArray,
    past: Array,
    stride: int,
    recorded: Array,
    recorded_velocities: Array,
) -> int:
    """Move ions, shape (W, 3), in place, record every ``stride``-th state, and return the step that failed, or −1.

    With weights of a memory, shape (5, steps + 1, D, D, D, 3A, 3A) and else of no steps, ``passes`` is 0, and ``past``
    and ``past_cells`` hold the forces on atoms in a ring of steps, shapes (W, steps + 1, n, 3) and (W, steps + 1, 3).
    """
    n_ions, n_around, taps = len(ions), len(environment), weights.shape[1]
    inverse_box = np.linalg.inv(box).astype(np.float64)
    cells = np.zeros((n_ions, 3), np.int64)
    window = np.zeros((n_ions, taps, n_around, 3))
    held = np.full((n_ions, 4), np.iinfo(np.int64).min)
    rest = sites.reshape(-1)
    scratch = np.empty((3, n_around, 3))
    places = np.zeros((5, n_ions, n_around, 3))
    speeds = np.zeros((5, n_ions, n_around, 3))
    accelerations = np.zeros((6, n_ions, 3))
    stage, stage_velocities = np.empty((n_ions, 3)), np.empty((n_ions, 3))
    relative, on_ion = np.empty(3), np.empty(3)
    for step in range(first_step, first_step + steps):
        sample, part = step // steps_per_sample, step % steps_per_sample
        for w in range(n_ions):
            if follow:
                enter_cell(ions[w], inverse_lattice, cells[w])
            if taps > 0 and (
                held[w, 0] != sample
                or held[w, 1] != cells[w, 0]
                or held[w, 2] != cells[w, 1]
                or held[w, 3] != cells[w, 2]
            ):
                gather_samples(frames, sample - taps // 2 + 1 - first_sample, cells[w], environment, window[w])
                held[w, 0] = sample
                held[w, 1:] = cells[w]
            around = window[w].reshape(taps, 3 * n_around)
            for quarter in range(5):
                place, row = places[quarter, w].reshape(-1), 4 * part + quarter
                if taps > 0:
                    weigh(around, weights[row], place)
                    weigh(around, rates[row], speeds[quarter, w].reshape(-1))
                else:
                    place[:] = 0.0
                for n in range(3 * n_around):
                    place[n] += rest[n]
            if memory.shape[1] > 0:
                newest = step % past.shape[1]
                leave_cell(ions[w], lattice, cells[w], relative)
                gradients(places[0, w], speeds[0, w], relative, velocities[w], parameters, scratch[0], on_ion)
                past[w, newest] = scratch[0]
                past_cells[w, newest] = cells[w]
                if step == 0:  # as if the ion had always been where it starts
                    past[w, :] = scratch[0]
                    past_cells[w, :] = cells[w]
                for quarter in range(5):
                    give_way(cells[w], environment, past_cells[w], past[w], newest, memory[quarter], places[quarter, w])
        for s in range(6):
            quarter = QUARTERS[s]
            move_to_stage(ions, velocities, timestep, accelerations, s, stage, stage_velocities)
            for w in range(n_ions):
                leave_cell(stage[w], lattice, cells[w], relative)
                if not time_local_slope(
                    places[quarter, w],
                    speeds[quarter, w],
                    relative,
                    stage_velocities[w],
                    parameters,
                    recoil,
                    loss,
                    passes,
                    tolerance,
                    scratch,
                    on_ion,
                ):
                    return step
                for c in range(3):
                    accelerations[s, w, c] = -on_ion[c]
                if len(repulsion) > 0:
                    repel(stage, w, box, inverse_box, repulsion, accelerations[s, w])
                for c in range(3):
                    accelerations[s, w, c] /= inertia[c]
        if not move_ions(ions, velocities, timestep, accelerations):
            return step
        if (step + 1) % stride == 0:
            k = (step + 1) // stride - 1 - first_step // stride
            recorded[k] = ions
            recorded_velocities[k] = velocities
    return -1
