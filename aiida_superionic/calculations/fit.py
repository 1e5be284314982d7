"""A linear potential, learned from a dataset on the computer that has LAMMPS."""

from __future__ import annotations

import json
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from pydantic import ValidationError

from aiida_superionic.calculations.scripts import define_version
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.learning.fit import FitSettings
from aiida_superionic.learning.script import (
    COMMITTEE_FILE,
    FORCE_ERRORS_FILE,
    MODEL_FILE,
    POTENTIAL_FILE,
    REPORT_FILE,
)

DATASET_FILE = "dataset.extxyz"
_LEARNED_FROM = ("train", "validation")


class FitCalculation(MeasuredCalcJob):
    """Run ``superionic-fit`` on a dataset: a potential, a committee drawn from its posterior, and its errors."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.fit"
        options["input_filename"].default = "settings.json"
        options["output_filename"].default = "fit.out"
        options["withmpi"].default = False
        spec.inputs.validator = cls.validate_inputs

        spec.input("dataset", valid_type=DatasetData, help="Labelled frames, divided into subsets.")
        spec.input("settings", valid_type=orm.Dict, default=orm.Dict, help="A FitSettings but for the species.")
        spec.input("committee", valid_type=orm.Int, default=lambda: orm.Int(0), help="How many potentials are drawn.")
        spec.input("seed", valid_type=orm.Int, default=lambda: orm.Int(1), help="Of the committee.")
        spec.input("lammps_code", valid_type=orm.InstalledCode, help="LAMMPS, on the same computer.")

        spec.output("potential", valid_type=PotentialData, required=False, help="With the mean of the coefficients.")
        spec.output_namespace("committee", valid_type=PotentialData, required=False, help="Those that were drawn.")
        spec.output("model", valid_type=orm.SinglefileData, required=False, help="Posterior, and error of its forces.")
        spec.output(
            "force_errors",
            valid_type=orm.ArrayData,
            required=False,
            help="Predicted error in eV/Å of the force on each atom, frame after frame of the dataset.",
        )
        spec.output("report", valid_type=orm.Dict, required=False, help="Errors by subset and species, noise, version.")

        spec.exit_code(
            300, "ERROR_NO_RESULTS", message="The script left no readable results: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_BAD_INPUT", message="The script refused its input: {error}")
        spec.exit_code(302, "ERROR_NOT_LEARNED", message="Nothing can be learned from the frames: {error}")
        define_version(spec, 303)
        spec.exit_code(
            304, "ERROR_NO_DESCRIPTORS", message="LAMMPS gave no descriptors: {error}", invalidates_cache=True
        )

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the dataset can be learned from, and that settings and codes fit."""
        if not {"dataset", "lammps_code", "code"} <= set(value):
            return None  # a missing input has its own message
        about = value["dataset"].base.attributes.all
        if about["level_of_theory"] is None:
            return "the frames of the dataset are not labelled"
        if lacking := [name for name in _LEARNED_FROM if not about["split"][name]]:
            return f"no frame is in the subset {' or '.join(lacking)}; split the dataset first"
        if value["lammps_code"].computer.uuid != value["code"].computer.uuid:
            return "LAMMPS and superionic-fit are on different computers"
        if value["committee"].value < 0 or value["seed"].value < 0:
            return "the size of the committee and the seed are not negative"
        try:
            FitSettings.model_validate({"species": about["species"], **value["settings"].get_dict()})
        except ValidationError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the dataset and the settings."""
        options = self.inputs.metadata.options
        lammps = self.inputs.lammps_code
        with folder.open(DATASET_FILE, "w", encoding="utf-8") as handle:
            handle.write(self.inputs.dataset.text)
        with folder.open(options.input_filename, "w") as handle:
            json.dump(self.inputs.settings.get_dict(), handle, indent=1)

        size, seed = self.inputs.committee.value, self.inputs.seed.value
        arguments = [DATASET_FILE, "--settings", options.input_filename, "--lammps", str(lammps.filepath_executable)]
        info = self.measured_run([*arguments, "--committee", str(size), "--seed", str(seed)])
        info.prepend_text = f"{lammps.prepend_text}\n{info.prepend_text}"
        # They become nodes; their text is not kept beside them.
        committee = [COMMITTEE_FILE.format(number=number) for number in range(size)]
        info.retrieve_temporary_list = [POTENTIAL_FILE, REPORT_FILE, MODEL_FILE, FORCE_ERRORS_FILE, *committee]
        # The frames follow from their node; the repository need not hold them once more for every job.
        info.provenance_exclude_list = [DATASET_FILE]
        return info
