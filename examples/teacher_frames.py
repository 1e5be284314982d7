"""A hundred frames of α-AgI with energies and forces of a classical potential, as the dataset ``agi-teacher-frames``.

What a campaign file learns from where no labels of its own are at hand: ``verdi run examples/teacher_frames.py``.
"""

from aiida import orm
from aiida.manage.caching import enable_caching

from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.datasets import split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import COMPUTER, registered_code
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.md import MdWorkChain

LABEL, MATERIAL, TEACHER, TEMPERATURE, SEED = "agi-teacher-frames", "alpha-AgI", "vashishta-rahman", 900.0, 1
SUBSETS = {"train": 80, "validation": 20}
TIMES = {"timestep": 0.002, "equilibration": 10.0, "production": 100.0, "sampling_interval": 1.0}


@tells_user_errors
def main():
    """Run the teacher, and label a hundred of its frames; once, however often it is asked for."""
    if orm.QueryBuilder().append(orm.Node, filters={"label": LABEL}).count():
        print(f"{LABEL} is there")
        return
    # The jobs are short, and so are those of what learns: they are looked after more often than long ones would be.
    orm.load_computer(COMPUTER).set_minimum_job_poll_interval(0.5)
    lammps, teacher = registered_code("lammps"), PotentialData(potentials()[TEACHER])
    with enable_caching():
        structure = make_structure(orm.Str(MATERIAL), orm.List([3, 3, 3]), orm.Int(SEED))
        mobile = list(materials()[MATERIAL].mobile)
        (run,) = run_together(
            MdWorkChain.get_builder_from_protocol(
                lammps, structure, teacher, temperature=TEMPERATURE, mobile=mobile, seed=SEED, overrides=TIMES
            )
        )
        (home,) = run_together(
            builder_of(ConvertCalculation, code=registered_code("conversion"), trajectory=run.outputs.trajectory)
        )
        frames = frames_of_trajectory(home.outputs.frames)
        (labelled,) = run_together(builder_of(EvaluateCalculation, code=lammps, potential=teacher, dataset=frames))
        dataset = split_dataset(labelled.outputs.dataset, orm.Dict(SUBSETS), orm.Int(SEED))
    dataset.label = LABEL
    print(f"{LABEL}: dataset {dataset.pk}")


if __name__ == "__main__":
    main()
