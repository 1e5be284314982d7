"""The errors that a learned potential predicts of itself, computed where the frames lie."""

from __future__ import annotations

import json
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.scripts import define_unusable_trajectory, define_version
from aiida_superionic.calculations.trajectory_input import take_trajectory
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.learning.assess_script import ASSESSMENT_FILE, KEPT_FILE
from aiida_superionic.learning.assessment import COMMITTEE_DEVIATION, UNITS

MODEL_FILE = "model.npz"
_DATASET_FILE = "dataset.extxyz"
_TRAJECTORY_FILE = "trajectory.json"


class AssessCalculation(MeasuredCalcJob):
    """Run ``superionic-assess`` on the frames of a trajectory, where it lies, or of a dataset.

    Frames that are unlike what was learned from can be kept: they come home as a dataset without labels.
    """

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.assess"
        options["output_filename"].default = "assess.out"
        options["withmpi"].default = False
        spec.inputs.validator = cls.validate_inputs

        spec.input("model", valid_type=orm.SinglefileData, help="What superionic.fit puts out as model.")
        spec.input("trajectory", valid_type=TrajectoryData, required=False, help="The frames, left on the computer.")
        spec.input("dataset", valid_type=DatasetData, required=False, help="The frames, at home.")
        spec.input(
            "committee", valid_type=orm.Int, default=lambda: orm.Int(0), help="How many potentials the posterior gives."
        )
        spec.input("seed", valid_type=orm.Int, default=lambda: orm.Int(1), help="Of the committee.")
        spec.input("keep", valid_type=orm.Str, required=False, help=f"Frames are kept by this: {', '.join(UNITS)}.")
        spec.input("above", valid_type=orm.Float, required=False, help="Those where it is at least so much.")
        spec.input("lammps_code", valid_type=orm.InstalledCode, help="LAMMPS, on the same computer.")

        spec.output("assessment", valid_type=orm.ArrayData, required=False, help="Each measure of each frame.")
        spec.output("frames", valid_type=DatasetData, required=False, help="Those that were kept, if there are any.")

        spec.exit_code(
            300, "ERROR_NO_RESULTS", message="The script left no readable results: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_BAD_INPUT", message="The script refused its input: {error}")
        define_unusable_trajectory(spec)
        define_version(spec, 303)
        spec.exit_code(
            304, "ERROR_NO_DESCRIPTORS", message="LAMMPS gave no descriptors: {error}", invalidates_cache=True
        )

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there are frames of one kind, and that what is kept is said whole."""
        if not {"model", "lammps_code", "code"} <= set(value):
            return None  # a missing input has its own message
        if ("trajectory" in value) == ("dataset" in value):
            return "the frames are those of a trajectory or of a dataset"
        if ("keep" in value) != ("above" in value):
            return "keep and above are given together or not at all"
        if value["committee"].value < 0 or value["seed"].value < 0:
            return "the size of the committee and the seed are not negative"
        if "keep" in value and value["keep"].value not in UNITS:
            return f"keep is {value['keep'].value!r} where one of {', '.join(UNITS)} is expected"
        if "keep" in value and value["keep"].value == COMMITTEE_DEVIATION and value["committee"].value < 2:
            return "the deviation of a committee needs a committee of at least two"
        if value["lammps_code"].computer.uuid != value["code"].computer.uuid:
            return "LAMMPS and superionic-assess are on different computers"
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the model, and the frames or where they are read."""
        lammps = self.inputs.lammps_code
        with self.inputs.model.open(mode="rb") as model, folder.open(MODEL_FILE, "wb") as handle:
            handle.write(model.read())
        frames = ["--dataset", _DATASET_FILE] if "dataset" in self.inputs else ["--trajectory", _TRAJECTORY_FILE]
        arguments = [MODEL_FILE, *frames, "--lammps", str(lammps.filepath_executable)]
        arguments += ["--committee", str(self.inputs.committee.value), "--seed", str(self.inputs.seed.value)]
        if "keep" in self.inputs:
            arguments += ["--keep", self.inputs.keep.value, "--above", repr(self.inputs.above.value)]
        info = self.measured_run(arguments)
        info.prepend_text = f"{lammps.prepend_text}\n{info.prepend_text}"
        # Model and frames follow from their nodes; the repository need not hold them once more for every job.
        info.provenance_exclude_list, info.remote_symlink_list = [MODEL_FILE], []
        if "dataset" in self.inputs:
            with folder.open(_DATASET_FILE, "w", encoding="utf-8") as handle:
                handle.write(self.inputs.dataset.text)
            info.provenance_exclude_list.append(_DATASET_FILE)
        else:
            with folder.open(_TRAJECTORY_FILE, "w") as handle:
                json.dump(take_trajectory(self.inputs.trajectory, folder, info), handle, indent=1)
        # They become nodes. AiiDA warns of a missing file unless it is a pattern.
        info.retrieve_temporary_list = [(f"{name}*", ".", 0) for name in (ASSESSMENT_FILE, KEPT_FILE)]
        return info
