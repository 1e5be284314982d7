"""Frames of a trajectory that stays on its computer, brought home."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.scripts import define_unusable_trajectory
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.trajectory import TrajectoryData

JOB_FILE = "conversion.json"
FRAMES_FILE = "frames.extxyz"


class ConvertCalculation(MeasuredCalcJob):
    """Run ``superionic-convert`` where a trajectory lies, and bring some of its frames home."""

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.convert"
        options["input_filename"].default = JOB_FILE
        options["output_filename"].default = "conversion.out"
        options["withmpi"].default = False

        spec.input("trajectory", valid_type=TrajectoryData, help="The frames, left on the computer.")
        spec.input(
            "every",
            valid_type=orm.Int,
            default=lambda: orm.Int(1),
            validator=lambda node, _: None if node.value > 0 else "every must be at least 1",
            help="One of so many frames is taken, from the first on.",
        )
        spec.output(
            "frames",
            valid_type=orm.TrajectoryData,
            required=False,
            help="Positions, unwrapped, cells, and times in ps.",
        )
        define_unusable_trajectory(spec)
        spec.exit_code(
            303, "ERROR_CONVERSION", message="The frames were not brought home: {error}", invalidates_cache=True
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what is to be converted, and link the trajectory in."""
        trajectory = self.inputs.trajectory
        job = {
            "trajectory": trajectory.request(),
            "to": "extxyz",
            "output": FRAMES_FILE,
            "every": self.inputs.every.value,
        }
        options = self.inputs.metadata.options
        with folder.open(options.input_filename, "w") as handle:
            json.dump(job, handle, indent=1)

        info = self.measured_run(["--job", options.input_filename])
        info.remote_symlink_list = [
            (trajectory.computer.uuid, str(PurePosixPath(trajectory.get_remote_path()) / name), name)
            for name in trajectory.files
        ]
        # Its frames become a node; the text of them is not kept beside it.
        info.retrieve_temporary_list = [FRAMES_FILE]
        return info
