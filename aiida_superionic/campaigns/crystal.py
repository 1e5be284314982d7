"""A structure of a campaign as its dynamics will see it, whichever way the file names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from ase import Atoms

from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.calculations.analyse import what_dynamics_hold
from aiida_superionic.campaigns.structure_spec import OwnStructure, ReferenceStructure
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.constraints.eckart import eckart_frames
from aiida_superionic.errors import SuperionicError
from aiida_superionic.structures import materials
from aiida_superionic.structures.files import content_of, formula_of
from aiida_superionic.structures.supercell import StructureError, make_supercell

_REPEATS_THAT_SHOW_BONDS = 2


@dataclass(frozen=True, eq=False)
class Crystal:
    """What a structure of a campaign is made of.

    Parameters
    ----------
    name
        For people.
    said
        What the points say of it, in their words.
    mobile
        The species meant to diffuse.
    formal_charges
        Of species, in elementary charges.
    md
        Settings of the dynamics that the material has in place of the protocols' own, in ps.
    cell
        The cell that is repeated; None for a reference crystal, of which a seed draws it.
    node
        UUID of the node that the cell was read from; None where it was none.
    """

    name: str
    said: Mapping[str, Any]
    mobile: tuple[str, ...]
    formal_charges: Mapping[str, float]
    md: Mapping[str, float]
    cell: Atoms | None = None
    node: str | None = None

    @classmethod
    def of_reference(cls, entry: ReferenceStructure) -> Crystal:
        """Return a reference crystal."""
        material = materials()[entry.material]
        return cls(
            name=entry.material,
            said=entry.model_dump(),
            mobile=material.mobile,
            formal_charges=material.charges_of_atoms,
            md=material.md,
        )

    @classmethod
    def of_atoms(cls, entry: OwnStructure, atoms: Atoms, node: str | None = None) -> Crystal:
        """Return a structure that was read from a file or the graph."""
        formula, content = formula_of(atoms), content_of(atoms)
        return cls(
            name=formula,
            said={
                "material": formula,
                "structure": content,
                "supercell": entry.supercell,
                "mobile": tuple(sorted(entry.mobile)),
                "formal_charges": dict(entry.formal_charges),
            },
            mobile=entry.mobile,
            formal_charges=entry.formal_charges,
            md={},
            cell=atoms,
            node=node,
        )

    @property
    def species(self) -> set[str]:
        """The chemical symbols of its atoms."""
        return set(materials()[self.name].elements if self.cell is None else self.cell.get_chemical_symbols())

    @property
    def sites_known(self) -> bool:
        """Whether the sites of the mobile ions are known, filled or not."""
        return self.cell is None

    @cached_property
    def dynamics(self) -> Trajectory:
        """What its dynamics hold, as one frame of a supercell large enough to show its bonds."""
        if self.cell is None:
            return _dynamics_of(self.name)
        return what_dynamics_hold(self._shown(seed=1), self.mobile, self.formal_charges)

    def why_not_held(self, constraint: Constraint, seed: int) -> str:
        """Return why motions of it cannot be held, nothing if they can.

        Parameters
        ----------
        constraint
            The motions.
        seed
            Of the draw of disorder.
        """
        if self.cell is None:
            return _why_not_held(self.name, self._few_repeats, seed, constraint.mode, constraint.rotors)
        return _refusal(self._shown(seed), self.mobile, constraint)

    @property
    def _few_repeats(self) -> tuple[int, int, int]:
        a, b, c = (min(repeats, _REPEATS_THAT_SHOW_BONDS) for repeats in self.said["supercell"])
        return a, b, c

    def _shown(self, seed: int) -> Atoms:
        if self.cell is None:
            return make_supercell(materials()[self.name], self._few_repeats, seed)
        return self.cell.repeat(self._few_repeats)


@cache
def _dynamics_of(material: str) -> Trajectory:
    crystal = materials()[material]
    repeats = (_REPEATS_THAT_SHOW_BONDS,) * 3
    return what_dynamics_hold(make_supercell(crystal, repeats, seed=1), crystal.mobile, crystal.charges_of_atoms)


@cache
def _why_not_held(material: str, repeats: tuple[int, int, int], seed: int, mode: str, rotors: tuple[str, ...]) -> str:
    try:
        atoms = make_supercell(materials()[material], repeats, seed)
    except StructureError:
        return ""  # a supercell that cannot be made is refused where it is made
    constraint = Constraint.model_validate({"mode": mode, "rotors": rotors})
    return _refusal(atoms, materials()[material].mobile, constraint)


def _refusal(atoms: Atoms, mobile: tuple[str, ...], constraint: Constraint) -> str:
    try:
        eckart_frames(atoms, mobile, constraint)
    except SuperionicError as error:
        return str(error)
    return ""
