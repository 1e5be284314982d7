"""What one run is asked for, and the hash by which it is recognised."""

from __future__ import annotations

import hashlib
import json
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aiida_superionic.campaigns.keys import LATTICE_MODELS, UNCONSTRAINED
from aiida_superionic.campaigns.values import LARGEST_SEED, Length, Name, ParameterValue, Real, Repeats, Temperature
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.potentials.family import Sha256
from aiida_superionic.workchains.electrons import ElectronSettings


class Specification(BaseModel):
    """Plain data that decides a result, known by the hash of its canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    LATER: ClassVar[tuple[str, ...]] = ()
    """Keys that could not always be said: one that says nothing of them is as it was before."""

    @property
    def canonical_json(self) -> str:
        """The specification as text: keys sorted, no spaces, whole numbers without a decimal point."""
        unsaid = {key for key, default in self._later() if getattr(self, key) == default}
        given = self.model_dump(mode="json", exclude=unsaid)
        return json.dumps(_whole_as_integers(given), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    @cache
    def _later(cls) -> tuple[tuple[str, Any], ...]:
        return tuple((key, cls.model_fields[key].default) for key in cls.LATER)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()


class ForcesSpecification(BaseModel):
    """One of several potentials of a point, as a point of its own would say it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    potential: Name
    potential_content: Sha256 | None = None
    preparation: Sha256 | None = None

    @property
    def name(self) -> str:
        """A name that another potential does not have."""
        return "-".join([self.potential, *filter(None, [short(self.potential_content or self.preparation)])])


class PointSpecification(Specification):
    """Everything that decides the result of one point, as plain data.

    Two campaigns that ask for the same point share it: the campaign's name and the replica's number are no part of
    it, nor is where it runs. Materials, potentials and observables are held to the form of a name only, so that a
    stored point can be read when a later version no longer knows one of them.
    """

    version: Literal[1] = 1
    material: Name = Field(description="A reference crystal, or the formula of one known by its content")
    structure: Sha256 | None = Field(default=None, description="Content of the cell that is repeated")
    supercell: tuple[Repeats, Repeats, Repeats]
    lattice_constants: tuple[Length, Length, Length] | None = Field(
        default=None, description="Å, of the cell that is repeated; the measured ones if absent"
    )
    mobile: tuple[Name, ...] = Field(default=(), description="What diffuses, where no reference crystal says so")
    formal_charges: dict[Name, Real] = Field(default={}, description="e, where no reference crystal says so")
    engine: Name = Field(default="lammps", description="That moves the ions, or the model of a lattice that does")
    potential: Name = Field(
        description="What gives the forces: a potential, the family of one known by its content or by what makes it, or"
        " with cp2k a level of theory"
    )
    potential_content: Sha256 | None = Field(default=None, description="Content of the potential")
    preparation: Sha256 | None = Field(default=None, description="Hash of what makes the potential")
    models: tuple[ForcesSpecification, ...] = Field(default=(), description="Potentials that stand side by side")
    ab_initio: Name | None = Field(default=None, description="Level of theory of one more model beside them")
    ab_initio_md: dict[Name, Annotated[Real, Field(gt=0.0)]] = Field(default={}, description="Times of its own, ps")
    electrons: ElectronSettings | None = Field(default=None, description="What is asked of the electrons")
    larger: tuple[tuple[Repeats, Repeats, Repeats], ...] = Field(default=(), description="Supercells to compare")
    larger_md: dict[Name, Annotated[Real, Field(gt=0.0)]] = Field(default={}, description="Times in these, ps")
    temperature: Temperature = Field(description="K")
    constraint: Name
    rotors: tuple[Name, ...] = Field(default=(), description="Polyanions that are constrained; all if none is named")
    seed: Annotated[StrictInt, Field(ge=1, le=LARGEST_SEED)]
    ensemble: Name = Field(default="nve", description="Of the production")
    statistics: Name | None = Field(default=None, description="Of the modes of a model of a lattice")
    md: dict[Name, Annotated[Real, Field(gt=0.0)]] = Field(description="Settings of the dynamics, ps, and ions")
    observables: dict[Name, dict[Name, ParameterValue]] = Field(description="The parameters that were given, by name")

    # A point that says nothing of these keeps the hash that it had before they could be said.
    LATER: ClassVar = (
        *("rotors", "lattice_constants", "engine", "ensemble", "statistics"),
        *("structure", "mobile", "formal_charges", "potential_content", "preparation"),
        *("models", "ab_initio", "ab_initio_md", "electrons", "larger", "larger_md"),
    )

    @property
    def held(self) -> Constraint | None:
        """The motions that are held fixed, None where there are none."""
        if self.constraint == UNCONSTRAINED:
            return None
        return Constraint.model_validate({"mode": self.constraint, "rotors": self.rotors})

    @property
    def preparations(self) -> tuple[str, ...]:
        """The hashes of all that has to be made before the point can run."""
        return tuple(one for one in (self.preparation, *(model.preparation for model in self.models)) if one)

    @property
    def label(self) -> str:
        """The point for people to read."""
        crystal = crystal_label(self)
        known_by = short(self.potential_content or self.preparation)
        forces = " and ".join(model.name for model in self.models) or " ".join(filter(None, [self.potential, known_by]))
        # Nothing is held in a model of a lattice: its name stands there.
        held = self.engine if self.engine in LATTICE_MODELS else " ".join([self.constraint, *self.rotors])
        return f"{crystal} · {forces} · {self.temperature:.12g} K · {held} · seed {self.seed}"


def short(digest: str | None) -> str:
    """Return as much of a hash as people compare; nothing for none."""
    return (digest or "")[:8]


def crystal_label(said: PointSpecification) -> str:
    """Return the structure of a point for people to read."""
    repeats = "x".join(str(number) for number in said.supercell)
    crystal = " ".join([said.material, *filter(None, [short(said.structure)]), repeats])
    if said.lattice_constants:
        crystal += f" at {' '.join(f'{length:.6g}' for length in said.lattice_constants)} Å"
    return crystal


def _whole_as_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_as_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
