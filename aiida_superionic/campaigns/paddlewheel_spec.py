"""What a campaign file may say of models side by side."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictInt, model_validator

from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.dynamics_spec import Campaign, LevelName
from aiida_superionic.campaigns.keys import UNCONSTRAINED, distinct, unconstrained
from aiida_superionic.campaigns.observable_request import ObservableRequest
from aiida_superionic.campaigns.potential_spec import PotentialEntry
from aiida_superionic.campaigns.sections import Section
from aiida_superionic.campaigns.values import Real, Repeats, Symbol, Time, fault
from aiida_superionic.workchains.electrons import ElectronSettings
from aiida_superionic.workchains.md import MICROCANONICAL

_TIMES = {"timestep", "equilibration", "production", "sampling_interval"}


class OtherTimes(Section):
    """The times that differ from those of the other runs."""

    equilibration: Time = Field(default=None, description="the time before production", examples=["10 ps"])
    production: Time = Field(default=None, description="the time that is analysed", examples=["40 ps"])
    sampling_interval: Time = Field(default=None, description="the time between two frames", examples=["50 fs"])

    @property
    def times(self) -> dict[str, float]:
        """The times that are given, in ps."""
        return self.model_dump(include=_TIMES, exclude_none=True)


class AbInitio(OtherTimes):
    """A run on the forces of CP2K, as one more model."""

    level: LevelName = Field(description="how CP2K computes forces, the name of a level of theory", examples=["xtb"])
    timestep: Time = Field(default=None, description="the time of one MD step", examples=["1 fs"])


class LargerCells(OtherTimes):
    """Larger cells of the crystal."""

    supercells: Annotated[tuple[tuple[Repeats, Repeats, Repeats], ...], AfterValidator(distinct)] = Field(
        min_length=1,
        description="a list of supercells, each of three whole numbers from 1 to 100",
        examples=[[[6, 6, 6], [9, 9, 9]]],
    )


class Electrons(Section):
    """Wannier centres on some frames of each model."""

    centres: dict[Symbol, Annotated[StrictInt, Field(ge=0, le=100)]] = Field(
        min_length=1,
        description="how many centres each species has, half of its valence electrons",
        examples=[{"Ag": 5, "I": 4}],
    )
    level: LevelName = Field(description="how CP2K computes them, the name of a level of theory", examples=["xtb"])
    every: Annotated[StrictInt, Field(ge=1)] = Field(
        default=1, description="a whole number above 0, one of how many frames is taken", examples=[20]
    )
    batch_size: Annotated[StrictInt, Field(ge=1)] = Field(
        default=20, description="a whole number above 0, the frames in one job at most", examples=[20]
    )
    tolerance: Annotated[Real, Field(gt=0.0)] = Field(
        default=0.01, description="a number above 0, where the localisation ends", examples=[0.01]
    )
    observables: Annotated[tuple[ObservableRequest, ...], AfterValidator(distinct)] = Field(
        default=(),
        min_length=1,
        description="a list of observables of ions and centres, each a name or a name with parameters",
        examples=[["dipoles", "coordination"]],
    )

    @property
    def settings(self) -> ElectronSettings:
        """The same in the words of the workchain."""
        given: dict[str, Any] = {request.name: request.parameters for request in self.observables}
        return ElectronSettings(
            centres_per_ion=dict(self.centres),
            protocol=self.level,
            every=self.every,
            batch_size=self.batch_size,
            tolerance=self.tolerance,
            **({"observables": given} if given else {}),
        )


class PaddlewheelCampaign(Campaign):
    """A study of models side by side: every combination of structure, temperature and replica is a point."""

    potentials: Annotated[tuple[PotentialEntry, ...], AfterValidator(distinct)] = Field(
        min_length=1,
        description="a list of potentials, which stand side by side",
        examples=[["vashishta-rahman"]],
    )
    constraints: Annotated[tuple[str, ...], AfterValidator(unconstrained), AfterValidator(distinct)] = Field(
        default=(UNCONSTRAINED,), min_length=1, description=f"a list of {UNCONSTRAINED} alone", examples=[["UC"]]
    )
    ab_initio: AbInitio | None = Field(
        default=None,
        description="a run on the forces of CP2K, as one more model",
        examples=[{"level": "xtb", "production": "20 ps"}],
    )
    electrons: Electrons | None = Field(
        default=None,
        description="what is asked of the electrons on the frames of each model",
        examples=[{"centres": {"Ag": 5, "I": 4}, "level": "xtb", "every": 20}],
    )
    larger: LargerCells | None = Field(
        default=None,
        description="larger cells, in which diffusion is compared",
        examples=[{"supercells": [[6, 6, 6]], "production": "40 ps"}],
    )

    @property
    def conditions(self) -> tuple[tuple[Any, ...], ...]:
        """Structures and temperatures; the potentials are all of one point."""
        return tuple(self.entries.values()), self.temperatures

    def check(self, crystal: Crystal) -> None:
        """Check that what is asked for can be had of a crystal.

        Raises
        ------
        pydantic_core.PydanticCustomError
            The fault, with its place in the file.
        """
        super().check(crystal)
        for species in self.electrons.centres if self.electrons else ():
            if species not in crystal.species:
                raise fault(
                    f"{crystal.name} holds no {species}; write {' or '.join(sorted(crystal.species))}",
                    *("electrons", "centres", species),
                )

    @model_validator(mode="after")
    def _has_forces(self) -> PaddlewheelCampaign:
        if self.md.engine != "lammps":
            raise fault("potentials are run by LAMMPS; remove the engine, and write ab_initio", "md", "engine")
        if self.md.ensemble != MICROCANONICAL:
            raise fault(f"models are compared where energy is conserved; write {MICROCANONICAL}", "md", "ensemble")
        if self.rotors:
            raise fault("nothing is constrained here; remove the rotors", "rotors")
        return self
