"""What the files of a job that trains one network mean, whichever engine trained it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.analysis.results import Curve
from aiida_superionic.calculations.curves import curves_node
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.parsers.files import FilesParser
from aiida_superionic.potentials import FilePotential

VALIDATION_FORCES = "learning_curve_forces_validation"
_DISK_FULL = "No space left on device"
_TIME_IS_UP = "CPU time limit exceeded"


@dataclass(frozen=True, eq=False)
class TrainingOutput:
    """The facts of one training.

    Parameters
    ----------
    version
        The engine's own name of its version, or None where it did not start.
    complete
        Whether the training ended by itself.
    reached
        How far it got, in words: "step 400 of 2000".
    error
        The error that ended it, or None.
    non_numeric
        Where the loss is not a number for the first time, in words; None where it always is one.
    checkpoint
        The last one: its ``step``, and what a job needs to go on from it; None where there is none.
    curves
        Errors of energies in meV/atom and of forces in meV/Å against steps, by name: ``learning_curve_forces_train``.
    report
        What else people ask for.
    """

    version: str | None
    complete: bool
    reached: str
    error: str | None = None
    non_numeric: str | None = None
    checkpoint: dict[str, Any] | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


class TrainingParser(FilesParser):
    """Makes nodes of the potential, the learning curves and the report, and names what went wrong."""

    @abstractmethod
    def read(self, folder: Path) -> TrainingOutput:
        """Return the facts of the training.

        Parameters
        ----------
        folder
            Of what was retrieved and is not kept.
        """

    @abstractmethod
    def model(self, folder: Path) -> FilePotential | str:
        """Return what was learned, or one sentence that says why it is not there."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        folder = Path(retrieved_temporary_folder or "")
        self.store_usage()
        output = self.read(folder)
        if output.curves:
            self.out("curves", curves_node(output.curves))
        if output.checkpoint is not None:
            self.out("checkpoint", orm.Dict(output.checkpoint))
        failure = self._failure(output)
        if failure is not None:
            return failure
        model = self.model(folder)
        if isinstance(model, str):
            return self._full_disk() or self.exit_codes.ERROR_NO_MODEL.format(error=model)
        self.out("potential", PotentialData(model.text(), model.contents))
        self.out("report", orm.Dict({"version": output.version, **self._request(), **output.report}))
        return None

    def _failure(self, output: TrainingOutput) -> ExitCode | None:
        codes = self.exit_codes
        if output.complete:
            if output.non_numeric is not None:
                return codes.ERROR_NON_NUMERIC.format(when=output.non_numeric)
            return self._progress(output)
        full = self._full_disk()
        if full is not None:
            return full
        if output.version is None:
            return codes.ERROR_ENGINE_DID_NOT_START.format(error=output.error or "it printed nothing")
        if output.non_numeric is not None:
            return codes.ERROR_NON_NUMERIC.format(when=output.non_numeric)
        if _TIME_IS_UP in self.text(self.node.get_option("scheduler_stderr")):
            return codes.ERROR_OUT_OF_WALLTIME.format(reached=output.reached)
        if output.error is not None:
            return codes.ERROR_ENGINE.format(error=output.error)
        return codes.ERROR_INTERRUPTED.format(reached=output.reached)

    def _full_disk(self) -> ExitCode | None:
        names = self.retrieved.base.repository.list_object_names()
        lines = (line for name in names for line in self.text(name).splitlines())
        told = next((line.strip() for line in lines if _DISK_FULL in line), None)
        return None if told is None else self.exit_codes.ERROR_DISK_FULL.format(error=told[:200])

    def _progress(self, output: TrainingOutput) -> ExitCode | None:
        curve = output.curves.get(VALIDATION_FORCES)
        if curve is None or len(curve.y) < 2 or curve.y[-1] < (bound := self.no_achievement(curve)):
            return None
        error = f"the error of validation forces is {curve.y[-1]:.0f} meV/Å, where {bound:.0f} meV/Å is no achievement"
        return self.exit_codes.ERROR_NOTHING_LEARNED.format(error=error)

    def no_achievement(self, curve: Curve) -> float:
        """Return the error of validation forces in meV/Å from which on nothing was learned: that at the beginning."""
        return float(curve.y[0])

    def _request(self) -> dict[str, Any]:
        inputs = self.node.inputs
        return {
            "settings": inputs.settings.get_dict(),
            "seed": inputs.seed.value,
            "level_of_theory": inputs.dataset.base.attributes.get("level_of_theory"),
        }
