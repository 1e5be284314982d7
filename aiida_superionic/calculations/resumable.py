"""Jobs that lose nothing when the worker that runs them is killed."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcJobState
from aiida.engine import CalcJob

from aiida_superionic.calculations.once import ContinuedOnce

# Where AiiDA notes that a step is done, before it stores the step's output: the output, and the state to go back to.
_EARLY_NOTES = {
    CalcJobState.UNSTASHING: ("remote_folder", CalcJobState.UPLOADING),
    CalcJobState.PARSING: ("retrieved", CalcJobState.RETRIEVING),
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
