"""Energies, forces, stress and Wannier centres with CP2K: a single point, or a batch of frames in one job."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_cp2k.calculations import Cp2kCalculation as BaseCp2kCalculation

from aiida_superionic.calculations import full_disk
from aiida_superionic.calculations.cp2k_input import FILES, Cp2kRequest, make_request
from aiida_superionic.calculations.usage import MeasuredCalcJob, measured

_SHARE_OF_WALLTIME = 0.9


def own_walltime(seconds: float) -> int:
    """Return the seconds after which CP2K stops by itself, in time to say what it has done in those that a job has."""
    return max(1, int(_SHARE_OF_WALLTIME * seconds))


class Cp2kCalculation(MeasuredCalcJob, BaseCp2kCalculation):
    """aiida-cp2k's calculation, with what its parser must know and the failures that it can name."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.cp2k"
        options["withmpi"].default = False
        spec.inputs.validator = cls.validate_inputs
        spec.input(
            "centres_per_ion",
            valid_type=orm.Dict,
            required=False,
            help="Number of Wannier centres of each ion by species: half the valence electrons that it keeps.",
        )

        spec.outputs["output_parameters"].help = "Version, SCF steps, and the frames that failed with their reasons."
        spec.output(
            "labels",
            valid_type=orm.ArrayData,
            required=False,
            help="Of the frames that can be trusted: index, positions, cells, energies, forces, stress, charges.",
        )
        spec.output(
            "wannier",
            valid_type=orm.ArrayData,
            required=False,
            help="Of the frames that can be trusted: index, centres, spreads, and the ion of each centre.",
        )

        spec.exit_code(300, "ERROR_ENGINE_DID_NOT_START", message="CP2K wrote nothing: {error}", invalidates_cache=True)
        spec.exit_code(304, "ERROR_OUTPUT_CONTAINS_ABORT", message="CP2K stopped: {error}")
        spec.exit_code(330, "ERROR_ZERO_FORCES", message="REFTRAJ without EVAL_FORCES: {frames}")
        spec.exit_code(331, "ERROR_OTHER_FRAMES", message="CP2K computed other frames than were given: {frames}")
        spec.exit_code(
            400, "ERROR_OUT_OF_WALLTIME", message="The job ran out of walltime after {good} of {total} frames."
        )
        spec.exit_code(
            401,
            "ERROR_INTERRUPTED",
            message="The output breaks off without its closing line, after {good} of {total} frames.",
        )
        spec.exit_code(402, "ERROR_OUT_OF_DISK", message="A disk was full after {good} of {total} frames.")
        spec.exit_code(410, "ERROR_NON_NUMERIC", message="Results are no numbers: {frames}")
        spec.exit_code(420, "ERROR_MISSING_FRAMES", message="Files are missing or cut: {frames}")
        spec.exit_code(450, "ERROR_SCF_NOT_CONVERGED", message="The self-consistent field did not converge: {frames}")
        spec.exit_code(455, "ERROR_LOCALISATION_NOT_CONVERGED", message="The localisation did not converge: {frames}")
        spec.exit_code(460, "ERROR_WRONG_CENTRES", message="Wannier centres are missing or misplaced: {frames}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that parameters, frames and numbers of centres fit together."""
        if "parameters" not in value:
            return None  # a missing input has its own message
        if "structure" not in value:
            return "structure is missing, which gives the first frame or the single one"
        try:
            cls.request(value)
        except ValueError as error:
            return str(error)
        return None

    @staticmethod
    def request(inputs: Any) -> Cp2kRequest:
        """Return what the inputs ask for.

        Raises
        ------
        ValueError
            As :func:`make_request`, or if the trajectory does not say the cell of each frame.
        """
        atoms = inputs["structure"].get_ase()
        symbols, positions, cells = atoms.get_chemical_symbols(), atoms.positions[None], np.array([atoms.cell.array])
        if "trajectory" in inputs:
            trajectory = inputs["trajectory"]
            if trajectory.get_cells() is None:
                raise ValueError("the trajectory does not say the cell of each frame")
            if trajectory.symbols != symbols:
                raise ValueError("the trajectory does not hold the atoms of the structure in their order")
            positions, cells = trajectory.get_positions(), trajectory.get_cells()
        per_ion = inputs["centres_per_ion"].get_dict() if "centres_per_ion" in inputs else None
        return make_request(inputs["parameters"].get_dict(), symbols, positions, cells, per_ion)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what aiida-cp2k writes, and bring home what the parser reads."""
        info = full_disk.watched(measured(super().prepare_for_submission(folder)))
        info.retrieve_list = list(dict.fromkeys([*info.retrieve_list, *FILES, full_disk.FILE]))
        return info
