"""What the trainings of all networks are told alike."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """The training of a network of the neighbours within a cutoff."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cutoff: float = Field(default=6.0, gt=0.0, description="Å; neighbours further away do not count")
    learning_rate: float = Field(default=1e-3, gt=0.0, description="At the beginning")
    learn_stress: bool = Field(default=True, description="Without stresses pressures are wrong")
