"""How faithful learned potentials are to a reference: the same dynamics and observables with each, side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain, append_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.analysis.fidelity import REFERENCE
from aiida_superionic.analysis.needs import unmet
from aiida_superionic.analysis.registry import observables as known_observables
from aiida_superionic.calculations.analyse import AnalyseCalculation, what_dynamics_hold
from aiida_superionic.calculations.benchmark import CURVES, LABELS, OBSERVABLES, compare_runs
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.datasets import select_frames
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.potentials import PotentialError
from aiida_superionic.workchains.md import CANONICAL, MICROCANONICAL
from aiida_superionic.workchains.protocol import protocol_settings
from aiida_superionic.workchains.reason import reason_of
from aiida_superionic.workchains.transport import TransportWorkChain

COMPARED = (
    "angular_distribution",
    "diffusion",
    "radial_distribution",
    "temperature",
    "tetrahedral_geometry",
    "van_hove",
    "vibrations",
)
"""Observables that are computed, of those that the dynamics of a structure allow."""

_SEEDS, _FRAMES = 5, 50
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""Of a learned potential: in the names of results it follows a species, which begins with a capital letter."""


class BenchmarkWorkChain(ContinuedOnce, WorkChain):
    """Run a reference and learned potentials from several seeds, and tell how far their results are from one another.

    The reference is a potential, which is run like the learned ones, or trajectories of dynamics that have been run,
    such as ab initio ones. A learned potential with which the dynamics fail is named, and the others are compared.

    No two runs have one seed: common starting velocities would bring runs nearer to one another than chance does.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input("lammps_code", valid_type=orm.AbstractCode, help="LAMMPS.")
        spec.input("analysis_code", valid_type=orm.AbstractCode, help="superionic-analyse.")
        spec.input("conversion_code", valid_type=orm.AbstractCode, help="superionic-convert.")
        spec.input("version", valid_type=orm.Str, help="Version of the script that analysis_code runs.")
        spec.input("structure", valid_type=orm.StructureData, help="What is simulated.")
        spec.input_namespace("learned", valid_type=PotentialData, help="The potentials that are compared, by name.")
        spec.input("teacher", valid_type=PotentialData, required=False, help="The potential that is the reference.")
        spec.input_namespace(
            "trajectories",
            valid_type=(TrajectoryData, orm.TrajectoryData),
            required=False,
            help="The runs that are the reference, in place of a teacher.",
        )
        spec.input("frames", valid_type=DatasetData, required=False, help="Labelled frames of the trajectories.")
        spec.input("temperatures", valid_type=orm.List, help="In K; one, where the reference is trajectories.")
        spec.input("mobile", valid_type=orm.List, help="The species meant to diffuse.")
        spec.input("ensemble", valid_type=orm.Str, default=lambda: orm.Str(CANONICAL), help="Of productions.")
        spec.input("n_seeds", valid_type=orm.Int, default=lambda: orm.Int(_SEEDS), help="Runs of each potential.")
        spec.input("seed", valid_type=orm.Int, default=lambda: orm.Int(1), help="Of the first run.")
        spec.input(
            "n_frames",
            valid_type=orm.Int,
            default=lambda: orm.Int(_FRAMES),
            help="Frames of the first run with the teacher, on which forces are compared.",
        )
        spec.input("times", valid_type=orm.Dict, help="The settings of a protocol, ps.")
        spec.input(
            "observables",
            valid_type=orm.Dict,
            validator=AnalyseCalculation.validate_observables,
            help="Parameters of each observable, by its name.",
        )
        spec.input("options", valid_type=orm.Dict, required=False, help="metadata.options of the jobs.")
        spec.inputs.validator = cls.validate_inputs
        spec.output("observables", valid_type=orm.Dict, required=False, help="Value, error, unit and bounds, by name.")
        spec.output("curves", valid_type=orm.ArrayData, required=False, help="The mean curves of each potential.")
        spec.output("report", valid_type=orm.Dict, required=False, help="Numbers of frames, and what is missing.")
        spec.outline(cls.run_dynamics, cls.bring_frames_home, cls.evaluate, cls.finish)
        spec.exit_code(401, "ERROR_REFERENCE_FAILED", message="The reference failed: {label}: {reason}")
        spec.exit_code(402, "ERROR_FRAMES_UNUSABLE", message="Forces could not be compared: {reason}")
        spec.exit_code(410, "ERROR_LEARNED_FAILED", message="Runs are missing from what is compared: {reasons}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is one reference, and that the potentials describe what is simulated."""
        if not {"structure", "temperatures", "mobile"} <= set(value):
            return None  # a missing input has its own message
        if ("teacher" in value) == bool(value.get("trajectories")):
            return "the reference is a teacher or trajectories, one of the two"
        if "frames" in value and "teacher" in value:
            return "frames are given with trajectories; those of a teacher are taken from its runs"
        if not value["temperatures"].get_list() or value["n_seeds"].value < 1 or value["n_frames"].value < 0:
            return "give one temperature and one seed at least, and no negative number of frames"
        if value["ensemble"].value not in (CANONICAL, MICROCANONICAL):
            return f"the ensemble is {value['ensemble'].value!r} where {CANONICAL} or {MICROCANONICAL} is expected"
        return cls._refused_potentials(value) or cls._refused_trajectories(value)

    @classmethod
    def _refused_potentials(cls, value: Any) -> str | None:
        learned = value.get("learned", {})
        if not learned:
            return "give one learned potential at least"
        species = value["structure"].get_symbols_set()
        if "frames" in value:
            if value["frames"].base.attributes.get("level_of_theory") is None:
                return "the frames are not labelled"
            species = species | set(value["frames"].base.attributes.get("species"))
        for name in learned:
            if name == REFERENCE or not _NAME.fullmatch(name):
                return f"a learned potential is called {name!r} where lower case words, not {REFERENCE!r}, are expected"
        for name, potential in {**learned, **({"teacher": value["teacher"]} if "teacher" in value else {})}.items():
            try:
                potential.potential.require(sorted(species))
            except PotentialError as error:
                return f"{name}: {error}"
        return None

    @classmethod
    def _refused_trajectories(cls, value: Any) -> str | None:
        trajectories, species = value.get("trajectories", {}), value["structure"].get_symbols_set()
        if trajectories and len(value["temperatures"].get_list()) != 1:
            return "trajectories are of one temperature, and others are given"
        for name, trajectory in trajectories.items():
            at_home = isinstance(trajectory, orm.TrajectoryData)
            kinds = set(trajectory.symbols if at_home else trajectory.kinds)
            if kinds != species:
                return f"{name} holds {', '.join(sorted(kinds))} where the structure holds {', '.join(sorted(species))}"
            mobile = trajectory.base.attributes.get("mobile", [])
            if set(mobile) != set(value["mobile"].get_list()):
                return (
                    f"mobile is {', '.join(value['mobile'].get_list())} where that of {name} is "
                    f"{', '.join(mobile) or 'nothing'}"
                )
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        lammps_code: orm.AbstractCode,
        analysis_code: orm.AbstractCode,
        conversion_code: orm.AbstractCode,
        structure: orm.StructureData,
        reference: PotentialData | Mapping[str, TrajectoryData | orm.TrajectoryData],
        learned: Mapping[str, PotentialData],
        *,
        temperatures: Sequence[float],
        mobile: Sequence[str],
        version: str,
        frames: DatasetData | None = None,
        n_seeds: int = _SEEDS,
        seed: int = 1,
        n_frames: int = _FRAMES,
        ensemble: str = CANONICAL,
        observables: Mapping[str, Mapping[str, Any]] | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        lammps_code, analysis_code, conversion_code
            The executables.
        structure
            What is simulated; it may be larger than what the potentials learned from.
        reference
            The potential that is run as the reference, or the trajectories of runs that are, by name. With
            trajectories, ``overrides`` should make the learned runs as long as they are, and as often sampled.
        learned
            The potentials that are compared, by name.
        temperatures
            In K, of all runs: those at which a potential learned may be others.
        mobile
            The species meant to diffuse.
        version
            Version of the script that ``analysis_code`` runs.
        frames
            Frames of the trajectories with the labels of the reference, on which forces are compared; without them
            forces are not. The frames of a teacher are taken from its runs.
        n_seeds, seed
            Runs of each potential at each temperature, and the seed of the first; each further run takes the next.
        n_frames
            Frames of the first run with a teacher at each temperature, on which forces are compared.
        ensemble
            Of the productions, ``nve`` or ``nvt``.
        observables
            Parameters of each observable by its name; :data:`COMPARED`, as far as the structure allows, if absent.
        protocol, overrides, options
            As :meth:`TransportWorkChain.get_builder_from_protocol` takes them.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown.
        """
        builder = cls.get_builder()
        builder.lammps_code, builder.analysis_code = lammps_code, analysis_code
        builder.conversion_code, builder.version = conversion_code, orm.Str(version)
        builder.structure, builder.learned = structure, dict(learned)
        if isinstance(reference, PotentialData):
            builder.teacher = reference
        else:
            builder.trajectories = dict(reference)
        if frames is not None:
            builder.frames = frames
        builder.temperatures, builder.mobile = orm.List([float(t) for t in temperatures]), orm.List(list(mobile))
        builder.n_seeds, builder.seed, builder.n_frames = orm.Int(n_seeds), orm.Int(seed), orm.Int(n_frames)
        builder.ensemble = orm.Str(ensemble)
        builder.times = orm.Dict(protocol_settings("md", protocol, overrides))
        if observables is None:
            there = what_dynamics_hold(structure.get_ase(), list(mobile), {})
            observables = {name: {} for name in COMPARED if not unmet(known_observables()[name].needs, there)}
        builder.observables = orm.Dict({name: dict(given) for name, given in observables.items()})
        if options:
            builder.options = orm.Dict(options)
        return builder

    def run_dynamics(self) -> None:
        """Run every potential at every temperature from every seed, and analyse the trajectories that there are."""
        self.ctx.runs, n_seeds = [], self.inputs.n_seeds.value
        potentials = {REFERENCE: self.inputs.teacher} if "teacher" in self.inputs else {REFERENCE: None}
        potentials |= {name: self.inputs.learned[name] for name in sorted(self.inputs.learned)}
        for temperature in self.inputs.temperatures.get_list():
            for number, (side, potential) in enumerate(potentials.items()):
                if potential is None:
                    for name in sorted(self.inputs.trajectories):
                        self._submit(side, temperature, name, self._analysis(name))
                    continue
                for seed in range(
                    self.inputs.seed.value + number * n_seeds, self.inputs.seed.value + (number + 1) * n_seeds
                ):
                    self._submit(side, temperature, f"seed {seed}", self._dynamics(potential, temperature, seed))

    def bring_frames_home(self) -> ExitCode | None:
        """Take frames of the first run with the teacher at each temperature."""
        for run, child in self._runs():
            if run[0] == REFERENCE and not _is_usable(child):
                return self.exit_codes.ERROR_REFERENCE_FAILED.format(label=_label(run), reason=reason_of(child))
        if "teacher" not in self.inputs or not self.inputs.n_frames.value:
            return None
        for number, temperature in enumerate(self.inputs.temperatures.get_list()):
            first = next(child for run, child in self._runs() if run[:2] == (REFERENCE, temperature))
            trajectory = first.outputs.trajectory
            every = max(1, trajectory.base.attributes.get("n_frames") // self.inputs.n_frames.value)
            inputs = {
                "code": self.inputs.conversion_code,
                "trajectory": trajectory,
                "every": orm.Int(every),
                "metadata": {"call_link_label": f"frames_{number:04d}"},
            }
            self.to_context(**{f"frames_{number}": self.submit(ConvertCalculation, **inputs)})
        return None

    def evaluate(self) -> ExitCode | None:
        """Label the frames with every potential."""
        self.ctx.labelled = {}
        for number, temperature in enumerate(self.inputs.temperatures.get_list()):
            if f"frames_{number}" in self.ctx:
                job = self.ctx[f"frames_{number}"]
                if not job.is_finished_ok:
                    return self.exit_codes.ERROR_FRAMES_UNUSABLE.format(reason=reason_of(job))
                every = frames_of_trajectory(job.outputs.frames, orm.Float(temperature))
                wanted = min(self.inputs.n_frames.value, len(every.dataset.frames))
                frames = select_frames(every, orm.Str("uniform"), orm.Int(wanted))
                potentials = {REFERENCE: self.inputs.teacher, **self.inputs.learned}
            elif "frames" in self.inputs:
                frames, potentials = self.inputs.frames, self.inputs.learned
            else:
                continue
            for side in potentials:
                key = LABELS.format(number=number, side=side)
                inputs = {
                    "code": self.inputs.lammps_code,
                    "potential": potentials[side],
                    "dataset": frames,
                    "metadata": {"call_link_label": key},
                }
                self.ctx.labelled[key] = None
                self.to_context(**{key: self.submit(EvaluateCalculation, **inputs)})
        return None

    def finish(self) -> ExitCode | None:
        """Compare what there is, and name what is missing from it."""
        runs = [(run, child) for run, child in self._runs() if _is_usable(child)]
        nodes: dict[str, orm.Data] = {}
        for number, (_, child) in enumerate(runs):
            nodes[OBSERVABLES.format(number=number)] = child.outputs.observables
            nodes[CURVES.format(number=number)] = child.outputs.curves
        for key in self.ctx.labelled:
            if not self.ctx[key].is_finished_ok:
                return self.exit_codes.ERROR_FRAMES_UNUSABLE.format(reason=reason_of(self.ctx[key]))
            nodes[key] = self.ctx[key].outputs.dataset
        if "frames" in self.inputs:
            nodes[LABELS.format(number=0, side=REFERENCE)] = self.inputs.frames
        self.out_many(compare_runs(orm.List([list(run[:2]) for run, _ in runs]), self.inputs.temperatures, **nodes))
        missing = [f"{_label(run)} ({reason_of(child)})" for run, child in self._runs() if not _is_usable(child)]
        return self.exit_codes.ERROR_LEARNED_FAILED.format(reasons="; ".join(missing)) if missing else None

    def _dynamics(self, potential: PotentialData, temperature: float, seed: int) -> ProcessBuilder:
        inputs = self.inputs
        return TransportWorkChain.get_builder_from_protocol(
            inputs.lammps_code,
            inputs.analysis_code,
            inputs.structure,
            potential,
            temperature=temperature,
            mobile=inputs.mobile.get_list(),
            seed=seed,
            ensemble=inputs.ensemble.value,
            observables=inputs.observables.get_dict(),
            version=inputs.version.value,
            overrides=inputs.times.get_dict(),
            options=inputs.options.get_dict() if "options" in inputs else None,
        )

    def _analysis(self, name: str) -> ProcessBuilder:
        builder = AnalyseCalculation.get_builder()
        builder.code, builder.version = self.inputs.analysis_code, self.inputs.version
        builder.trajectory, builder.observables = self.inputs.trajectories[name], self.inputs.observables
        return builder

    def _submit(self, side: str, temperature: float, name: str, builder: ProcessBuilder) -> None:
        run = (side, temperature, name)
        builder.metadata.label = _label(run)
        builder.metadata.call_link_label = f"run_{len(self.ctx.runs):04d}"
        self.ctx.runs.append(list(run))
        self.to_context(children=append_(self.submit(builder)))

    def _runs(self) -> list[tuple[tuple[str, float, str], orm.ProcessNode]]:
        return [(tuple(run), child) for run, child in zip(self.ctx.runs, self.ctx.children, strict=True)]


def _is_usable(child: orm.ProcessNode) -> bool:
    """Return whether a run has results; one that does not determine all of them has the others."""
    return bool(child.is_finished_ok or child.exit_status == child.process_class.exit_codes.ERROR_NOT_CONVERGED.status)


def _label(run: tuple[str, float, str]) -> str:
    side, temperature, name = run
    return f"{side} at {temperature:.12g} K, {name}"
