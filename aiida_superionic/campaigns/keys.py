"""The keys that every campaign has, whatever its model."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, StrictInt, StrictStr, model_validator

from aiida_superionic.campaigns.execution import Resources
from aiida_superionic.campaigns.sections import Section
from aiida_superionic.campaigns.values import LARGEST_SEED, Name, OneOf, Temperature, fault
from aiida_superionic.engines.registration import COMPUTER

UNCONSTRAINED = "UC"
MOST_REPLICAS = 10_000
MOST_POINTS = 100_000
VERSION = 1
"""Of what campaign files may say: a key that is added leaves it, one that changes its meaning raises it."""

MOLECULAR_DYNAMICS = "molecular-dynamics"
LATTICE_MODELS = {"time-local": "time-local", "full-lattice": "full"}
"""The equations of each model of a lattice, as :mod:`aiida_superionic.lattice.request` calls them."""
PADDLEWHEEL = "paddlewheel"
MODELS = (MOLECULAR_DYNAMICS, PADDLEWHEEL, *LATTICE_MODELS)

_Item = TypeVar("_Item")


def distinct(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Return the items of a list in which none is given twice; those that have a name are known by it."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = str(getattr(item, "name", item))
        if name in seen:
            raise fault(f"{name} is given twice; remove one of them", index)
        seen.add(name)
    return items


def unconstrained(modes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the constraint modes of what holds no motion."""
    for index, mode in enumerate(modes):
        if mode != UNCONSTRAINED:
            raise fault(f"no motion is held here; write {UNCONSTRAINED}, or leave the constraints out", index)
    return modes


def _version(number: int) -> int:
    if number != VERSION:
        raise fault(
            f"this package reads version {VERSION} of campaign files, and this is version {number}; install the"
            f" package that wrote it, or write version: {VERSION}"
        )
    return number


class Study(Section):
    """What every campaign says."""

    version: Annotated[StrictInt, AfterValidator(_version)] = Field(
        default=VERSION, description=f"the number {VERSION}, of the keys that a file may hold", examples=[VERSION]
    )
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

    computer: Name = Field(
        default=COMPUTER, description="the label of the computer that runs the points", examples=[COMPUTER]
    )
    resources: dict[Name, Resources] = Field(
        default={},
        description="what jobs take of each computer, by the computer's label",
        examples=[{"cluster": {"num_machines": 1, "queue_name": "short"}}],
    )
    limit: Annotated[StrictInt, Field(ge=1, le=MOST_POINTS)] | None = Field(
        default=None,
        description=f"a whole number from 1 to {MOST_POINTS}, the points that may run at once on the computer",
        examples=[50],
    )

    sweep: tuple[dict[str, Any], ...] = Field(
        default=(),
        description="a list of mappings, each with the keys that it replaces",
        examples=[[{"temperatures": [600], "replicas": 4}, {"temperatures": [900]}]],
    )

    @property
    def conditions(self) -> tuple[tuple[Any, ...], ...]:
        """Structures, what gives the forces, temperatures and constraint modes: every combination is a condition."""
        raise NotImplementedError

    @property
    def n_points(self) -> int:
        """The number of points, a query for structures counted as one of them."""
        return self.replicas * prod(len(choices) for choices in self.conditions)

    @model_validator(mode="after")
    def _not_too_large(self) -> Study:
        if self.n_points > MOST_POINTS:
            raise fault(too_many(self.n_points), "replicas")
        return self


def too_many(points: int) -> str:
    """Return the sentence about a campaign of too many points."""
    return f"the campaign has {points} points; ask for at most {MOST_POINTS} in one file"
