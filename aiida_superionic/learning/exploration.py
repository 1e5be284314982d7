"""Where a potential that learns is taken: the structures, temperatures and lengths of the dynamics that explore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.species import ChemicalSymbol

_LAST_SEED = 900_000_000
"""The largest that LAMMPS takes."""


def derived_seed(seed: int, *numbers: int) -> int:
    """Return a seed, 1 to 900 000 000, that a seed and the numbers of a step determine.

    It is one more than the first 32-bit word of NumPy's ``SeedSequence([seed, *numbers])``, modulo 900 000 000.
    """
    word = np.random.SeedSequence([seed, *numbers]).generate_state(1)[0]
    return int(word) % _LAST_SEED + 1


def _rising(values: tuple[int, ...]) -> tuple[int, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError(f"each must be more than the one before it: {values}")
    return values


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("a structure is named twice")
    return names


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: a structure, and how many timesteps it is followed for at every temperature."""

    structure: str
    steps: int


class Exploration(BaseModel):
    """Dynamics in the canonical ensemble that climb a ladder: longer ones of a structure first, then the next one.

    The default is the curriculum of "Disentangling cation-polyanion coupling in solid electrolytes": the unit cell for
    1500 to 10 000 timesteps, then supercells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    structures: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="Names, the smallest first"
    )
    temperatures: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(
        min_length=1, description="K, all explored beside each other"
    )
    steps: Annotated[tuple[Annotated[int, Field(ge=1)], ...], AfterValidator(_rising)] = Field(
        default=(1500, 3000, 6000, 10_000), min_length=1, description="Of each structure, in timesteps"
    )
    replicas: int = Field(default=1, ge=1, description="Runs at each temperature, which differ by their velocities")
    timestep: float = Field(default=0.0005, gt=0.0, description="ps")
    sampling_steps: int = Field(default=10, ge=1, description="Timesteps from one frame that is assessed to the next")
    thermostat_damping: float = Field(default=0.1, gt=0.0, description="ps")
    mobile: tuple[ChemicalSymbol, ...] = Field(min_length=1, description="The species meant to diffuse")
    host_displacement_limit: float = Field(
        default=0.5, gt=0.0, description="Above which a run counts as come apart, as MdSettings has it"
    )

    @model_validator(mode="after")
    def _whole_intervals(self) -> Exploration:
        for steps in self.steps:
            self.check_whole(steps)
        return self

    def check_whole(self, steps: int) -> None:
        """Check that a run of so many timesteps ends with a frame that is assessed.

        Raises
        ------
        ValueError
            If it does not.
        """
        if steps % self.sampling_steps:
            raise ValueError(f"{steps} steps are not a whole number of {self.sampling_steps} steps between two frames")

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder, from the bottom."""
        return tuple(Rung(structure, steps) for structure in self.structures for steps in self.steps)

    @property
    def walkers(self) -> dict[str, float]:
        """The temperature in K of each of the runs of a rung, by a name of its own."""
        numbered = [temperature for temperature in self.temperatures for _ in range(self.replicas)]
        return {f"walker_{number:03d}": temperature for number, temperature in enumerate(numbered)}
