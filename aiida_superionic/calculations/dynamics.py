"""What one stage of molecular dynamics is given and gives, whichever engine runs it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.keeping import KeepingCalcJob
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.data.trajectory import TrajectoryData

STASHED = "trajectory*"
"""The files of a trajectory, as a pattern: an equilibration has none, and a job that was continued several."""


class DynamicsCalcJob(KeepingCalcJob):
    """One stage of molecular dynamics, from a structure or a checkpoint on."""

    THERMO_WORDS: ClassVar[int]
    """Of a row of the thermodynamic output at least; the first is the step."""
    TEMPERATURE_WORD: ClassVar[int]

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        spec.input(
            "structure", valid_type=orm.StructureData, help="Species and cell; positions where it starts afresh."
        )
        spec.input("parameters", valid_type=orm.Dict, validator=cls.validate_parameters, help="An MdSettings.")
        spec.input("seed", valid_type=orm.Int, help="Of the starting velocities.")
        spec.input("parent_folder", valid_type=orm.RemoteData, required=False, help="Folder that holds the checkpoint.")
        spec.input("start", valid_type=orm.Dict, required=False, help="The checkpoint to start from: a Start.")

        spec.output("results", valid_type=orm.Dict, required=False, help="Version of the engine; whether it ended.")
        spec.output("thermo", valid_type=orm.ArrayData, required=False, help="Thermodynamic output, an array a column.")
        spec.output("structure", valid_type=orm.StructureData, required=False, help="The last frame.")
        spec.output("trajectory", valid_type=TrajectoryData, required=False, help="The frames, left on the computer.")
        spec.output("checkpoint", valid_type=orm.Dict, required=False, help="The last checkpoint written: a Start.")

        spec.exit_code(
            300, "ERROR_ENGINE_DID_NOT_START", message="The engine wrote nothing: {error}", invalidates_cache=True
        )
        spec.exit_code(302, "ERROR_CHECKPOINT_MISSING", message="The checkpoint to start from is gone: {error}")
        spec.exit_code(310, "ERROR_HOST_LATTICE_MOLTEN", message="The host lattice did not stay intact: {error}")
        spec.exit_code(400, "ERROR_OUT_OF_WALLTIME", message="The job ran out of walltime at step {step} of {total}.")
        spec.exit_code(401, "ERROR_INTERRUPTED", message="The output breaks off without its closing line.")
        spec.exit_code(410, "ERROR_UNSTABLE", message="The motion is unstable: {error}")
        spec.exit_code(411, "ERROR_NON_NUMERIC", message="The energy is not a number from {when} on.")

    @classmethod
    def validate_parameters(cls, value: orm.Dict, _: Any) -> str | None:
        """Check the parameters against :class:`MdSettings`."""
        try:
            MdSettings.model_validate(value.get_dict())
        except ValueError as error:
            return str(error)
        return None

    @classmethod
    def thermo_file(cls, node: orm.CalcJobNode) -> str:
        """Return the name of the file to which a job writes its thermodynamic output."""
        raise NotImplementedError

    def from_parent(self, name: str, name_here: str) -> tuple[str, str, str]:
        """Return where a file of the parent folder lies, and its name in this job's, as AiiDA copies and links it."""
        parent = self.inputs.parent_folder
        return parent.computer.uuid, str(PurePosixPath(parent.get_remote_path()) / name), name_here
