"""Pictures of the electrons of chosen ions: which cube files are wanted, and what each is called at home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiida import orm
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from aiida_superionic.calculations.cp2k_input import cube_file

_Numbers = Annotated[frozenset[NonNegativeInt], Field(min_length=1)]


class CubeSettings(BaseModel):
    """Which localised orbitals cube files are made of.

    All orbitals of an ion are: together they show its shell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: _Numbers = Field(description="Numbers of the frames, from 0")
    ions: _Numbers = Field(description="Numbers of the ions among the atoms, from 0")
    stride: PositiveInt = Field(default=3, description="One of how many points of CP2K's grid along each vector")

    def beyond(self, n_frames: int, n_atoms: int) -> str | None:
        """Return in words what is asked for and is not there, or None."""
        for what, asked, there in (("frame", self.frames, n_frames), ("ion", self.ions, n_atoms)):
            if max(asked) >= there:
                return f"{what} {max(asked)} where the last one is {there - 1}"
        return None

    def files(self, frame: int, wannier: orm.ArrayData, symbols: Sequence[str]) -> dict[str, str]:
        """Return the cube files of a frame: by the names that they get at home those that they have with CP2K.

        Parameters
        ----------
        frame
            Its number.
        wannier
            The centres that were computed with the cube files.
        symbols
            Of the ions.
        """
        owners, (orbitals,) = wannier.get_array("ions"), wannier.get_array("orbitals")
        return {
            f"frame_{frame}_{symbols[ion]}_{ion}_{number}.cube": cube_file(int(orbital))
            for ion in sorted(self.ions)
            for number, orbital in enumerate(orbitals[owners == ion], start=1)
        }
