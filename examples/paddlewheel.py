"""α-AgI as a classical potential has it, and as a linear one that learned from it: ions, electrons and forces.

Run by ``make demo-paddlewheel``, which sets AIIDA_PATH to a folder of its own: ``verdi run examples/paddlewheel.py
PAGE``. LAMMPS moves the ions, and CP2K finds their electrons on a few frames. What has been computed is taken from the
graph when it is repeated.
"""

import sys
import time
from pathlib import Path

from aiida import orm
from aiida.manage.caching import enable_caching
from rich.console import Console

from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.datasets import split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.campaigns.results import conditions
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import COMPUTER, code_version, registered_code
from aiida_superionic.potentials import potentials
from aiida_superionic.report.paddlewheel import models_side_by_side
from aiida_superionic.report.page import write_report
from aiida_superionic.report.table import quantity_tables
from aiida_superionic.structures import materials
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.learn import LearnWorkChain
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.paddlewheel import PaddlewheelWorkChain

MATERIAL, TEACHER, TEMPERATURE, SEED = "alpha-AgI", "vashishta-rahman", 750.0, 1
CELL, LARGER = (3, 3, 3), {"six": (6, 3, 3)}
FRAMES = {"train": 16, "validation": 4}
BASIS = {
    "learn_stress": False,
    "cutoff": 5.5,
    "bessel_degree": 3,
    "inverse_degree": 6,
    "two_body_functions": 6,
    "three_body_functions": 4,
    "three_body_angular_degree": 3,
}
EXPLORATION = {
    "timestep": 0.002,
    "sampling_steps": 40,
    "steps": [5000],
    "learning": {"mode": "on_the_fly", "trigger": {"threshold": 3.0}, "segment_steps": 2000},
}
TIMES = {"timestep": 0.002, "sampling_interval": 0.01, "equilibration": 10.0, "production": 80.0}
CENTRES = {"centres_per_ion": {"Ag": 5, "I": 4}, "protocol": "xtb", "every": 1600, "batch_size": 3, "tolerance": 0.1}


def crystal(repeats):
    """Return a cell of the crystal."""
    return make_structure(orm.Str(MATERIAL), orm.List(list(repeats)), orm.Int(SEED))


def learned(structure, teacher):
    """Return what learned from the teacher on the fly, from twenty of its frames."""
    beginning = {"timestep": 0.002, "equilibration": 10.0, "production": 20.0, "sampling_interval": 1.0}
    mobile = list(materials()[MATERIAL].mobile)
    lammps, fit = registered_code("lammps"), registered_code("fit")
    (first,) = run_together(
        MdWorkChain.get_builder_from_protocol(
            lammps, structure, teacher, temperature=TEMPERATURE, mobile=mobile, seed=SEED, overrides=beginning
        )
    )
    (home,) = run_together(
        builder_of(ConvertCalculation, code=registered_code("conversion"), trajectory=first.outputs.trajectory)
    )
    frames = frames_of_trajectory(home.outputs.frames)
    (labelled,) = run_together(builder_of(EvaluateCalculation, code=lammps, potential=teacher, dataset=frames))
    (loop,) = run_together(
        LearnWorkChain.get_builder_from_protocol(
            lammps,
            split_dataset(labelled.outputs.dataset, orm.Dict(FRAMES), orm.Int(SEED)),
            {"hot": first.outputs.structure},
            teacher,
            temperatures=[750.0, 900.0],
            mobile=mobile,
            seed=SEED,
            fit_code=fit,
            assessment_code=registered_code("assessment"),
            version=code_version(fit),
            basis=BASIS,
            protocol="fast",
            overrides=EXPLORATION,
        )
    )
    return loop.outputs.potential


@tells_user_errors
def main(page):
    """Learn, run both, and set them side by side."""
    begun = time.monotonic()
    codes = {name: registered_code(name) for name in ("lammps", "analysis", "conversion", "cp2k")}
    # The jobs are short: they are looked after more often than long ones would be.
    orm.load_computer(COMPUTER).set_minimum_job_poll_interval(0.5)
    teacher, about = PotentialData(potentials()[TEACHER]), materials()[MATERIAL]
    with enable_caching():
        structure = crystal(CELL)
        (study,) = run_together(
            PaddlewheelWorkChain.get_builder_from_protocol(
                codes,
                structure,
                {TEACHER.replace("-", "_"): teacher, "learned": learned(structure, teacher)},
                temperature=TEMPERATURE,
                mobile=list(about.mobile),
                formal_charges=about.charges_of_atoms,
                seed=SEED,
                version=code_version(codes["analysis"]),
                larger={name: crystal(repeats) for name, repeats in LARGER.items()},
                centres=CENTRES,
                overrides=TIMES,
            )
        )
    points = models_side_by_side([study], MATERIAL)
    found = conditions(points)
    for table in quantity_tables(found):
        Console().print(table)
    write_report(page, "agi-paddlewheel", found, points)
    print(f"study {study.pk}; report: {page}; {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
