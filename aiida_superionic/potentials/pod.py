"""Potentials that are linear in proper orthogonal descriptors, two- and three-body: LAMMPS' ``pair_style pod``.

The energy is Σ_i [c_0(s_i) + Σ_k c_k(s_i) d_k(i)] over atoms i of species s_i, with descriptors d_k of an atom's
neighbours within a cutoff. See "Proper orthogonal descriptors for efficient and accurate interatomic potentials".

LAMMPS counts the species in the order in which ``pair_coeff`` names them, whatever the order in the file of the
basis: a file for one order gives wrong forces in another, without a word. So the files are written for the order asked.
Four-body descriptors are left out: theirs are not symmetric in the species of the neighbours, so that coefficients for
one order say nothing of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.potentials.family import LammpsPotential, Potential
from aiida_superionic.species import ChemicalSymbol

BASIS_FILE = "basis.pod"
_COEFFICIENTS_FILE = "coefficients.pod"
_BESSEL_PARAMETERS = 3
"""How many Bessel functions LAMMPS takes of each degree."""


class PodBasis(BaseModel):
    """The descriptors: which functions of which neighbours."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    species: tuple[ChemicalSymbol, ...] = Field(min_length=1)
    inner_cutoff: float = Field(default=1.0, gt=0.0, description="Å; no two atoms may come nearer")
    cutoff: float = Field(default=6.0, gt=0.0, description="Å")
    bessel_degree: int = Field(default=4, ge=1, le=10, description="Of the functions that radial functions are made of")
    inverse_degree: int = Field(default=8, ge=1, le=16, description="Of the inverse powers that they are made of")
    two_body_functions: int = Field(default=8, ge=1, description="Radial functions of each pair of species")
    three_body_functions: int = Field(default=6, ge=0, description="Radial functions of each triple; 0 for none")
    three_body_angular_degree: int = Field(default=4, ge=0, le=12, description="Highest power of the cosine")

    @model_validator(mode="after")
    def _consistent(self) -> PodBasis:
        if len(set(self.species)) != len(self.species):
            raise ValueError("a species is named twice")
        if self.inner_cutoff >= self.cutoff:
            raise ValueError(f"inner_cutoff is {self.inner_cutoff} Å, not below the cutoff of {self.cutoff} Å")
        available = _BESSEL_PARAMETERS * self.bessel_degree + self.inverse_degree
        for name in ("two_body_functions", "three_body_functions"):
            if getattr(self, name) > available:
                raise ValueError(f"{name} is {getattr(self, name)} where the degrees allow {available}")
        return self

    @property
    def blocks(self) -> dict[tuple[str, ...], int]:
        """The number of coefficients of each block, in LAMMPS' order, by the species of the atom and its neighbours.

        The first block of each atom is its own energy, whose neighbours are none.
        """
        angular = self.three_body_angular_degree + 1
        blocks: dict[tuple[str, ...], int] = {}
        for atom in self.species:
            blocks[(atom,)] = 1
            blocks |= {(atom, other): self.two_body_functions for other in self.species}
            for pair in combinations_with_replacement(self.species, 2):
                blocks[(atom, *sorted(pair))] = self.three_body_functions * angular
        return blocks

    @property
    def n_coefficients(self) -> int:
        """The number of coefficients."""
        return sum(self.blocks.values())

    @property
    def one_body(self) -> NDArray[np.intp]:
        """The places of the coefficients of the atoms' own energies, a species each."""
        ends = np.cumsum(list(self.blocks.values()))
        return np.array([end - 1 for block, end in zip(self.blocks, ends, strict=True) if len(block) == 1])

    def of(self, species: Sequence[str]) -> PodBasis:
        """Return the same descriptors for some of the species, in any order."""
        return self.model_copy(update={"species": tuple(species)})

    def file(self) -> str:
        """Return the text that LAMMPS reads the basis from."""
        lines = {
            "species": " ".join(self.species),
            "pbc": "1 1 1",
            "rin": repr(self.inner_cutoff),
            "rcut": repr(self.cutoff),
            "bessel_polynomial_degree": self.bessel_degree,
            "inverse_polynomial_degree": self.inverse_degree,
            "onebody": 1,
            "twobody_number_radial_basis_functions": self.two_body_functions,
            "threebody_number_radial_basis_functions": self.three_body_functions,
            "threebody_angular_degree": self.three_body_angular_degree,
            "fourbody_number_radial_basis_functions": 0,
            "fourbody_angular_degree": 0,
        }
        return "".join(f"{key} {value}\n" for key, value in lines.items())


class Pod(Potential):
    """A linear potential in proper orthogonal descriptors."""

    family: Literal["pod"] = "pod"
    basis: PodBasis
    coefficients: tuple[float, ...] = Field(description="eV, in LAMMPS' order for the species of the basis")

    @model_validator(mode="after")
    def _complete(self) -> Pod:
        if len(self.coefficients) != self.basis.n_coefficients:
            raise ValueError(
                f"{len(self.coefficients)} coefficients where the basis has {self.basis.n_coefficients} descriptors"
            )
        return self

    @property
    def species(self) -> tuple[ChemicalSymbol, ...]:
        """The species that the potential describes."""
        return self.basis.species

    def lammps(self, species: Sequence[str], n_atoms: int) -> LammpsPotential:
        """Return what LAMMPS needs; see :meth:`Potential.lammps`."""
        self.require(species)
        ends = np.cumsum(list(self.basis.blocks.values()))
        ours = dict(zip(self.basis.blocks, np.split(np.array(self.coefficients), ends[:-1]), strict=True))
        basis = self.basis.of(species)
        coefficients = np.concatenate([ours[block] for block in basis.blocks])
        header = f"model_coefficients: {len(coefficients)} 0 0\n"
        rows = "".join(f"{coefficient:.17g}\n" for coefficient in coefficients)
        return LammpsPotential(
            atom_style="atomic",
            charges=(0.0,) * len(species),
            commands=("pair_style pod", f"pair_coeff * * {BASIS_FILE} {_COEFFICIENTS_FILE} {' '.join(species)}"),
            files={
                BASIS_FILE: basis.file(),
                _COEFFICIENTS_FILE: header + rows,
            },
        )
