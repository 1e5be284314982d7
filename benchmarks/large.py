"""Analyse a trajectory larger than memory by one call of ``superionic-analyse``; measure its time and peak memory.

The trajectory is a crystal of 13 500 ions that tremble, of which half also hop, with velocities, written as LAMMPS
writes binary dumps: 17 GB for 20 000 frames, deleted afterwards. Run as ``python benchmarks/large.py [FRAMES]``, or
``make bench-large``; the environment variable TMPDIR says on which disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oscillators import TIMESTEP, write_binary
from verdicts import Verdicts

N_REPEATS, N_FRAMES = 15, 20_000
WANTED_GIB = 3.0

ANALYSE = """
import sys
from aiida_superionic.analysis.script import run
status = run(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
print(*(line.split()[1] for line in lines if line.startswith("VmHWM")))
sys.exit(status)
"""


def observables(n_frames: int) -> dict[str, str]:
    """Return what is computed; the blocks of a short trial hold shorter lags than the default ones."""
    scale = min(1.0, n_frames / 10_000)
    return {
        "diffusion": f"fit_start={2 * scale},fit_end={10 * scale}",
        "radial_distribution": "",
        "vibrations": f"longest_lag={5 * scale}",
        "cage_residence": f"longest_lag={10 * scale}",
    }


def main(n_frames: int) -> None:
    verdicts = Verdicts()
    n_atoms = 4 * N_REPEATS**3
    n_bytes = n_frames * n_atoms * 64
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 1.1 * n_bytes:
            sys.exit(f"{folder} has no room for {n_bytes / 1e9:.0f} GB; set TMPDIR to a folder that has")
        path = Path(folder, "run.bin")
        start = time.perf_counter()
        write_binary(path, N_REPEATS, n_frames)
        print(
            f"{n_atoms} atoms x {n_frames} frames, {24 * n_atoms * n_frames / 1e9:.1f} GB a field, in a file of "
            f"{path.stat().st_size / 1e9:.1f} GB, written in {time.perf_counter() - start:.0f} s",
            flush=True,
        )
        command = [sys.executable, "-c", ANALYSE, str(path), "--kinds", "Ag,I", "--mobile", "Ag"]
        command += ["--md-timestep", str(TIMESTEP), "--output", folder]
        for name, parameters in observables(n_frames).items():
            command += ["--observable", f"{name}:{parameters}"]
        start = time.perf_counter()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        line = "0"
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            for line in process.stdout or ():
                print(f"  {time.perf_counter() - start:6.0f} s  {line.rstrip()}", flush=True)
        if process.returncode:
            sys.exit(f"superionic-analyse ended with status {process.returncode}")
        print(f"analysed for {', '.join(observables(n_frames))} in {time.perf_counter() - start:.0f} s")
        peak = int(line) / 2**20
        print(f"peak memory {peak:.2f} GiB  {verdicts.at_most(peak, WANTED_GIB, 'GiB')}")
    print(verdicts.summary())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_FRAMES)
