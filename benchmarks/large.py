"""Analyse a trajectory larger than memory by one call of ``superionic-analyse``; measure its time and peak memory.

The trajectory is a crystal of 13 500 ions that tremble, of which half also hop, with velocities, written as LAMMPS
writes binary dumps: 17 GB for 20 000 frames, deleted afterwards. Run as ``python benchmarks/large.py [FRAMES]``, or
``make bench-large``; the environment variable TMPDIR says on which disk.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from verdicts import Verdicts

N_REPEATS, N_FRAMES = 15, 20_000
LATTICE_CONSTANT = 5.0855  # Å: four ions in each cube, of about the density of α-AgI
TIMESTEP = 0.01  # ps between frames
AMPLITUDE, FREQUENCY, DAMPING = 0.35, 15.0, 5.0  # Å, rad/ps, 1/ps
HOPS = 0.5  # per ps and mobile ion
WANTED_GIB = 3.0
COLUMNS = b"id type xu yu zu vx vy vz"
OBSERVABLES = ("diffusion", "radial_distribution", "vibrations", "cage_residence")

ANALYSE = """
import sys
from aiida_superionic.analysis.script import run
status = run(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
print(*(line.split()[1] for line in lines if line.startswith("VmHWM")))
sys.exit(status)
"""


def propagator() -> tuple[np.ndarray, np.ndarray]:
    """Return what a damped oscillator in a heat bath keeps of (x, v) in a timestep, and the root of what it gets."""
    steps = 1000
    dt = TIMESTEP / steps
    kept = np.linalg.matrix_power(np.array([[1.0, dt], [-(FREQUENCY**2) * dt, 1.0 - DAMPING * dt]]), steps)
    equilibrium = np.diag([AMPLITUDE**2, (AMPLITUDE * FREQUENCY) ** 2])
    return kept, np.linalg.cholesky(equilibrium - kept @ equilibrium @ kept.T)


def write(path: Path, n_frames: int) -> int:
    """Write the trajectory and return the number of its ions."""
    rng = np.random.default_rng(1)
    cube = np.stack(np.meshgrid(*[np.arange(N_REPEATS)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4.0 + 0.1
    sites = ((cube + basis) * LATTICE_CONSTANT).reshape(-1, 3)
    n_atoms = len(sites)
    mobile = np.flatnonzero(np.arange(n_atoms) % 4 < 2)
    rows = np.empty((n_atoms, 8))
    rows[:, 0], rows[:, 1] = np.arange(1, n_atoms + 1), 1 + (np.arange(n_atoms) % 4 >= 2)
    kept, root = propagator()
    state = rng.normal(size=(2, n_atoms, 3)) * np.array([AMPLITUDE, AMPLITUDE * FREQUENCY])[:, None, None]
    edge = N_REPEATS * LATTICE_CONSTANT
    with path.open("wb") as file:
        for t in range(n_frames):
            rows[:, 2:5], rows[:, 5:] = sites + state[0], state[1]
            file.write(struct.pack("<q10s2i2q7i", -10, b"DUMPCUSTOM", 1, 2, t, n_atoms, *[0] * 7))
            file.write(struct.pack("<6d2ib", 0.0, edge, 0.0, edge, 0.0, edge, 8, 0, 0))
            file.write(struct.pack("<i", len(COLUMNS)) + COLUMNS + struct.pack("<2i", 1, rows.size))
            file.write(rows.data)
            state = np.tensordot(kept, state, 1) + np.tensordot(root, rng.normal(size=state.shape), 1)
            hopping = mobile[rng.random(len(mobile)) < HOPS * TIMESTEP]
            axes = rng.integers(3, size=len(hopping))
            sites[hopping, axes] += LATTICE_CONSTANT / 2.0 * rng.choice([-1.0, 1.0], size=len(hopping))
    return n_atoms


def main(n_frames: int) -> None:
    verdicts = Verdicts()
    n_bytes = n_frames * 4 * N_REPEATS**3 * 64
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 1.1 * n_bytes:
            sys.exit(f"{folder} has no room for {n_bytes / 1e9:.0f} GB; set TMPDIR to a folder that has")
        path = Path(folder, "run.bin")
        start = time.perf_counter()
        n_atoms = write(path, n_frames)
        print(
            f"{n_atoms} atoms x {n_frames} frames, {24 * n_atoms * n_frames / 1e9:.1f} GB a field, in a file of "
            f"{path.stat().st_size / 1e9:.1f} GB, written in {time.perf_counter() - start:.0f} s",
            flush=True,
        )
        command = [sys.executable, "-c", ANALYSE, str(path), "--kinds", "Ag,I", "--mobile", "Ag"]
        command += ["--md-timestep", str(TIMESTEP), "--output", folder]
        # Blocks of a short trial hold shorter lags.
        longest = min(1.0, n_frames / 10_000)
        lags = {"diffusion": f"fit_start={2 * longest},fit_end={10 * longest}", "radial_distribution": ""}
        lags |= {"vibrations": f"longest_lag={5 * longest}", "cage_residence": f"longest_lag={10 * longest}"}
        for name in OBSERVABLES:
            command += ["--observable", f"{name}:{lags[name]}"]
        start = time.perf_counter()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            for line in process.stdout:
                print(f"  {time.perf_counter() - start:6.0f} s  {line.rstrip()}", flush=True)
        if process.returncode:
            sys.exit(f"superionic-analyse ended with status {process.returncode}")
        print(f"analysed for {', '.join(OBSERVABLES)} in {time.perf_counter() - start:.0f} s")
        peak = int(line) / 2**20
        print(f"peak memory {peak:.2f} GiB  {verdicts.at_most(peak, WANTED_GIB, 'GiB')}")
    print(verdicts.summary())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_FRAMES)
