"""Deep potentials of DeePMD-kit: LAMMPS' ``pair_style deepmd``.

The energy is a sum of the atoms', each a neural network's of descriptors of the neighbours within a cutoff. See "Deep
Potential Molecular Dynamics: A Scalable Model with the Accuracy of Quantum Mechanics" and "DeePMD-kit v2: A software
package for deep potential models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from aiida_superionic.potentials.family import (
    FilePotential,
    LammpsPotential,
    Potential,
    PotentialError,
    digests,
)
from aiida_superionic.species import ChemicalSymbol

MODEL_FILE = "model.pb"
DEVIATION_FILE = "model_devi.out"
_MEMBER_FILE = "member_{number}.pb"


class Deepmd(FilePotential):
    """A deep potential, frozen for its evaluation."""

    family: Literal["deepmd"] = "deepmd"
    type_map: tuple[ChemicalSymbol, ...] = Field(min_length=1, description="Species in the order of the model")

    @model_validator(mode="after")
    def _one_model(self) -> Deepmd:
        if set(self.files) != {MODEL_FILE}:
            raise ValueError(f"a deep potential is in the file {MODEL_FILE}, and {', '.join(self.files)} is named")
        return self

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

    def lammps_committee(
        self, others: Sequence[Potential], species: Sequence[str], n_atoms: int, interval: int
    ) -> LammpsPotential:
        """Return what LAMMPS needs; see :meth:`Potential.lammps_committee`."""
        alone = self.lammps(species, n_atoms)
        files = dict(alone.files)
        for number, other in enumerate(others, start=1):
            if not isinstance(other, Deepmd):
                raise PotentialError(
                    f"a committee of the family {self.family} has a member of the family {other.family}"
                )
            other.require(species)
            files[_MEMBER_FILE.format(number=number)] = other.contents[MODEL_FILE]
        style = f"pair_style deepmd {' '.join(files)} out_freq {interval} out_file {DEVIATION_FILE}"
        return replace(alone, commands=(style, *alone.commands[1:]), files=files, deviation_file=DEVIATION_FILE)
