"""What a campaign file may say of a structure that molecular dynamics starts from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictStr, model_validator

from aiida_superionic.campaigns.sections import Section, one_of
from aiida_superionic.campaigns.values import Length, NodeName, OneOf, Real, Repeats, Symbol, Text, fault
from aiida_superionic.structures import materials
from aiida_superionic.structures.lattice import relative_lattice_constants
from aiida_superionic.structures.supercell import StructureError

MaterialName = Annotated[StrictStr, OneOf("material", materials)]
_OTHER_SOURCES = ("file", "node", "query")
_Supercell = tuple[Repeats, Repeats, Repeats]
_SUPERCELL = "three whole numbers from 1 to 100, the repeats of the cell along each of its vectors"


class ReferenceStructure(Section):
    """A supercell of a reference crystal."""

    material: MaterialName = Field(description="the name of a reference crystal", examples=["alpha-AgI"])
    supercell: _Supercell = Field(description=_SUPERCELL, examples=[[3, 3, 3]])
    lattice_constants: tuple[Length, Length, Length] | None = Field(
        default=None,
        description="three numbers, the lengths of the cell's vectors in Å",
        examples=[[5.0855, 5.0855, 5.0855]],
    )

    @property
    def name(self) -> str:
        """What is said, as text that another structure does not have."""
        return f"{self.material} {self.supercell} {self.lattice_constants or ''}".rstrip()

    @model_validator(mode="after")
    def _near_the_measured_one(self) -> ReferenceStructure:
        if self.lattice_constants is not None:
            try:
                relative_lattice_constants(materials()[self.material], self.lattice_constants)
            except StructureError as error:
                raise fault(str(error), "lattice_constants") from None
        return self


class StructureQuery(Section):
    """Which structures of the graph are meant: those that fit all that is said."""

    group: Text | None = Field(
        default=None, description="the label of a group that holds them", examples=["candidates"]
    )
    label: Text | None = Field(
        default=None, description="their label, in which * stands for any text", examples=["Li3PS4*"]
    )
    elements: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="a list of chemical symbols, all that they consist of",
        examples=[["Li", "P", "S"]],
    )

    @model_validator(mode="after")
    def _says_something(self) -> StructureQuery:
        if not self.model_fields_set:
            raise fault("a query that says nothing finds everything; write group, label or elements")
        return self


class OwnStructure(Section):
    """A structure that is no reference crystal: a file, a node, or all nodes that a query finds."""

    file: Text | None = Field(
        default=None,
        description="the path of a file that ASE reads, from where the campaign file lies",
        examples=["Li3PS4.cif"],
    )
    node: NodeName | None = Field(
        default=None, description="the UUID, PK or label of a StructureData", examples=["my-structure"]
    )
    query: StructureQuery | None = Field(
        default=None, description="which nodes are meant", examples=[{"group": "candidates"}]
    )
    mobile: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=20)] = Field(
        description="a list of the chemical symbols of what is meant to diffuse", examples=[["Li"]]
    )
    formal_charges: dict[Symbol, Annotated[Real, Field(ge=-10.0, le=10.0)]] = Field(
        default={},
        description="the formal charge of each species, numbers from -10 to 10",
        examples=[{"Li": 1, "P": 5, "S": -2}],
    )
    supercell: _Supercell = Field(default=(1, 1, 1), description=_SUPERCELL, examples=[[2, 2, 2]])

    @property
    def name(self) -> str:
        """What is said, as text that another structure does not have."""
        return f"{self.file or self.node or self.query} {self.supercell} {self.mobile} {self.formal_charges}"


def _entry(value: Any) -> ReferenceStructure | OwnStructure | Any:
    """Return the one of two forms whose keys are written, so that a fault is told of that form alone."""
    if not isinstance(value, dict):
        return value
    source = one_of(value, ("material", *_OTHER_SOURCES))
    if source is None and "mobile" in value:
        raise fault(f"it is not said which structure; write {', '.join(_OTHER_SOURCES[:-1])} or {_OTHER_SOURCES[-1]}")
    return (OwnStructure if source in _OTHER_SOURCES else ReferenceStructure).model_validate(value)


StructureEntry = Annotated[ReferenceStructure | OwnStructure, BeforeValidator(_entry)]


def exactly_one(structure: Any, structures: Any, description: str) -> None:
    """Check that a file gives one structure, or a list of them."""
    if structure is None and not structures:
        raise fault(f"the key structure is missing; write {description}")
    if structure is not None and structures:
        raise fault("structure and structures are given where one is enough; keep one of them", "structures")
