"""The settings of one MD stage, and where it starts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.species import ChemicalSymbol

Picoseconds = Annotated[float, Field(gt=0.0)]
_FILE_NAME = r"^[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*$"


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(symbols)) != len(symbols):
        raise ValueError("a species is named twice")
    return symbols


class MdSettings(BaseModel):
    """One stage of molecular dynamics: an ensemble, a duration, and what is written how often.

    Times are in ps, temperatures in K, pressures in bar. Every interval must be a whole number of timesteps, and the
    duration a whole number of checkpoint intervals or shorter than one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    ensemble: Literal["nve", "nvt", "npt"]
    temperature: float = Field(gt=0.0, description="Of the starting velocities and the thermostat, K")
    pressure: float = Field(default=0.0, description="Of the isotropic barostat, bar")
    duration: Picoseconds
    timestep: Picoseconds
    thermostat_damping: Picoseconds = 0.1
    langevin_duration: Picoseconds | None = Field(
        default=None, description="Langevin dynamics with the same damping at the beginning, before the ensemble's own"
    )
    barostat_damping: Picoseconds = 1.0
    sampling_interval: Picoseconds | None = Field(
        default=None, description="Between two frames; no trajectory if absent"
    )
    thermo_interval: Picoseconds = 0.05
    checkpoint_interval: Picoseconds = 10.0
    deviation_interval: Picoseconds | None = Field(
        default=None, description="Between two deviations of a committee; as thermo_interval if absent"
    )
    deviation_limit: float | None = Field(
        default=None, gt=0.0, description="Of the force on any atom in a committee, in eV/Å, above which the run fails"
    )
    mobile: Annotated[tuple[ChemicalSymbol, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="The species meant to diffuse; the others are the host lattice"
    )
    formal_charges: dict[ChemicalSymbol, float] = Field(
        default={}, description="Of species, in elementary charges, whatever charge the force field gives them"
    )
    host_displacement_limit: float = Field(
        default=0.3,
        gt=0.0,
        description="Root mean square displacement of the host's ions, polyanions as a whole, from where they began,"
        " over their nearest-neighbour distance, above which the host counts as molten",
    )
    constraint: Constraint | None = Field(default=None, description="The motions held fixed; none if absent")

    @model_validator(mode="after")
    def _whole_steps(self) -> MdSettings:
        optional = ("langevin_duration", "sampling_interval", "deviation_interval")
        for name in ("duration", *optional, "thermo_interval", "checkpoint_interval"):
            interval = getattr(self, name)
            if interval is not None:
                self.steps(name)
        if self.langevin_steps > self.steps("duration"):
            raise ValueError(f"langevin_duration is {self.langevin_duration} ps of a duration of {self.duration} ps")
        return self

    @model_validator(mode="after")
    def _constraint_in_ensemble(self) -> MdSettings:
        if self.ensemble == "npt" and self.constraint is not None and self.constraint.mode != "RC":
            raise ValueError(
                f"npt with {self.constraint.mode}: bodies that are held in place leave no pressure; take nvt, or RC"
            )
        return self

    @property
    def deviation_steps(self) -> int:
        """Timesteps between two deviations of a committee."""
        return self.steps("thermo_interval" if self.deviation_interval is None else "deviation_interval")

    @property
    def langevin_steps(self) -> int:
        """Timesteps of Langevin dynamics at the beginning."""
        return self.steps("langevin_duration") if self.langevin_duration is not None else 0

    def steps(self, name: str) -> int:
        """Return one of the intervals in timesteps.

        Raises
        ------
        ValueError
            If it is not a whole number of them.
        """
        interval = getattr(self, name)
        count: int = round(interval / self.timestep)
        if count < 1 or abs(count * self.timestep - interval) > 1e-6 * self.timestep * count:
            raise ValueError(f"{name} is {interval} ps, not a whole number of timesteps of {self.timestep} ps")
        return count


class Start(BaseModel):
    """The state from which a stage starts, when it does not start from a structure and random velocities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    file: str = Field(pattern=_FILE_NAME, description="Restart file in the parent folder")
    step: int = Field(ge=0, description="Steps of the stage already done; 0 begins a new stage")
    energy: float | None = Field(default=None, description="Total energy to which the velocities are scaled first, eV")
    trajectory: tuple[Annotated[str, Field(pattern=_FILE_NAME)], ...] = Field(
        default=(), description="Parts of the trajectory already written, in the parent folder"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Start:
        if self.step > 0 and self.energy is not None:
            raise ValueError("a stage that goes on keeps its energy")
        if self.step == 0 and self.trajectory:
            raise ValueError("a new stage has no trajectory yet")
        return self
