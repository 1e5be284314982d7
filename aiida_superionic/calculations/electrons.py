"""Where the electrons of ions are, learned from Wannier centres on the graph, and said along trajectories."""

from __future__ import annotations

import json
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from pydantic import ValidationError

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.keeping import KeepingCalcJob
from aiida_superionic.calculations.lammps import DIGEST_FILE
from aiida_superionic.calculations.scripts import define_version
from aiida_superionic.calculations.trajectory_input import take_trajectory
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.learning.electrons_script import MODEL_FILE, REPORT_FILE
from aiida_superionic.learning.environments import EnvironmentBasis

CENTRES_FILE = "centres.extxyz"
CENTRES_REPORT_FILE = f"{CENTRES_FILE}.json"


class ElectronsFitCalculation(MeasuredCalcJob):
    """Run ``superionic-electrons fit`` on ions and their centres: a model of the centres, and how far it is off."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        _define(spec, "superionic.electrons_fit", "Ions and centres, such as superionic.wannier gives them.")
        spec.input(
            "settings",
            valid_type=orm.Dict,
            default=orm.Dict,
            validator=cls.validate_settings,
            help="An EnvironmentBasis: which descriptors.",
        )
        spec.output("model", valid_type=orm.SinglefileData, required=False, help="For superionic.electrons.")
        spec.output("report", valid_type=orm.Dict, required=False, help="Errors by species and subset, version.")
        spec.exit_code(304, "ERROR_NOT_LEARNED", message="Nothing can be learned from the centres: {error}")

    @classmethod
    def validate_settings(cls, value: orm.Dict, _: Any) -> str | None:
        """Check that the settings are those of a basis."""
        try:
            EnvironmentBasis.model_validate(value.get_dict())
        except ValidationError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what is to be learned, and bring the trajectory in."""
        info = _prepared(self, folder, "fit", {"settings": self.inputs.settings.get_dict(), "output": "."})
        # They become nodes; they are not kept beside them.
        info.retrieve_temporary_list = [MODEL_FILE, REPORT_FILE]
        return info


class ElectronsCalculation(KeepingCalcJob):
    """Run ``superionic-electrons predict``: a trajectory of ions and learned centres, left where it was made."""

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        _define(spec, "superionic.electrons", "The ions; centres that it holds are left out.")
        # What is learned from frames does not depend on the times between them; what is said of them does.
        spec.inputs["trajectory"].validator = AnalyseCalculation.validate_trajectory
        spec.input("model", valid_type=orm.SinglefileData, help="Of superionic.electrons_fit.")
        spec.input(
            "every",
            valid_type=orm.Int,
            default=lambda: orm.Int(1),
            validator=lambda node, _: None if node.value > 0 else "every must be at least 1",
            help="One of so many frames is taken, from the first on.",
        )
        spec.output("trajectory", valid_type=TrajectoryData, required=False, help="Ions, and their centres as X.")
        spec.output("report", valid_type=orm.Dict, required=False, help="Predicted errors of the dipoles, version.")
        spec.exit_code(304, "ERROR_BAD_MODEL", message="The model cannot be used: {error}")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the model and what is to be predicted, and bring the trajectory in."""
        with self.inputs.model.open(mode="rb") as model, folder.open(MODEL_FILE, "wb") as handle:
            handle.write(model.read())
        asked = {"model": MODEL_FILE, "every": self.inputs.every.value, "output": CENTRES_FILE}
        info = _prepared(self, folder, "predict", asked)
        # It follows from its node; the repository need not hold it once more for every job.
        info.provenance_exclude_list.append(MODEL_FILE)
        info.append_text = f"sha256sum {CENTRES_FILE} > {DIGEST_FILE}\n{info.append_text}"
        info.retrieve_list += [DIGEST_FILE]
        info.retrieve_temporary_list = [CENTRES_REPORT_FILE]
        return info


def _define(spec: CalcJobProcessSpec, parser: str, trajectory: str) -> None:
    """Declare what both jobs have."""
    options = spec.inputs["metadata"]["options"]
    options["parser_name"].default = parser
    options["input_filename"].default = "electrons.json"
    options["output_filename"].default = "electrons.out"
    options["withmpi"].default = False
    spec.input(
        "trajectory", valid_type=(TrajectoryData, orm.TrajectoryData), validator=_validate_trajectory, help=trajectory
    )
    spec.exit_code(
        300, "ERROR_NO_RESULTS", message="The script left no readable results: {error}", invalidates_cache=True
    )
    spec.exit_code(301, "ERROR_BAD_INPUT", message="The script refused its input: {error}")
    spec.exit_code(
        302,
        "ERROR_TRAJECTORY_UNUSABLE",
        message="The trajectory is missing, changed, damaged or without centres: {error}",
        invalidates_cache=True,
    )
    define_version(spec, 303)


def _validate_trajectory(value: TrajectoryData | orm.TrajectoryData, _: Any) -> str | None:
    if isinstance(value, orm.TrajectoryData) and "sampling_interval" not in value.base.attributes.all:
        return "the frames do not say their sampling_interval in ps"
    return None


def _prepared(job: MeasuredCalcJob, folder: Folder, command: str, asked: dict[str, Any]) -> CalcInfo:
    """Write what is asked for, and bring the trajectory in."""
    options = job.inputs.metadata.options
    info = job.measured_run([command, "--job", options.input_filename])
    info.provenance_exclude_list, info.remote_symlink_list = [], []
    content = {"trajectory": take_trajectory(job.inputs.trajectory, folder, info, "source."), **asked}
    with folder.open(options.input_filename, "w") as handle:
        json.dump(content, handle, indent=1)
    return info
