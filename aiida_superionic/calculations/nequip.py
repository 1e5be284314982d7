"""An equivariant network, learned from a dataset with NequIP."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, ClassVar

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations import full_disk, usage
from aiida_superionic.calculations.lammps import write_files
from aiida_superionic.calculations.training import TrainingCalcJob
from aiida_superionic.learning.nequip import (
    BEST_CHECKPOINT,
    CHECKPOINTS_FOLDER,
    FOLDER,
    FRAMES_FILES,
    INPUT_FILE,
    LAST_CHECKPOINT,
    METRICS_FILE,
    NequipSettings,
    frames_text,
    training_input,
)
from aiida_superionic.learning.training import TrainingSettings
from aiida_superionic.potentials.nequip import MODEL_FILE

COMPILATION_FILE = "compile.out"
EARLIER_METRICS_FILE = "earlier.csv"
"""What the jobs wrote that this one goes on from."""

_METRICS, _EARLIER = f"{FOLDER}/{METRICS_FILE}", f"{FOLDER}/{EARLIER_METRICS_FILE}"


class NequipCalculation(TrainingCalcJob):
    """Train a network with ``nequip-train``, and compile it for the dynamics on this kind of processor."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1
    SETTINGS: ClassVar[type[TrainingSettings]] = NequipSettings

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the names of the files, and the second code."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.nequip"
        options["input_filename"].default = INPUT_FILE
        options["output_filename"].default = "train.out"
        spec.input("compile_code", valid_type=orm.InstalledCode, help="nequip-compile, on the same computer.")
        spec.output(
            "weights",
            valid_type=orm.SinglefileData,
            required=False,
            help="The best checkpoint, of which nequip-compile makes a model for another computer.",
        )

    @classmethod
    def validate_inputs(cls, value: Any, context: Any) -> str | None:
        """Check the dataset and the settings, and that both programs are in one place."""
        if {"code", "compile_code"} <= set(value):
            codes = value["code"], value["compile_code"]
            if len({code.computer.uuid for code in codes}) > 1:
                return "nequip-train and nequip-compile are on different computers"
        return super().validate_inputs(value, context)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input and the frames, and take the checkpoint of the job that this one goes on from."""
        options = self.inputs.metadata.options
        settings = NequipSettings.model_validate(self.inputs.settings.get_dict())
        dataset = self.inputs.dataset.dataset
        frames = {
            file: frames_text(dataset, subset, with_stress=settings.learn_stress)
            for subset, file in FRAMES_FILES.items()
        }
        text = training_input(settings, dataset, self.inputs.seed.value)
        write_files(folder, {options.input_filename: text, **frames})

        checkpoints = PurePosixPath(FOLDER) / CHECKPOINTS_FOLDER
        train, compilation = CodeInfo(), CodeInfo()
        train.code_uuid = self.inputs.code.uuid
        train.cmdline_params = ["-cn", options.input_filename]
        train.stdout_name = options.output_filename
        compilation.code_uuid = self.inputs.compile_code.uuid
        compilation.cmdline_params = [str(checkpoints / BEST_CHECKPOINT), MODEL_FILE]
        compilation.cmdline_params += ["--mode", "aotinductor", "--device", "cpu"]
        compilation.cmdline_params += ["--target", settings.target]
        compilation.stdout_name = COMPILATION_FILE
        train.join_files = compilation.join_files = True

        info = CalcInfo()
        info.codes_info = [train, compilation]
        info.codes_run_mode = CodeRunMode.SERIAL
        # A job that is cut off has no model; AiiDA warns of a missing file unless it is a pattern.
        told = [options.output_filename, COMPILATION_FILE, full_disk.FILE]
        info.retrieve_list = [*((f"{file}*", ".", 0) for file in told), usage.FILE]
        kept = [MODEL_FILE, _METRICS, _EARLIER, str(checkpoints / BEST_CHECKPOINT)]
        info.retrieve_temporary_list = [(f"{file}*", ".", 0) for file in kept]
        # The frames follow from their node; the repository need not hold them once more for every job.
        info.provenance_exclude_list = list(frames)
        info = self.limited(info)
        # PyTorch does not say that it is the disk on which a checkpoint or a model does not get written.
        info.prepend_text += f"\n{full_disk.PREPEND}"
        info.append_text = f"{full_disk.APPEND}\n{info.append_text}"
        if "start" in self.inputs:
            train.cmdline_params.append(f"++ckpt_path={checkpoints / LAST_CHECKPOINT}")
            parent = self.inputs.parent_folder
            info.remote_copy_list = [
                (parent.computer.uuid, str(PurePosixPath(parent.get_remote_path()) / FOLDER), FOLDER)
            ]
            # The training writes its metrics anew.
            info.prepend_text += f"\ncat {_METRICS} >> {_EARLIER}"
        return info
