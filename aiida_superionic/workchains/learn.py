"""Active learning: a potential that is taken where it knows little, and learns there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.assess import AssessCalculation
from aiida_superionic.calculations.datasets import merge_datasets
from aiida_superionic.calculations.dynamics import DynamicsCalcJob
from aiida_superionic.calculations.evaluate import EvaluateCalculation, level_of_theory_of
from aiida_superionic.calculations.fit import FitCalculation
from aiida_superionic.calculations.functions import begin_production
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.learning import choose_frames, list_iterations
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.learning.exploration import derived_seed
from aiida_superionic.learning.settings import CommitteeLearning, LearnSettings
from aiida_superionic.workchains.dft import cp2k_inputs, level_of_theory
from aiida_superionic.workchains.label import LabelWorkChain
from aiida_superionic.workchains.lammps import LammpsBaseWorkChain
from aiida_superionic.workchains.protocol import protocol_settings
from aiida_superionic.workchains.steps import StepsWorkChain, last_job

_DYNAMICS = DynamicsCalcJob.exit_codes
_CAME_APART = {
    code.status for code in (_DYNAMICS.ERROR_HOST_LATTICE_MOLTEN, _DYNAMICS.ERROR_UNSTABLE, _DYNAMICS.ERROR_NON_NUMERIC)
}
_FEWEST_FRAMES = 5
"""Of a run that comes apart: what does so earlier has nothing to teach."""
_COMMITTEE, _VELOCITIES, _CHOICE = range(3)
"""What a seed is for; the first number that it is derived with."""


class LearnWorkChain(StepsWorkChain):
    """Train, explore, assess, choose, label, and train again, until the ladder of explorations is climbed.

    Seeds are derived from the input ``seed`` by :func:`aiida_superionic.learning.exploration.derived_seed` with the
    numbers 0 and the iteration for the committee, 1, the iteration and the number of the walker for velocities, and 2
    and the iteration for the draw among candidates.

    A job that was killed, or left nothing to read, is run again, at most twice.
    """

    FAILURES: ClassVar = {
        "training": "ERROR_TRAINING_FAILED",
        "exploration": "ERROR_EXPLORATION_FAILED",
        "assessment": "ERROR_ASSESSMENT_FAILED",
        "labelling": "ERROR_LABELLING_FAILED",
    }

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input("dataset", valid_type=DatasetData, help="What is known at the beginning: labelled, with subsets.")
        spec.input_namespace(
            "structures", valid_type=orm.StructureData, dynamic=True, help="Where explorations start, by name."
        )
        spec.input("settings", valid_type=orm.Dict, validator=cls.validate_settings, help="A LearnSettings.")
        spec.input("seed", valid_type=orm.Int, help="Of everything that is random.")
        spec.input(
            "max_iterations",
            valid_type=orm.Int,
            default=lambda: orm.Int(100),
            validator=lambda node, _: None if node.value > 0 else "max_iterations must be at least 1",
            help="Explorations, at most.",
        )
        spec.expose_inputs(FitCalculation, namespace="fit", exclude=("dataset", "committee", "seed"))
        spec.expose_inputs(LammpsCalculation, namespace="explore", include=("code", "metadata"))
        spec.expose_inputs(AssessCalculation, namespace="assess", include=("code", "version", "metadata"))
        spec.expose_inputs(EvaluateCalculation, namespace="evaluate", exclude=("dataset",))
        spec.expose_inputs(LabelWorkChain, namespace="label", exclude=("dataset",))
        for name in ("fit", "explore", "assess", "evaluate", "label"):
            # Without what is set here there is nothing to check; each job is.
            spec.inputs[name].validator = None
        for name in ("evaluate", "label"):
            spec.inputs[name].required = spec.inputs[name].populate_defaults = False
        spec.inputs.validator = cls.validate_inputs

        spec.output("dataset", valid_type=DatasetData, required=False, help="What was known at the end.")
        spec.expose_outputs(FitCalculation, include=("potential", "committee", "model", "report"))
        for name in ("potential", "committee", "model", "report"):
            spec.outputs[name].required = False
        spec.output("iterations", valid_type=orm.Dict, required=False, help="What was explored, chosen and labelled.")
        train = (cls.plan_training, *cls.work(), cls.take_model)
        spec.outline(
            cls.begin,
            while_(cls.is_on_the_ladder)(
                if_(cls.has_to_learn)(*train),
                cls.plan_exploration,
                *cls.work(),
                cls.plan_assessment,
                *cls.work(),
                cls.choose,
                if_(cls.has_chosen)(cls.plan_labelling, *cls.work(), cls.extend),
                cls.climb,
            ),
            if_(cls.has_to_learn)(*train),
            cls.put_out,
        )
        spec.exit_code(401, "ERROR_TRAINING_FAILED", message="The training failed: {reason}")
        spec.exit_code(402, "ERROR_EXPLORATION_FAILED", message="The exploration failed: {reason}")
        spec.exit_code(403, "ERROR_ASSESSMENT_FAILED", message="The assessment of frames failed: {reason}")
        spec.exit_code(404, "ERROR_LABELLING_FAILED", message="The labelling failed: {reason}")
        spec.exit_code(
            410,
            "ERROR_NOT_CONVERGED",
            message="After {iterations} iterations {structure} is not known for {steps} steps.",
        )
        spec.exit_code(
            411,
            "ERROR_EXPLORATION_CAME_APART",
            message="At {temperature:g} K {structure} comes apart at once: {reason}",
        )
        spec.exit_code(
            412,
            "ERROR_NO_CANDIDATES",
            message="Of {explored} frames {accurate} are accurate, {failed} failed and none is a candidate.",
        )

    @classmethod
    def validate_settings(cls, value: orm.Dict, _: Any) -> str | None:
        """Check the settings against :class:`LearnSettings`."""
        try:
            LearnSettings.model_validate(value.get_dict())
        except ValueError as error:
            return str(error)
        return None

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is one labeller, of the level of theory of the dataset, and what is to be explored."""
        if not {"dataset", "settings", "structures"} <= set(value):
            return None  # a missing input has its own message
        if ("evaluate" in value) == ("label" in value):
            return "labels are given by a potential (evaluate) or by CP2K (label), by one of them"
        if value["seed"].value < 0:
            return "the seed is not negative"
        settings = LearnSettings.model_validate(value["settings"].get_dict())
        if missing := sorted(set(settings.exploration.structures) - set(value["structures"])):
            return f"the structure {missing[0]} of the exploration is not among structures"
        species = value["dataset"].base.attributes.get("species")
        for name in settings.exploration.structures:
            if strange := sorted(value["structures"][name].get_symbols_set() - set(species)):
                return f"the structure {name} holds {', '.join(strange)}, of which the dataset has no frame"
        known = value["dataset"].base.attributes.get("level_of_theory")
        if "evaluate" in value:
            labels = level_of_theory_of(value["evaluate"]["potential"].potential)
        else:
            labels = value["label"]["level_of_theory"].value
        if known != labels:
            return f"the dataset is labelled with {known} where new labels would be of {labels}"
        shared = {"dataset": value["dataset"], "committee": orm.Int(0), "seed": orm.Int(1)}
        return FitCalculation.validate_inputs({**value["fit"], **shared}, None)

    @classmethod
    def get_builder_from_protocol(
        cls,
        fit_code: orm.InstalledCode,
        lammps_code: orm.InstalledCode,
        assessment_code: orm.InstalledCode,
        dataset: DatasetData,
        structures: Mapping[str, orm.StructureData],
        labeller: PotentialData | orm.AbstractCode,
        *,
        temperatures: list[float],
        mobile: list[str],
        seed: int,
        version: str,
        basis: dict[str, Any] | None = None,
        label_protocol: str = "balanced",
        label_overrides: dict[str, Any] | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        fit_code, lammps_code, assessment_code
            The executables ``superionic-fit``, LAMMPS and ``superionic-assess``.
        dataset
            What is known at the beginning: labelled frames with their subsets, or the dataset of an earlier study.
        structures
            Where explorations start, by name, in the order in which they are explored: unit cells first.
        labeller
            A potential, or CP2K.
        temperatures
            Of the explorations, K.
        mobile
            The species meant to diffuse.
        seed
            Of everything that is random.
        version
            Version of the scripts that ``fit_code`` and ``assessment_code`` run.
        basis
            Settings of the descriptors; a good choice if absent.
        label_protocol, label_overrides
            Level of theory of CP2K, as ``superionic.label`` takes them.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units.
        options
            ``metadata.options`` of the explorations: resources, walltime.

        Raises
        ------
        aiida_superionic.errors.SuperionicError
            If a protocol or an override is unknown.
        ValueError
            If the settings do not fit together.
        """
        given = protocol_settings("learn", protocol, overrides)
        builder = cls.get_builder()
        builder.max_iterations = orm.Int(given.pop("max_iterations"))
        learning = given.pop("learning")
        exploration = {**given, "structures": list(structures), "temperatures": temperatures, "mobile": mobile}
        settings = LearnSettings.model_validate({"exploration": exploration, "learning": learning})
        builder.settings = orm.Dict(settings.model_dump(mode="json"))
        builder.dataset, builder.seed = dataset, orm.Int(seed)
        for name, structure in structures.items():
            builder.structures[name] = structure
        builder.fit.code, builder.fit.lammps_code, builder.fit.version = fit_code, lammps_code, orm.Str(version)
        builder.fit.settings = orm.Dict(basis or {})
        builder.assess.code, builder.assess.version = assessment_code, orm.Str(version)
        builder.explore.code = lammps_code
        builder.explore["metadata"]["options"]._update(options or {})
        if isinstance(labeller, PotentialData):
            builder.evaluate.code, builder.evaluate.potential = lammps_code, labeller
        else:
            level = level_of_theory(label_protocol, label_overrides)
            builder.label.level_of_theory = orm.Str(level.name)
            builder.label.cp2k._update(cp2k_inputs(labeller, dataset.base.attributes.get("species"), level))
        return builder

    def begin(self) -> None:
        """Stand at the foot of the ladder, with what is known."""
        self.ctx.iteration = self.ctx.rung = self.ctx.labelled = 0
        self.ctx.dataset, self.ctx.has_to_learn = self.inputs.dataset, True
        self.ctx.todo, self.ctx.rows, self.ctx.walkers = {}, {}, {}

    @property
    def settings(self) -> LearnSettings:
        """What is asked for."""
        return LearnSettings.model_validate(self.inputs.settings.get_dict())

    @property
    def committee(self) -> int:
        """How many potentials judge a frame by their disagreement."""
        learning = self.settings.learning
        return learning.size if isinstance(learning, CommitteeLearning) else 0

    def is_on_the_ladder(self) -> bool:
        """Return whether a rung is left."""
        return bool(self.ctx.rung < len(self.settings.exploration.rungs))

    def has_to_learn(self) -> bool:
        """Return whether there are labels that the potential does not know."""
        return bool(self.ctx.has_to_learn)

    def has_chosen(self) -> bool:
        """Return whether frames are to be labelled."""
        return "frames" in self.ctx.chosen

    def process_of(self, step: str, name: str) -> tuple[type, AttributeDict]:
        """Return what runs one of the jobs of a step, and its inputs."""
        if step == "training":
            return FitCalculation, self._training()
        if step == "exploration":
            return LammpsBaseWorkChain, self._exploration(name)
        if step == "assessment":
            return AssessCalculation, self._assessment(name)
        process, namespace = (
            (EvaluateCalculation, "evaluate") if "evaluate" in self.inputs else (LabelWorkChain, "label")
        )
        inputs = self.exposed_inputs(process, namespace)
        inputs.dataset = self.ctx.chosen["frames"]
        return process, inputs

    def mended(self, name: str, node: orm.ProcessNode) -> bool | ExitCode:
        """Take labels of some frames where others have none, and halve explorations that come apart."""
        if self.ctx.step == "labelling":
            return "dataset" in node.outputs and self.drop(name)
        job = last_job(node)
        if self.ctx.step != "exploration" or job.exit_status not in _CAME_APART:
            return False
        exploration, walker = self.settings.exploration, self.ctx.walkers[name]
        frames = walker.length // (2 * exploration.sampling_steps)
        walker.length = frames * exploration.sampling_steps
        if frames >= _FEWEST_FRAMES:
            return True
        return self.exit_codes.ERROR_EXPLORATION_CAME_APART.format(
            temperature=exploration.walkers[name],
            structure=exploration.rungs[self.ctx.rung].structure,
            reason=job.exit_message,
        )

    def plan_training(self) -> None:
        """Learn what is known."""
        self.plan("training", ["potential"])

    def _training(self) -> AttributeDict:
        inputs = self.exposed_inputs(FitCalculation, "fit")
        inputs.dataset, inputs.committee = self.ctx.dataset, orm.Int(self.committee)
        inputs.seed = orm.Int(derived_seed(self.inputs.seed.value, _COMMITTEE, self.ctx.iteration))
        return inputs

    def take_model(self) -> None:
        """Take the potential that was trained."""
        self.ctx.model, self.ctx.has_to_learn = self.ctx.training_potential, False

    def plan_exploration(self) -> ExitCode | None:
        """Set out from where the rung begins, or go on."""
        exploration = self.settings.exploration
        rung = exploration.rungs[self.ctx.rung]
        if self.ctx.iteration == self.inputs.max_iterations.value:
            code = self.exit_codes.ERROR_NOT_CONVERGED
            return self.ended(code.format(iterations=self.ctx.iteration, structure=rung.structure, steps=rung.steps))
        self.ctx.iteration += 1
        for name in exploration.walkers:
            begun = {"structure": self.inputs.structures[rung.structure], "done": 0}
            walker = self.ctx.walkers.setdefault(name, AttributeDict(begun))
            walker.length = rung.steps - walker.done
            if not self.committee:
                walker.length = min(walker.length, self.settings.learning.segment_steps)
        self.plan("exploration", [name for name, walker in self.ctx.walkers.items() if walker.length > 0])
        return None

    def _exploration(self, name: str) -> AttributeDict:
        exploration, walker = self.settings.exploration, self.ctx.walkers[name]
        names = list(exploration.walkers)
        sampling = exploration.sampling_steps * exploration.timestep
        settings = MdSettings(
            ensemble="nvt",
            temperature=exploration.walkers[name],
            duration=walker.length * exploration.timestep,
            timestep=exploration.timestep,
            thermostat_damping=exploration.thermostat_damping,
            sampling_interval=sampling,
            thermo_interval=sampling,
            checkpoint_interval=walker.length * exploration.timestep,
            mobile=exploration.mobile,
            host_displacement_limit=exploration.host_displacement_limit,
        )
        seed = derived_seed(self.inputs.seed.value, _VELOCITIES, self.ctx.iteration, names.index(name))
        job = self.exposed_inputs(LammpsCalculation, "explore")
        job.update(
            structure=walker.structure,
            potential=self.ctx.model.outputs.potential,
            parameters=orm.Dict(settings.model_dump(mode="json")),
            seed=orm.Int(seed),
        )
        if "start" in walker:
            job.update(start=walker.start, parent_folder=walker.parent_folder)
        # What comes apart does so because the potential does not know the frame: no other timestep would mend it.
        overrides = orm.Dict({"halve_timestep": {"enabled": False}})
        return AttributeDict({"lammps": job, "handler_overrides": overrides})

    def plan_assessment(self) -> None:
        """Look at the frames where they lie."""
        self.ctx.explored = {
            name: self.ctx[f"exploration_{name}"] for name, walker in self.ctx.walkers.items() if walker.length > 0
        }
        self.plan("assessment", self.ctx.explored)

    def _assessment(self, name: str) -> AttributeDict:
        learning = self.settings.learning
        inputs = self.exposed_inputs(AssessCalculation, "assess")
        inputs.update(
            lammps_code=self.inputs.fit.lammps_code,
            model=self.ctx.model.outputs.model,
            trajectory=self.ctx.explored[name].outputs.trajectory,
            committee=self.ctx.model.inputs.committee,
            seed=self.ctx.model.inputs.seed,
            keep=orm.Str(learning.measure),
            above=orm.Float(learning.kept_above),
        )
        return inputs

    def choose(self) -> ExitCode | None:
        """Choose what gets a label."""
        exploration = self.settings.exploration
        rung = exploration.rungs[self.ctx.rung]
        report = self.ctx.model.outputs.report
        assessed = {}
        for name in self.ctx.explored:
            outputs = self.ctx[f"assessment_{name}"].outputs
            assessed[f"assessment_{name}"] = outputs.assessment
            if "frames" in outputs:
                assessed[f"frames_{name}"] = outputs.frames
        step = {
            "iteration": self.ctx.iteration,
            "structure": rung.structure,
            "steps": rung.steps,
            "trained_on": report["errors"]["train"]["frames"],
            "force_error": report["errors"]["validation"]["forces"]["all"],
            "labelled": self.ctx.labelled,
            "walkers": {name: exploration.walkers[name] for name in self.ctx.explored},
        }
        seed = derived_seed(self.inputs.seed.value, _CHOICE, self.ctx.iteration)
        self.ctx.chosen = choose_frames(self.inputs.settings, orm.Dict(step), orm.Int(seed), **assessed)
        row = self.ctx.chosen["row"]
        self.ctx.rows[f"iteration_{self.ctx.iteration:04d}"] = row
        self.report(
            f"iteration {self.ctx.iteration}, {rung.structure}: of {row['explored']} frames {row['accurate']} accurate,"
            f" {row['candidates']} candidates, {row['failed']} failed; {row['labelled']} to be labelled"
        )
        if self.committee and not self._is_known() and not row["labelled"]:
            counts = {key: row[key] for key in ("explored", "accurate", "failed")}
            return self.ended(self.exit_codes.ERROR_NO_CANDIDATES.format(**counts))
        if self.committee and self._is_known():
            self.ctx.chosen = {"row": row}
        return None

    def _is_known(self) -> bool:
        """Return whether enough of the frames are accurate, and no run was cut short."""
        steps = self.settings.exploration.rungs[self.ctx.rung].steps
        whole = all(walker.done + walker.length == steps for walker in self.ctx.walkers.values())
        return whole and bool(self.ctx.chosen["row"]["converged"])

    def plan_labelling(self) -> None:
        """Label what was chosen."""
        self.plan("labelling", ["frames"])

    def extend(self) -> ExitCode | None:
        """Add the labels to what is known."""
        labelled = self.ctx.labelling_frames.outputs.dataset
        results, node = merge_datasets.run_get_node(a_known=self.ctx.dataset, b_labelled=labelled)
        if not node.is_finished_ok:
            return self.ended(self.exit_codes.ERROR_LABELLING_FAILED.format(reason=node.exit_message))
        self.ctx.labelled += labelled.base.attributes.get("n_frames")
        self.ctx.dataset, self.ctx.has_to_learn = results, True
        return None

    def climb(self) -> None:
        """Say where each walker goes on, and take the next rung where this one is known."""
        if self.committee:
            self.ctx.walkers, is_done = {}, self._is_known()
        else:
            is_done = self._go_on()
        if is_done:
            self.ctx.rung += 1
            self.ctx.walkers = {}

    def _go_on(self) -> bool:
        """Begin anew at frames that were labelled, go on from the end elsewhere; return whether all came to the end."""
        exploration, row = self.settings.exploration, self.ctx.chosen["row"]
        for name, node in self.ctx.explored.items():
            walker = self.ctx.walkers[name]
            if name in row["triggered"]:
                begun = {"structure": self.ctx.chosen[f"structure_{name}"]}
                begun["done"] = walker.done + row["triggered"][name] * exploration.sampling_steps
            else:
                begun = {"structure": walker.structure, "done": walker.done + walker.length}
                begun["start"] = begin_production(node.outputs.checkpoint)
                begun["parent_folder"] = node.outputs.remote_folder
            self.ctx.walkers[name] = AttributeDict(begun)
        steps = exploration.rungs[self.ctx.rung].steps
        return all(walker.done >= steps for walker in self.ctx.walkers.values())

    def put_out(self) -> None:
        """Put out what was learned so far, which another study can begin with."""
        self.out("dataset", self.ctx.dataset)
        if "model" in self.ctx:
            self.out_many(self.exposed_outputs(self.ctx.model, FitCalculation))
        if self.ctx.rows:
            self.out("iterations", list_iterations(**self.ctx.rows))


def rows_of(node: orm.WorkChainNode) -> list[dict[str, Any]]:
    """Return a row for each iteration of a loop so far, whether it still runs or not."""
    chosen = [called for called in node.called if called.process_label == choose_frames.__name__]
    return [one.outputs.row.get_dict() for one in sorted(chosen, key=lambda one: one.pk) if one.is_finished_ok]
