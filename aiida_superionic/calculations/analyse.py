"""Observables of a trajectory, computed where the trajectory lies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from ase import Atoms

from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.results_files import CURVES_FILE, FILES_FOLDER, RESULTS_FILE
from aiida_superionic.analysis.trajectory import Trajectory, one_frame
from aiida_superionic.calculations.frames import gaps
from aiida_superionic.calculations.scripts import define_unusable_trajectory, define_version
from aiida_superionic.calculations.trajectory_input import take_trajectory
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.data.trajectory import TrajectoryData

JOB_FILE = "analysis.json"


def what_dynamics_hold(atoms: Atoms, mobile: Sequence[str], formal_charges: Mapping[str, float]) -> Trajectory:
    """Return one frame that holds what a trajectory of LAMMPS will: velocities and forces, but no electrons.

    Parameters
    ----------
    atoms
        The structure.
    mobile
        The species meant to diffuse.
    formal_charges
        Of species, in elementary charges.
    """
    positions = atoms.positions[None]
    return replace(
        one_frame(atoms, mobile), velocities=positions, forces=positions, formal_charges=dict(formal_charges)
    )


def names_that_take_the_crystal(requested: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return those observables that can be told where the crystal and its sites are, and are not told.

    Parameters
    ----------
    requested
        Parameters of each observable by its name.
    """
    telling = {"sites", "lattice", "neighbour", "corners"}
    return [
        name
        for name, given in requested.items()
        if "lattice" in {parameter.name for parameter in observables()[name].parameters} and not telling & set(given)
    ]


class AnalyseCalculation(MeasuredCalcJob):
    """Run ``superionic-analyse`` on the folder that holds a trajectory."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        spec.inputs["metadata"]["options"]["parser_name"].default = "superionic.analyse"
        spec.inputs["metadata"]["options"]["input_filename"].default = JOB_FILE
        spec.inputs["metadata"]["options"]["output_filename"].default = "analysis.out"

        spec.input(
            "trajectory",
            valid_type=(TrajectoryData, orm.TrajectoryData),
            validator=cls.validate_trajectory,
            help="The frames: left on the computer, or at home as superionic.wannier gives them.",
        )
        spec.input(
            "observables",
            valid_type=orm.Dict,
            validator=cls.validate_observables,
            help="Parameters of each observable, by its name.",
        )
        spec.input(
            "sites",
            valid_type=orm.StructureData,
            required=False,
            help="The crystal's host atoms, in their order, and a mobile ion on every site: what jumps are between.",
        )

        spec.output("observables", valid_type=orm.Dict, required=False, help="Value, error, unit, upper bound by name.")
        spec.output("curves", valid_type=orm.ArrayData, required=False, help="Arrays x, y, error of each curve.")
        spec.output("files", valid_type=orm.FolderData, required=False, help="Files that observables made.")
        spec.output(
            "report", valid_type=orm.Dict, required=False, help="Versions, parameters used, names, what failed."
        )

        spec.exit_code(210, "ERROR_IMPOSSIBLE_REQUEST", message="What was asked for cannot be computed: {names}.")
        spec.exit_code(
            300, "ERROR_NO_RESULTS", message="The script left no readable results: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_BAD_INPUT", message="The script refused its input: {error}")
        define_unusable_trajectory(spec)
        define_version(spec, 303)
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="The trajectory does not determine {names}.")

    @classmethod
    def validate_trajectory(cls, value: TrajectoryData | orm.TrajectoryData, _: Any) -> str | None:
        """Check that frames at home say how far apart they are, and are."""
        if not isinstance(value, orm.TrajectoryData):
            return None
        if "sampling_interval" not in value.base.attributes.all:
            return "the frames do not say their sampling_interval in ps"
        if after := gaps(value):
            return f"frames are missing before frame {after[0]}; longest_stretch takes the longest run without a gap"
        return None

    @classmethod
    def validate_observables(cls, value: orm.Dict, _: Any) -> str | None:
        """Check that every observable is known."""
        unknown = sorted(set(value.get_dict()) - set(observables()))
        if unknown:
            return f"{', '.join(unknown)} is not one of the observables {', '.join(observables())}"
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what is to be computed, and bring the trajectory in."""
        options = self.inputs.metadata.options
        info = self.measured_run(["--job", options.input_filename])
        info.provenance_exclude_list, info.remote_symlink_list = [], []
        job = {
            "trajectory": take_trajectory(self.inputs.trajectory, folder, info),
            "observables": self._observables(),
        }
        with folder.open(options.input_filename, "w") as handle:
            json.dump(job, handle, indent=1)
        info.retrieve_list.append(RESULTS_FILE)
        info.retrieve_temporary_list = [CURVES_FILE, FILES_FOLDER]
        return info

    def _observables(self) -> dict[str, dict[str, Any]]:
        """Return the parameters of the observables, with where the crystal is for those that are not told."""
        filled: dict[str, dict[str, Any]] = self.inputs.observables.get_dict()
        if "sites" in self.inputs:
            crystal = self.inputs.sites.get_ase()
            fractional = crystal.get_scaled_positions(wrap=False)
            mobile = [symbol in self.inputs.trajectory.mobile for symbol in crystal.get_chemical_symbols()]
            for name in names_that_take_the_crystal(filled):
                filled[name]["lattice"] = fractional[[not one for one in mobile]].ravel().tolist()
                if any(parameter.name == "sites" for parameter in observables()[name].parameters):
                    filled[name]["sites"] = fractional[mobile].ravel().tolist()
        return filled
