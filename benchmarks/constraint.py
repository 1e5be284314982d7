"""Measure what constraints cost: wall time of RC and RTC over an unconstrained run, and per constrained atom and step.

Runs ``python benchmarks/constraint.py LMP [REPEATS]`` with LAMMPS' executable: γ-Na3PO4 with Pedone's rigid-ion model,
at least 4000 atoms. The modes take turns in one process, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from aiida_superionic.calculations.lammps import constraint_on, data_file, nearest_neighbour_distance
from aiida_superionic.calculations.lammps_script import lammps_script
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.potentials import parse_potential, potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

MATERIAL, POTENTIAL = "gamma-Na3PO4", "pedone"
REPEATS = (5, 5, 5)
STEPS = 100
ROUNDS = 4
LOOP = re.compile(r"^Loop time of (\S+) on .* for (\d+) steps with (\d+) atoms", re.MULTILINE)


def main() -> None:
    executable = sys.argv[1]
    repeats = (int(sys.argv[2]),) * 3 if len(sys.argv) > 2 else REPEATS
    material = materials()[MATERIAL]
    atoms = make_supercell(material, repeats, 1)
    kinds = list(dict.fromkeys(atoms.get_chemical_symbols()))
    potential = parse_potential(potentials()[POTENTIAL]).lammps(kinds, len(atoms))
    spacing = {kind: nearest_neighbour_distance(atoms[atoms.symbols == kind]) for kind in kinds}
    times: dict[str, list[float]] = {mode: [] for mode in ("UC", "RC", "RTC")}
    bodies = 0
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for mode in times:
            settings = MdSettings(
                ensemble="nvt",
                temperature=800.0,
                duration=STEPS * 0.001,
                timestep=0.001,
                thermo_interval=0.05,
                mobile=material.mobile,
                constraint=None if mode == "UC" else {"mode": mode},
            )
            constraint = constraint_on(atoms, settings)
            script = lammps_script(settings, potential, kinds, seed=1, host_spacing=spacing, constraint=constraint)
            data = data_file(atoms.copy(), kinds, potential.charges, potential.atom_style, constraint)
            bodies = sum(len(frame.atoms) for frame in constraint.frames) if constraint else bodies
            for name, text in {"input.in": script, "structure.data": data, **potential.files}.items():
                (folder / mode).mkdir(exist_ok=True)
                (folder / mode / name).write_text(text)
        for _ in range(ROUNDS):
            for mode, seconds in times.items():
                done = subprocess.run(
                    [executable, "-in", "input.in"],
                    cwd=folder / mode,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                loops = [float(time) for time, steps, _ in LOOP.findall(done.stdout) if int(steps) == STEPS]
                seconds.append(loops[0] / STEPS)
    free = np.array(times["UC"])
    print(f"{len(atoms)} atoms, {bodies} of them constrained; UC {1e3 * free.min():.2f} ms a step")
    for mode in ("RC", "RTC"):
        # The least of the rounds is the one that least was disturbed.
        taken = np.array(times[mode])
        ratios = taken / free
        print(
            f"{mode}: {taken.min() / free.min():.3f} of UC (rounds {ratios.min():.3f} to {ratios.max():.3f}),"
            f" {1e6 * (taken.min() - free.min()) / bodies:.2f} µs per constrained atom and step"
        )


if __name__ == "__main__":
    main()
