"""What every family of potentials offers."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.datafiles import dump_yaml
from aiida_superionic.errors import SuperionicError
from aiida_superionic.species import ChemicalSymbol

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PotentialError(SuperionicError, ValueError):
    """A potential that is damaged, or asked about species that it does not know."""


@dataclass(frozen=True)
class LammpsPotential:
    """How LAMMPS evaluates a potential for one order of species.

    Parameters
    ----------
    atom_style
        The ``atom_style`` that the potential needs.
    charges
        Charge of each type in e, in the order of the types.
    commands
        Lines of the input script that define the interactions (``units metal``).
    files
        Content of each file that the commands name, by its name: bytes where it is no text.
    program
        How the name of the executable begins that alone can run the commands; None where LAMMPS can.
    driver
        Name of that one of the files that the program runs, and which runs the script; None where the program does.
    deviation_file
        Name of the file that a committee's deviations are written to; None where there is no committee.
    """

    atom_style: str
    charges: tuple[float, ...]
    commands: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    program: str | None = None
    driver: str | None = None
    deviation_file: str | None = None

    def arguments(self, script: str) -> list[str]:
        """Return the command line by which the program runs an input script."""
        return [*([self.driver] if self.driver else []), "-in", script]


class Potential(BaseModel, ABC):
    """Anything that gives forces in MD, as validated data."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    family: str
    description: str
    source: str = Field(description="Where the parameters come from")

    @property
    @abstractmethod
    def species(self) -> tuple[ChemicalSymbol, ...]:
        """The species that the potential describes."""

    @abstractmethod
    def lammps(self, species: Sequence[str], n_atoms: int) -> LammpsPotential:
        """Return what LAMMPS needs to evaluate the potential.

        Parameters
        ----------
        species
            Chemical symbol of each LAMMPS type.
        n_atoms
            Size of the system: some methods pay only above a size.

        Raises
        ------
        PotentialError
            If the potential does not describe one of the species.
        """

    def lammps_committee(
        self, others: Sequence[Potential], species: Sequence[str], n_atoms: int, interval: int
    ) -> LammpsPotential:
        """Return what LAMMPS needs to evaluate the potential, and to write how far others are from it and one another.

        Parameters
        ----------
        others
            Of the same family, which give no forces.
        species
            Chemical symbol of each LAMMPS type.
        n_atoms
            Size of the system.
        interval
            Timesteps between two deviations.

        Raises
        ------
        PotentialError
            If LAMMPS writes no deviations of the family, or a potential does not describe one of the species.
        """
        raise PotentialError(f"LAMMPS writes no deviations of a committee of the family {self.family}")

    @property
    def content(self) -> str:
        """SHA-256 of everything that decides the forces, and of nothing else, as 64 hexadecimal digits."""
        said = self.model_dump(mode="json", exclude={"description", "source"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def text(self) -> str:
        """Return the parameter file, which :func:`aiida_superionic.potentials.parse_potential` reads back."""
        return dump_yaml(self.model_dump(mode="json"))

    def require(self, species: Sequence[str]) -> None:
        """Raise :class:`PotentialError` unless the potential describes each of the species."""
        unknown = sorted(set(species) - set(self.species))
        if unknown:
            raise PotentialError(
                f"the potential describes {', '.join(self.species)} and the structure holds {', '.join(unknown)}"
            )


class FilePotential(Potential, ABC):
    """A potential whose parameters are in files that an engine wrote, and are not text.

    Its parameter file names them, each with its SHA-256; what they hold comes beside it.
    """

    files: dict[FileName, Sha256] = Field(min_length=1, description="SHA-256 of each file, by its name")
    contents: dict[str, bytes] = Field(default={}, exclude=True, repr=False, description="Of each file, by its name")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := sorted(set(self.files) - set(self.contents)):
            raise ValueError(f"{', '.join(missing)} is not there")
        if strange := sorted(set(self.contents) - set(self.files)):
            raise ValueError(f"{', '.join(strange)} is no file of the potential")
        for name, digest in digests(self.contents).items():
            if digest != self.files[name]:
                raise ValueError(f"{name} is damaged: its SHA-256 is {digest} where {self.files[name]} was noted")
        return self


def digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of files by their names."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
