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
from aiida_superionic.calculations.evaluate import EvaluateCalculation, level_of_theory_of
from aiida_superionic.calculations.fit import FitCalculation
from aiida_superionic.calculations.learning import choose_frames, list_iterations
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.preparation import PreparationData
from aiida_superionic.learning.exploration import derived_seed
from aiida_superionic.learning.settings import CommitteeLearning, LearnSettings
from aiida_superionic.workchains.assess import AssessCommitteeWorkChain
from aiida_superionic.workchains.dft import cp2k_inputs, level_of_theory
from aiida_superionic.workchains.exploring import CHOICE, COMMITTEE, ExploringWorkChain
from aiida_superionic.workchains.label import LabelWorkChain
from aiida_superionic.workchains.lammps import LammpsBaseWorkChain
from aiida_superionic.workchains.protocol import protocol_settings
from aiida_superionic.workchains.reason import reason_of
from aiida_superionic.workchains.train import TrainWorkChain

_SET_HERE = ("dataset", "committee", "seed", "preparation")


class LearnWorkChain(ExploringWorkChain):
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
        spec.input(
            "preparation",
            valid_type=PreparationData,
            required=False,
            help="What points of a campaign wait for, and this is an attempt at.",
        )
        spec.expose_inputs(FitCalculation, namespace="fit", exclude=_SET_HERE)
        spec.expose_inputs(AssessCalculation, namespace="assess", include=("code", "version", "metadata"))
        spec.expose_inputs(TrainWorkChain, namespace="train", exclude=_SET_HERE)
        spec.expose_inputs(
            AssessCommitteeWorkChain,
            namespace="assess_committee",
            exclude=("convert.trajectory", "committee", "above"),
        )
        spec.expose_inputs(EvaluateCalculation, namespace="evaluate", exclude=("dataset",))
        spec.expose_inputs(LabelWorkChain, namespace="label", exclude=("dataset",))
        for name in ("fit", "assess", "train", "assess_committee", "evaluate", "label"):
            # Without what is set here there is nothing to check; each job is.
            spec.inputs[name].validator = None
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
        spec.exit_code(403, "ERROR_ASSESSMENT_FAILED", message="The assessment of frames failed: {reason}")
        spec.exit_code(404, "ERROR_LABELLING_FAILED", message="The labelling failed: {reason}")
        spec.exit_code(
            412,
            "ERROR_NO_CANDIDATES",
            message="Of {explored} frames {accurate} are accurate, {failed} failed and none is a candidate.",
        )

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
        if told := cls._check_family(value, settings):
            return told
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
        return None

    @classmethod
    def _check_family(cls, value: Any, settings: LearnSettings) -> str | None:
        given = {name for name in ("fit", "assess", "train", "assess_committee") if name in value}
        if given not in ({"fit", "assess"}, {"train", "assess_committee"}):
            return "a linear potential takes fit and assess, and any other family train and assess_committee"
        committee = settings.learning.size if isinstance(settings.learning, CommitteeLearning) else 0
        shared = {"dataset": value["dataset"], "committee": orm.Int(committee), "seed": orm.Int(1)}
        if "fit" in given:
            return FitCalculation.validate_inputs({**value["fit"], **shared}, None)
        if not committee:
            return "only a linear potential knows by itself where it is ignorant: others learn with a committee"
        return TrainWorkChain.validate_inputs({**value["train"], **shared}, None)

    @classmethod
    def get_builder_from_protocol(
        cls,
        lammps_code: orm.InstalledCode,
        dataset: DatasetData,
        structures: Mapping[str, orm.StructureData],
        labeller: PotentialData | orm.AbstractCode,
        *,
        temperatures: list[float],
        mobile: list[str],
        seed: int,
        fit_code: orm.InstalledCode | None = None,
        assessment_code: orm.InstalledCode | None = None,
        version: str = "",
        basis: dict[str, Any] | None = None,
        train: ProcessBuilder | None = None,
        conversion_code: orm.AbstractCode | None = None,
        label_protocol: str = "balanced",
        label_overrides: dict[str, Any] | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        lammps_code
            LAMMPS that runs the potentials.
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
        fit_code, assessment_code, version, basis
            Of a linear potential: ``superionic-fit``, ``superionic-assess``, the version of both, and settings of the
            fit, a good choice if absent.
        train, conversion_code
            Of another family: a builder of ``superionic.train``, and ``superionic-convert``.
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
        if train is None:
            builder.fit.code, builder.fit.lammps_code, builder.fit.version = fit_code, lammps_code, orm.Str(version)
            builder.fit.settings = orm.Dict(basis or {})
            builder.assess.code, builder.assess.version = assessment_code, orm.Str(version)
        else:
            shared = train._inputs(prune=True)
            builder.train._update({name: value for name, value in shared.items() if name not in _SET_HERE})
            builder.assess_committee.convert.code = conversion_code
            builder.assess_committee.evaluate.code = lammps_code
        builder.explore.code = lammps_code
        builder.explore["metadata"]["options"]._update(options or {})
        if isinstance(labeller, PotentialData):
            builder.evaluate.code, builder.evaluate.potential = lammps_code, labeller
        else:
            level = level_of_theory(label_protocol, label_overrides)
            species = dataset.base.attributes.get("species")
            builder.label.level_of_theory = orm.Str(level.name_for(species))
            builder.label.cp2k._update(cp2k_inputs(labeller, species, level))
        return builder

    def begin(self) -> None:
        """Stand at the foot of the ladder, with what is known."""
        self.stand_at_the_foot()
        self.ctx.dataset, self.ctx.has_to_learn = self.inputs.dataset, True
        self.ctx.labelled, self.ctx.rows = 0, {}

    @property
    def committee(self) -> int:
        """How many potentials judge a frame by their disagreement."""
        learning = self.settings.learning
        return learning.size if isinstance(learning, CommitteeLearning) else 0

    def has_to_learn(self) -> bool:
        """Return whether there are labels that the potential does not know."""
        return bool(self.ctx.has_to_learn)

    def has_chosen(self) -> bool:
        """Return whether frames are to be labelled."""
        return "frames" in self.ctx.chosen

    def process_of(self, step: str, name: str) -> tuple[type, AttributeDict]:
        """Return what runs one of the jobs of a step, and its inputs."""
        if step == "training":
            trainer, namespace = (FitCalculation, "fit") if "fit" in self.inputs else (TrainWorkChain, "train")
            return trainer, self._training(trainer, namespace)
        if step == "exploration":
            return LammpsBaseWorkChain, self.exploration(name, self.ctx.model.outputs.potential)
        if step == "assessment":
            if "assess" in self.inputs:
                return AssessCalculation, self._assessment(name)
            return AssessCommitteeWorkChain, self._committee_assessment(name)
        process, namespace = (
            (EvaluateCalculation, "evaluate") if "evaluate" in self.inputs else (LabelWorkChain, "label")
        )
        inputs = self.exposed_inputs(process, namespace)
        inputs.dataset = self.ctx.chosen["frames"]
        return process, inputs

    def mended(self, name: str, node: orm.ProcessNode) -> bool | ExitCode:
        """Take labels of some frames where others have none; mend explorations as the ladder does."""
        if self.ctx.step == "labelling":
            return "dataset" in node.outputs and self.drop(name)
        return super().mended(name, node)

    def plan_training(self) -> None:
        """Learn what is known."""
        self.plan("training", ["potential"])

    def _training(self, trainer: type, namespace: str) -> AttributeDict:
        inputs = self.exposed_inputs(trainer, namespace)
        inputs.dataset, inputs.committee = self.ctx.dataset, orm.Int(self.committee)
        inputs.seed = orm.Int(derived_seed(self.inputs.seed.value, COMMITTEE, self.ctx.iteration))
        return inputs

    def take_model(self) -> None:
        """Take the potential that was trained."""
        self.ctx.model, self.ctx.has_to_learn = self.ctx.training_potential, False

    def plan_assessment(self) -> None:
        """Look at the frames where they lie."""
        self.plan("assessment", self.explored)

    def _assessment(self, name: str) -> AttributeDict:
        learning = self.settings.learning
        inputs = self.exposed_inputs(AssessCalculation, "assess")
        inputs.update(
            lammps_code=self.inputs.fit.lammps_code,
            model=self.ctx.model.outputs.model,
            trajectory=self.explored[name].outputs.trajectory,
            committee=self.ctx.model.inputs.committee,
            seed=self.ctx.model.inputs.seed,
            keep=orm.Str(learning.measure),
            above=orm.Float(learning.kept_above),
        )
        return inputs

    def _committee_assessment(self, name: str) -> AttributeDict:
        inputs = self.exposed_inputs(AssessCommitteeWorkChain, "assess_committee")
        inputs.convert.trajectory = self.explored[name].outputs.trajectory
        inputs.committee = dict(self.ctx.model.outputs.committee)
        inputs.above = orm.Float(self.settings.learning.kept_above)
        return inputs

    def choose(self) -> ExitCode | None:
        """Choose what gets a label."""
        walkers, rung, report = self.settings.exploration.walkers, self.rung, self.ctx.model.outputs.report
        assessed = {}
        for name in self.explored:
            outputs = self.ctx[f"assessment_{name}"].outputs
            assessed[f"assessment_{name}"] = outputs.assessment
            if "frames" in outputs:
                assessed[f"frames_{name}"] = outputs.frames
        step = {
            "iteration": self.ctx.iteration,
            "structure": rung.structure,
            "steps": rung.steps,
            "trained_on": report["errors"]["train"]["frames"],
            "force_error": _of_potential(report["errors"]["validation"]["forces"]["all"]),
            "labelled": self.ctx.labelled,
            "went_whole": self.went_whole(),
            "walkers": {name: walkers[name] for name in self.explored},
        }
        seed = derived_seed(self.inputs.seed.value, CHOICE, self.ctx.iteration)
        self.ctx.chosen = choose_frames(self.inputs.settings, orm.Dict(step), orm.Int(seed), **assessed)
        row = self.ctx.chosen["row"]
        self.ctx.rows[f"iteration_{self.ctx.iteration:04d}"] = row
        self.report(
            f"iteration {self.ctx.iteration}, {rung.structure}: of {row['explored']} frames {row['accurate']} accurate,"
            f" {row['candidates']} candidates, {row['failed']} failed; {row['labelled']} to be labelled"
        )
        if self.committee and not row["converged"] and not row["labelled"]:
            counts = {key: row[key] for key in ("explored", "accurate", "failed")}
            return self.ended(self.exit_codes.ERROR_NO_CANDIDATES.format(**counts))
        return None

    def _is_known(self) -> bool:
        """Return whether enough of the frames are accurate, and no run was cut short."""
        return bool(self.ctx.chosen["row"]["converged"]) and self.went_whole()

    def plan_labelling(self) -> None:
        """Label what was chosen."""
        self.plan("labelling", ["frames"])

    def extend(self) -> ExitCode | None:
        """Add the labels to what is known."""
        labelled = self.ctx.labelling_frames.outputs.dataset
        results, node = merge_datasets.run_get_node(a_known=self.ctx.dataset, b_labelled=labelled)
        if not node.is_finished_ok:
            return self.ended(self.exit_codes.ERROR_LABELLING_FAILED.format(reason=reason_of(node)))
        self.ctx.labelled += labelled.base.attributes.get("n_frames")
        self.ctx.dataset, self.ctx.has_to_learn = results, True
        return None

    def climb(self) -> None:
        """Say where each walker goes on, and take the next rung where this one is known."""
        if self.committee and self._is_known():
            is_done = True
        elif self.committee and self.has_chosen():
            is_done, self.ctx.walkers = False, {}
        elif self.committee:
            # A run was cut where it came apart, and all is known until there: what comes next is not.
            is_done = self.go_on({}, {})
        else:
            triggered = self.ctx.chosen["row"]["triggered"]
            structures = {name: self.ctx.chosen[f"structure_{name}"] for name in triggered}
            is_done = self.go_on(triggered, structures)
        if is_done:
            self.next_rung()

    def put_out(self) -> None:
        """Put out what was learned so far, which another study can begin with."""
        self.out("dataset", self.ctx.dataset)
        if "model" in self.ctx:
            self.out_many(self.exposed_outputs(self.ctx.model, FitCalculation))
        if self.ctx.rows:
            self.out("iterations", list_iterations(**self.ctx.rows))


def _of_potential(error: float | Mapping[str, float]) -> float:
    """Return an error of the potential, where those of its committee may stand beside it."""
    return error["potential"] if isinstance(error, Mapping) else error
