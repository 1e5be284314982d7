"""One stage of molecular dynamics, carried through the failures that can be mended, whichever engine runs it."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.dynamics import DynamicsCalcJob
from aiida_superionic.calculations.functions import join_thermo
from aiida_superionic.workchains.checkpoints import CheckpointWorkChain

_CODES = DynamicsCalcJob.exit_codes
_LONGEST_SHORTENING = 4.0


class StageWorkChain(CheckpointWorkChain):
    """One stage of molecular dynamics, continued from its checkpoints and steadied where it is unstable.

    A subclass says which calculation runs it, and the namespace of that one's inputs.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the outline and the exit code of its own."""
        super().define(spec)
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.join_attempts,
            cls.results,
        )
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
        self.ctx.thermo = {}

    def keep(self, node: orm.CalcJobNode) -> None:
        """Keep the thermodynamic output of an attempt that another carries on."""
        self.ctx.thermo[f"attempt_{self.ctx.iteration:03d}"] = node.outputs.thermo

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
