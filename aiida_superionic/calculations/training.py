"""What a job that trains one network is given and gives, whichever engine trains it."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.engine import CalcJobProcessSpec
from pydantic import ValidationError

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.keeping import KeepingCalcJob
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.learning.training import TrainingSettings

_LEARNED_FROM = ("train", "validation")
_LEAD_TIME = 0.95


class TrainingCalcJob(KeepingCalcJob):
    """Train one network on a dataset, from the beginning or from a checkpoint on."""

    SETTINGS: ClassVar[type[TrainingSettings]] = TrainingSettings
    """The model of the settings of the engine."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["withmpi"].default = False
        spec.inputs.validator = cls.validate_inputs

        spec.input("dataset", valid_type=DatasetData, help="Labelled frames, divided into subsets.")
        spec.input("settings", valid_type=orm.Dict, default=orm.Dict, help=f"A {cls.SETTINGS.__name__}.")
        spec.input("seed", valid_type=orm.Int, default=lambda: orm.Int(1), help="Of the network and of the batches.")
        spec.input("parent_folder", valid_type=orm.RemoteData, required=False, help="Folder that holds the checkpoint.")
        spec.input("start", valid_type=orm.Dict, required=False, help="The checkpoint to go on from.")

        spec.output("potential", valid_type=PotentialData, required=False, help="What was learned.")
        spec.output("report", valid_type=orm.Dict, required=False, help="Version, settings, errors at the end.")
        spec.output("curves", valid_type=orm.ArrayData, required=False, help="Learning curves: arrays x, y of each.")
        spec.output("checkpoint", valid_type=orm.Dict, required=False, help="The last checkpoint written.")

        spec.exit_code(
            300, "ERROR_ENGINE_DID_NOT_START", message="The engine did not start: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_ENGINE", message="The engine stopped: {error}")
        spec.exit_code(302, "ERROR_CHECKPOINT_MISSING", message="The checkpoint to go on from is gone: {error}")
        spec.exit_code(303, "ERROR_DISK_FULL", message="The disk is full: {error}", invalidates_cache=True)
        spec.exit_code(320, "ERROR_NO_MODEL", message="The training ended well but left no model: {error}")
        spec.exit_code(400, "ERROR_OUT_OF_WALLTIME", message="The job ran out of walltime at {reached}.")
        spec.exit_code(401, "ERROR_INTERRUPTED", message="The training breaks off at {reached}.")
        spec.exit_code(410, "ERROR_NON_NUMERIC", message="The loss is not a number from {when} on.")
        spec.exit_code(411, "ERROR_NOTHING_LEARNED", message="The training made no progress: {error}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the dataset can be learned from, and the settings."""
        if not {"dataset", "settings"} <= set(value):
            return None  # a missing input has its own message
        about = value["dataset"].base.attributes.all
        if about["level_of_theory"] is None:
            return "the frames of the dataset are not labelled"
        if lacking := [name for name in _LEARNED_FROM if not about["split"][name]]:
            return f"no frame is in the subset {' or '.join(lacking)}; split the dataset first"
        if value["seed"].value < 0:
            return "the seed is not negative"
        if ("start" in value) != ("parent_folder" in value):
            return "start and parent_folder are given together or not at all"
        try:
            settings = cls.SETTINGS.model_validate(value["settings"].get_dict())
        except ValidationError as error:
            return str(error)
        if settings.learn_stress and "stress" not in about["fields"]:
            return (
                "not every frame has a stress, without which pressures are wrong;"
                " set learn_stress to false where none is needed"
            )
        return None

    @classmethod
    def is_valid_cache(cls, node: orm.CalcJobNode) -> bool:
        """Refuse as a cache a job whose folder was cleaned, if another is to go on from it."""
        if node.is_finished_ok:
            # What was learned is at home.
            return bool(super(KeepingCalcJob, cls).is_valid_cache(node))
        return super().is_valid_cache(node)

    def limited(self, info: CalcInfo) -> CalcInfo:
        """Return what is submitted with the lines around the engine: the time it took, and the time it may take.

        Engines do not look at the clock: the kernel ends one that has used the walltime of the cores it was given, soon
        enough for what comes after it.
        """
        options = self.inputs.metadata.options
        seconds = options.get("max_wallclock_seconds")
        lines = [usage.PREPEND]
        if seconds is not None:
            cores = options.resources.get("num_cores_per_mpiproc") or 1
            lines += ["ulimit -Sc 0", f"ulimit -St {max(1, int(_LEAD_TIME * seconds * cores))}"]
        info.prepend_text = "\n".join(lines)
        info.append_text = usage.APPEND
        return info
