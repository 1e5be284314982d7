"""What has to be done before points can run, and the hash by which it is recognised."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from aiida_superionic.campaigns.point_spec import Specification, short
from aiida_superionic.potentials.family import Sha256


class PreparationSpecification(Specification):
    """Everything that decides the potential that comes out of a training, or of learning."""

    version: Literal[1] = 1
    kind: Literal["train", "learn"]
    dataset: Sha256 = Field(description="Content of the dataset")
    family: str
    settings: dict[str, Any] = Field(description="Of the training, complete")
    seed: int
    committee: int | None = Field(default=None, description="Members of the committee, where it is trained")
    exploration: dict[str, Any] = Field(default={}, description="Settings of the learning, complete")
    temperatures: tuple[float, ...] = Field(default=(), description="Of the explorations, K")
    mobile: tuple[str, ...] = Field(default=(), description="What diffuses in the explorations")
    structures: tuple[dict[str, Any], ...] = Field(default=(), description="Where explorations start")
    labels: dict[str, str] = Field(default={}, description="The teacher or the level of theory that gives labels")

    LATER: ClassVar = ("committee", "exploration", "temperatures", "mobile", "structures", "labels")

    @property
    def label(self) -> str:
        """What is done, for people to read."""
        return f"{self.kind} {self.family} {short(self.hash)} · seed {self.seed}"
