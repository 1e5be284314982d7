"""What the full form of the electronic-paddlewheel study costs on one core: ``examples/paddlewheel-full.yaml``.

Measured are the first field and the steps of ab initio dynamics, an epoch of training and a step of the learned
dynamics; what the study's file asks for is told from them. Larger cells are taken to cost as much an ion and step as
the smallest, and a frame with Wannier centres as much as a first field.

Run by ``verdi run benchmarks/full_form.py`` in a profile that ``aiida-superionic setup`` has made.
"""

import tempfile
from pathlib import Path

import numpy as np
from aiida import orm

from aiida_superionic.calculations.cp2k_md import ENERGIES_FILE, Cp2kMdCalculation
from aiida_superionic.calculations.datasets import displace_frames, split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_structures
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.nequip import NequipCalculation
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import registered_code
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.workchains.cp2k_md import Cp2kMdBaseWorkChain
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.nequip import NequipBaseWorkChain
from aiida_superionic.workchains.protocol import protocol_settings

FILE = Path(__file__).parents[1] / "examples" / "paddlewheel-full.yaml"
TRAINED, VALIDATED = 2000, 1000
"""Frames of the study."""
_AB_INITIO_STEPS = 6
_FRAMES = {"train": 10, "validation": 2}
_EPOCHS, _STEPS = (1, 4), (10, 40)
_DAY = 86400.0


def _seconds(workchain, kind):
    """Return the CPU seconds of the last job of a kind that a workchain ran."""
    jobs = [job for job in workchain.called_descendants if job.process_class is kind]
    return max(jobs, key=lambda job: job.pk).outputs.usage["cpu_seconds"]


def _per_unit(counts, seconds):
    """Return what one more of what is counted costs: starting and compiling are not in it."""
    return (seconds[1] - seconds[0]) / (counts[1] - counts[0])


def ab_initio_dynamics(study, crystal):
    """Return what the first field and each further step take, in seconds."""
    step = study.ab_initio.timestep
    filled = MdWorkChain.get_builder_from_protocol(
        registered_code("cp2k"),
        crystal,
        level_of_theory(study.ab_initio.level),
        temperature=study.temperatures[0],
        mobile=list(materials()[study.structure.material].mobile),
        seed=study.seed,
        ensemble="nvt",
        overrides={
            "timestep": step,
            "equilibration": _AB_INITIO_STEPS * step,
            "thermo_interval": step,
            "checkpoint_interval": step,
        },
    )
    builder = Cp2kMdBaseWorkChain.get_builder()
    builder.cp2k._update(filled.equilibration.cp2k, structure=crystal, seed=orm.Int(study.seed))
    (run,) = run_together(builder)
    (job,) = (job for job in run.called if job.process_class is Cp2kMdCalculation)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "energies")
        job.outputs.remote_folder.getfile(ENERGIES_FILE, path)
        steps = np.loadtxt(path, ndmin=2)[1:, -1]
    return job.outputs.usage["ended"] - job.outputs.usage["started"] - steps.sum(), steps


def network(study, crystal):
    """Return CPU seconds of training, a frame and epoch, and of dynamics, a step of the smallest cell."""
    teacher = PotentialData(potentials()[study.potentials[0].name])
    displaced = displace_frames(
        frames_of_structures(**{f"crystal_{number}": crystal for number in range(sum(_FRAMES.values()))}),
        orm.Dict(dict.fromkeys(crystal.get_symbols_set(), 0.1)),
        orm.Int(study.seed),
    )
    (told,) = run_together(
        builder_of(EvaluateCalculation, code=registered_code("lammps"), potential=teacher, dataset=displaced)
    )
    dataset = split_dataset(told.outputs.dataset, orm.Dict(_FRAMES), orm.Int(study.seed))
    trainings = [
        run_together(
            NequipBaseWorkChain.get_builder_from_protocol(
                registered_code("nequip-train"),
                registered_code("nequip-compile"),
                dataset,
                seed=study.seed,
                protocol=study.potentials[1].train.protocol,
                overrides={"epochs": epochs, "learn_stress": False},
            )
        )[0]
        for epochs in _EPOCHS
    ]
    step = protocol_settings("md", study.md.protocol)["timestep"]
    runs = [
        run_together(
            MdWorkChain.get_builder_from_protocol(
                registered_code("lammps-nequip"),
                crystal,
                trainings[-1].outputs.potential,
                temperature=study.temperatures[0],
                mobile=list(materials()[study.structure.material].mobile),
                seed=study.seed,
                ensemble="nvt",
                protocol=study.md.protocol,
                overrides={
                    "equilibration": step,
                    "production": steps * step,
                    "sampling_interval": 5 * step,
                    "thermo_interval": step,
                    "checkpoint_interval": steps * step,
                },
            )
        )[0]
        for steps in _STEPS
    ]
    epoch = _per_unit(_EPOCHS, [_seconds(run, NequipCalculation) for run in trainings])
    return epoch / sum(_FRAMES.values()), _per_unit(_STEPS, [_seconds(run, LammpsCalculation) for run in runs])


def _print(what, unit, seconds, count):
    print(f"{what:38} {seconds:8.3g} s {unit:18} × {count:13,.0f} = {seconds * count / _DAY:8.3g} days", flush=True)


def main():
    study = load_campaign(FILE).study
    times = {**protocol_settings("md", study.md.protocol), **study.md.model_dump(exclude_none=True)}
    larger = {**times, **study.larger.model_dump(exclude_none=True)}
    of_ab_initio = protocol_settings("ab_initio_md", study.md.protocol) | study.ab_initio.model_dump(exclude_none=True)
    crystal = make_structure(
        orm.Str(study.structure.material), orm.List(list(study.structure.supercell)), orm.Int(study.seed)
    )
    ions = len(crystal.sites)

    def steps(of):
        return round((of["equilibration"] + of["production"]) / of["timestep"])

    print(f"{ions} ions, one core", flush=True)
    training, dynamics = network(study, crystal)
    epochs = protocol_settings("nequip", study.potentials[1].train.protocol)["epochs"]
    _print("NequIP, training", "a frame and epoch", training, (TRAINED + VALIDATED) * epochs)
    _print("NequIP, dynamics", "a step", dynamics, steps(times))
    repeats = np.prod(study.larger.supercells, axis=1).sum() / np.prod(study.structure.supercell)
    _print("NequIP, dynamics of larger cells", f"{ions} ions and step", dynamics, repeats * steps(larger))
    first, further = ab_initio_dynamics(study, crystal)
    print(f"PBE, the first field {first:.0f} s, then steps of {', '.join(f'{s:.0f}' for s in further)} s")
    _print("PBE, dynamics", "a step", further[-1], steps(of_ab_initio))
    frames = sum(
        of["production"] / of["sampling_interval"] / study.electrons.every for of in (times, times, of_ab_initio)
    )
    _print("PBE, Wannier centres", "a frame", first, frames)


if __name__ == "__main__":
    main()
