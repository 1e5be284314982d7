"""One stage of ab initio molecular dynamics with CP2K."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessHandlerReport, process_handler
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.cp2k_md import Cp2kMdCalculation
from aiida_superionic.calculations.dft import scf_remedies
from aiida_superionic.calculations.functions import velocities_at_mean_energy
from aiida_superionic.workchains.stage import StageWorkChain


class Cp2kMdBaseWorkChain(StageWorkChain):
    """One stage of ab initio molecular dynamics with CP2K."""

    _process_class = Cp2kMdCalculation
    ENGINE = "cp2k"

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the exit codes that CP2K adds."""
        super().define(spec)
        spec.exit_code(450, "ERROR_SCF_NOT_CONVERGED", message="No remedy made every self-consistent field converge.")

    def setup(self) -> None:
        """Take the inputs of the first attempt, and the remedies for fields that do not converge."""
        super().setup()
        self.ctx.remedies = scf_remedies(self.ctx.inputs.level.get_dict())

    @process_handler(priority=80, exit_codes=[Cp2kMdCalculation.exit_codes.ERROR_SCF_NOT_CONVERGED])
    def converge_otherwise(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin again where the job began, with the next of the remedies."""
        if not self.ctx.remedies:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_SCF_NOT_CONVERGED)
        name, level = self.ctx.remedies.pop(0)
        self.ctx.inputs.level = orm.Dict(level)
        self.report(f"{node.process_label}<{node.pk}>: {node.exit_message} It begins again by {name}")
        return ProcessHandlerReport(True)

    @classmethod
    def production_after(cls, equilibration: orm.WorkChainNode, conserved: bool) -> dict[str, Any]:
        """Return the inputs that begin a stage at the end of another."""
        ended = equilibration.outputs
        if not conserved:
            return {"structure": ended.structure, "velocities": ended.velocities}
        velocities, node = velocities_at_mean_energy.run_get_node(ended.velocities, ended.thermo)
        if not node.is_finished_ok:
            raise ValueError(node.exit_message)
        return {"structure": ended.structure, "velocities": velocities}
