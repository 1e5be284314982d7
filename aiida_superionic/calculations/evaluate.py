"""The labels that a potential gives to the frames of a dataset."""

from __future__ import annotations

import hashlib
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.labels import batches_of
from aiida_superionic.calculations.lammps import check_program, write_files
from aiida_superionic.calculations.lammps_script import FORCES_FILE, evaluation_script, system_files
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset
from aiida_superionic.datasets.lammps_files import data_text, dump_text, turned
from aiida_superionic.potentials import LammpsPotential, Potential

_FRAMES_OF_A_SYSTEM = 100
"""Frames for which a potential is set up once, and in one file: LAMMPS reads it from its beginning for each."""


def level_of_theory_of(potential: Potential) -> str:
    """Return the words under which frames that a potential labelled are kept: other parameters, other words."""
    digest = hashlib.sha256(potential.text().encode()).hexdigest()
    return f"potential {potential.family}: {potential.description} ({digest[:12]})"


class EvaluateCalculation(MeasuredCalcJob):
    """Label the frames of a dataset with the energy, forces and stress of a potential in LAMMPS.

    It is the teacher that labels without DFT, and tells how far a learned potential is from its labels.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.evaluate"
        options["input_filename"].default = "input.in"
        options["output_filename"].default = "lammps.out"
        spec.inputs.validator = cls.validate_inputs

        spec.input("code", valid_type=orm.AbstractCode, help="LAMMPS.")
        spec.input("dataset", valid_type=DatasetData, help="The frames; labels that they have are replaced.")
        spec.input("potential", valid_type=PotentialData, help="What gives the labels.")

        spec.output("dataset", valid_type=DatasetData, required=False, help="The same frames in the same order.")

        spec.exit_code(
            300, "ERROR_ENGINE_DID_NOT_START", message="LAMMPS wrote nothing: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_LAMMPS", message="LAMMPS stopped at frame {number}: {error}")
        spec.exit_code(302, "ERROR_UNUSABLE_LABELS", message="The labels cannot be used: {error}")
        spec.exit_code(320, "ERROR_LABELS_MISSING", message="LAMMPS ended well but left no readable labels.")
        spec.exit_code(401, "ERROR_INTERRUPTED", message="The output breaks off without its closing line.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the potential describes the frames, and that the code can run it."""
        if not {"dataset", "potential"} <= set(value):
            return None  # a missing input has its own message
        try:
            potential = value["potential"].potential
            potential.require(value["dataset"].base.attributes.get("species"))
            if "code" in value:
                check_program(potential.lammps(potential.species, 1), value["code"])
        except ValueError as error:
            return str(error)
        return None

    @staticmethod
    def batches(dataset: Dataset) -> list[list[int]]:
        """Return the numbers of the frames that are evaluated together, in the order in which they are."""
        return batches_of(dataset, _FRAMES_OF_A_SYSTEM)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the script, the frames and the files of the potential."""
        options = self.inputs.metadata.options
        potential, dataset = self.inputs.potential.potential, self.inputs.dataset.dataset
        systems: list[tuple[LammpsPotential, list[int]]] = []
        files: dict[str, str | bytes] = {}
        for system, numbers in enumerate(self.batches(dataset)):
            frames = {number: turned(dataset.frames[number])[0] for number in numbers}
            first = frames[numbers[0]]
            evaluated = potential.lammps(dataset.species, len(first.species))
            charges = evaluated.charges if evaluated.atom_style == "charge" else None
            data, dump = system_files(system)
            files |= {data: data_text(first, dataset.species, charges), dump: dump_text(frames), **evaluated.files}
            systems.append((evaluated, numbers))
        # Frames and files follow from their nodes; the repository need not hold them once more for every job.
        repeated = list(files)
        write_files(folder, {options.input_filename: evaluation_script(systems), **files})

        info = self.measured_run(evaluated.arguments(options.input_filename), join_files=False)
        # They become a node; their text is not kept beside it. AiiDA warns of a missing file unless it is a pattern.
        info.retrieve_temporary_list = [(f"{FORCES_FILE}*", ".", 0)]
        info.provenance_exclude_list = repeated
        return info
