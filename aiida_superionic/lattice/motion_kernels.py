"""Compiled: ions that move through a crystal, by Butcher's fifth-order Runge–Kutta scheme of six stages.

The coefficients are those of the authors of the time-local model; written for accelerations, positions of a stage take
the products of the scheme's matrix with itself.
"""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import Array, IntArray
from aiida_superionic.lattice.pair_kernels import gradients, radial, slope

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

_TILE = 1024
"""Sites whose accelerations are summed while they are in the fastest memory."""


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
def _repel(ions: Array, k: int, box: Array, inverse_box: Array, repulsion: Array, force: Array) -> None:
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
    found = passes == 1
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
def time_local_steps(  # noqa: PLR0912 - one pass over stages and ions; split, each part would take all arrays
    ions: Array,
    velocities: Array,
    first_step: int,
    steps: int,
    timestep: float,
    inertia: float,
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
    stride: int,
    recorded: Array,
    recorded_velocities: Array,
) -> int:
    """Move ions, shape (W, 3), in place, record every ``stride``-th state, and return the step that failed, or −1."""
    n_ions, n_around, taps = len(ions), len(environment), weights.shape[1]
    inverse_box = np.linalg.inv(box)
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
                    _repel(stage, w, box, inverse_box, repulsion, accelerations[s, w])
                for c in range(3):
                    accelerations[s, w, c] /= inertia
        if not move_ions(ions, velocities, timestep, accelerations):
            return step
        if (step + 1) % stride == 0:
            k = (step + 1) // stride - 1 - first_step // stride
            recorded[k] = ions
            recorded_velocities[k] = velocities
    return -1


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
    inertia: float,
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
    inverse_box = np.linalg.inv(box)
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
                    _repel(stage, w, box, inverse_box, repulsion, accelerations[s, w])
                for c in range(3):
                    accelerations[s, w, c] /= inertia
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
