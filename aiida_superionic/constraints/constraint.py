"""Which motions are held fixed, and of which atoms."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.errors import SuperionicError

Mode = Literal["RC", "RTC", "RTVC"]
MODES: tuple[str, ...] = get_args(Mode)
"""Rotation; rotation and translation; these and vibration. What is not constrained (UC) has no constraint."""

AtomIndices = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class ConstraintError(SuperionicError, ValueError):
    """A constraint that the structure does not allow."""


class Constraint(BaseModel):
    """The motions that are held fixed, of all polyanions, of those of some formulas, or of groups chosen by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Mode
    rotors: tuple[str, ...] = Field(default=(), description="Formulas of polyanions; all where neither is given")
    atoms: tuple[AtomIndices, ...] = Field(default=(), description="Groups of atoms, counted from 0")
    residual_limit: float = Field(
        default=1e-6, gt=0.0, description="Largest Eckart residual of a polyanion, amu Å², above which a run fails"
    )
    shift_limit: float = Field(
        default=1e-6, gt=0.0, description="Largest shift of a held centre of mass, Å, above which a run fails"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Constraint:
        if self.rotors and self.atoms:
            raise ValueError("rotors and atoms are both given; choose polyanions by formula or atoms by hand")
        if len(set(self.rotors)) != len(self.rotors):
            raise ValueError("a rotor is named twice")
        chosen = [atom for group in self.atoms for atom in group]
        twice = sorted({atom for atom in chosen if chosen.count(atom) > 1})
        if twice:
            raise ValueError(f"atom {twice[0]} is chosen twice; an atom can be in one polyanion only")
        return self

    @property
    def holds_centre(self) -> bool:
        """Whether the centre of mass is held and the atoms still move."""
        return self.mode == "RTC"

    @property
    def holds_atoms(self) -> bool:
        """Whether the atoms do not move at all."""
        return self.mode == "RTVC"
