"""Measure what the deviation of a committee costs: steps of MD with four deep potentials over those with one.

Runs ``python benchmarks/deviation.py BIN`` with the folder that holds DeePMD-kit's ``dp`` and its LAMMPS: α-AgI, 108
ions. The networks are of the default size; how well they learned does not matter to what they cost, so they learn
little. The runs take turns, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.calculators.lj import LennardJones
from verdicts import Verdicts

from aiida_superionic.calculations.lammps import data_file, host_of
from aiida_superionic.calculations.lammps_script import lammps_script
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.learning.deepmd import DeepmdSettings, training_files, training_input
from aiida_superionic.potentials import LammpsPotential
from aiida_superionic.potentials.deepmd import MODEL_FILE, Deepmd
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

MATERIAL, KINDS = "alpha-AgI", ["Ag", "I"]
MEMBERS, TRAINING_STEPS, STEPS, ROUNDS = 4, 100, 300, 3
INTERVALS = (1, 10)
LOOP = re.compile(r"^Loop time of (\S+) on .* for (\d+) steps", re.MULTILINE)


@dataclass
class Program:
    """What runs, where."""

    folder: Path
    name: str

    def __call__(self, place: Path, *arguments: str) -> str:
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [str(self.folder / self.name), *arguments],
            cwd=place,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout


def main() -> None:
    folder = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as directory:
        members = [train(Program(folder, "dp"), Path(directory, str(seed)), seed) for seed in range(1, MEMBERS + 1)]
        alone = members[0].lammps(KINDS, 108)
        potentials = {0: alone}
        potentials |= {each: members[0].lammps_committee(members[1:], KINDS, 108, each) for each in INTERVALS}
        times = measure(Program(folder, "lmp"), potentials, Path(directory))
    verdicts = Verdicts()
    print(f"one deep potential: {1e3 * times[0]:.2f} ms a step")
    for each in INTERVALS:
        cost = each * (times[each] / times[0] - 1.0)
        print(
            f"{MEMBERS} of them, their deviation every {each} steps: {1e3 * times[each]:.2f} ms a step;"
            f" a deviation costs {cost:.1f} evaluations of one {verdicts.at_most(cost, MEMBERS)}"
        )
    print(verdicts.summary())


def train(dp: Program, folder: Path, seed: int) -> Deepmd:
    """Return a deep potential of a seed."""
    rng = np.random.default_rng(1)
    frames = []
    for number in range(6):
        atoms = make_supercell(materials()[MATERIAL], (3, 3, 3), 1)
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        atoms.calc = LennardJones(sigma=2.5, epsilon=0.05, rc=5.0)
        frames.append(
            Frame(
                tuple(atoms.get_chemical_symbols()),
                atoms.positions,
                np.array(atoms.cell),
                float(atoms.get_potential_energy()),
                atoms.get_forces(),
                atoms.get_stress(voigt=False),
                subset="train" if number else "validation",
            )
        )
    dataset = Dataset(tuple(frames), "Lennard-Jones")
    settings = DeepmdSettings(steps=TRAINING_STEPS, report_every=TRAINING_STEPS, checkpoint_every=TRAINING_STEPS)
    for name, content in training_files(dataset, settings.learn_stress).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "input.json").write_text(training_input(settings, dataset, seed))
    dp(folder, "--tf", "train", "input.json")
    dp(folder, "--tf", "freeze", "--output", "frozen.pb")
    dp(folder, "--tf", "compress", "--input", "frozen.pb", "--output", MODEL_FILE)
    model = (folder / MODEL_FILE).read_bytes()
    return Deepmd.of(model, dataset.species, description="for its cost", source="Lennard-Jones")


def measure(lmp: Program, potentials: dict[int, LammpsPotential], place: Path) -> dict[int, float]:
    """Return the least time of a step in s, by the steps between two deviations; 0 where there are none."""
    atoms = make_supercell(materials()[MATERIAL], (3, 3, 3), 1)
    host = host_of(atoms, ["Ag"])
    timestep = 1e-5  # nothing moves, whatever the forces
    settings = MdSettings(
        ensemble="nve",
        temperature=300.0,
        duration=STEPS * timestep,
        timestep=timestep,
        thermo_interval=STEPS * timestep,
        mobile=["Ag"],
    )
    times = dict.fromkeys(potentials, float("inf"))
    for each, potential in potentials.items():
        folder = place / f"every{each}"
        folder.mkdir()
        script = lammps_script(settings, potential, KINDS, seed=1, host=host)
        data = data_file(atoms, KINDS, potential.charges, potential.atom_style, host)
        for name, content in {"input.in": script, "structure.data": data, **potential.files}.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    for _ in range(ROUNDS):
        for each in potentials:
            loops = LOOP.findall(lmp(place / f"every{each}", "-in", "input.in"))
            # The least of the rounds is the one that was least disturbed.
            times[each] = min(times[each], *(float(time) / STEPS for time, steps in loops if int(steps) == STEPS))
    return times


if __name__ == "__main__":
    main()
