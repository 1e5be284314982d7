"""Equivariant networks of NequIP, compiled: LAMMPS driven by a program that computes their forces.

LAMMPS from its packages has no such pair style. So the program of a job is a Python that has both LAMMPS and NequIP,
and runs the same input script by :mod:`aiida_superionic.potentials.nequip_driver`, which is sent along. A group that
has built the style into its LAMMPS compiles models for that. A compiled model is machine code of one kind of processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Literal

from pydantic import Field

from aiida_superionic.potentials.deepmd import DEVIATION_FILE
from aiida_superionic.potentials.family import (
    FileName,
    FilePotential,
    LammpsPotential,
    Potential,
    PotentialError,
    Sha256,
    digests,
)
from aiida_superionic.species import ChemicalSymbol

Target = Literal["ase", "pair_nequip"]
"""What ``nequip-compile`` compiles for: ASE, whose models our driver runs, or a LAMMPS that has the pair style."""

MODEL_FILE = "model.nequip.pt2"
_MEMBER_FILE = "member_{number}.nequip.pt2"
DRIVER_FILE = "nequip_driver.py"
PROGRAM = "python"


class Nequip(FilePotential):
    """An equivariant network, compiled for its evaluation."""

    family: Literal["nequip"] = "nequip"
    type_names: tuple[ChemicalSymbol, ...] = Field(min_length=1, description="Species that the model knows")
    target: Target = Field(default="ase", description="What the model is compiled for")
    files: dict[FileName, Sha256] = Field(min_length=1, max_length=1, description="SHA-256 of the model")

    @classmethod
    def of(
        cls, model: bytes, type_names: Sequence[str], *, description: str, source: str, target: Target = "ase"
    ) -> Nequip:
        """Return the potential of a model that ``nequip-compile`` wrote."""
        contents = {MODEL_FILE: model}
        return cls(
            description=description,
            source=source,
            type_names=tuple(type_names),
            target=target,
            files=digests(contents),
            contents=contents,
        )

    @property
    def species(self) -> tuple[ChemicalSymbol, ...]:
        """The species that the potential describes."""
        return self.type_names

    def lammps(self, species: Sequence[str], n_atoms: int) -> LammpsPotential:
        """Return what LAMMPS needs; see :meth:`Potential.lammps`."""
        self.require(species)
        (model,) = self.files
        evaluated = LammpsPotential(
            atom_style="atomic",
            charges=(0.0,) * len(species),
            commands=("pair_style nequip", f"pair_coeff * * {model} {' '.join(species)}"),
            files=self.contents,
        )
        if self.target == "pair_nequip":
            return evaluated
        driver = files(__package__).joinpath(DRIVER_FILE).read_text(encoding="utf-8")
        return replace(evaluated, files={**self.contents, DRIVER_FILE: driver}, program=PROGRAM, driver=DRIVER_FILE)

    def lammps_committee(
        self, others: Sequence[Potential], species: Sequence[str], n_atoms: int, interval: int
    ) -> LammpsPotential:
        """Return what LAMMPS needs; see :meth:`Potential.lammps_committee`."""
        alone = self.lammps(species, n_atoms)
        if alone.driver is None:
            raise PotentialError("it is the driver that writes deviations of a committee of the family nequip")
        members = {}
        for number, other in enumerate(others, start=1):
            if not isinstance(other, Nequip) or other.target != self.target:
                raise PotentialError(
                    f"a committee of the family {self.family} has a member of the family {other.family},"
                    " or one that was compiled for another program"
                )
            other.require(species)
            members[_MEMBER_FILE.format(number=number)] = next(iter(other.contents.values()))
        models = " ".join([*self.contents, *members])
        return replace(
            alone,
            commands=(
                f"pair_style nequip out_freq {interval} out_file {DEVIATION_FILE}",
                f"pair_coeff * * {models} {' '.join(species)}",
            ),
            files={**alone.files, **members},
            deviation_file=DEVIATION_FILE,
        )
