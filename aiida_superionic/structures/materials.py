"""The reference crystals that ship with the package, as validated data."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.species import ChemicalSymbol

Vector = tuple[float, float, float]


class Site(BaseModel):
    """One set of crystallographic positions and the species on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    species: ChemicalSymbol
    fractional: tuple[Vector, ...]
    per_cell: int | None = Field(default=None, gt=0, description="Positions that a cell fills; all if absent")
    minimum_distance: float = Field(default=0.0, ge=0.0, description="Å between two atoms drawn on this set")

    @model_validator(mode="after")
    def _fits(self) -> Site:
        if self.per_cell is not None and self.per_cell > len(self.fractional):
            raise ValueError(f"{self.per_cell} {self.species} per cell on {len(self.fractional)} positions")
        return self


class Material(BaseModel):
    """A reference crystal: its cell, its sites, and which of its species diffuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    formula: str
    description: str
    source: str = Field(description="Where cell and sites come from")
    cell: tuple[Vector, Vector, Vector] = Field(description="Cell vectors as rows, Å")
    formal_charges: dict[ChemicalSymbol, int]
    mobile: tuple[ChemicalSymbol, ...]
    sites: tuple[Site, ...]


@cache
def materials() -> dict[str, Material]:
    """Return every reference crystal by the name that campaigns use."""
    texts = read_folder("aiida_superionic.structures", "crystals")
    return {name: Material.model_validate(load_yaml(text)) for name, text in texts.items()}
