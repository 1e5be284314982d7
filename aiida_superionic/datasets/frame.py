"""One configuration and, where it is labelled, its energy, forces and stress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from aiida_superionic.errors import SuperionicError

Array = NDArray[np.float64]

_SMALLEST_VOLUME = 1e-3
"""Å³ below which three vectors are no cell: an atom alone takes several."""

_STRESS_ASYMMETRY = 1e-6
"""eV/Å³, 0.2 MPa: rounding of what an engine prints stays below."""


class DatasetError(SuperionicError, ValueError):
    """Frames that cannot be trusted, or cannot be treated as asked."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One periodic configuration, in Å and eV.

    Parameters
    ----------
    species
        Chemical symbol of each atom, shape (N,).
    positions
        In Å, shape (N, 3), wrapped or not.
    cell
        Cell vectors as rows in Å, shape (3, 3).
    energy
        Potential energy in eV; None where the frame is not labelled.
    forces
        In eV/Å, shape (N, 3); there where the energy is.
    stress
        In eV/Å³, shape (3, 3), the derivative of the energy by the strain over the volume: positive under tension.
        None where it was not computed.
    temperature
        Of the run that visited the configuration, in K; None where it is not known.
    source
        Of a published frame, the DOI or another reference; empty for one's own.
    licence
        Under which the source may be used.
    origin
        Where in its source, or by which job, the frame was made.
    subset
        ``train``, ``validation`` or ``test``; None where it belongs to none.

    Raises
    ------
    DatasetError
        If a shape is wrong, a symbol unknown, a number not finite, the cell flat, a label incomplete, every force
        zero, or the stress not symmetric.
    """

    species: tuple[str, ...]
    positions: Array
    cell: Array
    energy: float | None = None
    forces: Array | None = None
    stress: Array | None = None
    temperature: float | None = None
    source: str = ""
    licence: str = ""
    origin: str = ""
    subset: str | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.species) - set(chemical_symbols[1:]))
        if unknown or not self.species:
            what = ", ".join(map(repr, unknown)) or "nothing"
            raise DatasetError(f"{what} among the species, where chemical symbols are expected")
        self._check_shapes_and_numbers()
        if abs(np.linalg.det(self.cell)) < _SMALLEST_VOLUME:
            raise DatasetError("the cell vectors span no volume")
        if (self.energy is None) != (self.forces is None):
            raise DatasetError("an energy without forces, or forces without an energy, where a label is both")
        if self.stress is not None and self.energy is None:
            raise DatasetError("a stress without energy and forces")
        if self.forces is not None and not np.any(self.forces):
            raise DatasetError("every force is exactly zero, as engines write them that did not compute any")
        if self.stress is not None and np.max(np.abs(self.stress - self.stress.T)) > _STRESS_ASYMMETRY:
            raise DatasetError("the stress is not symmetric")
        if self.temperature is not None and self.temperature < 0.0:
            raise DatasetError(f"the temperature is {self.temperature} K")

    def _check_shapes_and_numbers(self) -> None:
        n_atoms = len(self.species)
        shapes = {"positions": (n_atoms, 3), "cell": (3, 3), "forces": (n_atoms, 3), "stress": (3, 3)}
        for name in (*shapes, "energy", "temperature"):
            value = getattr(self, name)
            if value is None:
                continue
            if name in shapes and value.shape != shapes[name]:
                raise DatasetError(f"{name} of shape {value.shape} where {shapes[name]} is expected")
            if not np.all(np.isfinite(value)):
                raise DatasetError(f"{name} with a number that is not finite")

    @property
    def labelled(self) -> bool:
        """Whether the frame has an energy and forces."""
        return self.energy is not None

    @property
    def labels(self) -> tuple[float, Array]:
        """The energy and the forces.

        Raises
        ------
        DatasetError
            If the frame is not labelled.
        """
        if self.energy is None or self.forces is None:
            raise DatasetError("the frame has no energy and forces")
        return self.energy, self.forces

    @property
    def formula(self) -> str:
        """The numbers of atoms of each species, in alphabetical order: Ag54I54."""
        return "".join(f"{kind}{self.species.count(kind)}" for kind in sorted(set(self.species)))

    @property
    def unlabelled(self) -> Frame:
        """The configuration without its labels."""
        return replace(self, energy=None, forces=None, stress=None)

    def in_order_of(self, species: Sequence[str]) -> Frame:
        """Return the frame with its atoms listed in the order of others of the same composition.

        Atoms of one species keep their order.

        Raises
        ------
        DatasetError
            If the composition is another.
        """
        if sorted(species) != sorted(self.species):
            raise DatasetError(f"the atoms of {self.formula} cannot be listed as those of another composition")
        order = np.empty(len(species), dtype=np.intp)
        order[np.argsort(species, kind="stable")] = np.argsort(self.species, kind="stable")
        forces = None if self.forces is None else self.forces[order]
        return replace(self, species=tuple(species), positions=self.positions[order], forces=forces)
