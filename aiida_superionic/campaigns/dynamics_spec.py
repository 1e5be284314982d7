"""What a campaign file may say of molecular dynamics."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictStr, model_validator

from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.faults import missing
from aiida_superionic.campaigns.keys import UNCONSTRAINED, Study, distinct
from aiida_superionic.campaigns.observable_request import ObservableRequest, lacking_for, routine_requests
from aiida_superionic.campaigns.potential_spec import PotentialEntry
from aiida_superionic.campaigns.sections import Section
from aiida_superionic.campaigns.structure_spec import (
    OwnStructure,
    ReferenceStructure,
    StructureEntry,
    exactly_one,
)
from aiida_superionic.campaigns.values import Name, OneOf, Time, fault
from aiida_superionic.constraints.constraint import MODES, Constraint
from aiida_superionic.workchains.md import CANONICAL, MICROCANONICAL, TIMES, stage_settings
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings, protocols

CONSTRAINT_MODES = (UNCONSTRAINED, *MODES)

ProtocolName = Annotated[StrictStr, OneOf("protocol", lambda: protocols("md"))]
EngineName = Annotated[StrictStr, OneOf("engine", lambda: TIMES)]
LevelName = Annotated[StrictStr, OneOf("level of theory", lambda: protocols("dft"))]
_A_STRUCTURE = {"material": "alpha-AgI", "supercell": [3, 3, 3]}
_STRUCTURE = "the material and its supercell"
ConstraintMode = Annotated[StrictStr, OneOf("constraint mode", lambda: CONSTRAINT_MODES)]


class MolecularDynamics(Section):
    """What runs, a protocol, the times that replace the protocol's own, and the ensemble of the production."""

    engine: EngineName = Field(
        default="lammps", description="lammps, or cp2k for ab initio dynamics", examples=["lammps"]
    )
    level: LevelName | None = Field(
        default=None, description="how CP2K computes forces, the name of a level of theory", examples=["xtb"]
    )
    protocol: ProtocolName = Field(default="balanced", description="the name of a protocol", examples=["balanced"])
    ensemble: Annotated[StrictStr, OneOf("ensemble", lambda: (MICROCANONICAL, CANONICAL))] = Field(
        default=MICROCANONICAL,
        description="nve to conserve the energy in production, nvt for a thermostat",
        examples=["nvt"],
    )
    equilibration: Time = Field(default=None, description="the time before production", examples=["20 ps"])
    production: Time = Field(default=None, description="the time that is analysed", examples=["100 ps"])
    timestep: Time = Field(default=None, description="the time of one MD step", examples=["0.5 fs"])
    sampling_interval: Time = Field(default=None, description="the time between two frames", examples=["5 fs"])
    thermo_interval: Time = Field(
        default=None, description="the time between two lines of energies and temperature", examples=["50 fs"]
    )
    thermostat_damping: Time = Field(
        default=None, description="the time in which the thermostat acts", examples=["100 fs"]
    )
    checkpoint_interval: Time = Field(
        default=None, description="the time after which a run can be continued", examples=["10 ps"]
    )


class Campaign(Study):
    """A study by molecular dynamics: every combination of its conditions is a point."""

    structure: StructureEntry | None = Field(default=None, description=_STRUCTURE, examples=[_A_STRUCTURE])
    structures: Annotated[tuple[StructureEntry, ...], AfterValidator(distinct)] = Field(
        default=(), min_length=1, description="a list of structures", examples=[[_A_STRUCTURE]]
    )
    potentials: Annotated[tuple[PotentialEntry, ...], AfterValidator(distinct)] = Field(
        default=(),
        min_length=1,
        description="a list of names of potentials; none with the engine cp2k",
        examples=[["vashishta-rahman"]],
    )
    constraints: Annotated[tuple[ConstraintMode, ...], AfterValidator(distinct)] = Field(
        min_length=1, description=f"a list of constraint modes, {', '.join(CONSTRAINT_MODES)}", examples=[["UC"]]
    )
    rotors: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        default=(),
        description="a list of formulas of the polyanions that are constrained; all of them if absent",
        examples=[["PS4"]],
    )
    md: MolecularDynamics = Field(
        default_factory=MolecularDynamics,
        description="the protocol of the molecular dynamics",
        examples=[{"protocol": "balanced", "production": "100 ps"}],
    )
    observables: Annotated[tuple[ObservableRequest, ...], AfterValidator(distinct)] = Field(
        default=(),
        min_length=1,
        description="a list of observables, each a name or a name with parameters; the routine ones that the"
        " structure allows if absent",
        examples=[["diffusion", {"friction": {"longest_lag": 3.0}}]],
    )

    @property
    def entries(self) -> dict[tuple[str | int, ...], ReferenceStructure | OwnStructure]:
        """The structures, by where they stand."""
        if self.structure is not None:
            return {("structure",): self.structure}
        return {("structures", index): entry for index, entry in enumerate(self.structures)}

    @property
    def forces(self) -> tuple[PotentialEntry | str, ...]:
        """What gives the forces: the potentials, or the level of theory."""
        return (self.md.level,) if self.md.level is not None else self.potentials

    @property
    def conditions(self) -> tuple[tuple[Any, ...], ...]:
        """Structures, what gives the forces, temperatures and constraint modes: every combination is a condition."""
        return tuple(self.entries.values()), self.forces, self.temperatures, self.constraints

    def md_settings(self, crystal: Crystal) -> dict[str, float]:
        """Return the settings of the protocol, in ps, the material's own and then the given times in their place."""
        given = self.md.model_dump(exclude={"engine", "level", "protocol", "ensemble"}, exclude_none=True)
        return protocol_settings(TIMES[self.md.engine], self.md.protocol, {**crystal.md, **given})

    def observables_of(self, crystal: Crystal) -> tuple[ObservableRequest, ...]:
        """Return the observables, those that the dynamics of a crystal allow where none is named."""
        return self.observables or routine_requests(crystal)

    def check(self, crystal: Crystal) -> None:
        """Check that what is asked for can be had of a crystal.

        Raises
        ------
        pydantic_core.PydanticCustomError
            The fault, with its place in the file.
        """
        try:
            # Neither temperature nor species decides whether times fit.
            stage_settings(self.md_settings(crystal), temperature=1.0, mobile=["Ag"])
        except ProtocolError as error:
            raise fault(f"the times do not fit together: {error}", "md") from None
        for index, request in enumerate(self.observables):
            if lacking := lacking_for(request, crystal):
                raise fault(f"{request.name} needs {lacking}", "observables", index)
        held = self._first_held
        if held is not None:
            constraint = Constraint.model_validate({"mode": self.constraints[held], "rotors": self.rotors})
            if reason := crystal.why_not_held(constraint, self.seed):
                place: tuple[str | int, ...] = ("rotors",) if self.rotors else ("constraints", held)
                raise fault(f"{crystal.name}: {reason}", *place)

    @property
    def _first_held(self) -> int | None:
        return next((index for index, mode in enumerate(self.constraints) if mode != UNCONSTRAINED), None)

    @model_validator(mode="after")
    def _has_structures(self) -> Campaign:
        exactly_one(self.structure, self.structures, _STRUCTURE)
        return self

    @model_validator(mode="after")
    def _has_forces(self) -> Campaign:
        if self.md.engine == "lammps":
            if not self.potentials:
                raise fault(missing("potentials", type(self).model_fields["potentials"]))
            if self.md.level is not None:
                raise fault("a level of theory is for engine: cp2k; remove it, or write the engine", "md", "level")
            return self
        if self.potentials:
            raise fault("with engine: cp2k the forces are those of md.level; remove the potentials", "potentials")
        if self.md.level is None:
            raise fault(f"engine: cp2k needs a level of theory; write level: {' or '.join(protocols('dft'))}", "md")
        if self._first_held is not None:
            raise fault("motions are held with engine: lammps only; write UC", "constraints", self._first_held)
        return self

    @model_validator(mode="after")
    def _has_rotors(self) -> Campaign:
        if self.rotors and self._first_held is None:
            raise fault(f"rotors are named and nothing is constrained; write {', '.join(MODES)}", "constraints")
        return self

    @model_validator(mode="after")
    def _can_be_computed(self) -> Campaign:
        # What is no reference crystal is looked at when it is read, and its campaign checked then.
        for entry in self.entries.values():
            if isinstance(entry, ReferenceStructure):
                self.check(Crystal.of_reference(entry))
        return self
