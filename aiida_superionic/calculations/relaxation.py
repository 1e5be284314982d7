"""What a relaxation is asked for, and what its two engines have in common."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from aiida import orm
from aiida.engine import CalcJobProcessSpec
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.units import PRESSURE_UNITS

UNITS = {"energy": "eV", "largest_force": "eV/Å", "stress": "eV/Å^3"}


class RelaxSettings(BaseModel):
    """Which degrees of freedom are relaxed, until which forces and stresses are left."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cell: Literal["fixed", "isotropic", "full"] = Field(description="What of the cell is relaxed with the positions")
    force_threshold: PositiveFloat = Field(description="Of the force on any one atom, eV/Å")
    stress_threshold: PositiveFloat = Field(
        description="Of the pressure of an isotropic cell and of every component of the stress of a full one, GPa"
    )
    max_steps: PositiveInt = Field(description="Steps of the optimiser in one job")

    def unmet(self, largest_force: float, stress: Array) -> str | None:
        """Return which of the thresholds is not met, or None.

        Parameters
        ----------
        largest_force
            On one atom, in eV/Å.
        stress
            In eV/Å³, shape (3, 3).
        """
        if not largest_force <= self.force_threshold:
            return f"the largest force is {largest_force:.3g} eV/Å where {self.force_threshold:g} is asked for"
        if self.cell == "fixed":
            return None
        left = abs(np.trace(stress)) / 3.0 if self.cell == "isotropic" else np.abs(stress).max()
        left /= PRESSURE_UNITS["GPa"]
        if not left <= self.stress_threshold:
            return f"the largest stress is {left:.3g} GPa where {self.stress_threshold:g} is asked for"
        return None


def validate_settings(node: orm.Dict, _: Any) -> str | None:
    """Check a node against :class:`RelaxSettings`."""
    try:
        RelaxSettings.model_validate(node.get_dict())
    except ValueError as error:
        return str(error)
    return None


def define_outcome(spec: CalcJobProcessSpec) -> None:
    """Declare what a relaxing job puts out, and how it can end, whatever the engine."""
    spec.output("structure", valid_type=orm.StructureData, required=False, help="The last geometry.")
    spec.output(
        "output_parameters",
        valid_type=orm.Dict,
        required=False,
        help="Of the last geometry: energy, largest force on an atom, stress; the steps of the optimiser.",
    )
    spec.exit_code(400, "ERROR_OUT_OF_WALLTIME", message="The job ran out of walltime after {steps} steps.")
    spec.exit_code(401, "ERROR_INTERRUPTED", message="The output breaks off without its closing line.")
    spec.exit_code(410, "ERROR_NON_NUMERIC", message="Energy, forces or stress are no numbers.")
    spec.exit_code(500, "ERROR_GEOMETRY_CONVERGENCE_NOT_REACHED", message="After {steps} steps {reason}.")


def outcome(energy: float, forces: Array, stress: Array, steps: int, **facts: Any) -> dict[str, Any]:
    """Return what ``output_parameters`` holds.

    Parameters
    ----------
    energy
        In eV.
    forces
        In eV/Å, shape (N, 3).
    stress
        In eV/Å³, shape (3, 3), positive where the crystal is under tension.
    steps
        Of the optimiser.
    facts
        What else the engine says.
    """
    largest = float(np.linalg.norm(forces, axis=1).max())
    return {
        "energy": energy, "largest_force": largest, "stress": stress.tolist(), "steps": steps, "units": UNITS, **facts,
    }  # fmt: skip
