"""What a campaign file may say, and the campaign that it describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from aiida_superionic.campaigns.document import CampaignFileError, Document, Location, Problem, load_document
from aiida_superionic.campaigns.keys import (
    LATTICE_MODELS,
    MOLECULAR_DYNAMICS,
    UNCONSTRAINED,
    Section,
    Study,
    distinct,
)
from aiida_superionic.campaigns.lattice_spec import LatticeCampaign
from aiida_superionic.campaigns.observable_request import (
    ObservableRequest,
    lacking_for,
    parameters_model,
    routine_requests,
)
from aiida_superionic.campaigns.values import Length, Name, OneOf, Repeats, Time, fault
from aiida_superionic.campaigns.wording import quote, unknown
from aiida_superionic.constraints.constraint import MODES, Constraint, ConstraintError
from aiida_superionic.constraints.eckart import eckart_frames
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.lattice import relative_lattice_constants
from aiida_superionic.structures.supercell import StructureError, make_supercell
from aiida_superionic.workchains.md import CANONICAL, MICROCANONICAL, TIMES, stage_settings
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings, protocols

CONSTRAINT_MODES = (UNCONSTRAINED, *MODES)

_REPEATS_THAT_SHOW_POLYANIONS = 2

MaterialName = Annotated[StrictStr, OneOf("material", materials)]
PotentialName = Annotated[StrictStr, OneOf("potential", potentials)]
ProtocolName = Annotated[StrictStr, OneOf("protocol", lambda: protocols("md"))]
EngineName = Annotated[StrictStr, OneOf("engine", lambda: TIMES)]
LevelName = Annotated[StrictStr, OneOf("level of theory", lambda: protocols("dft"))]
ConstraintMode = Annotated[StrictStr, OneOf("constraint mode", lambda: CONSTRAINT_MODES)]


class Structure(Section):
    """A supercell of a reference crystal."""

    material: MaterialName = Field(description="the name of a reference crystal", examples=["alpha-AgI"])
    supercell: tuple[Repeats, Repeats, Repeats] = Field(
        description="three whole numbers from 1 to 100, the repeats of the cell along each of its vectors",
        examples=[[3, 3, 3]],
    )
    lattice_constants: tuple[Length, Length, Length] | None = Field(
        default=None,
        description="three numbers, the lengths of the cell's vectors in Å",
        examples=[[5.0855, 5.0855, 5.0855]],
    )

    @model_validator(mode="after")
    def _near_the_measured_one(self) -> Structure:
        if self.lattice_constants is not None:
            try:
                relative_lattice_constants(materials()[self.material], self.lattice_constants)
            except StructureError as error:
                raise fault(str(error), "lattice_constants") from None
        return self


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


class Campaign(Study):
    """A study of one structure by molecular dynamics: every combination of its conditions is a point."""

    structure: Structure = Field(
        description="the material and its supercell", examples=[{"material": "alpha-AgI", "supercell": [3, 3, 3]}]
    )
    potentials: Annotated[tuple[PotentialName, ...], AfterValidator(distinct)] = Field(
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
        default_factory=lambda given: routine_requests(given["structure"].material),
        min_length=1,
        description="a list of observables, each a name or a name with parameters; the routine ones that the"
        " material allows if absent",
        examples=[["diffusion", {"friction": {"longest_lag": 3.0}}]],
    )

    @property
    def md_settings(self) -> dict[str, float]:
        """The settings of the protocol, in ps, with the material's own and then the given times in their place."""
        given = self.md.model_dump(exclude={"engine", "level", "protocol", "ensemble"}, exclude_none=True)
        own = materials()[self.structure.material].md
        return protocol_settings(TIMES[self.md.engine], self.md.protocol, {**own, **given})

    @property
    def forces(self) -> tuple[str, ...]:
        """What gives the forces: the potentials, or the level of theory."""
        return (self.md.level,) if self.md.level is not None else self.potentials

    @property
    def conditions(self) -> tuple[tuple[Any, ...], ...]:
        """What gives the forces, temperatures and constraint modes, of which every combination is a condition."""
        return self.forces, self.temperatures, self.constraints

    @model_validator(mode="after")
    def _has_forces(self) -> Campaign:
        if self.md.engine == "lammps":
            if not self.potentials:
                raise fault(_missing("potentials", type(self).model_fields["potentials"]))
            if self.md.level is not None:
                raise fault("a level of theory is for engine: cp2k; remove it, or write the engine", "md", "level")
            return self
        if self.potentials:
            raise fault("with engine: cp2k the forces are those of md.level; remove the potentials", "potentials")
        if self.md.level is None:
            raise fault(f"engine: cp2k needs a level of theory; write level: {' or '.join(protocols('dft'))}", "md")
        held = [index for index, mode in enumerate(self.constraints) if mode != UNCONSTRAINED]
        if held:
            raise fault("motions are held with engine: lammps only; write UC", "constraints", held[0])
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> Campaign:
        try:
            stage_settings(self.md_settings, temperature=1.0, mobile=["Ag"])  # neither decides whether times fit
        except ProtocolError as error:
            raise fault(f"the times do not fit together: {error}", "md") from None
        return self

    @model_validator(mode="after")
    def _can_be_computed(self) -> Campaign:
        material = self.structure.material
        for index, request in enumerate(self.observables):
            if lacking := lacking_for(request.name, material):
                raise fault(
                    f"{request.name} needs {lacking}, which the dynamics of {material} do not have; remove it",
                    "observables",
                    index,
                )
        return self

    @model_validator(mode="after")
    def _has_rotors(self) -> Campaign:
        held = [index for index, mode in enumerate(self.constraints) if mode != UNCONSTRAINED]
        if not held:
            if self.rotors:
                raise fault(f"rotors are named and nothing is constrained; write {', '.join(MODES)}", "constraints")
            return self
        material = materials()[self.structure.material]
        a, b, c = (min(repeats, _REPEATS_THAT_SHOW_POLYANIONS) for repeats in self.structure.supercell)
        constraint = Constraint.model_validate({"mode": self.constraints[held[0]], "rotors": self.rotors})
        try:
            eckart_frames(make_supercell(material, (a, b, c), self.seed), material.mobile, constraint)
        except ConstraintError as error:
            place: tuple[str | int, ...] = ("rotors",) if self.rotors else ("constraints", held[0])
            raise fault(f"{self.structure.material}: {error}", *place) from None
        except StructureError:
            pass  # a supercell that cannot be made is refused where it is made
        return self


def load_campaign(path: Path) -> Campaign | LatticeCampaign:
    """Read and validate a campaign file.

    Parameters
    ----------
    path
        The YAML file.

    Returns
    -------
    Campaign or LatticeCampaign
        The campaign, with every default filled in, temperatures in K and times in ps.

    Raises
    ------
    CampaignFileError
        If the file is not a valid campaign; its message has one sentence per fault.
    """
    document = load_document(path)
    model = document.data.get("model")
    kind = LatticeCampaign if isinstance(model, str) and model in LATTICE_MODELS else Campaign
    try:
        return kind.model_validate(document.data)
    except ValidationError as error:
        # A list whose items were refused counts as too short as well: that is no fault of its own.
        # What is asked for by default follows from the structure, and is not known where that was refused.
        faults = [
            details
            for details in error.errors()
            if (details["type"] != "too_short" or not details["input"])
            and details["type"] != "default_factory_not_called"
        ]
        raise CampaignFileError(path, [_problem(document, kind, details) for details in faults]) from None


def campaign_schema(model: str = MOLECULAR_DYNAMICS) -> dict[str, Any]:
    """Return the JSON schema of a campaign file of a model."""
    return (LatticeCampaign if model in LATTICE_MODELS else Campaign).model_json_schema()


def _problem(document: Document, kind: type[Study], error: ErrorDetails) -> Problem:
    below = error.get("ctx", {}).get("below", ())
    model = MOLECULAR_DYNAMICS if kind is Campaign else document.data["model"]
    return Problem(document.line((*error["loc"], *below)), _sentence(kind, model, error))


def _sentence(kind: type[Study], model: str, error: ErrorDetails) -> str:
    """Return what is wrong and what would be right."""
    location: Location = error["loc"]
    if error["type"] == "campaign":
        return error["msg"]
    if error["type"] == "extra_forbidden":
        section, key = _section(kind, location[:-1]), str(location[-1])
        other = _section(LatticeCampaign if kind is Campaign else Campaign, location[:-1])
        if other is not None and key in other.model_fields:
            return f"the key {key} has no meaning with model: {model}; remove it, or take another model"
        return unknown("key", key, section.model_fields if section else ())
    place, field = _field(kind, location)
    key = ".".join(str(part) for part in place if isinstance(part, str))
    if error["type"] == "missing" and place == location:
        return _missing(key, field)
    return f"{key}: {quote(error['input'])} is not valid; {_right(key, field)}"


def _missing(key: str, field: FieldInfo) -> str:
    return f"the key {key} is missing; {_right(key, field)}"


def _right(key: str, field: FieldInfo) -> str:
    example = field.examples[0] if field.examples else None
    return f"write {field.description}, for example {key.rpartition('.')[2]}: {_as_yaml(example)}"


def _section(kind: type[Study], location: Location) -> type[BaseModel] | None:
    """Return the model of the mapping at a location, None where a campaign of this kind has no mapping."""
    match location:
        case ():
            return kind
        case ("observables", int(), str(name)):
            return parameters_model(name)
        case (str(key),) if key in kind.model_fields:
            section = kind.model_fields[key].annotation
            return section if isinstance(section, type) and issubclass(section, Section) else None
    return None


def _field(kind: type[Study], location: Location) -> tuple[Location, FieldInfo]:
    """Return the innermost key on the way to a location, and what a campaign may say there."""
    for depth in range(len(location), 0, -1):
        section = _section(kind, location[: depth - 1])
        if section is not None and (field := section.model_fields.get(str(location[depth - 1]))):
            return location[:depth], field
    raise KeyError(location)


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")
