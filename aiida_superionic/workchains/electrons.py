"""What is asked of the electrons along a trajectory."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ElectronSettings(BaseModel):
    """Wannier centres of some frames of a trajectory, and what is computed of them.

    Parameters
    ----------
    centres_per_ion
        By species: 5 of Ag (q11), 4 of I (q7).
    protocol
        Level of theory.
    every
        One of how many frames is taken.
    batch_size
        Frames in one job, at most.
    tolerance
        CP2K's ``EPS_LOCALIZATION``.
    observables
        Of ions and centres: parameters by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    centres_per_ion: dict[str, int]
    protocol: str = "balanced"
    every: int = Field(default=1, ge=1)
    batch_size: int = Field(default=20, ge=1)
    tolerance: float = Field(default=0.01, gt=0.0)
    observables: dict[str, dict[str, Any]] = {
        "angular_distribution": {},
        "coordination": {},
        "dipoles": {},
        "radial_distribution": {},
    }
