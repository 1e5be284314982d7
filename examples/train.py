"""A committee of linear potentials of α-AgI, and whether the errors that it predicts hold.

Run by ``make demo-train``, which sets AIIDA_PATH to a folder of its own: ``verdi run examples/train.py PAGE.html``.
LAMMPS is the only engine: a classical potential labels the frames. What has been computed is taken from the graph when
it is repeated.
"""

import sys
from pathlib import Path

from aiida import orm
from aiida.manage.caching import enable_caching
from rich.console import Console

from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.datasets import merge_datasets, split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import COMPUTER, code_version, registered_code
from aiida_superionic.potentials import potentials
from aiida_superionic.report.training import read_training, training_tables, write_training_report
from aiida_superionic.structures import materials
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.train import TrainWorkChain

MATERIAL, SUPERCELL, TEACHER, SEED = "alpha-AgI", (2, 2, 2), "vashishta-rahman", 1
SIZES = {
    300.0: {"train": 12, "validation": 20, "test": 48},
    750.0: {"train": 12, "validation": 20, "test": 48},
    1200.0: {"train": 0, "validation": 0, "test": 80},
}
"""Nothing is learned at the highest temperature: its frames are to be told from the others."""

APART, TIMESTEP = 0.2, 0.002
CONSOLE = Console(markup=False)


def dynamics(structure, teacher, temperature):
    """Return what visits the frames of one temperature."""
    return MdWorkChain.get_builder_from_protocol(
        registered_code("lammps"),
        structure,
        teacher,
        temperature=temperature,
        mobile=list(materials()[MATERIAL].mobile),
        seed=SEED,
        ensemble="nvt",
        overrides={
            "timestep": TIMESTEP,
            "equilibration": 4.0,
            "production": APART * sum(SIZES[temperature].values()),
            "sampling_interval": APART,
        },
    )


def labelled(temperature, run, teacher):
    """Return the frames of a run, labelled and divided."""
    trajectory = run.outputs.trajectory
    (converted,) = run_together(
        builder_of(ConvertCalculation, code=registered_code("conversion"), trajectory=trajectory)
    )
    frames = frames_of_trajectory(converted.outputs.frames, orm.Float(temperature))
    (evaluated,) = run_together(
        builder_of(EvaluateCalculation, code=registered_code("lammps"), dataset=frames, potential=teacher)
    )
    return split_dataset(evaluated.outputs.dataset, orm.Dict(SIZES[temperature]), orm.Int(SEED))


@tells_user_errors
def main():
    """Make the dataset, train, and tell how far off it is."""
    page = Path(sys.argv[1] if len(sys.argv) > 1 else "train.html").absolute()
    for engine in ("lammps", "conversion", "fit"):
        registered_code(engine)
    # The jobs are short: they are looked after more often than long ones would be.
    orm.load_computer(COMPUTER).set_minimum_job_poll_interval(0.5)
    teacher = PotentialData(potentials()[TEACHER])
    with enable_caching():
        structure = make_structure(orm.Str(MATERIAL), orm.List(list(SUPERCELL)), orm.Int(SEED))
        runs = run_together(*(dynamics(structure, teacher, temperature) for temperature in SIZES))
        parts = [labelled(temperature, run, teacher) for temperature, run in zip(SIZES, runs, strict=True)]
        dataset = merge_datasets(**{f"part_{number}": part for number, part in enumerate(parts)})
        (training,) = run_together(
            TrainWorkChain.get_builder_from_protocol(
                "pod",
                registered_code("fit"),
                registered_code("lammps"),
                dataset,
                seed=SEED,
                version=code_version(registered_code("fit")),
                protocol="fast",
            )
        )
    told = read_training(training)
    for table in training_tables(told):
        CONSOLE.print(table)
    write_training_report(page, told)
    CONSOLE.print(f"training {training.pk}; report: {page}", soft_wrap=True)


if __name__ == "__main__":
    main()
