"""One batch of frames with CP2K, carried through the failures that can be mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ExitCode, ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.cp2k import Cp2kCalculation, own_walltime
from aiida_superionic.calculations.cp2k_input import batch
from aiida_superionic.calculations.dft import scf_remedies
from aiida_superionic.calculations.frames import join_frames, named, take_frames
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.workchains.reason import reason_of

_CODES = Cp2kCalculation.exit_codes
_OF_THE_RUN = {
    code.status
    for code in (
        _CODES.ERROR_OUT_OF_WALLTIME,
        _CODES.ERROR_INTERRUPTED,
        _CODES.ERROR_NON_NUMERIC,
        _CODES.ERROR_MISSING_FRAMES,
        _CODES.ERROR_SCF_NOT_CONVERGED,
        _CODES.ERROR_LOCALISATION_NOT_CONVERGED,
        _CODES.ERROR_WRONG_CENTRES,
    )
}
"""Failures of frames, or of the time given; all others are those of the request or of the machine."""
_OUTPUTS = ("labels", "wannier")


class Cp2kBaseWorkChain(ContinuedOnce, BaseRestartWorkChain):
    """A single point or a batch of frames; what fails is tried again alone, and otherwise left out by name.

    Parameters, structure and trajectory are those of :class:`Cp2kCalculation`. The outputs hold every frame that can
    be trusted, ``index`` being that in the trajectory given here, also where the workchain fails.
    """

    _process_class = Cp2kCalculation

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(Cp2kCalculation, namespace="cp2k")
        spec.expose_outputs(Cp2kCalculation)
        spec.output("left_out", valid_type=orm.Dict, help="Of the frames without a label: by index the reason.")
        spec.outputs["output_parameters"].required = False
        # A long batch is cut by its walltime many times; what makes no progress is stopped by its handler.
        spec.inputs["max_iterations"].default = lambda: orm.Int(100)
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_process, cls.inspect_process), cls.results)
        spec.exit_code(300, "ERROR_UNRECOVERABLE_FAILURE", message="{reason}")
        spec.exit_code(310, "ERROR_NO_PROGRESS", message="The job ended before its first new frame: {reason}")
        spec.exit_code(410, "ERROR_FRAMES_LEFT_OUT", message="{left} of {total} frames are left out: {reasons}")

    def setup(self) -> None:
        """Take the inputs of the first attempt, and let CP2K end in time to say what it has done."""
        super().setup()
        self.ctx.inputs = self.exposed_inputs(Cp2kCalculation, "cp2k")
        parameters = self.ctx.inputs.parameters.get_dict()
        seconds = self.ctx.inputs.metadata.options.get("max_wallclock_seconds")
        if seconds is not None and "WALLTIME" not in parameters.get("GLOBAL", {}):
            parameters.setdefault("GLOBAL", {})["WALLTIME"] = own_walltime(seconds)
            self.ctx.inputs.parameters = orm.Dict(parameters)
        self.ctx.remedies = scf_remedies(parameters)
        given = self.ctx.inputs.get("trajectory")
        self.ctx.frames = list(range(1 if given is None else given.get_shape("positions")[0]))
        self.ctx.kept = {name: {} for name in _OUTPUTS}
        self.ctx.left_out = {}

    @process_handler(priority=300)
    def keep_frames(self, node: orm.CalcJobNode) -> None:
        """Keep the frames that can be trusted, and note why the others cannot."""
        frames, attempt = self.ctx.frames, f"attempt_{self.ctx.iteration:03d}"
        for name in _OUTPUTS:
            if name in node.outputs:
                output = node.outputs[name]
                indices = [frames[k] for k in output.get_array("index")]
                self.ctx.kept[name][attempt] = [indices, output]
        done = {k for indices, _ in self.ctx.kept["labels"].values() for k in indices}
        told = node.outputs.output_parameters["failures"] if "output_parameters" in node.outputs else {}
        reasons = {frames[int(k)]: failure["reason"] for k, failure in told.items()}
        self.ctx.left_out = {k: reasons.get(k, node.exit_message) for k in frames if k not in done}

    @process_handler(priority=200)
    def stop_on_critical_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop, and say why, where a failure is not one that another attempt can mend."""
        if node.is_finished_ok or node.exit_status in _OF_THE_RUN:
            return None
        return self._stop(self.exit_codes.ERROR_UNRECOVERABLE_FAILURE.format(reason=node.exit_message))

    @process_handler(
        priority=110,
        exit_codes=[_CODES.ERROR_OUT_OF_WALLTIME, _CODES.ERROR_INTERRUPTED, _CODES.ERROR_MISSING_FRAMES],
    )
    def go_on_with_the_rest(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Compute the frames that a job did not get to, if it got to any."""
        if len(self.ctx.left_out) == len(self.ctx.frames):
            return self._stop(self.exit_codes.ERROR_NO_PROGRESS.format(reason=node.exit_message))
        return self._try_again(node, "goes on")

    @process_handler(priority=100, exit_codes=[_CODES.ERROR_SCF_NOT_CONVERGED, _CODES.ERROR_NON_NUMERIC])
    def converge_otherwise(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Compute the frames whose field did not converge by the next of the remedies."""
        if not self.ctx.remedies:
            return self._leave_out()
        name, parameters = self.ctx.remedies.pop(0)
        self.ctx.inputs.parameters = orm.Dict(parameters)
        return self._try_again(node, f"goes on by {name}")

    @process_handler(priority=90, exit_codes=[_CODES.ERROR_LOCALISATION_NOT_CONVERGED, _CODES.ERROR_WRONG_CENTRES])
    def leave_out_what_has_no_centres(self, _: orm.CalcJobNode) -> ProcessHandlerReport:
        """Leave out the frames whose Wannier centres cannot be trusted."""
        return self._leave_out()

    def _try_again(self, node: orm.CalcJobNode, how: str) -> ProcessHandlerReport:
        if self.ctx.iteration >= self.inputs.max_iterations.value:
            return self._leave_out()
        rest = sorted(self.ctx.left_out)
        self.report(f"{node.process_label}<{node.pk}>: {node.exit_message} It {how} with {len(rest)} frames.")
        if "trajectory" in self.ctx.inputs:
            if rest != self.ctx.frames:
                self.ctx.inputs.trajectory = take_frames(self.inputs.cp2k.trajectory, orm.List(rest))
            self.ctx.inputs.parameters = orm.Dict(batch(self.ctx.inputs.parameters.get_dict(), len(rest)))
        self.ctx.frames = rest
        return ProcessHandlerReport(True)

    def _leave_out(self) -> ProcessHandlerReport:
        left, given = self.ctx.left_out, self.inputs.cp2k.get("trajectory")
        total = 1 if given is None else given.get_shape("positions")[0]
        return self._stop(
            self.exit_codes.ERROR_FRAMES_LEFT_OUT.format(left=len(left), total=total, reasons=named(left))
        )

    def _stop(self, code: ExitCode) -> ProcessHandlerReport:
        # AiiDA's way to end with an exit code and with outputs all the same.
        self.ctx.is_finished = True
        self.results()
        return ProcessHandlerReport(True, code)

    def get_outputs(self, node: orm.CalcJobNode) -> Any:
        """Return the outputs of the last attempt, with the frames of all."""
        outputs = dict(super().get_outputs(node))
        for name, kept in self.ctx.kept.items():
            if len(kept) == 1 and self.ctx.iteration == 1:
                continue
            if kept:
                indices = orm.Dict({attempt: frames for attempt, (frames, _) in kept.items()})
                outputs[name] = join_frames(indices, **{attempt: output for attempt, (_, output) in kept.items()})
        left = {str(k): why for k, why in self.ctx.left_out.items()}
        return {**outputs, "left_out": orm.Dict(left).store()}


def left_out_of(batches: Mapping[str, list[int]], jobs: Mapping[str, orm.WorkChainNode], output: str) -> dict[int, str]:
    """Return why frames of several batches have no ``labels`` or ``wannier``, by their numbers among all frames.

    Parameters
    ----------
    batches
        By the name of each batch the numbers of its frames.
    jobs
        The batches, run by :class:`Cp2kBaseWorkChain`.
    output
        What the frames should have.
    """
    left: dict[int, str] = {}
    for name, numbers in batches.items():
        job = jobs[name]
        done = set(job.outputs[output].get_array("index").tolist()) if output in job.outputs else set()
        told = job.outputs.left_out.get_dict() if "left_out" in job.outputs else {}
        why = reason_of(job)
        left |= {numbers[k]: told.get(str(k), why) for k in range(len(numbers)) if k not in done}
    return {number: left[number] for number in sorted(left)}
