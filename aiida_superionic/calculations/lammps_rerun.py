"""The forces that a potential gives on the frames of a trajectory, whatever potential made them."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.keeping import KeepingCalcJob
from aiida_superionic.calculations.lammps import DIGEST_FILE, data_file, kinds_of, lammps_potential, write_files
from aiida_superionic.calculations.lammps_script import DATA_FILE, rerun_script, trajectory_file
from aiida_superionic.calculations.scripts import define_unusable_trajectory, define_version
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData

CONVERSION_FILE = "conversion.json"
CONVERSION_OUTPUT = "conversion.out"
FRAMES_FILE = "frames.lammpstrj"


class RerunCalculation(KeepingCalcJob):
    """Evaluate a potential on a trajectory: its positions and velocities, with new forces, as a new trajectory.

    LAMMPS' ``rerun`` reads no binary dump, so ``superionic-convert`` first writes the frames as text where they lie.
    The text is exact, and is removed in the end. The potential that made the frames gives their forces again to
    rounding; where the box changed, to the accuracy of its Coulomb sum, whose split follows the structure's box here
    and followed that of each segment of the run there.
    """

    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.lammps_rerun"
        options["input_filename"].default = "input.in"
        options["output_filename"].default = "lammps.out"
        spec.inputs.validator = cls.validate_inputs

        spec.input("code", valid_type=orm.AbstractCode, help="LAMMPS.")
        spec.input("conversion_code", valid_type=orm.AbstractCode, help="superionic-convert, on the same computer.")
        spec.input("trajectory", valid_type=TrajectoryData, help="The frames, left on the computer.")
        spec.input("structure", valid_type=orm.StructureData, help="The atoms of the trajectory, in its order.")
        spec.input("potential", valid_type=PotentialData, help="What gives the forces.")

        spec.output("trajectory", valid_type=TrajectoryData, required=False, help="The frames with the new forces.")

        spec.exit_code(
            300, "ERROR_ENGINE_DID_NOT_START", message="LAMMPS wrote nothing: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_LAMMPS", message="LAMMPS stopped: {error}")
        define_unusable_trajectory(spec)
        spec.exit_code(
            303, "ERROR_CONVERSION", message="The frames were not written as text: {error}", invalidates_cache=True
        )
        define_version(spec, 304)
        spec.exit_code(320, "ERROR_TRAJECTORY_MISSING", message="LAMMPS ended well but left no readable trajectory.")
        spec.exit_code(401, "ERROR_INTERRUPTED", message="The output breaks off without its closing line.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that trajectory, structure and potential fit together."""
        if not {"trajectory", "structure", "potential"} <= set(value):
            return None  # a missing input has its own message
        kinds = kinds_of(value["structure"])
        if kinds != value["trajectory"].kinds:
            return (
                f"the structure holds {', '.join(kinds)} where the trajectory holds"
                f" {', '.join(value['trajectory'].kinds)}"
            )
        try:
            lammps_potential(value["structure"], value["potential"], value.get("code"))
        except ValueError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the two scripts, the structure and the files of the potential."""
        options = self.inputs.metadata.options
        trajectory = self.inputs.trajectory
        potential = lammps_potential(self.inputs.structure, self.inputs.potential)
        # Under names of their own: LAMMPS would write its dump through a link that bears its name.
        links = {name: f"source.{name}" for name in trajectory.files}
        conversion = {
            "trajectory": trajectory.request(links),
            "to": "lammps-text",
            "output": FRAMES_FILE,
        }
        files = {
            options.input_filename: rerun_script(potential, FRAMES_FILE),
            CONVERSION_FILE: json.dumps(conversion, indent=1),
            DATA_FILE: data_file(
                self.inputs.structure.get_ase(), trajectory.kinds, potential.charges, potential.atom_style
            ),
            **potential.files,
        }
        write_files(folder, files)

        convert = CodeInfo()
        convert.code_uuid = self.inputs.conversion_code.uuid
        convert.cmdline_params = ["--job", CONVERSION_FILE]
        convert.stdout_name = CONVERSION_OUTPUT
        convert.join_files = True
        convert.withmpi = False

        info = self.measured_run(potential.arguments(options.input_filename), join_files=False)
        info.codes_info.insert(0, convert)
        info.codes_run_mode = CodeRunMode.SERIAL
        described = f"sha256sum {trajectory_file(None)} > {DIGEST_FILE}"
        info.append_text = f"rm -f {FRAMES_FILE}\n{described}\n{info.append_text}"
        folder_of_frames = PurePosixPath(trajectory.get_remote_path())
        info.remote_symlink_list = [
            (trajectory.computer.uuid, str(folder_of_frames / name), link) for name, link in links.items()
        ]
        info.retrieve_list += [CONVERSION_OUTPUT, DIGEST_FILE]
        # The files of a potential follow from its node; the repository need not hold them once more for every job.
        info.provenance_exclude_list = list(potential.files)
        return info
