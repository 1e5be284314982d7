"""The reference crystals that ship with the package, as validated data."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import numpy as np
from ase.data import chemical_symbols
from ase.spacegroup import Spacegroup
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.species import ChemicalSymbol

Vector = tuple[float, float, float]
Contact = tuple[ChemicalSymbol, ChemicalSymbol, float]

_SAME_POSITION = 1e-4  # of a cell vector


class Molecule(BaseModel):
    """A rigid ion of several atoms, for sites on which its orientation is disordered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    species: tuple[ChemicalSymbol, ...]
    positions: tuple[Vector, ...] = Field(description="Å, from the centre")

    @model_validator(mode="after")
    def _fits(self) -> Molecule:
        if len(self.species) != len(self.positions):
            raise ValueError(f"{len(self.species)} atoms at {len(self.positions)} positions")
        return self


def _ion(name: str) -> str:
    if name not in chemical_symbols[1:] and name not in molecules():
        raise ValueError(f"{name!r} is not a chemical symbol nor one of the molecules {', '.join(molecules())}")
    return name


Ion = Annotated[str, AfterValidator(_ion)]


class Site(BaseModel):
    """One set of crystallographic positions and the ion on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    species: Ion
    fractional: tuple[Vector, ...] = Field(default=(), description="Every position of a cell")
    orbit: Vector | None = Field(default=None, description="One position, in place of all: symmetry makes the others")
    per_cell: float | None = Field(default=None, gt=0.0, description="Positions that a cell fills; all if absent")
    minimum_distance: float = Field(default=0.0, ge=0.0, description="Å from a drawn ion to others of its species")

    @model_validator(mode="after")
    def _fits(self) -> Site:
        if bool(self.fractional) == (self.orbit is not None):
            raise ValueError(f"a site of {self.species} needs its fractional positions or an orbit, and not both")
        if self.fractional and self.per_cell is not None and self.per_cell > len(self.fractional):
            raise ValueError(f"{self.per_cell:g} {self.species} per cell on {len(self.fractional)} positions")
        return self


class Study(BaseModel):
    """What a published study of the crystal simulated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    supercell: tuple[int, int, int]
    temperatures: tuple[float, ...] = Field(description="K")
    timestep: float = Field(gt=0.0, description="ps")
    equilibration: float = Field(gt=0.0, description="ps")
    production: float = Field(gt=0.0, description="ps, in the canonical ensemble")
    rotors: tuple[str, ...] = Field(default=(), description="Polyanions that it constrains; all if none is named")


class Material(BaseModel):
    """A reference crystal: its cell, its sites, and which of its species diffuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    formula: str
    description: str
    source: str = Field(description="Where cell and sites come from")
    space_group: int = Field(ge=1, le=230, description="Number in the International Tables, of the average structure")
    setting: int = Field(default=1, ge=1, le=2, description="2: the origin is at a centre of inversion")
    cell: tuple[Vector, Vector, Vector] = Field(description="Cell vectors as rows, Å")
    formal_charges: dict[Ion, int] = Field(description="Of every ion; atoms are written in this order")
    mobile: tuple[ChemicalSymbol, ...]
    sites: tuple[Site, ...]
    bonds: tuple[Contact, ...] = Field(
        default=(), description="Å from a centre to a ligand: mixed sites show only the average"
    )
    contacts: tuple[Contact, ...] = Field(
        default=(), description="Å, the shortest distance that the orientations of molecules may leave"
    )
    md: dict[str, float] = Field(default_factory=dict, description="Settings in place of the protocols' own")
    study: Study | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Material:
        placed = {site.species for site in self.sites}
        if placed != set(self.formal_charges):
            raise ValueError(f"formal charges of {set(self.formal_charges)} for sites of {placed}")
        if not set(self.mobile) < placed:
            raise ValueError(f"the mobile species {', '.join(self.mobile)} have no site, or nothing else has")
        for site in self.sites:
            if site.per_cell is not None and site.per_cell > len(self.positions(site)):
                raise ValueError(f"{site.per_cell:g} {site.species} per cell on {len(self.positions(site))} positions")
        return self

    @property
    def symbol(self) -> str:
        """The space group's Hermann-Mauguin symbol."""
        return str(Spacegroup(self.space_group, setting=self.setting).symbol).replace(" ", "")

    @property
    def elements(self) -> tuple[str, ...]:
        """The chemical symbols, in the order in which atoms are written."""
        symbols = [
            symbol
            for ion in self.formal_charges
            for symbol in (molecules()[ion].species if ion in molecules() else [ion])
        ]
        return tuple(dict.fromkeys(symbols))

    @property
    def charges_of_atoms(self) -> dict[str, int]:
        """Formal charges of the ions that are single atoms; a molecule's says nothing of its atoms."""
        return {ion: charge for ion, charge in self.formal_charges.items() if ion not in molecules()}

    def positions(self, site: Site) -> NDArray[np.float64]:
        """Return every position of a site in one cell, fractional, shape (n, 3)."""
        if site.orbit is None:
            return np.asarray(site.fractional)
        group = Spacegroup(self.space_group, setting=self.setting)
        found: list[Any] = []
        for rotation, translation in zip(*group.get_op(), strict=True):
            image = (rotation @ np.asarray(site.orbit) + translation) % 1.0
            differences = np.array([image - other for other in found]).reshape(-1, 3)
            if not np.any(np.all(np.abs(differences - np.round(differences)) < _SAME_POSITION, axis=1)):
                found.append(image)
        return np.array(found)


@cache
def materials() -> dict[str, Material]:
    """Return every reference crystal by the name that campaigns use."""
    texts = read_folder("aiida_superionic.structures", "crystals")
    return {name: Material.model_validate(load_yaml(text)) for name, text in texts.items()}


@cache
def molecules() -> dict[str, Molecule]:
    """Return every rigid ion by its formula."""
    texts = read_folder("aiida_superionic.structures", "molecules")
    return {name: Molecule.model_validate(load_yaml(text)) for name, text in texts.items()}
