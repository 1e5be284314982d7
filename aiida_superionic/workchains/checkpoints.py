"""One job, carried on from its checkpoints where it is cut off, whichever engine runs it."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.once import ContinuedOnce

_RECOVERABLE_FROM = 400
_CUT_OFF = {400, 401}
"""Out of walltime, or without its closing line."""


class CheckpointWorkChain(ContinuedOnce, BaseRestartWorkChain):
    """A job that goes on from its last checkpoint where it is cut off.

    A subclass says which calculation runs it, and the namespace of that one's inputs. The calculation puts out a
    ``checkpoint`` with the ``step`` that it holds, and goes on with it as ``start`` from its ``parent_folder``.
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
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_process, cls.inspect_process), cls.results)
        spec.exit_code(300, "ERROR_UNRECOVERABLE_FAILURE", message="{reason}")
        spec.exit_code(310, "ERROR_NO_PROGRESS", message="The job ended before its first new checkpoint.")

    def setup(self) -> None:
        """Take the inputs of the first attempt."""
        super().setup()
        self.ctx.inputs = self.given()

    def given(self) -> Any:
        """Return the inputs of the first attempt."""
        return self.exposed_inputs(self._process_class, self.ENGINE)

    def keep(self, node: orm.CalcJobNode) -> None:
        """Keep what an attempt did before it was cut off, where the next does not have it from the checkpoint."""

    @process_handler(priority=200)
    def stop_on_critical_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop, and say why, where a failure is not one that another attempt can mend."""
        if node.is_finished_ok or node.exit_status >= _RECOVERABLE_FROM:
            return None
        return ProcessHandlerReport(True, self.exit_codes.ERROR_UNRECOVERABLE_FAILURE.format(reason=node.exit_message))

    @process_handler(priority=100)
    def continue_from_checkpoint(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Go on from the last checkpoint of a job that was cut off, if it made progress."""
        if node.exit_status not in _CUT_OFF:
            return None
        begun = self.ctx.inputs.start["step"] if "start" in self.ctx.inputs else 0
        if "checkpoint" not in node.outputs or node.outputs.checkpoint["step"] <= begun:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_NO_PROGRESS)
        self.report(f"{node.process_label}<{node.pk}> goes on from step {node.outputs.checkpoint['step']}")
        self.keep(node)
        self.ctx.inputs.parent_folder = node.outputs.remote_folder
        self.ctx.inputs.start = node.outputs.checkpoint
        return ProcessHandlerReport(True)
