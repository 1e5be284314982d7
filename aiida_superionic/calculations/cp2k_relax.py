"""Relaxation of a structure with CP2K."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from aiida.engine import CalcJobProcessSpec
from aiida_cp2k.utils.workchains import merge_dict
from numpy.typing import NDArray

from aiida_superionic.calculations.cp2k import Cp2kCalculation, own_walltime
from aiida_superionic.calculations.cp2k_input import with_printing
from aiida_superionic.calculations.relaxation import RelaxSettings, define_outcome
from aiida_superionic.units import FORCE_FROM_ATOMIC, PRESSURE_UNITS

OPTIMISERS = ("BFGS", "CG")
"""In the order in which they are tried."""

_RUN_TYPES = ("GEO_OPT", "CELL_OPT")
_ANY_STEP = 1.0
"""Bohr. CP2K also waits for its steps to become short; here forces and stresses alone decide."""


class Cp2kRelaxCalculation(Cp2kCalculation):
    """Geometry or cell optimisation, of which only the last geometry counts."""

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        for port in ("trajectory", "centres_per_ion"):
            del spec.inputs[port]
        for port in ("labels", "wannier"):
            del spec.outputs[port]
        spec.inputs["metadata"]["options"]["parser_name"].default = "superionic.cp2k_relax"
        define_outcome(spec)

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is a structure, and that the parameters ask for its optimisation."""
        if "parameters" not in value:
            return None  # a missing input has its own message
        if "structure" not in value:
            return "structure is missing, from which the optimisation starts"
        run = str(value["parameters"].get_dict().get("GLOBAL", {}).get("RUN_TYPE", "missing")).upper()
        if run not in _RUN_TYPES:
            return f"RUN_TYPE is {run} where {' or '.join(_RUN_TYPES)} is expected"
        return None


def optimisation(
    parameters: Mapping[str, Any],
    settings: RelaxSettings,
    cell: NDArray[np.float64],
    optimiser: str,
    walltime: int | None = None,
) -> dict[str, Any]:
    """Return the parameters of a level of theory as those of a relaxation.

    CP2K compares components of forces, and the derivative of the energy by the cell vectors, with one number. It is
    chosen such that the settings are met where CP2K is content.

    Parameters
    ----------
    parameters
        CP2K's, but for the run.
    settings
        What is relaxed, and how far.
    cell
        Cell vectors as rows in Å, shape (3, 3).
    optimiser
        In CP2K's words.
    walltime
        Seconds that the job may take; CP2K stops in time to say what it has done.

    Raises
    ------
    ValueError
        If the cell is to be relaxed isotropically and is not cubic with its vectors along the axes, the one case that
        CP2K knows.
    """
    stress = settings.stress_threshold * PRESSURE_UNITS["GPa"]
    threshold = settings.force_threshold / np.sqrt(3.0)
    if settings.cell == "full":
        # |σ| = |∂E/∂h hᵀ|/V, whose components are sums of three products.
        threshold = min(threshold, stress * abs(np.linalg.det(cell)) / (3.0 * np.linalg.norm(cell, axis=1).max()))
    kind = "GEO_OPT" if settings.cell == "fixed" else "CELL_OPT"
    section: dict[str, Any] = {
        "OPTIMIZER": optimiser,
        "MAX_ITER": settings.max_steps,
        "MAX_FORCE": float(threshold / FORCE_FROM_ATOMIC),
        "RMS_FORCE": float(threshold / FORCE_FROM_ATOMIC),
        "MAX_DR": _ANY_STEP,
        "RMS_DR": _ANY_STEP,
    }
    every_step = {"_": "ON", "EACH": {kind: 1}}
    off = {"_": "OFF"}
    run: dict[str, Any] = {
        "GLOBAL": {"RUN_TYPE": kind, "PRINT_LEVEL": "LOW"},
        "MOTION": {
            kind: section,
            "PRINT": {"TRAJECTORY": every_step, "CELL": every_step, "RESTART": off, "RESTART_HISTORY": off},
        },
    }
    if kind == "CELL_OPT":
        section |= {
            "TYPE": "DIRECT_CELL_OPT",
            "EXTERNAL_PRESSURE": 0.0,
            "PRESSURE_TOLERANCE": float(stress / PRESSURE_UNITS["bar"]),
        }
    if settings.cell == "isotropic":
        if not np.allclose(cell, cell[0, 0] * np.eye(3), atol=1e-6):
            raise ValueError(
                "CP2K relaxes only cubic cells isotropically, with their vectors along the axes: take full"
            )
        section["KEEP_SYMMETRY"] = True
        run["FORCE_EVAL"] = {"SUBSYS": {"CELL": {"SYMMETRY": "CUBIC"}}}
    if walltime is not None:
        run["GLOBAL"]["WALLTIME"] = own_walltime(walltime)
    joined = deepcopy(dict(parameters))
    merge_dict(joined, run)
    return with_printing(joined)
