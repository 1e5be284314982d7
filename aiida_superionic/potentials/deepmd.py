"""Deep potentials of DeePMD-kit: LAMMPS' ``pair_style deepmd``.

The energy is a sum of the atoms', each a neural network's of descriptors of the neighbours within a cutoff. See "Deep
Potential Molecular Dynamics: A Scalable Model with the Accuracy of Quantum Mechanics" and "DeePMD-kit v2: A software
package for deep potential models".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from aiida_superionic.potentials.family import FilePotential, LammpsPotential, Sha256, digests
from aiida_superionic.species import ChemicalSymbol

MODEL_FILE = "model.pb"


class Deepmd(FilePotential):
    """A deep potential, frozen for its evaluation."""

    family: Literal["deepmd"] = "deepmd"
    type_map: tuple[ChemicalSymbol, ...] = Field(min_length=1, description="Species in the order of the model")
    files: dict[Literal["model.pb"], Sha256] = Field(min_length=1, description="SHA-256 of the model")

    @classmethod
    def of(cls, model: bytes, type_map: Sequence[str], *, description: str, source: str) -> Deepmd:
        """Return the potential of a model that DeePMD-kit has frozen."""
        contents = {MODEL_FILE: model}
        return cls(
            description=description,
            source=source,
            type_map=tuple(type_map),
            files=digests(contents),
            contents=contents,
        )

    @property
    def species(self) -> tuple[ChemicalSymbol, ...]:
        """The species that the potential describes."""
        return self.type_map

    def lammps(self, species: Sequence[str], n_atoms: int) -> LammpsPotential:
        """Return what LAMMPS needs; see :meth:`Potential.lammps`."""
        self.require(species)
        return LammpsPotential(
            atom_style="atomic",
            charges=(0.0,) * len(species),
            # The model knows its species by name, whatever the order of LAMMPS' types.
            commands=(f"pair_style deepmd {MODEL_FILE}", f"pair_coeff * * {' '.join(species)}"),
            files=self.contents,
        )
