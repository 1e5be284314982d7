"""One stage of molecular dynamics, carried through the failures that can be mended, whichever engine runs it."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.dynamics import DynamicsCalcJob
from aiida_superionic.calculations.functions import join_thermo

_CODES = DynamicsCalcJob.exit_codes
_RECOVERABLE_FROM = 400
_LONGEST_SHORTENING = 4.0


class StageWorkChain(BaseRestartWorkChain):
    """One stage of molecular dynamics, continued from its checkpoints and steadied where it is unstable.

    A subclass says which calculation runs it, and the namespace of that one's inputs.
    """

    ENGINE: ClassVar[str]
    """Name of the engine, and of the namespace."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(cls._process_class, namespace=cls.ENGINE)
        spec.expose_outputs(cls._process_class)
        # A long run is cut by its walltime many times; what makes no progress is stopped by its handler.
        spec.inputs["max_iterations"].default = lambda: orm.Int(100)
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.join_attempts,
            cls.results,
        )
        spec.exit_code(300, "ERROR_UNRECOVERABLE_FAILURE", message="{reason}")
        spec.exit_code(310, "ERROR_NO_PROGRESS", message="The job ended before its first new checkpoint.")
        spec.exit_code(311, "ERROR_UNSTABLE", message="The dynamics are unstable down to a timestep of {timestep} ps.")

    @classmethod
    def production_after(cls, equilibration: orm.WorkChainNode, conserved: bool) -> dict[str, Any]:
        """Return the inputs that begin a stage at the end of another, at the mean energy of it if that is conserved.

        Raises
        ------
        ValueError
            If the ions cannot have that energy where they are.
        """
        raise NotImplementedError

    def setup(self) -> None:
        """Take the inputs of the first attempt."""
        super().setup()
        self.ctx.inputs = self.given()
        self.ctx.thermo = {}

    def given(self) -> Any:
        """Return the inputs of the first attempt."""
        return self.exposed_inputs(self._process_class, self.ENGINE)

    @process_handler(priority=200)
    def stop_on_critical_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop, and say why, where a failure is not one that another attempt can mend."""
        if node.is_finished_ok or node.exit_status >= _RECOVERABLE_FROM:
            return None
        return ProcessHandlerReport(True, self.exit_codes.ERROR_UNRECOVERABLE_FAILURE.format(reason=node.exit_message))

    @process_handler(priority=100, exit_codes=[_CODES.ERROR_OUT_OF_WALLTIME, _CODES.ERROR_INTERRUPTED])
    def continue_from_checkpoint(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on from the last checkpoint of a job that was cut off, if it made progress."""
        begun = self.ctx.inputs.start["step"] if "start" in self.ctx.inputs else 0
        if "checkpoint" not in node.outputs or node.outputs.checkpoint["step"] <= begun:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_NO_PROGRESS)
        self.report(f"{node.process_label}<{node.pk}> goes on from step {node.outputs.checkpoint['step']}")
        self.ctx.thermo[f"attempt_{self.ctx.iteration:03d}"] = node.outputs.thermo
        self.ctx.inputs.parent_folder = node.outputs.remote_folder
        self.ctx.inputs.start = node.outputs.checkpoint
        return ProcessHandlerReport(True)

    @process_handler(priority=90, exit_codes=[_CODES.ERROR_UNSTABLE, _CODES.ERROR_NON_NUMERIC])
    def halve_timestep(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin the stage again with half the timestep, at most twice."""
        given = self.given()
        timestep = self.ctx.inputs.parameters["timestep"] / 2.0
        if given.parameters["timestep"] > _LONGEST_SHORTENING * timestep:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_UNSTABLE.format(timestep=2.0 * timestep))
        self.report(f"{node.process_label}<{node.pk}> was unstable; begins again with a timestep of {timestep} ps")
        self.ctx.thermo = {}
        given.parameters = orm.Dict({**given.parameters.get_dict(), "timestep": timestep})
        self.ctx.inputs = given
        return ProcessHandlerReport(True)

    def join_attempts(self) -> None:
        """Join the thermodynamic output of the attempts that carried on from one another."""
        last = self.ctx.children[-1]
        if self.ctx.thermo and "thermo" in last.outputs:
            parts = {**self.ctx.thermo, f"attempt_{self.ctx.iteration:03d}": last.outputs.thermo}
            self.ctx.joined_thermo = join_thermo(**parts)

    def get_outputs(self, node: orm.CalcJobNode) -> Any:
        """Return the outputs of the last attempt, with the joined thermodynamic output."""
        outputs = super().get_outputs(node)
        if "joined_thermo" in self.ctx:
            outputs = {**outputs, "thermo": self.ctx.joined_thermo}
        return outputs
