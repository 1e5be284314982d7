"""How far the members of any committee are from one another on the frames of a trajectory."""

from __future__ import annotations

from typing import ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.calculations.learning import compare_members
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.steps import StepsWorkChain


class AssessCommitteeWorkChain(StepsWorkChain):
    """Bring the frames of a trajectory home, and label them with each member of a committee of any family.

    A linear potential and its committee need none of this: ``superionic.assess`` knows them by their posterior.
    """

    FAILURES: ClassVar = {"conversion": "ERROR_FRAMES_UNUSABLE", "evaluation": "ERROR_EVALUATION_FAILED"}

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(ConvertCalculation, namespace="convert")
        spec.expose_inputs(EvaluateCalculation, namespace="evaluate", exclude=("dataset", "potential"))
        # Without what is set here there is nothing to check; each job is.
        spec.inputs["evaluate"].validator = None
        spec.input_namespace("committee", valid_type=PotentialData, help="The members; two at least.")
        spec.inputs["committee"].validator = lambda value, _: (
            None if value and len(value) > 1 else "a committee has two members at least"
        )
        spec.input("above", valid_type=orm.Float, help="Frames are kept where the largest deviation is so much, eV/Å.")
        spec.output("assessment", valid_type=orm.ArrayData, required=False, help="The deviations of each frame.")
        spec.output("frames", valid_type=DatasetData, required=False, help="Those that were kept, if there are any.")
        spec.outline(cls.plan_conversion, *cls.work(), cls.take_frames, cls.plan_evaluation, *cls.work(), cls.compare)
        spec.exit_code(401, "ERROR_FRAMES_UNUSABLE", message="The frames were not brought home: {reason}")
        spec.exit_code(402, "ERROR_EVALUATION_FAILED", message="The evaluation of a potential failed: {reason}")

    def process_of(self, step: str, name: str) -> tuple[type, AttributeDict]:
        """Return what runs one of the jobs of a step, and its inputs."""
        if step == "conversion":
            return ConvertCalculation, self.exposed_inputs(ConvertCalculation, "convert")
        inputs = self.exposed_inputs(EvaluateCalculation, "evaluate")
        inputs.dataset, inputs.potential = self.ctx.frames, self.inputs.committee[name]
        return EvaluateCalculation, inputs

    def plan_conversion(self) -> None:
        """Bring the frames home."""
        self.ctx.iteration = 0
        self.plan("conversion", ["frames"])

    def take_frames(self) -> None:
        """Make a dataset of them."""
        self.ctx.frames = frames_of_trajectory(self.ctx.conversion_frames.outputs.frames)

    def plan_evaluation(self) -> None:
        """Label the frames with each member."""
        self.plan("evaluation", self.inputs.committee)

    def compare(self) -> None:
        """Put out how far the members are from one another."""
        members = {name: self.ctx[f"evaluation_{name}"].outputs.dataset for name in self.inputs.committee}
        self.out_many(compare_members(self.inputs.above, **members))
