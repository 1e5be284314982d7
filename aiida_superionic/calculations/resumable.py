"""Jobs that lose nothing when the worker that runs them is killed, and that are not failed for ever when they are."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.engine import CalcJob

from aiida_superionic.calculations.once import ContinuedOnce

# Where AiiDA notes that a step is done, before it stores the step's output: the output, and the state to go back to.
_EARLY_NOTES = {
    CalcJobState.UNSTASHING: ("remote_folder", CalcJobState.UPLOADING),
    CalcJobState.PARSING: ("retrieved", CalcJobState.RETRIEVING),
}
# What ends a job from outside: with the same inputs, and a walltime that its hash does not know, it may go well.
_CUT_OFF = {
    "ERROR_OUT_OF_WALLTIME",
    "ERROR_INTERRUPTED",
    "ERROR_OUT_OF_DISK",
    "ERROR_SCHEDULER_OUT_OF_WALLTIME",
    "ERROR_SCHEDULER_OUT_OF_MEMORY",
    "ERROR_SCHEDULER_NODE_FAILURE",
}


class ResumableCalcJob(ContinuedOnce, CalcJob):
    """A job that repeats an upload or a retrieval whose output a killed worker did not store.

    aiida-core 2.9 notes that the upload is done, and skips it from then on, before the folder is an output: a worker
    killed in between left a job that ends well without one, and so fails the workchain above it. The same holds for
    the retrieved files.
    """

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Take up a process where its last worker left it."""
        super().load_instance_state(saved_state, load_context)
        label, before = _EARLY_NOTES.get(self.node.get_state(), (None, None))
        if label is not None and self.node.base.links.get_outgoing(link_label_filter=label).first() is None:
            self.node.set_state(before)

    @classmethod
    def is_valid_cache(cls, node: orm.CalcJobNode) -> bool:
        """Refuse as a cache a job that was cut off before it left anything to go on from."""
        if not super().is_valid_cache(node):
            return False
        cut_off = {code.status for label, code in cls.spec().exit_codes.items() if label in _CUT_OFF}
        return node.exit_status not in cut_off or _made_progress(node)


def _made_progress(node: orm.CalcJobNode) -> bool:
    """Return whether a job left a new checkpoint, labels of some frames, or a geometry."""
    outputs, inputs = node.outputs, node.inputs
    if "checkpoint" in outputs:
        return bool(outputs.checkpoint["step"] > (inputs.start["step"] if "start" in inputs else 0))
    return "labels" in outputs or "structure" in outputs
