"""Experiments on ions in a harmonic crystal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results_files import CURVES_FILE, RESULTS_FILE
from aiida_superionic.analysis.settings_file import checked
from aiida_superionic.calculations.scripts import define_version
from aiida_superionic.calculations.usage import MeasuredCalcJob
from aiida_superionic.lattice.request import REQUESTS

REQUEST_FILE = "request.json"
CRYSTAL_FILE = "crystal.npz"
_CRYSTAL = "crystal"


def complete_request(
    experiment: str, parameters: Mapping[str, Any], crystal: orm.SinglefileData | None
) -> dict[str, Any]:
    """Return the request of an experiment, with every default filled in, as plain data.

    Parameters
    ----------
    experiment
        A key of :data:`aiida_superionic.lattice.request.REQUESTS`.
    parameters
        What is asked for.
    crystal
        The crystal's file, where ``parameters`` have no crystal.

    Raises
    ------
    ParameterError
        If there is no such experiment, or a parameter is unknown or wrong; the message is one sentence.
    """
    if experiment not in REQUESTS:
        raise ParameterError(f"{experiment} is not one of the experiments {', '.join(REQUESTS)}")
    given = dict(parameters)
    section = given.get(_CRYSTAL)
    if isinstance(section, Mapping) and section.get("file") is not None:
        raise ParameterError("the file of a crystal is the input crystal, no path among the parameters")
    if crystal is not None:
        if section is not None:
            raise ParameterError("the crystal is given twice, as a file and among the parameters")
        given[_CRYSTAL] = {"file": CRYSTAL_FILE}
    return checked(REQUESTS[experiment], given, "parameters").model_dump(mode="json", exclude_none=True)


class LatticeCalculation(MeasuredCalcJob):
    """Run ``superionic-lattice``: one experiment on ions in a crystal that vibrates and gives way."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.lattice"
        options["input_filename"].default = REQUEST_FILE
        options["output_filename"].default = "lattice.out"
        options["withmpi"].default = False
        spec.inputs.validator = cls.validate_inputs

        spec.input("experiment", valid_type=orm.Str, help=f"One of {', '.join(REQUESTS)}.")
        spec.input("parameters", valid_type=orm.Dict, help="What the experiment is asked with; Å, ps, K, eV and amu.")
        spec.input(
            "crystal",
            valid_type=orm.SinglefileData,
            required=False,
            help="The crystal, as lattice import writes it, in place of one among the parameters.",
        )

        spec.output("observables", valid_type=orm.Dict, required=False, help="Value, error, unit, upper bound by name.")
        spec.output("curves", valid_type=orm.ArrayData, required=False, help="Arrays x, y, error of each curve.")
        spec.output("report", valid_type=orm.Dict, required=False, help="Versions, parameters used, and what failed.")

        spec.exit_code(
            300, "ERROR_NO_RESULTS", message="The script left no readable results: {error}", invalidates_cache=True
        )
        spec.exit_code(301, "ERROR_BAD_INPUT", message="The script refused its input: {error}")
        spec.exit_code(302, "ERROR_NO_MODEL", message="No motion can be computed of the model: {error}")
        define_version(spec, 303)
        spec.exit_code(400, "ERROR_MOTION_BROKE_OFF", message="The experiment failed: {error}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="The run does not determine {names}.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the script will understand what is asked for."""
        if not {"experiment", "parameters"} <= set(value):
            return None  # a missing input has its own message
        try:
            complete_request(value["experiment"].value, value["parameters"].get_dict(), value.get(_CRYSTAL))
        except ParameterError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the request, and the crystal beside it."""
        inputs, options = self.inputs, self.inputs.metadata.options
        crystal = inputs.get(_CRYSTAL)
        request = complete_request(inputs.experiment.value, inputs.parameters.get_dict(), crystal)
        with folder.open(options.input_filename, "w") as handle:
            json.dump(request, handle, indent=1)
        info = self.measured_run([inputs.experiment.value, options.input_filename])
        if crystal is not None:
            info.local_copy_list = [(crystal.uuid, crystal.filename, CRYSTAL_FILE)]
        info.retrieve_list.append(RESULTS_FILE)
        info.retrieve_temporary_list = [CURVES_FILE]
        return info
