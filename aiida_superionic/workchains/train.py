"""Training: a dataset and a family in; a potential, a committee and their errors out."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.fit import FitCalculation
from aiida_superionic.calculations.training import TrainingCalcJob
from aiida_superionic.calculations.training_results import MEMBER, POTENTIAL, summarise_training
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.preparation import PreparationData
from aiida_superionic.workchains.deepmd import DeepmdBaseWorkChain
from aiida_superionic.workchains.nequip import NequipBaseWorkChain
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings
from aiida_superionic.workchains.steps import StepsWorkChain
from aiida_superionic.workchains.training import TrainingWorkChain

LINEAR = "fit"
"""The namespace of the linear potential: one job gives the whole committee."""

_LINEAR_FAMILY = "pod"

NETWORKS: dict[str, type[TrainingWorkChain]] = {"deepmd": DeepmdBaseWorkChain, "nequip": NequipBaseWorkChain}
"""By namespace, what trains one network: as many jobs as the committee has members."""

_SET_HERE = ("dataset", "seed", "parent_folder", "start")


class TrainWorkChain(StepsWorkChain):
    """Train a committee, and evaluate each of its potentials on the frames that it was, and was not, trained on.

    The members of a linear family are drawn from its posterior with the input ``seed``; the potential is its mean.
    Networks are trained with the seeds ``seed``, ``seed + 1`` and so on; the potential is the first.

    A job that was killed, or left nothing to read, is run again, at most twice.
    """

    FAILURES: ClassVar = {"training": "ERROR_TRAINING_FAILED", "evaluation": "ERROR_EVALUATION_FAILED"}

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input("dataset", valid_type=DatasetData, help="Labelled frames, divided into subsets.")
        spec.input("committee", valid_type=orm.Int, default=lambda: orm.Int(4), help="How many members.")
        spec.input("seed", valid_type=orm.Int, help="Of the committee.")
        spec.input(
            "preparation",
            valid_type=PreparationData,
            required=False,
            help="What points of a campaign wait for, and this is an attempt at.",
        )
        spec.expose_inputs(FitCalculation, namespace=LINEAR, exclude=("dataset", "committee", "seed"))
        for name, workchain in NETWORKS.items():
            spec.expose_inputs(workchain, namespace=name, exclude=[f"{name}.{port}" for port in _SET_HERE])
            # Without what is set here there is nothing to check; each job is.
            spec.inputs[name][name].validator = None
        for name in (LINEAR, *NETWORKS):
            spec.inputs[name].validator = None
            spec.inputs[name].required = spec.inputs[name].populate_defaults = False
        spec.expose_inputs(EvaluateCalculation, namespace="evaluate", exclude=("dataset", "potential"))
        spec.inputs["evaluate"].validator = None
        spec.inputs.validator = cls.validate_inputs

        spec.output("potential", valid_type=PotentialData, required=False, help="The mean, or the first member.")
        spec.output_namespace("committee", valid_type=PotentialData, required=False, help="The members.")
        spec.output("model", valid_type=orm.SinglefileData, required=False, help="Posterior of a linear family.")
        spec.output("report", valid_type=orm.Dict, required=False, help="Errors by subset and species.")
        spec.output("observables", valid_type=orm.Dict, required=False, help="The errors, flat: value, error, unit.")
        spec.output(
            "curves",
            valid_type=orm.ArrayData,
            required=False,
            help="Learning curves, pairs of true and predicted labels, mistakes against predicted errors.",
        )
        spec.outline(
            cls.plan_training, *cls.work(), cls.take_potentials, cls.plan_evaluation, *cls.work(), cls.summarise
        )
        spec.exit_code(401, "ERROR_TRAINING_FAILED", message="The training failed: {reason}")
        spec.exit_code(402, "ERROR_EVALUATION_FAILED", message="The evaluation of a potential failed: {reason}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is one family, and that the dataset can be learned from."""
        if not {"dataset", "committee", "seed"} <= set(value):
            return None  # a missing input has its own message
        given = [name for name in (LINEAR, *NETWORKS) if name in value]
        if len(given) != 1:
            return f"the family is given by one of {', '.join((LINEAR, *NETWORKS))}, and the inputs name {len(given)}"
        (name,) = given
        least = 0 if name == LINEAR else 1
        if value["committee"].value < least or value["seed"].value < 0:
            return f"the committee has at least {least} members, and the seed is not negative"
        shared = {"dataset": value["dataset"], "seed": value["seed"]}
        if name == LINEAR:
            told = FitCalculation.validate_inputs({**value[name], **shared, "committee": value["committee"]}, None)
        else:
            trainer: type[TrainingCalcJob] = NETWORKS[name]._process_class
            told = trainer.validate_inputs({**value[name][name], **shared}, None)
        return f"{name}: {told}" if told else None

    @classmethod
    def get_builder_from_protocol(
        cls,
        family: str,
        code: orm.AbstractCode,
        lammps_code: orm.AbstractCode,
        dataset: DatasetData,
        *,
        seed: int,
        committee: int = 4,
        version: str | None = None,
        compile_code: orm.InstalledCode | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        family
            ``pod``, ``deepmd`` or ``nequip``.
        code
            What trains it: ``superionic-fit``, ``dp`` or ``nequip-train``.
        lammps_code
            LAMMPS that runs the family, for the errors; a linear family is learned with it too.
        dataset
            Labelled frames, divided into subsets.
        seed
            Of the committee.
        committee
            How many members.
        version
            Version of the script that ``code`` runs, of a linear family.
        compile_code
            ``nequip-compile``, for that family.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units.
        options
            ``metadata.options`` of the training jobs: resources, walltime.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the family, the protocol or an override is unknown.
        """
        if family not in (_LINEAR_FAMILY, *NETWORKS):
            raise ProtocolError(f"the family {family!r} is not one of {', '.join((_LINEAR_FAMILY, *NETWORKS))}")
        settings = orm.Dict(protocol_settings(family, protocol, overrides))
        builder = cls.get_builder()
        builder.dataset, builder.seed, builder.committee = dataset, orm.Int(seed), orm.Int(committee)
        builder.evaluate.code = lammps_code
        if family == _LINEAR_FAMILY:
            job = builder[LINEAR]
            job.lammps_code, job.version = lammps_code, orm.Str(version or "")
        else:
            job = builder[family][family]
        if compile_code is not None:
            job.compile_code = compile_code
        job.code, job.settings = code, settings
        job["metadata"]["options"]._update(options or {})
        return builder

    @property
    def family(self) -> str:
        """The namespace of what is trained."""
        return next(name for name in (LINEAR, *NETWORKS) if name in self.inputs)

    def process_of(self, step: str, name: str) -> tuple[type, AttributeDict]:
        """Return what runs one of the jobs of a step, and its inputs."""
        if step == "evaluation":
            inputs = self.exposed_inputs(EvaluateCalculation, "evaluate")
            inputs.dataset, inputs.potential = self.inputs.dataset, self.ctx.potentials[name]
            return EvaluateCalculation, inputs
        if self.family == LINEAR:
            inputs = self.exposed_inputs(FitCalculation, LINEAR)
            inputs.update(dataset=self.inputs.dataset, committee=self.inputs.committee, seed=self.inputs.seed)
            return FitCalculation, inputs
        workchain = NETWORKS[self.family]
        inputs = self.exposed_inputs(workchain, self.family)
        number = int(name.removeprefix(MEMBER.format(number="")))
        inputs[self.family].update(dataset=self.inputs.dataset, seed=orm.Int(self.inputs.seed.value + number))
        return workchain, inputs

    def plan_training(self) -> None:
        """Train what gives the committee."""
        self.ctx.iteration = 0
        members = [MEMBER.format(number=number) for number in range(self.inputs.committee.value)]
        self.plan("training", [POTENTIAL] if self.family == LINEAR else members)

    def take_potentials(self) -> None:
        """Put out the potential and the committee."""
        if self.family == LINEAR:
            trained = self.ctx[f"training_{POTENTIAL}"].outputs
            drawn = dict(trained.committee) if "committee" in trained else {}
            self.ctx.potentials = {POTENTIAL: trained.potential, **drawn}
            self.out("potential", trained.potential)
            self.out("model", trained.model)
        else:
            members = [MEMBER.format(number=number) for number in range(self.inputs.committee.value)]
            self.ctx.potentials = {name: self.ctx[f"training_{name}"].outputs.potential for name in members}
            self.out("potential", self.ctx.potentials[members[0]])
        self.out("committee", {name: node for name, node in self.ctx.potentials.items() if name != POTENTIAL})

    def plan_evaluation(self) -> None:
        """Label the frames with each potential."""
        self.plan("evaluation", self.ctx.potentials)

    def summarise(self) -> ExitCode | None:
        """Put out how far the labels are from those that were learned."""
        outcomes = {f"labels_{name}": self.ctx[f"evaluation_{name}"].outputs.dataset for name in self.ctx.potentials}
        if self.family == LINEAR:
            outcomes["force_errors"] = self.ctx[f"training_{POTENTIAL}"].outputs.force_errors
        else:
            trained = {name: self.ctx[f"training_{name}"].outputs for name in self.ctx.potentials}
            outcomes |= {f"curves_{name}": ended.curves for name, ended in trained.items() if "curves" in ended}
        self.out_many(summarise_training(self.inputs.dataset, self.outputs["potential"], **outcomes))
        return None
