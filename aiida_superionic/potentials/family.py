"""What every family of potentials offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from aiida_superionic.datafiles import dump_yaml
from aiida_superionic.errors import SuperionicError
from aiida_superionic.species import ChemicalSymbol


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
        Content of each file that the commands name, by its name.
    """

    atom_style: str
    charges: tuple[float, ...]
    commands: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)


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
