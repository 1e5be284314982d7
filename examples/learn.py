"""A linear potential learns α-AgI from a classical one on the fly, and runs beside its teacher.

Run by ``make demo-learn``, which sets AIIDA_PATH to a folder of its own: ``verdi run examples/learn.py``. LAMMPS is the
only engine. What has been computed is taken from the graph when it is repeated.
"""

import time

import numpy as np
from aiida import orm
from aiida.manage.caching import enable_caching
from rich.console import Console
from rich.table import Table

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.curves import curves_of
from aiida_superionic.calculations.datasets import select_frames, split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.calculations.learning import rows_of
from aiida_superionic.campaigns.results import FINISHED, PointResult, conditions
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.learn import status_table, time_of
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import COMPUTER, code_version, registered_code
from aiida_superionic.potentials import potentials
from aiida_superionic.report.formatting import heading, measurement, unit_label
from aiida_superionic.structures import materials
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.learn import LearnWorkChain
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

MATERIAL, SUPERCELL, TEACHER, TEMPERATURE, SEED = "alpha-AgI", (3, 3, 3), "vashishta-rahman", 750.0, 1
BASIS = {
    "learn_stress": False,
    "cutoff": 5.5,
    "bessel_degree": 3,
    "inverse_degree": 6,
    "two_body_functions": 6,
    "three_body_functions": 4,
    "three_body_angular_degree": 3,
}
FRAMES = {"train": 16, "validation": 4}
EXPLORATION = {
    "timestep": 0.002,
    "sampling_steps": 40,
    "steps": [5000],
    "learning": {"mode": "on_the_fly", "trigger": {"threshold": 3.0}, "segment_steps": 2000},
}
EXPLORED_AT = [750.0, 900.0]
TIMES = {"timestep": 0.002, "sampling_interval": 0.01, "equilibration": 10.0}
OBSERVABLES = {"radial_distribution": {}, "diffusion": {}, "friction": {}, "cage_residence": {}, "temperature": {}}
COMPARED = ("diffusion_coefficient_Ag", "friction_coefficient_Ag", "cage_residence_time_Ag", "temperature")
SEEDS, PRODUCTION = (11, 12, 13, 14), 80.0
TESTED = 25
FARTHEST = 7.0
"""Å, to which g(r) is compared: less than half of the cell."""
CONSOLE = Console(markup=False, width=100)


def beginning(structure, potential):
    """Return what follows the potential for 20 ps, with a frame each."""
    return MdWorkChain.get_builder_from_protocol(
        registered_code("lammps"),
        structure,
        potential,
        temperature=TEMPERATURE,
        mobile=list(materials()[MATERIAL].mobile),
        seed=SEED,
        overrides={"timestep": 0.002, "equilibration": 10.0, "production": 20.0, "sampling_interval": 1.0},
    )


def frames_of(trajectory, every, count):
    """Return so many frames of a trajectory, evenly spaced among one of so many."""
    builder = builder_of(
        ConvertCalculation, code=registered_code("conversion"), trajectory=trajectory, every=orm.Int(every)
    )
    home = frames_of_trajectory(run_together(builder)[0].outputs.frames)
    return select_frames(home, orm.Str("uniform"), orm.Int(count))


def labels(potential, frames):
    """Return what labels frames by a potential."""
    return builder_of(EvaluateCalculation, code=registered_code("lammps"), potential=potential, dataset=frames)


def transport(structure, potential, seed):
    """Return what follows a potential and measures what it gives."""
    return TransportWorkChain.get_builder_from_protocol(
        registered_code("lammps"),
        registered_code("analysis"),
        structure,
        potential,
        temperature=TEMPERATURE,
        mobile=list(materials()[MATERIAL].mobile),
        seed=seed,
        observables=OBSERVABLES,
        version=code_version(registered_code("analysis")),
        overrides={**TIMES, "production": PRODUCTION},
    )


def averaged(name, runs):
    """Return the averages over the replicas of one potential."""
    points = [
        PointResult(
            label=name,
            specification={"potential": name, "seed": seed},
            uuid=run.uuid,
            pk=run.pk,
            state=FINISHED,
            message="",
            observables=run.outputs.observables.get_dict(),
            curves=curves_of(run.outputs.curves),
            provenance={},
        )
        for seed, run in zip(SEEDS, runs, strict=True)
    ]
    return conditions(points)[0]


def force_errors(truth, other):
    """Return the root mean square difference of forces in meV/Å, of all atoms and by species."""
    pairs = list(zip(truth.dataset.frames, other.dataset.frames, strict=True))
    species = np.concatenate([one.species for one, _ in pairs])
    differences = 1e3 * np.concatenate([two.forces - one.forces for one, two in pairs])
    of_kinds = {kind: differences[species == kind] for kind in sorted(set(species))}
    return {name: np.sqrt(np.mean(of**2)) for name, of in {"all": differences, **of_kinds}.items()}


def distances(teacher, student):
    """Return for each g(r) the mean of its absolute difference between two conditions."""
    found = {}
    for name, curve in teacher.curves.items():
        if name.startswith("radial_distribution"):
            near = curve.x <= FARTHEST
            other = np.interp(curve.x[near], student.curves[name].x, student.curves[name].y)
            found[name] = float(np.mean(np.abs(curve.y[near] - other)))
    return found


def ratio(student, teacher):
    """Return the ratio of two numbers with its error."""
    value = student.value / teacher.value
    return Scalar(value, value * np.hypot(student.error / student.value, teacher.error / teacher.value), "")


@tells_user_errors
def main():
    """Learn on the fly, then compare."""
    begun = time.monotonic()
    for engine in ("lammps", "analysis", "conversion", "fit", "assessment"):
        registered_code(engine)
    # The jobs are short: they are looked after more often than long ones would be.
    orm.load_computer(COMPUTER).set_minimum_job_poll_interval(0.5)
    teacher = PotentialData(potentials()[TEACHER])
    with enable_caching():
        structure = make_structure(orm.Str(MATERIAL), orm.List(list(SUPERCELL)), orm.Int(SEED))
        (first,) = run_together(beginning(structure, teacher))
        (labelled,) = run_together(labels(teacher, frames_of(first.outputs.trajectory, 1, sum(FRAMES.values()))))
        dataset = split_dataset(labelled.outputs.dataset, orm.Dict(FRAMES), orm.Int(SEED))
        (loop,) = run_together(
            LearnWorkChain.get_builder_from_protocol(
                registered_code("lammps"),
                dataset,
                {"hot": first.outputs.structure},
                teacher,
                temperatures=EXPLORED_AT,
                mobile=list(materials()[MATERIAL].mobile),
                seed=SEED,
                fit_code=registered_code("fit"),
                assessment_code=registered_code("assessment"),
                version=code_version(registered_code("fit")),
                basis=BASIS,
                protocol="fast",
                overrides=EXPLORATION,
            )
        )
        CONSOLE.print(status_table(rows_of(loop)))
        CONSOLE.print(time_of(loop))
        student = loop.outputs.potential
        runs = run_together(
            *(transport(structure, potential, seed) for potential in (teacher, student) for seed in SEEDS)
        )
        held_out = frames_of(runs[0].outputs.trajectory, 300, TESTED)
        told = [node.outputs.dataset for node in run_together(labels(teacher, held_out), labels(student, held_out))]
    of_teacher, of_student = averaged("teacher", runs[: len(SEEDS)]), averaged("student", runs[len(SEEDS) :])
    errors = force_errors(*told)
    CONSOLE.print(
        f"error of forces on {TESTED} frames of the teacher, meV/Å: "
        + ", ".join(f"{kind} {error:.1f}" for kind, error in errors.items())
    )
    for name, value in distances(of_teacher, of_student).items():
        CONSOLE.print(f"{heading(name)}: mean absolute difference up to {FARTHEST:g} Å {value:.3f}")
    table = Table("", "unit", "teacher", "student", "ratio", box=None, padding=(0, 2, 0, 0))
    for name in COMPARED:
        one, two = of_teacher.observables[name], of_student.observables[name]
        table.add_row(heading(name), unit_label(one.unit), *map(measurement, (one, two, ratio(two, one))))
    CONSOLE.print(table)
    CONSOLE.print(f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
