"""What ``superionic-lattice`` is asked for: a crystal, an ion in it, and a run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.crystal import Crystal, simple_cubic
from aiida_superionic.lattice.crystal_file import read_crystal
from aiida_superionic.lattice.interactions import PairInteraction, Tabulated, Yukawa
from aiida_superionic.lattice.model import Model, corners
from aiida_superionic.lattice.thermal_motion import Statistics

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[StrictInt, Field(ge=1)]
Cells = Annotated[StrictInt, Field(ge=2, le=200)]

EQUATIONS = ("time-local", "full")
"""Whether the crystal is the ion's bath (equations 18 to 20) or all its atoms move too (equations 2 and 3)."""
Equations = Literal["time-local", "full"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SimpleCubicSection(_Section):
    """One atom per cell, tied to its 6 nearest and 12 next-nearest neighbours."""

    spacing: Positive = Field(description="Å")
    mass: Positive = Field(description="amu")
    nearest: Number = Field(description="eV/Å²")
    next_nearest: Number = Field(description="eV/Å²")


class CrystalSection(_Section):
    """A crystal: of springs, or from a file of force constants."""

    simple_cubic: SimpleCubicSection | None = None
    file: Path | None = Field(default=None, description="as aiida-superionic lattice import writes it")
    stiffness: Positive = Field(default=1.0, description="times which all force constants are taken")
    density: Positive = Field(default=1.0, description="times which all masses are taken")

    @model_validator(mode="after")
    def _is_one(self) -> CrystalSection:
        if (self.simple_cubic is None) == (self.file is None):
            raise ValueError("write either simple_cubic or file")
        return self

    def crystal(self) -> Crystal:
        """Return the crystal.

        Raises
        ------
        LatticeError
            If it cannot be read, or is none.
        """
        if self.simple_cubic is not None:
            crystal = simple_cubic(**self.simple_cubic.model_dump())
        else:
            assert self.file is not None  # noqa: S101 - one of both is given
            crystal = read_crystal(self.file)
        return crystal.scaled(self.stiffness, self.density)


class YukawaSection(_Section):
    """U₀ exp(−x/λ)/x."""

    strength: Number = Field(description="eV Å")
    screening: Positive = Field(description="Å")


class TableSection(_Section):
    """A pair energy at even distances, as numbers."""

    distances: tuple[Positive, ...] = Field(description="Å", min_length=8)
    energies: tuple[Number, ...] = Field(description="eV", min_length=8)


class InteractionSection(_Section):
    """A pair energy: a Yukawa energy or a table."""

    yukawa: YukawaSection | None = None
    table: TableSection | None = None

    @model_validator(mode="after")
    def _is_one(self) -> InteractionSection:
        if (self.yukawa is None) == (self.table is None):
            raise ValueError("write either yukawa or table")
        return self

    def interaction(self) -> PairInteraction:
        """Return the interaction.

        Raises
        ------
        LatticeError
            If it is none.
        """
        if self.yukawa is not None:
            return Yukawa(self.yukawa.strength, self.yukawa.screening)
        assert self.table is not None  # noqa: S101 - one of both is given
        return Tabulated(np.array(self.table.distances), np.array(self.table.energies))


class ModelRequest(_Section):
    """A crystal and the ions in it."""

    crystal: CrystalSection
    interaction: InteractionSection
    ion_mass: Positive = Field(description="amu")
    repulsion: InteractionSection | None = Field(
        default=None, description="between ions; without it they share a bath and do not know of each other"
    )
    extent: Annotated[StrictInt, Field(ge=1, le=3)] = Field(
        default=1, description="cells on each side of an ion whose atoms it acts on; 1 is the corners of its cell"
    )

    def model(self) -> Model:
        """Return the model.

        Raises
        ------
        LatticeError
            If its crystal or interaction is none.
        """
        crystal = self.crystal.crystal()
        repulsion = self.repulsion.interaction() if self.repulsion else None
        return Model(crystal, self.interaction.interaction(), self.ion_mass, corners(crystal, self.extent), repulsion)


class DiffusionRequest(ModelRequest):
    """A run at a temperature, from which a diffusion coefficient is drawn."""

    equations: Equations = "time-local"
    memory: Positive | None = Field(
        default=None,
        description="ps, of a short memory in the place of the time-local loss; some 2π over the highest frequency",
    )
    species: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,15}$")] = Field(
        default="ion", description="names the results"
    )
    cells: tuple[Cells, Cells, Cells] = Field(default=(20, 20, 20), description="of the vibrating crystal")
    temperature: Positive = Field(description="K")
    statistics: Statistics = Field(default="quantum", description="of the crystal's modes")
    ions: Count = 1
    site: tuple[Number, Number, Number] = Field(
        default=(0.5, 0.5, 0.5), description="of its cell that an ion starts at, in cell vectors"
    )
    timestep: Positive = Field(default=0.005, description="ps")
    equilibration: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(default=0.0, description="ps")
    production: Positive = Field(default=3000.0, description="ps")
    sampling_interval: Positive = Field(default=0.05, description="ps, a multiple of the timestep")
    segment: Positive = Field(default=12.0, description="ps")
    fit_start: Positive = Field(default=1.0, description="ps")
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] = 1

    @model_validator(mode="after")
    def _times_fit(self) -> DiffusionRequest:
        stride = round(self.sampling_interval / self.timestep)
        if stride < 1 or abs(stride * self.timestep - self.sampling_interval) > 1e-6 * self.timestep:
            raise ValueError("the sampling interval must be a multiple of the timestep")
        if self.memory is not None and self.equations == "full":
            raise ValueError("a short memory is for time-local equations; the full ones forget nothing")
        if not self.fit_start < self.segment < self.production:
            raise ValueError("fit_start must lie within the segment, and the segment within the production")
        return self

    @property
    def stride(self) -> int:
        """Steps between two frames."""
        return round(self.sampling_interval / self.timestep)


class ScanRequest(DiffusionRequest):
    """Diffusion in crystals that differ in stiffness and density."""

    stiffnesses: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        default=(0.5, 1.0, 2.0, 4.0), description="times the crystal's own"
    )
    densities: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        default=(1.0,), description="times the crystal's own"
    )

    def scaled(self, stiffness: float, density: float) -> DiffusionRequest:
        """Return the request of one of the crystals."""
        own = {name: getattr(self, name) for name in DiffusionRequest.model_fields}
        crystal = self.crystal.model_copy(
            update={"stiffness": stiffness * self.crystal.stiffness, "density": density * self.crystal.density}
        )
        return DiffusionRequest(**{**own, "crystal": crystal})


class CrystalRequest(_Section):
    """What the bath is: dispersion, recoil, sound, thermal spread."""

    crystal: CrystalSection
    cells: tuple[Cells, Cells, Cells] = Field(default=(60, 60, 60), description="of the vibrating crystal")
    temperatures: tuple[Positive, ...] = Field(default=(0.011605, 58.0226, 290.113, 580.226), description="K")
    statistics: Statistics = "quantum"
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] = 1


class ReflectionRequest(ModelRequest):
    """An ion that hits an atom head on."""

    cells: tuple[Cells, Cells, Cells] = Field(default=(50, 50, 50), description="of the full solution")
    speed: Positive = Field(description="Å/ps")
    start: Positive = Field(description="Å, from the atom")
    timestep: Positive = Field(default=0.0025, description="ps")


class DissipationRequest(ModelRequest):
    """An ion between two atoms of a row that comes to rest."""

    cells: tuple[Cells, Cells, Cells] = Field(default=(100, 100, 100), description="of the full solution")
    atoms_ahead: Annotated[StrictInt, Field(ge=1, le=20)] = 4
    speed: Positive = Field(default=7.5, description="Å/ps")
    timestep: Positive = Field(default=0.005, description="ps")
    duration: Positive = Field(default=30.0, description="ps")


class ConservationRequest(ModelRequest):
    """How the full equations keep their energy."""

    cells: tuple[Cells, Cells, Cells] = (10, 10, 10)
    velocity: tuple[Number, Number, Number] = Field(default=(5.0, 4.0, 8.0), description="of the ion, Å/ps")
    timesteps: Annotated[tuple[Positive, ...], Field(min_length=2)] = Field(
        default=(0.02, 0.01, 0.005, 0.0025), description="ps"
    )
    duration: Positive = Field(default=10.0, description="ps")
    temperature: Positive = Field(default=580.226, description="K, of the run that crosses cells")
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] = 1


REQUESTS: dict[str, type[BaseModel]] = {
    "crystal": CrystalRequest,
    "reflection": ReflectionRequest,
    "dissipation": DissipationRequest,
    "conservation": ConservationRequest,
    "diffusion": DiffusionRequest,
    "scan": ScanRequest,
}
"""What each experiment is asked with."""


class Published(_Section):
    """A number that was published of a model."""

    quantity: str
    text: str
    where: str


class LatticeModel(_Section):
    """A model that ships with the package: a crystal with an ion, and interactions by name."""

    title: str
    citation: str
    mobile: Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
    crystal: CrystalSection
    ion_mass: Positive
    interactions: dict[str, InteractionSection]
    published: tuple[Published, ...] = ()

    def request(self, interaction: str) -> ModelRequest:
        """Return the crystal with an ion of one of the interactions.

        Raises
        ------
        LatticeError
            If there is none of this name.
        """
        if interaction not in self.interactions:
            raise LatticeError(f"{interaction} is not one of the interactions {', '.join(self.interactions)}")
        return ModelRequest(crystal=self.crystal, interaction=self.interactions[interaction], ion_mass=self.ion_mass)


@cache
def lattice_models() -> dict[str, LatticeModel]:
    """Return the models that ship with the package, by name."""
    texts = read_folder(__package__, "models")
    return {name: LatticeModel.model_validate(load_yaml(text)) for name, text in texts.items()}
