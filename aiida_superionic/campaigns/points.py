"""The points of a campaign: what each run is asked for, and the hash by which it is recognised."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aiida_superionic.campaigns.keys import LARGEST_SEED, LATTICE_MODELS, UNCONSTRAINED
from aiida_superionic.campaigns.lattice_spec import LatticeCampaign
from aiida_superionic.campaigns.spec import Campaign
from aiida_superionic.campaigns.values import Length, Name, ParameterValue, Real, Repeats, Temperature
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
    lattice_constants: tuple[Length, Length, Length] | None = Field(
        default=None, description="Å, of the cell that is repeated; the measured ones if absent"
    )
    engine: Name = Field(default="lammps", description="That moves the ions, or the model of a lattice that does")
    potential: Name = Field(description="What gives the forces: a potential, or with cp2k a level of theory")
    temperature: Temperature = Field(description="K")
    constraint: Name
    rotors: tuple[Name, ...] = Field(default=(), description="Polyanions that are constrained; all if none is named")
    seed: Annotated[StrictInt, Field(ge=1, le=LARGEST_SEED)]
    ensemble: Name = Field(default="nve", description="Of the production")
    statistics: Name | None = Field(default=None, description="Of the modes of a model of a lattice")
    md: dict[Name, Annotated[Real, Field(gt=0.0)]] = Field(description="Settings of the dynamics, ps, and ions")
    observables: dict[Name, dict[Name, ParameterValue]] = Field(description="The parameters that were given, by name")

    @property
    def canonical_json(self) -> str:
        """The specification as text: keys sorted, no spaces, whole numbers without a decimal point."""
        # A point that says nothing of these keeps the hash that it had before they could be said.
        later = ("rotors", "lattice_constants", "engine", "ensemble", "statistics")
        unsaid = {key for key in later if getattr(self, key) == type(self).model_fields[key].default}
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
        crystal = f"{self.material} {'x'.join(str(repeats) for repeats in self.supercell)}"
        if self.lattice_constants:
            crystal += f" at {' '.join(f'{length:.6g}' for length in self.lattice_constants)} Å"
        # Nothing is held in a model of a lattice: its name stands there.
        held = self.engine if self.engine in LATTICE_MODELS else " ".join([self.constraint, *self.rotors])
        return f"{crystal} · {self.potential} · {self.temperature:.12g} K · {held} · seed {self.seed}"


def expand(campaign: Campaign | LatticeCampaign) -> list[PointSpecification]:
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
    said = _of_lattice(campaign) if isinstance(campaign, LatticeCampaign) else _of_dynamics(campaign)
    rotors = said.pop("rotors", ())
    return [
        PointSpecification(
            material=campaign.structure.material,
            supercell=campaign.structure.supercell,
            potential=potential,
            temperature=temperature,
            constraint=constraint,
            rotors=() if constraint == UNCONSTRAINED else rotors,
            seed=campaign.seed + replica,
            **said,
        )
        for potential, temperature, constraint, replica in itertools.product(
            *campaign.conditions, range(campaign.replicas)
        )
    ]


def _of_dynamics(campaign: Campaign) -> dict[str, Any]:
    """Return what all points of molecular dynamics share."""
    requests = sorted(campaign.observables, key=lambda request: request.name)
    return {
        "lattice_constants": campaign.structure.lattice_constants,
        "engine": campaign.md.engine,
        "rotors": tuple(sorted(campaign.rotors)),
        "ensemble": campaign.md.ensemble,
        "md": campaign.md_settings,
        "observables": {request.name: request.parameters for request in requests},
    }


def _of_lattice(campaign: LatticeCampaign) -> dict[str, Any]:
    """Return what all points of a model of a lattice share."""
    return {
        "engine": campaign.model,
        "ensemble": campaign.ensemble,
        "statistics": campaign.statistics,
        "md": campaign.numbers,
        "observables": {},
    }


def _whole_as_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_as_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
