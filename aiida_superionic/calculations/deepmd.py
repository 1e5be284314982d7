"""A deep potential, learned from a dataset with DeePMD-kit."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import ClassVar

from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.lammps import write_files
from aiida_superionic.calculations.training import TrainingCalcJob
from aiida_superionic.learning.deepmd import (
    CHECKPOINT,
    LEARNING_CURVE_FILE,
    DeepmdSettings,
    training_files,
    training_input,
)
from aiida_superionic.learning.training import TrainingSettings
from aiida_superionic.potentials.deepmd import MODEL_FILE

FROZEN_FILE = "frozen.pb"
CHECKPOINT_FILE = "checkpoint"
OUTPUTS = {"train": "train.out", "freeze": "freeze.out", "compress": "compress.out"}
"""What each command prints, by its name."""

_EARLIER_CURVE_FILE = "earlier.out"
_PARTS = ("data-00000-of-00001", "index", "meta")


class DeepmdCalculation(TrainingCalcJob):
    """Train a deep potential with ``dp``, freeze it, and compress it."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1
    SETTINGS: ClassVar[type[TrainingSettings]] = DeepmdSettings

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the names of the files."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.deepmd"
        options["input_filename"].default = "input.json"
        options["output_filename"].default = OUTPUTS["train"]

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input and the frames as DeePMD-kit reads them."""
        options = self.inputs.metadata.options
        settings = DeepmdSettings.model_validate(self.inputs.settings.get_dict())
        dataset = self.inputs.dataset.dataset
        frames = training_files(dataset, settings.learn_stress)
        for name in frames:
            Path(folder.get_abs_path(name)).parent.mkdir(parents=True, exist_ok=True)
        told = training_input(settings, dataset, self.inputs.seed.value)
        write_files(folder, {options.input_filename: told, **frames})

        train = [options.input_filename]
        if "start" in self.inputs:
            train += ["--restart", checkpoint_of(self.inputs.start["step"])]
        commands = {
            "train": train,
            "freeze": ["--checkpoint", checkpoint_of(settings.steps), "--output", FROZEN_FILE],
            "compress": ["--input", FROZEN_FILE, "--output", MODEL_FILE],
        }
        info = CalcInfo()
        info.codes_info = [self._command(name, arguments) for name, arguments in commands.items()]
        info.codes_run_mode = CodeRunMode.SERIAL
        # A job that is cut off has no model; AiiDA warns of a missing file unless it is a pattern.
        kept = [*OUTPUTS.values(), CHECKPOINT_FILE, LEARNING_CURVE_FILE]
        info.retrieve_list = [*((f"{name}*", ".", 0) for name in kept), usage.FILE]
        info.retrieve_temporary_list = [(f"{MODEL_FILE}*", ".", 0)]
        # The frames follow from their node; the repository need not hold them once more for every job.
        info.provenance_exclude_list = list(frames)
        info = self.limited(info)
        if "start" in self.inputs:
            info.remote_symlink_list = self._checkpoint()
            # The training writes on below what is there.
            info.prepend_text += f"\ncat {_EARLIER_CURVE_FILE} > {LEARNING_CURVE_FILE}"
        return info

    def _command(self, name: str, arguments: list[str]) -> CodeInfo:
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        # TensorFlow: what is trained with it is evaluated fastest on CPUs, compressed.
        code.cmdline_params = ["--tf", name, *arguments]
        code.stdout_name = OUTPUTS[name]
        code.join_files = True
        return code

    def _checkpoint(self) -> list[tuple[str, str, str]]:
        parent, name = self.inputs.parent_folder, checkpoint_of(self.inputs.start["step"])
        files = {**{f"{name}.{part}": f"{name}.{part}" for part in _PARTS}, LEARNING_CURVE_FILE: _EARLIER_CURVE_FILE}
        folder = PurePosixPath(parent.get_remote_path())
        return [(parent.computer.uuid, str(folder / file), link) for file, link in files.items()]


def checkpoint_of(step: int) -> str:
    """Return the name of the checkpoint of a step, but for what its files end with."""
    return f"{CHECKPOINT}-{step}"
