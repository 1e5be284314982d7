"""A crystal of damped oscillators in a heat bath, half of which also hop, frame by frame; and LAMMPS dumps of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aiida_superionic.analysis.trajectory import Trajectory

LATTICE_CONSTANT = 5.0855  # Å: four ions in each cube, of about the density of α-AgI
TIMESTEP = 0.01  # ps between frames
AMPLITUDE, FREQUENCY, DAMPING = 0.35, 15.0, 5.0  # Å, rad/ps, 1/ps
HOPS = 0.5  # per ps and mobile ion
COLUMNS = "id type xu yu zu vx vy vz"


def edge(n_repeats: int) -> float:
    """Return the edge of the cubic cell in Å."""
    return n_repeats * LATTICE_CONSTANT


def frames(n_repeats: int, n_frames: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield sites and displacements in Å and velocities in Å/ps, shape (N, 3); ions are Ag, Ag, I, I and so on."""
    rng = np.random.default_rng(1)
    cubes = np.stack(np.meshgrid(*[np.arange(n_repeats)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4.0 + 0.1
    sites = ((cubes + basis) * LATTICE_CONSTANT).reshape(-1, 3)
    mobile = np.flatnonzero(np.arange(len(sites)) % 4 < 2)
    kept, root = _propagator()
    state = rng.normal(size=(2, len(sites), 3)) * np.array([AMPLITUDE, AMPLITUDE * FREQUENCY])[:, None, None]
    for _ in range(n_frames):
        yield sites, state[0], state[1]
        state = np.tensordot(kept, state, 1) + np.tensordot(root, rng.normal(size=state.shape), 1)
        hopping = mobile[rng.random(len(mobile)) < HOPS * TIMESTEP]
        axes = rng.integers(3, size=len(hopping))
        sites[hopping, axes] += LATTICE_CONSTANT / 2.0 * rng.choice([-1.0, 1.0], size=len(hopping))


def _propagator() -> tuple[np.ndarray, np.ndarray]:
    """Return what an oscillator keeps of (x, v) in a timestep, and the root of the covariance of what it gets."""
    steps = 1000
    dt = TIMESTEP / steps
    kept = np.linalg.matrix_power(np.array([[1.0, dt], [-(FREQUENCY**2) * dt, 1.0 - DAMPING * dt]]), steps)
    equilibrium = np.diag([AMPLITUDE**2, (AMPLITUDE * FREQUENCY) ** 2])
    return kept, np.linalg.cholesky(equilibrium - kept @ equilibrium @ kept.T)


def trajectory(n_repeats: int, n_frames: int) -> Trajectory:
    """Return the frames as a trajectory of unit masses, with velocities and the restoring forces."""
    fields = np.empty((3, n_frames, 4 * n_repeats**3, 3))
    for t, (sites, displacements, velocities) in enumerate(frames(n_repeats, n_frames)):
        fields[:, t] = sites + displacements, velocities, -(FREQUENCY**2) * displacements
    positions, velocities, forces = fields
    species = ("Ag", "Ag", "I", "I") * n_repeats**3
    cell = np.eye(3) * edge(n_repeats)
    return Trajectory(species, positions, cell, TIMESTEP, np.ones(len(species)), velocities, forces, mobile=("Ag",))


def write_binary(path: Path, n_repeats: int, n_frames: int) -> None:
    """Write the frames as LAMMPS writes ``dump custom ... file.bin``."""
    rows = _rows(n_repeats)
    head = struct.pack("<6d2ib", *(0.0, edge(n_repeats)) * 3, rows.shape[1], 0, 0)
    head += struct.pack("<i", len(COLUMNS)) + COLUMNS.encode() + struct.pack("<2i", 1, rows.size)
    with path.open("wb") as file:
        for t, (sites, displacements, velocities) in enumerate(frames(n_repeats, n_frames)):
            rows[:, 2:5], rows[:, 5:] = sites + displacements, velocities
            file.write(struct.pack("<q10s2i2q7i", -10, b"DUMPCUSTOM", 1, 2, t, len(rows), *[0] * 7) + head)
            file.write(rows.data)


def write_text(path: Path, n_repeats: int, n_frames: int) -> None:
    """Write the same frames as LAMMPS writes ``dump custom`` as text, with the digits that it writes by default."""
    rows = _rows(n_repeats)
    bounds = f"0 {edge(n_repeats)!r}\n" * 3
    with path.open("w") as file:
        for t, (sites, displacements, velocities) in enumerate(frames(n_repeats, n_frames)):
            rows[:, 2:5], rows[:, 5:] = sites + displacements, velocities
            file.write(f"ITEM: TIMESTEP\n{t}\nITEM: NUMBER OF ATOMS\n{len(rows)}\nITEM: BOX BOUNDS pp pp pp\n{bounds}")
            file.write(f"ITEM: ATOMS {COLUMNS}\n")
            np.savetxt(file, rows, fmt="%d %d %g %g %g %g %g %g")


def _rows(n_repeats: int) -> np.ndarray:
    numbers = np.arange(4 * n_repeats**3)
    rows = np.empty((len(numbers), 8))
    rows[:, 0], rows[:, 1] = numbers + 1, 1 + (numbers % 4 >= 2)
    return rows
