"""The points of a campaign: what each run is asked for, and the hash by which it is recognised."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aiida_superionic.campaigns.spec import LARGEST_SEED, UNCONSTRAINED, Campaign
from aiida_superionic.campaigns.values import Name, ParameterValue, Real, Repeats, Temperature
from aiida_superionic.constraints.constraint import Constraint


class PointSpecification(BaseModel):
    """Everything that decides the result of one point, as plain data.

    Two campaigns that ask for the same point share it: the campaign's name and the replica's number are no part of
    it. Materials, potentials and observables are held to the form of a name only, so that a stored point can be read
    when a later version no longer knows one of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    material: Name
    supercell: tuple[Repeats, Repeats, Repeats]
    engine: Name = "lammps"
    potential: Name = Field(description="What gives the forces: a potential, or with cp2k a level of theory")
    temperature: Temperature = Field(description="K")
    constraint: Name
    rotors: tuple[Name, ...] = Field(default=(), description="Polyanions that are constrained; all if none is named")
    seed: Annotated[StrictInt, Field(ge=1, le=LARGEST_SEED)]
    md: dict[Name, Annotated[Real, Field(gt=0.0)]] = Field(description="Settings of the dynamics, ps")
    observables: dict[Name, dict[Name, ParameterValue]] = Field(description="The parameters that were given, by name")

    @property
    def canonical_json(self) -> str:
        """The specification as text: keys sorted, no spaces, whole numbers without a decimal point."""
        # A point that says nothing of what came later keeps the hash that it had before.
        later = {"engine", "rotors"}
        unsaid = {name for name in later if getattr(self, name) == type(self).model_fields[name].default}
        given = self.model_dump(mode="json", exclude=unsaid)
        return json.dumps(_whole_as_integers(given), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def held(self) -> Constraint | None:
        """The motions that are held fixed, None where there are none."""
        if self.constraint == UNCONSTRAINED:
            return None
        return Constraint.model_validate({"mode": self.constraint, "rotors": self.rotors})

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The point for people to read."""
        supercell = "x".join(str(repeats) for repeats in self.supercell)
        held = " ".join([self.constraint, *self.rotors])
        return f"{self.material} {supercell} · {self.potential} · {self.temperature:.12g} K · {held} · seed {self.seed}"


def expand(campaign: Campaign) -> list[PointSpecification]:
    """Return every point of a campaign.

    Parameters
    ----------
    campaign
        The campaign.

    Returns
    -------
    list of PointSpecification
        The product of what gives the forces, temperatures, constraint modes and replicas, in the order of the file; the
        replica varies fastest. The replicas' seeds follow each other from the campaign's seed.
    """
    conditions = itertools.product(
        campaign.forces, campaign.temperatures, campaign.constraints, range(campaign.replicas)
    )
    requests = sorted(campaign.observables, key=lambda request: request.name)
    return [
        PointSpecification(
            material=campaign.structure.material,
            supercell=campaign.structure.supercell,
            engine=campaign.md.engine,
            potential=potential,
            temperature=temperature,
            constraint=constraint,
            rotors=() if constraint == UNCONSTRAINED else tuple(sorted(campaign.rotors)),
            seed=campaign.seed + replica,
            md=campaign.md_settings,
            observables={request.name: request.parameters for request in requests},
        )
        for potential, temperature, constraint, replica in conditions
    ]


def _whole_as_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_as_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
