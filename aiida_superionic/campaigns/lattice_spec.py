"""What a campaign file may say of a model of a lattice."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field, StrictInt, StrictStr, ValidationError, model_validator

from aiida_superionic.campaigns.keys import LATTICE_MODELS, UNCONSTRAINED, Study, distinct, unconstrained
from aiida_superionic.campaigns.sections import Section
from aiida_superionic.campaigns.structure_spec import exactly_one
from aiida_superionic.campaigns.values import Name, OneOf, Time, fault
from aiida_superionic.campaigns.wording import unknown
from aiida_superionic.lattice.request import DiffusionRequest, lattice_models
from aiida_superionic.lattice.thermal_motion import Statistics
from aiida_superionic.workchains.md import CANONICAL, MICROCANONICAL
from aiida_superionic.workchains.protocol import protocol_settings, protocols

_NUMBERS = ("ions", "timestep", "sampling_interval", "equilibration", "production", "segment", "fit_start")
"""Settings of the protocols that are numbers."""

_STRUCTURE = "the material and its cells"
_A_STRUCTURE = {"material": "simple-cubic", "supercell": [20, 20, 20]}

Cells = Annotated[StrictInt, Field(ge=2, le=100)]


class LatticeStructure(Section):
    """The crystal of a model, as many cells of it as vibrate."""

    material: Annotated[StrictStr, OneOf("material", lattice_models)] = Field(
        description="the name of a crystal with springs", examples=["simple-cubic"]
    )
    supercell: tuple[Cells, Cells, Cells] = Field(
        description="three whole numbers from 2 to 100, the cells along each of its vectors",
        examples=[[20, 20, 20]],
    )

    @property
    def name(self) -> str:
        """What is said, as text that another structure does not have."""
        return f"{self.material} {self.supercell}"


class LatticeRun(Section):
    """A protocol, and what replaces its own settings."""

    protocol: Annotated[StrictStr, OneOf("protocol", lambda: protocols("lattice"))] = Field(
        default="balanced", description="the name of a protocol", examples=["balanced"]
    )
    statistics: Annotated[StrictStr, OneOf("statistics", lambda: get_args(Statistics))] | None = Field(
        default=None, description="quantum or classical, how the crystal's modes are filled", examples=["quantum"]
    )
    ions: Annotated[StrictInt, Field(ge=1, le=1000)] | None = Field(
        default=None, description="a whole number from 1 to 1000, the ions in the crystal", examples=[4]
    )
    timestep: Time = Field(default=None, description="the time of one step", examples=["5 fs"])
    sampling_interval: Time = Field(default=None, description="the time between two frames", examples=["50 fs"])
    equilibration: Time = Field(default=None, description="the time before production", examples=["10 ps"])
    production: Time = Field(default=None, description="the time that is analysed", examples=["300 ps"])
    segment: Time = Field(
        default=None, description="the longest time of the mean squared displacement", examples=["12 ps"]
    )
    fit_start: Time = Field(default=None, description="the time from which it grows as a line", examples=["1 ps"])


class LatticeCampaign(Study):
    """A study of ions in a crystal with springs: every combination of its conditions is a point."""

    structure: LatticeStructure | None = Field(default=None, description=_STRUCTURE, examples=[_A_STRUCTURE])
    structures: Annotated[tuple[LatticeStructure, ...], AfterValidator(distinct)] = Field(
        default=(), min_length=1, description="a list of structures", examples=[[_A_STRUCTURE]]
    )
    potentials: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1,
        description="a list of names of what acts between ion and crystal",
        examples=[["yukawa-4eV"]],
    )
    constraints: Annotated[tuple[StrictStr, ...], AfterValidator(unconstrained), AfterValidator(distinct)] = Field(
        default=(UNCONSTRAINED,), min_length=1, description=f"a list of {UNCONSTRAINED} alone", examples=[["UC"]]
    )
    lattice: LatticeRun = Field(
        default_factory=LatticeRun,
        description="the protocol of the runs",
        examples=[{"protocol": "fast", "production": "300 ps"}],
    )

    @property
    def entries(self) -> tuple[LatticeStructure, ...]:
        """The structures."""
        return self.structures if self.structure is None else (self.structure,)

    @property
    def conditions(self) -> tuple[tuple[Any, ...], ...]:
        """Structures, what gives the forces, temperatures and constraint modes: every combination is a condition."""
        return self.entries, self.potentials, self.temperatures, self.constraints

    @property
    def ensemble(self) -> str:
        """That of the production: where all atoms move they share their energy, and otherwise the crystal is a bath."""
        return MICROCANONICAL if LATTICE_MODELS[self.model] == "full" else CANONICAL

    @property
    def statistics(self) -> str:
        """How the crystal's modes are filled: quantum or classical."""
        return str(self._settings["statistics"])

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers of the protocol, times in ps, with the given ones in their place."""
        return {name: float(self._settings[name]) for name in _NUMBERS}

    @property
    def _settings(self) -> dict[str, Any]:
        given = self.lattice.model_dump(exclude={"protocol"}, exclude_none=True)
        return protocol_settings("lattice", self.lattice.protocol, given)

    @model_validator(mode="after")
    def _has_structures(self) -> LatticeCampaign:
        exactly_one(self.structure, self.structures, _STRUCTURE)
        return self

    @model_validator(mode="after")
    def _has_interactions(self) -> LatticeCampaign:
        for entry in self.entries:
            known = lattice_models()[entry.material].interactions
            for index, name in enumerate(self.potentials):
                if name not in known:
                    raise fault(unknown("potential", name, known), "potentials", index)
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> LatticeCampaign:
        model = lattice_models()[self.entries[0].material].request(self.potentials[0])
        try:
            DiffusionRequest.model_validate({**model.model_dump(), **self._settings, "temperature": 1.0})
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise fault(f"the times do not fit together: {reason}", "lattice") from None
        return self
