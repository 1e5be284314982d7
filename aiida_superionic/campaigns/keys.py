"""The keys that every campaign has, whatever its model."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr, model_validator

from aiida_superionic.campaigns.values import Name, OneOf, Temperature, fault

UNCONSTRAINED = "UC"
LARGEST_SEED = 900_000_000  # of LAMMPS' random numbers
MOST_REPLICAS = 10_000
MOST_POINTS = 100_000

MOLECULAR_DYNAMICS = "molecular-dynamics"
LATTICE_MODELS = {"time-local": "time-local", "full-lattice": "full"}
"""The equations of each model of a lattice, as :mod:`aiida_superionic.lattice.request` calls them."""
MODELS = (MOLECULAR_DYNAMICS, *LATTICE_MODELS)

_Item = TypeVar("_Item")


def distinct(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Return the items of a list in which none is given twice; those that have a name are known by it."""
    seen: set[object] = set()
    for index, item in enumerate(items):
        name = getattr(item, "name", item)
        if name in seen:
            raise fault(f"{name} is given twice; remove one of them", index)
        seen.add(name)
    return items


class Section(BaseModel):
    """A mapping of a campaign file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Study(Section):
    """What every campaign says."""

    campaign: Name = Field(
        description="a name of at most 64 letters, digits, dots, hyphens and underscores that begins with a letter or"
        " digit",
        examples=["agi-friction"],
    )
    model: Annotated[StrictStr, OneOf("model", lambda: MODELS)] = Field(
        default=MOLECULAR_DYNAMICS, description="what moves the ions, the name of a model", examples=["time-local"]
    )
    temperatures: Annotated[tuple[Temperature, ...], AfterValidator(distinct)] = Field(
        min_length=1,
        description="a list of temperatures in K, numbers above 0 and at most 10000",
        examples=[[600, 750]],
    )
    replicas: Annotated[StrictInt, Field(ge=1, le=MOST_REPLICAS)] = Field(
        description=f"a whole number from 1 to {MOST_REPLICAS}, the independent runs of each combination", examples=[5]
    )
    seed: Annotated[StrictInt, Field(ge=1, le=LARGEST_SEED - MOST_REPLICAS)] = Field(
        default=1,
        description=f"a whole number from 1 to {LARGEST_SEED - MOST_REPLICAS}, the first replica's; each further"
        " replica takes the next",
        examples=[1],
    )

    @property
    def conditions(self) -> tuple[tuple[Any, ...], ...]:
        """What gives the forces, temperatures and constraint modes, of which every combination is a condition."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _not_too_large(self) -> Study:
        points = self.replicas
        for choices in self.conditions:
            points *= len(choices)
        if points > MOST_POINTS:
            raise fault(f"the campaign has {points} points; ask for at most {MOST_POINTS} in one file", "replicas")
        return self
