"""How faithful a linear potential is to the dynamics that it learned from, for one of four materials.

Run by ``make demo-benchmark``, which sets AIIDA_PATH to a folder of its own: ``verdi run examples/benchmark.py
--material alpha-AgI --page PAGE.html``. The reference of α-AgI is a classical potential, that of the others is CP2K at
the level that their study names, at Γ. ``--test`` adds a transfer: ``hot`` learns at a higher temperature
than is run, ``small`` in a smaller cell, and ``frames`` tells the predicted and the actual error by how many frames
were learned from. What has been computed is taken from the graph when it is repeated.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from aiida import orm
from aiida.manage.caching import enable_caching
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from aiida_superionic.analysis.replicas import mean_over_replicas
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.assess import AssessCalculation
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.datasets import displace_frames, merge_datasets, select_frames, split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_structures, frames_of_trajectory
from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import COMPUTER, code_version, registered_code
from aiida_superionic.learning.errors import force_errors
from aiida_superionic.potentials import potentials
from aiida_superionic.report.benchmark import benchmark_tables, read_benchmark, write_benchmark_report
from aiida_superionic.report.formatting import measurement
from aiida_superionic.structures import materials
from aiida_superionic.workchains.benchmark import BenchmarkWorkChain
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.foreground import builder_of, run_together
from aiida_superionic.workchains.label import LabelWorkChain
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.train import TrainWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

SEED = 1
CONSOLE = Console(markup=False, width=120)
_FRAMES_OF_A_JOB = 20
# Runs of a crystal whose ions stay give an upper bound.
_LACKING = (TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status,)
# Seconds: what is stopped and repeated goes on from where the last whole job ended.
_WALLTIME = {"max_wallclock_seconds": 1800}


@dataclass(frozen=True)
class LongRuns:
    """Runs of what was learned that are longer than a reference can be; in K and ps."""

    supercell: tuple[int, int, int]
    temperature: float
    times: dict[str, float]
    seeds: int = 5


@dataclass(frozen=True)
class Study:
    """What is run of one material; temperatures in K, times in ps, lengths in Å.

    ``teacher`` is the family of the reference, or empty where it is CP2K at ``level``, with the settings that
    ``accuracy`` replaces. ``visits`` are the times of the
    run that is learned from, ``displaced`` are the standard deviations of the displacements of crystals that are
    learned from too, so that ions have been nearer to one another than in short dynamics.
    """

    supercell: tuple[int, int, int]
    temperature: float
    hot: float
    teacher: str
    times: dict[str, float]
    visits: dict[str, float]
    observables: dict[str, dict]
    sizes: dict[str, int]
    basis: dict[str, float]
    displaced: dict[str, float] = field(default_factory=dict)
    crystals: int = 0
    numbers_of_frames: tuple[int, ...] = ()
    small: tuple[int, int, int] | None = None
    long: LongRuns | None = None
    references: int = 2
    level: str = "xtb"
    accuracy: dict[str, float] = field(default_factory=dict)
    tested: int = 30


_SULPHIDE = {
    "hot": 900.0,
    "teacher": "",
    "times": {
        "timestep": 0.002,
        "equilibration": 0.5,
        "production": 2.0,
        "sampling_interval": 0.006,
        "thermo_interval": 0.01,
        "checkpoint_interval": 0.1,
    },
    "visits": {"equilibration": 0.2, "production": 0.6},
    "observables": {
        "angular_distribution": {},
        "diffusion": {"fit_start": 0.15, "fit_end": 0.36},
        "radial_distribution": {},
        "temperature": {},
        "tetrahedral_geometry": {"cutoff": 20.0},
        "van_hove": {"times": [0.1, 0.2, 0.36]},
        "vibrations": {"longest_lag": 0.36},
    },
    "sizes": {"train": 60, "validation": 10},
    # More functions than this fit so few frames better and are unstable where the dynamics go beyond them.
    "basis": {"learn_stress": False, "cutoff": 5.5, "three_body_functions": 2, "three_body_angular_degree": 2},
    "crystals": 30,
    "numbers_of_frames": (5, 10, 20, 40, 60),
    "tested": 20,
}
# No ion is as light as lithium. CP2K's GFN1-xTB draws sodium and sulphur together to 2.1 Å, and leaves tungsten five
# positive charges.
_SODIUM_SULPHIDE = {
    **_SULPHIDE,
    "level": "balanced",
    "accuracy": {"cutoff": 200.0, "relative_cutoff": 30.0, "scf_tolerance": 1e-5, "overlap_tolerance": 1e-8},
    "times": {
        "timestep": 0.004,
        "equilibration": 0.12,
        "production": 1.0,
        "sampling_interval": 0.008,
        "thermo_interval": 0.016,
        "checkpoint_interval": 0.08,
    },
    "visits": {"production": 0.3},
    "observables": {
        **_SULPHIDE["observables"],
        "diffusion": {"fit_start": 0.08, "fit_end": 0.18},
        "tetrahedral_geometry": {"cutoff": 35.0},
        "van_hove": {"times": [0.06, 0.12, 0.18]},
        "vibrations": {"longest_lag": 0.18},
    },
    "sizes": {"train": 40, "validation": 10},
    "crystals": 20,
    "numbers_of_frames": (5, 10, 20, 40),
    "tested": 10,
    "basis": {"learn_stress": False},
    # Where, and about as long as, the study of these crystals runs them.
    "long": LongRuns(
        supercell=(2, 2, 2),
        temperature=300.0,
        times={
            "timestep": 0.004,
            "equilibration": 10.0,
            "production": 100.0,
            "sampling_interval": 0.04,
            "thermo_interval": 0.2,
            "checkpoint_interval": 20.0,
        },
    ),
}
STUDIES = {
    "alpha-AgI": Study(
        supercell=(3, 3, 3),
        small=(2, 2, 2),
        temperature=500.0,
        hot=800.0,
        teacher="vashishta-rahman",
        times={
            "timestep": 0.002,
            "sampling_interval": 0.01,
            "equilibration": 4.0,
            "production": 15.0,
            "checkpoint_interval": 10.0,
        },
        visits={"equilibration": 4.0, "production": 20.0, "sampling_interval": 0.5},
        observables={
            "diffusion": {"fit_start": 0.6, "fit_end": 2.8},
            "radial_distribution": {},
            "temperature": {},
            "tetrahedral_geometry": {},
            "van_hove": {"times": [0.3, 0.6, 1.2, 2.4]},
            "vibrations": {"longest_lag": 2.8},
        },
        sizes={"train": 30, "validation": 10},
        basis={"learn_stress": False},
        numbers_of_frames=(2, 4, 8, 16, 30),
    ),
    "Li10GeP2S12": Study(
        supercell=(1, 1, 1),
        temperature=600.0,
        displaced={"Li": 0.2, "Ge": 0.08, "P": 0.08, "S": 0.1},
        **_SULPHIDE,
    ),
    "tungsten-Na3SbS4": Study(
        supercell=(2, 2, 2),
        temperature=600.0,
        displaced={"Na": 0.2, "Sb": 0.08, "W": 0.08, "S": 0.1},
        references=1,
        **_SODIUM_SULPHIDE,
    ),
    # The negative control: without vacancies no sodium moves.
    "tetragonal-Na3SbS4": Study(
        supercell=(2, 2, 1),
        small=(1, 1, 1),
        temperature=600.0,
        displaced={"Na": 0.2, "Sb": 0.08, "S": 0.1},
        **_SODIUM_SULPHIDE,
    ),
}


class Work:
    """The steps of one study."""

    def __init__(self, material):
        self.material, self.study = material, STUDIES[material]
        self.mobile = list(materials()[material].mobile)
        self.teacher = PotentialData(potentials()[self.study.teacher]) if self.study.teacher else None

    def crystal(self, supercell, seed=SEED):
        """Return a supercell."""
        return make_structure(orm.Str(self.material), orm.List(list(supercell)), orm.Int(seed))

    def dynamics(self, supercell, temperature, seed, **times):
        """Return what follows the reference."""
        return MdWorkChain.get_builder_from_protocol(
            registered_code("cp2k" if self.teacher is None else "lammps"),
            self.crystal(supercell),
            level_of_theory(self.study.level, self.study.accuracy) if self.teacher is None else self.teacher,
            temperature=temperature,
            mobile=self.mobile,
            seed=seed,
            ensemble="nvt",
            protocol="fast",
            overrides={**self.study.times, **times},
            options=_WALLTIME if self.teacher is None else None,
        )

    def frames(self, run, temperature, count):
        """Return so many frames of a run, evenly spaced."""
        trajectory = run.outputs.trajectory
        every = max(1, trajectory.base.attributes.get("n_frames") // count)
        (converted,) = run_together(
            builder_of(
                ConvertCalculation, code=registered_code("conversion"), trajectory=trajectory, every=orm.Int(every)
            )
        )
        there = frames_of_trajectory(converted.outputs.frames, orm.Float(temperature))
        return select_frames(there, orm.Str("uniform"), orm.Int(count))

    def labelled(self, frames):
        """Return frames with the labels of the reference."""
        if self.teacher is None:
            builder = LabelWorkChain.get_builder_from_protocol(
                registered_code("cp2k"),
                frames,
                protocol=self.study.level,
                overrides=self.study.accuracy,
                batch_size=_FRAMES_OF_A_JOB,
            )
        else:
            builder = builder_of(
                EvaluateCalculation, code=registered_code("lammps"), potential=self.teacher, dataset=frames
            )
        return run_together(builder)[0].outputs.dataset

    def visits(self, supercell, temperature):
        """Return the run whose frames are learned from."""
        return self.dynamics(supercell, temperature, SEED + 1000, **self.study.visits)

    def references(self):
        """Return the runs with CP2K that what was learned is compared with."""
        return [
            self.dynamics(self.study.supercell, self.study.temperature, seed)
            for seed in range(SEED, SEED + self.study.references)
        ]

    def learned_from(self, supercell, temperature):
        """Return the frames of a run of their own at a temperature, with displaced crystals, labelled."""
        wanted = sum(self.study.sizes.values()) - self.study.crystals
        (run,) = run_together(self.visits(supercell, temperature))
        parts = [self.frames(run, temperature, wanted)]
        if self.study.crystals:
            seeds = range(1, self.study.crystals + 1)
            crystals = {f"crystal_{seed:04d}": self.crystal(supercell, seed) for seed in seeds}
            still = frames_of_structures(**crystals)
            parts.append(displace_frames(still, orm.Dict(self.study.displaced), orm.Int(SEED)))
        return merge_datasets(**{f"part_{number}": self.labelled(part) for number, part in enumerate(parts)})

    def training(self, frames, sizes):
        """Return what learns from frames."""
        return TrainWorkChain.get_builder_from_protocol(
            "pod",
            registered_code("fit"),
            registered_code("lammps"),
            split_dataset(frames, orm.Dict(sizes), orm.Int(SEED)),
            seed=SEED,
            committee=0,
            version=code_version(registered_code("fit")),
            protocol="fast",
            overrides=self.study.basis,
        )

    def student(self, supercell, temperature):
        """Return a potential that learned in one cell at one temperature."""
        frames = self.learned_from(supercell, temperature)
        return run_together(self.training(frames, self.study.sizes))[0].outputs.potential

    def benchmark(self, learned):
        """Return the benchmark of what was learned."""
        study = self.study
        reference, frames = self.teacher, None
        if reference is None:
            runs = run_together(*self.references())
            reference = {f"seed_{number}": run.outputs.trajectory for number, run in enumerate(runs, start=1)}
            frames = self.labelled(self.frames(runs[0], study.temperature, study.tested))
        builder = BenchmarkWorkChain.get_builder_from_protocol(
            registered_code("lammps"),
            registered_code("analysis"),
            registered_code("conversion"),
            self.crystal(study.supercell),
            reference,
            learned,
            temperatures=[study.temperature],
            mobile=self.mobile,
            version=code_version(registered_code("analysis")),
            frames=frames,
            seed=SEED + 10,
            n_frames=study.tested,
            observables=study.observables,
            protocol="fast",
            overrides=study.times,
        )
        builder.metadata.label = f"{self.material}: how faithful what was learned is"
        return builder

    def diffusion_in_long_runs(self, potential):
        """Return a table of the diffusion coefficients of the mobile species, and of their mean."""
        study, analysis = self.study.long, registered_code("analysis")
        builders = [
            TransportWorkChain.get_builder_from_protocol(
                registered_code("lammps"),
                analysis,
                self.crystal(study.supercell),
                potential,
                temperature=study.temperature,
                mobile=self.mobile,
                seed=SEED + 3000 + number,
                ensemble="nvt",
                observables={"diffusion": {}, "temperature": {}},
                version=code_version(analysis),
                protocol="fast",
                overrides=study.times,
            )
            for number in range(study.seeds)
        ]
        told = [ended.outputs.observables.get_dict() for ended in run_together(*builders, lacking=_LACKING)]
        names = [f"diffusion_coefficient_{species}" for species in self.mobile]
        runs = {name: [Scalar(**numbers[name]) for numbers in told] for name in names}
        table = Table(
            *(Column(head, justify="right") for head in ("run", *(f"D({species}), cm²/s" for species in self.mobile))),
            title=f"{study.seeds} runs of {study.times['production']:g} ps with the student at {study.temperature:g} K",
            box=SIMPLE,
        )
        for number in range(study.seeds):
            table.add_row(str(number + 1), *(measurement(runs[name][number]) for name in names))
        table.add_row("mean", *(measurement(mean_over_replicas(name, runs[name])) for name in names))
        return table

    def errors_by_frames(self):
        """Return a table of predicted and actual errors of forces by how many frames were learned from."""
        study = self.study
        frames = self.learned_from(study.supercell, study.temperature)
        (run,) = run_together(self.dynamics(study.supercell, study.temperature, SEED + 2000, **study.visits))
        tested = self.labelled(self.frames(run, study.temperature, study.tested))
        validation = study.sizes["validation"]
        table = Table(
            *(Column(head, justify="right") for head in ("frames", "predicted, meV/Å", "actual, meV/Å")),
            title=f"Errors of forces on {study.tested} frames of another run",
            box=SIMPLE,
        )
        sizes = [{"train": number, "validation": validation} for number in study.numbers_of_frames]
        trained = run_together(*(self.training(frames, of) for of in sizes))
        for number, ended in zip(study.numbers_of_frames, trained, strict=True):
            assessed, told = run_together(
                builder_of(
                    AssessCalculation,
                    code=registered_code("assessment"),
                    lammps_code=registered_code("lammps"),
                    model=ended.outputs.model,
                    dataset=tested,
                    version=orm.Str(code_version(registered_code("assessment"))),
                ),
                builder_of(
                    EvaluateCalculation,
                    code=registered_code("lammps"),
                    potential=ended.outputs.potential,
                    dataset=tested,
                ),
            )
            predicted = 1e3 * np.mean(assessed.outputs.assessment.get_array("predicted_error_mean"))
            actual = force_errors(tested.dataset.frames, told.outputs.dataset.dataset.frames)["all"]
            table.add_row(str(number), f"{predicted:.1f}", measurement(actual))
        return table


@tells_user_errors
def main():
    """Learn, compare, and tell."""
    parser = argparse.ArgumentParser(prog="benchmark.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--material", choices=STUDIES, default="alpha-AgI")
    parser.add_argument("--page", type=Path, default=Path("benchmark.html"))
    parser.add_argument("--test", action="append", choices=("hot", "small", "frames", "long"), default=[])
    options = parser.parse_args()
    work = Work(options.material)
    if "small" in options.test and work.study.small is None:
        raise UserError(f"{options.material} is studied in the smallest cell that holds whole ions; leave out small")
    if "long" in options.test and work.study.long is None:
        raise UserError(f"the reference of {options.material} is long enough; leave out long")
    engines = ("lammps", "analysis", "conversion", "fit", "assessment", *(() if work.teacher else ("cp2k",)))
    for engine in engines:
        registered_code(engine)
    # Short jobs are looked after more often than long ones.
    orm.load_computer(COMPUTER).set_minimum_job_poll_interval(5.0 if work.teacher is None else 0.5)
    study = work.study
    with enable_caching():
        if work.teacher is None:
            # What takes long runs side by side, and is there when it is asked for.
            run_together(work.visits(study.supercell, study.temperature), *work.references())
        learned = {"student": work.student(study.supercell, study.temperature)}
        if "hot" in options.test:
            learned["hot"] = work.student(study.supercell, study.hot)
        if "small" in options.test:
            learned["small"] = work.student(study.small, study.temperature)
        if "frames" in options.test:
            CONSOLE.print(work.errors_by_frames())
        (node,) = run_together(work.benchmark(learned))
        told = read_benchmark(node)
        for table in benchmark_tables(told):
            CONSOLE.print(table)
        page = options.page.absolute()
        write_benchmark_report(page, told)
        CONSOLE.print(f"benchmark {node.pk}; report: {page}", soft_wrap=True)
        if "long" in options.test:
            CONSOLE.print(work.diffusion_in_long_runs(learned["student"]))


if __name__ == "__main__":
    main()
