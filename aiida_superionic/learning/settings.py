"""What is asked of a learning loop, as validated data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.learning.assessment import COMMITTEE_DEVIATION, RELATIVE_DEVIATION
from aiida_superionic.learning.exploration import Exploration
from aiida_superionic.learning.trust import Choice, Convergence, Trigger, TrustLevels


class CommitteeLearning(BaseModel):
    """Explore a rung to its end, label candidates, train, and explore it anew, until nearly all frames are accurate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["committee"] = "committee"
    size: int = Field(default=4, ge=2, description="Potentials in the committee")
    trust: TrustLevels = TrustLevels()
    choice: Choice = Choice()
    convergence: Convergence = Convergence()
    validation_every: int = Field(
        default=10, ge=2, description="One of so many labelled frames is kept from training, for the error of forces"
    )

    @property
    def measure(self) -> str:
        """What a frame is judged by."""
        return COMMITTEE_DEVIATION

    @property
    def kept_above(self) -> float:
        """Value of the measure below which nobody needs the frame itself."""
        return self.trust.lower


class OnTheFlyLearning(BaseModel):
    """Explore in segments; label the first frame that is unlike what was learned, learn it, and go on from there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["on_the_fly"] = "on_the_fly"
    trigger: Trigger = Trigger()
    segment_steps: int = Field(default=1000, ge=1, description="Timesteps after which the frames are looked at")

    @property
    def measure(self) -> str:
        """What a frame is judged by."""
        return RELATIVE_DEVIATION

    @property
    def kept_above(self) -> float:
        """Value of the measure below which nobody needs the frame itself."""
        return self.trigger.threshold


class LearnSettings(BaseModel):
    """Where a potential is taken, and how it learns there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exploration: Exploration
    learning: Annotated[CommitteeLearning | OnTheFlyLearning, Field(discriminator="mode")]

    @model_validator(mode="after")
    def _whole_segments(self) -> LearnSettings:
        if isinstance(self.learning, OnTheFlyLearning):
            self.exploration.check_whole(self.learning.segment_steps)
        return self
