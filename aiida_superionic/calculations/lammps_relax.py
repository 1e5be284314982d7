"""Relaxation of a structure in a potential with LAMMPS."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.lammps import data_file, kinds_of, lammps_potential, oriented_atoms, write_files
from aiida_superionic.calculations.lammps_script import DATA_FILE, FINAL_FILE, relax_script
from aiida_superionic.calculations.relaxation import RelaxSettings, define_outcome, validate_settings
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.potential import PotentialData

OPTIMISERS = ("cg", "sd")
"""Those of LAMMPS that move a cell, in the order in which they are tried."""


class LammpsRelaxCalculation(MeasuredCalcJob):
    """Minimise the energy of a structure, in its cell or with it.

    The cell comes out turned as LAMMPS wants it: a along x, b in the xy plane.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.lammps_relax"
        options["input_filename"].default = "input.in"
        options["output_filename"].default = "lammps.out"
        spec.inputs.validator = cls.validate_inputs

        spec.input("code", valid_type=orm.AbstractCode, help="LAMMPS.")
        spec.input("structure", valid_type=orm.StructureData, help="Where the ions start.")
        spec.input("potential", valid_type=PotentialData, help="What gives the forces.")
        spec.input("parameters", valid_type=orm.Dict, validator=validate_settings, help="A RelaxSettings.")
        spec.input(
            "optimiser",
            valid_type=orm.Str,
            default=lambda: orm.Str(OPTIMISERS[0]),
            validator=lambda node, _: None if node.value in OPTIMISERS else f"it is not one of {', '.join(OPTIMISERS)}",
            help="That moves the cell.",
        )

        define_outcome(spec)
        spec.exit_code(
            300, "ERROR_ENGINE_DID_NOT_START", message="LAMMPS wrote nothing: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_LAMMPS", message="LAMMPS stopped: {error}")
        spec.exit_code(320, "ERROR_GEOMETRY_MISSING", message="LAMMPS ended well but left no readable geometry.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the potential knows the structure."""
        if not {"structure", "potential"} <= set(value):
            return None  # a missing input has its own message
        try:
            lammps_potential(value["structure"], value["potential"], value.get("code"))
        except ValueError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the script, the structure and the files of the potential."""
        options = self.inputs.metadata.options
        settings = RelaxSettings.model_validate(self.inputs.parameters.get_dict())
        atoms, kinds = oriented_atoms(self.inputs.structure), kinds_of(self.inputs.structure)
        potential = lammps_potential(self.inputs.structure, self.inputs.potential)
        walltime = options.get("max_wallclock_seconds")
        files = {
            options.input_filename: relax_script(settings, potential, self.inputs.optimiser.value, walltime),
            DATA_FILE: data_file(atoms, kinds, potential.charges, potential.atom_style),
            **potential.files,
        }
        write_files(folder, files)

        info = self.measured_run(potential.arguments(options.input_filename), join_files=False)
        # A job that is cut off has no last frame; AiiDA warns of a missing file unless it is a pattern.
        info.retrieve_list.append((f"{FINAL_FILE}*", ".", 0))
        # The files of a potential follow from its node; the repository need not hold them once more for every job.
        info.provenance_exclude_list = list(potential.files)
        return info
