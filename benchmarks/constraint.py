"""Measure what constraints cost: wall time of RC and RTC over an unconstrained run, and per constrained atom and step.

Runs ``python benchmarks/constraint.py LMP [REPEATS]`` with LAMMPS' executable: γ-Na3PO4, at least 4000 atoms, with
Pedone's rigid-ion model and with the descriptors of a learned potential (POD, all coefficients zero: what it costs does
not depend on them). The runs take turns, so that what else the machine does falls on all alike.

Beside them stands an unconstrained run with a force of zero that is written as a variable. As soon as any force is,
LAMMPS (2024 and 2025 releases) adds up energy and virial in every step, not only in those that print them: what that
costs depends on the pair style, and is not the constraint's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from verdicts import Verdicts

from aiida_superionic.calculations.lammps import constraint_on, data_file, host_of
from aiida_superionic.calculations.lammps_script import lammps_script
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.potentials import LammpsPotential, parse_potential, potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

MATERIAL = "gamma-Na3PO4"
REPEATS = (5, 5, 5)
ROUNDS = 4
ZERO_FORCE = "zero force"
RUNS = {"UC": "UC", ZERO_FORCE: "UC", "RC": "RC", "RTC": "RTC"}
LOOP = re.compile(r"^Loop time of (\S+) on .* for (\d+) steps with (\d+) atoms", re.MULTILINE)

POD = """species {species}
pbc 1 1 1
rin 0.5
rcut 5.0
bessel_polynomial_degree 4
inverse_polynomial_degree 8
onebody 1
twobody_number_radial_basis_functions 6
threebody_number_radial_basis_functions 5
threebody_angular_degree 5
fourbody_number_radial_basis_functions 0
fourbody_angular_degree 0
"""
POD_COEFFICIENTS = 199
"""Of one species of three, with the descriptors above."""


def learned(kinds: list[str], classical: LammpsPotential) -> LammpsPotential:
    species = " ".join(kinds)
    n_coefficients = POD_COEFFICIENTS * len(kinds)
    return replace(
        classical,
        commands=("pair_style pod", f"pair_coeff * * zero.pod zero_coefficients.pod {species}"),
        files={
            "zero.pod": POD.format(species=species),
            "zero_coefficients.pod": f"model_coefficients: {n_coefficients} 0 0\n" + "0.0\n" * n_coefficients,
        },
    )


def main() -> None:
    executable = sys.argv[1]
    repeats = (int(sys.argv[2]),) * 3 if len(sys.argv) > 2 else REPEATS
    atoms = make_supercell(materials()[MATERIAL], repeats, 1)
    kinds = list(dict.fromkeys(atoms.get_chemical_symbols()))
    pedone = parse_potential(potentials()["pedone"]).lammps(kinds, len(atoms))
    verdicts = Verdicts()
    for name, potential, n_steps, wanted in (
        ("Pedone's model", pedone, 100, 1.10),
        ("a learned potential", learned(kinds, pedone), 20, 1.03),
    ):
        times, n_constrained = measure(executable, atoms, kinds, potential, n_steps)
        print(
            f"\n{name}: {len(atoms)} atoms, {n_constrained} of them constrained; UC {1e3 * times['UC']:.2f} ms a step"
        )
        print(f"  {ZERO_FORCE:10} {times[ZERO_FORCE] / times['UC']:.3f} of UC")
        for mode in ("RC", "RTC"):
            ratio = times[mode] / times["UC"]
            own = times[mode] - times[ZERO_FORCE]
            print(
                f"  {mode:10} {ratio:.3f} of UC {verdicts.at_most(ratio, wanted)},"
                f" {times[mode] / times[ZERO_FORCE]:.3f} of UC with a force of zero,"
                f" {1e6 * own / n_constrained:.2f} µs per constrained atom and step more than that"
            )
    print(verdicts.summary())


def measure(executable, atoms, kinds, potential, n_steps):
    """Return the least time of a step by run, in s, and the number of constrained atoms."""
    mobile = materials()[MATERIAL].mobile
    host = host_of(atoms, mobile)
    times: dict[str, float] = dict.fromkeys(RUNS, float("inf"))
    n_constrained = 0
    with tempfile.TemporaryDirectory() as directory:
        for name, mode in RUNS.items():
            settings = MdSettings(
                ensemble="nvt",
                temperature=800.0,
                duration=n_steps * 0.001,
                timestep=0.001,
                thermo_interval=0.05,
                mobile=mobile,
                constraint=None if mode == "UC" else {"mode": mode},
            )
            constraint = constraint_on(atoms, settings)
            n_constrained = sum(len(frame.atoms) for frame in constraint.frames) if constraint else n_constrained
            script = lammps_script(settings, potential, kinds, seed=1, host=host, constraint=constraint)
            if name == ZERO_FORCE:
                lines = "variable zero atom 0.0\nfix zero all addforce v_zero v_zero v_zero\nthermo_style"
                script = script.replace("thermo_style", lines, 1)
            data = data_file(atoms, kinds, potential.charges, potential.atom_style, host, constraint)
            folder = Path(directory, name)
            folder.mkdir()
            for file, text in {"input.in": script, "structure.data": data, **potential.files}.items():
                (folder / file).write_text(text)
        for _ in range(ROUNDS):
            for name, least in times.items():
                done = subprocess.run(
                    [executable, "-in", "input.in"],
                    cwd=Path(directory, name),
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                loops = [float(time) for time, steps, _ in LOOP.findall(done.stdout) if int(steps) == n_steps]
                # The least of the rounds is the one that was least disturbed.
                times[name] = min(least, loops[0] / n_steps)
    return times, n_constrained


if __name__ == "__main__":
    main()
