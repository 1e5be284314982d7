"""Submit a learning loop of α-AgI, always the same, and print its PK: ``submit_loop.py``.

It begins with sixteen rattled crystals of 32 ions that the classical force field labelled.
"""

from dataclasses import replace

import numpy as np
from aiida import load_profile, orm
from aiida.engine import run_get_node, submit

from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.engines.registration import COMPUTER, code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.workchains.learn import LearnWorkChain

load_profile()
orm.load_computer(COMPUTER).set_minimum_job_poll_interval(0.2)
lammps, fit, assess = (orm.load_code(f"{name}@{COMPUTER}") for name in ("lammps", "fit", "assessment"))
teacher = PotentialData(potentials()["vashishta-rahman"])
atoms = make_supercell(materials()["alpha-AgI"], (2, 2, 2), 1)
rng = np.random.default_rng(1)
frames = [
    Frame(
        tuple(atoms.get_chemical_symbols()),
        atoms.positions + rng.normal(scale=0.08, size=(len(atoms), 3)),
        atoms.cell.array,
        subset="validation" if number % 4 == 3 else "train",
    )
    for number in range(16)
]
labelled = run_get_node(
    EvaluateCalculation, code=lammps, potential=teacher, dataset=DatasetData(Dataset(tuple(frames)))
)[0]
# A new node for each loop: what is compared is what the loop makes of it.
dataset = labelled["dataset"].dataset
known = DatasetData(replace(dataset))
basis = {"cutoff": 5.0, "bessel_degree": 3, "inverse_degree": 6, "two_body_functions": 6, "three_body_functions": 2}
builder = LearnWorkChain.get_builder_from_protocol(
    lammps,
    known,
    {"cell": orm.StructureData(ase=atoms)},
    teacher,
    temperatures=[600.0],
    mobile=["Ag"],
    seed=3,
    fit_code=fit,
    assessment_code=assess,
    version=code_version(fit),
    basis={**basis, "three_body_angular_degree": 2},
    protocol="fast",
    overrides={
        "timestep": 0.002,
        "steps": [600],
        "max_iterations": 4,
        "learning": {"mode": "on_the_fly", "segment_steps": 200, "trigger": {"threshold": 2.0}},
    },
)
print(submit(builder).pk)
