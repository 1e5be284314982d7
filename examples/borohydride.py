"""A potential of LiBH4 learns from CP2K, and lithium moves in it where anions may turn and where they may not.

Run by ``make demo-borohydride``, which sets AIIDA_PATH to a folder of its own: ``verdi run examples/borohydride.py``.
Labels are those of GFN1-xTB. What has been computed is taken from the graph when it is repeated.
"""

import time

import numpy as np
from aiida import orm
from aiida.manage.caching import enable_caching
from rich.console import Console
from rich.table import Column, Table

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.curves import curves_of
from aiida_superionic.calculations.datasets import displace_frames, merge_datasets, select_frames, split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_structures, frames_of_trajectory
from aiida_superionic.calculations.learning import rows_of
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.learn import status_table, time_of
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.engines.registration import COMPUTER, code_version, registered_code
from aiida_superionic.learning.errors import UNITS, label_errors
from aiida_superionic.report.formatting import measurement
from aiida_superionic.structures import materials
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.label import LabelWorkChain
from aiida_superionic.workchains.learn import LearnWorkChain
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

MATERIAL, SUPERCELL, LEVEL, SEED = "hexagonal-LiBH4", (2, 2, 1), "xtb", 1
MOBILE = list(materials()[MATERIAL].mobile)
FIRST = {600.0: 1, 900.0: 2}
"""Temperature in K of each run on the forces of CP2K, by which the loop begins, and the seed of its orientations."""
FIRST_TIMES = {
    "timestep": 0.001,
    "equilibration": 0.1,
    "production": 0.15,
    "sampling_interval": 0.005,
    "thermo_interval": 0.01,
    "checkpoint_interval": 0.05,
}
SQUEEZED, DISPLACED = (1.0, 0.93, 0.88), {"Li": 0.2, "B": 0.08, "H": 0.1}
"""What the lengths of cells are multiplied with, and by how much atoms are displaced, in Å: ions come nearer."""
CRYSTALS = 36
SIZES = {"train": 58, "validation": 10}
BASIS = {
    "learn_stress": False,
    # Hydrogen comes within 1.1 Å of boron.
    "inner_cutoff": 0.8,
    "cutoff": 5.0,
}
EXPLORED_AT = [600.0, 700.0]
EXPLORATION = {
    "sampling_steps": 50,
    "steps": [2000, 6000],
    "learning": {"mode": "committee", "choice": {"n_frames": 16, "method": "farthest-point"}},
}
TEMPERATURE = 350.0
"""K, less than is explored: at 450 K anions of so small a cell left their places within ten ps."""
TIMES = {"timestep": 0.001, "sampling_interval": 0.02, "equilibration": 2.0, "production": 10.0}
HELD = ("RC", "RTC")
LAG = 1.8
"""ps, to which displacements and orientations are followed: less than a fifth of the run, for errors from its parts."""
OBSERVABLES = {
    "diffusion": {"fit_start": 0.5, "fit_end": LAG},
    "reorientations": {},
    "tetrahedral_rotor": {"longest_lag": LAG},
    "host_lattice": {},
    "temperature": {},
}
LACKING = (TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status,)
"""Where ions do not move far enough, a run gives an upper bound of their diffusion, and says so."""
TESTED = 20
CONSOLE = Console(markup=False, width=100)
BEGUN = time.monotonic()


def crystal(seed, squeezed=1.0):
    """Return the crystal, its anions turned as the seed says."""
    given = (orm.Str(MATERIAL), orm.List(list(SUPERCELL)), orm.Int(seed))
    if squeezed == 1.0:
        return make_structure(*given)
    lengths = squeezed * np.linalg.norm(materials()[MATERIAL].cell, axis=1)
    return make_structure(*given, orm.List(lengths.tolist()))


def first_run(temperature, seed):
    """Return what follows the crystal on the forces of CP2K."""
    return MdWorkChain.get_builder_from_protocol(
        registered_code("cp2k"),
        crystal(seed),
        level_of_theory(LEVEL),
        temperature=temperature,
        mobile=MOBILE,
        seed=seed,
        ensemble="nvt",
        protocol="fast",
        overrides=FIRST_TIMES,
    )


def frames_of(run, temperature, every=1):
    """Return one of so many frames of a run."""
    trajectory = run.outputs.trajectory
    builder = builder_of(
        ConvertCalculation, code=registered_code("conversion"), trajectory=trajectory, every=orm.Int(every)
    )
    return frames_of_trajectory(run_together(builder)[0].outputs.frames, orm.Float(temperature))


def labelled(frames):
    """Return frames with the labels of CP2K."""
    builder = LabelWorkChain.get_builder_from_protocol(registered_code("cp2k"), frames, protocol=LEVEL, batch_size=50)
    return run_together(builder)[0].outputs.dataset


def displaced_crystals():
    """Return crystals whose ions come nearer to one another than in short dynamics."""
    seeds = range(1, CRYSTALS + 1)
    crystals = {f"crystal_{seed:04d}": crystal(seed, SQUEEZED[seed % len(SQUEEZED)]) for seed in seeds}
    return displace_frames(frames_of_structures(**crystals), orm.Dict(DISPLACED), orm.Int(SEED))


def divided(*parts):
    """Return the frames of several datasets, labelled and divided into subsets."""
    known = {f"part_{number}": labelled(part) for number, part in enumerate(parts)}
    return split_dataset(merge_datasets(**known), orm.Dict(SIZES), orm.Int(SEED))


def learning(dataset, structure):
    """Return the loop."""
    return LearnWorkChain.get_builder_from_protocol(
        registered_code("lammps"),
        dataset,
        {"crystal": structure},
        registered_code("cp2k"),
        label_protocol=LEVEL,
        temperatures=EXPLORED_AT,
        mobile=MOBILE,
        seed=SEED,
        fit_code=registered_code("fit"),
        assessment_code=registered_code("assessment"),
        version=code_version(registered_code("fit")),
        basis=BASIS,
        overrides=EXPLORATION,
    )


def transport(potential, structure, constraint=None, hot=None):
    """Return what follows the potential and measures how ions move, motions held from a hot frame on if they are."""
    return TransportWorkChain.get_builder_from_protocol(
        registered_code("lammps"),
        registered_code("analysis"),
        structure if hot is None else hot,
        potential,
        temperature=TEMPERATURE,
        mobile=MOBILE,
        seed=SEED,
        constraint=constraint,
        crystal=None if hot is None else structure,
        ensemble="nvt",
        observables=OBSERVABLES,
        version=code_version(registered_code("analysis")),
        overrides=TIMES,
    )


def error_text(errors):
    """Say how far energies and forces are off."""
    forces = ", ".join(f"{kind} {error:.1f}" for kind, error in errors["forces"].items())
    return f"forces, {UNITS['forces']}: {forces}; energy, {UNITS['energy']}: {errors['energy']:.2f}"


def at_the_end(run, name):
    """Return the last point of a curve of a run."""
    curve = curves_of(run.outputs.curves)[name]
    return Scalar(float(curve.y[-1]), float(curve.error[-1]), curve.y_unit)


def measured(run, name):
    """Return a number of a run."""
    return Scalar(**run.outputs.observables.get_dict()[name])


def mode_table(modes):
    """Return a table of what the runs with different motions held have measured."""
    rows = {
        "temperature, K": lambda run: measured(run, "temperature"),
        "reorientations of an anion, 1/ns": lambda run: measured(run, "reorientation_frequency_BH4"),
        f"C of anions after {LAG:g} ps": lambda run: at_the_end(run, "rotor_correlation_BH4"),
        "D of Li, cm²/s": lambda run: measured(run, "diffusion_coefficient_Li"),
        f"MSD of Li after {LAG:g} ps, Å²": lambda run: at_the_end(run, "mean_squared_displacement_Li"),
        f"MSD of B after {LAG:g} ps, Å²": lambda run: at_the_end(run, "mean_squared_displacement_B"),
    }
    table = Table(
        Column(no_wrap=True),
        *(Column(mode, justify="right", no_wrap=True) for mode in modes),
        box=None,
        padding=(0, 2, 0, 0),
    )
    for name, number in rows.items():
        table.add_row(name, *(measurement(number(run)) for run in modes.values()))
    return table


def say(text):
    """Print a line, with the seconds that have gone by."""
    CONSOLE.print(f"{time.monotonic() - BEGUN:.0f} s: {text}")


@tells_user_errors
def main():
    """Learn, test, and hold one motion of the anions after the other."""
    for engine in ("cp2k", "lammps", "analysis", "conversion", "fit", "assessment"):
        registered_code(engine)
    # Some jobs are short: they are looked after more often than long ones would be.
    orm.load_computer(COMPUTER).set_minimum_job_poll_interval(0.5)
    with enable_caching():
        say(f"{LEVEL} dynamics at {' and '.join(f'{temperature:g}' for temperature in FIRST)} K")
        runs = run_together(*(first_run(temperature, seed) for temperature, seed in FIRST.items()))
        known = [frames_of(run, temperature, every=2) for run, temperature in zip(runs, FIRST, strict=True)]
        say(f"labels of them, and of {CRYSTALS} displaced crystals")
        dataset = divided(*known, displaced_crystals())
        say("learning")
        (loop,) = run_together(learning(dataset, runs[0].outputs.structure))
        CONSOLE.print(status_table(rows_of(loop)))
        CONSOLE.print(time_of(loop))
        potential = loop.outputs.potential
        say(f"dynamics with what was learned at {TEMPERATURE:g} K")
        modes = {"UC": run_together(transport(potential, crystal(SEED)), lacking=LACKING)[0]}
        hot = modes["UC"].outputs.structure
        given = (transport(potential, crystal(SEED), Constraint(mode=mode), hot) for mode in HELD)
        held = run_together(*given, lacking=LACKING)
        modes |= dict(zip(HELD, held, strict=True))
        say(f"test on {TESTED} frames of the run without constraints")
        tested = select_frames(frames_of(modes["UC"], TEMPERATURE, every=20), orm.Str("uniform"), orm.Int(TESTED))
        true = labelled(tested)
        (told,) = run_together(
            builder_of(EvaluateCalculation, code=registered_code("lammps"), potential=potential, dataset=true),
        )
    CONSOLE.print(error_text(label_errors(true.dataset.frames, told.outputs.dataset.dataset.frames)))
    CONSOLE.print(mode_table(modes))
    say("done")


if __name__ == "__main__":
    main()
