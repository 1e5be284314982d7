"""How far a committee may disagree on a frame, and what follows: nothing, a label, or a frame that is not worth one.

These are the trust levels of DP-GEN, as "Disentangling cation-polyanion coupling in solid electrolytes" takes them:
below the lower one a frame is accurate, between the two it is a candidate for a label, and from the upper one on it has
failed, and may be no configuration that a labeller should see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aiida_superionic.datasets import Frame
from aiida_superionic.datasets.selection import select

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]


def committee_deviations(forces: Array) -> Array:
    """Return how far the members of a committee are from one another on each atom.

    Of the forces f_m of M members it is sqrt(⟨|f_m − ⟨f_m⟩|²⟩), with ⟨⟩ the mean over the members, as DP-GEN and the
    ``pair_style deepmd`` of LAMMPS define it.

    Parameters
    ----------
    forces
        In eV/Å, shape (M, ..., N, 3).

    Returns
    -------
    numpy.ndarray
        In eV/Å, shape (..., N).
    """
    squares = np.mean(np.sum((forces - forces.mean(axis=0)) ** 2, axis=-1), axis=0)
    deviations: Array = np.sqrt(squares)
    return deviations


@dataclass(frozen=True, eq=False)
class SortedFrames:
    """The numbers of frames by what their deviation says of them."""

    accurate: Numbers
    candidates: Numbers
    failed: Numbers

    @property
    def accurate_share(self) -> float:
        """The accurate ones over all."""
        return len(self.accurate) / (len(self.accurate) + len(self.candidates) + len(self.failed))


class TrustLevels(BaseModel):
    """The deviations, in eV/Å, that part accurate frames from candidates, and candidates from failed ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lower: float = Field(default=0.11, gt=0.0)
    upper: float = 0.26

    @model_validator(mode="after")
    def _ordered(self) -> TrustLevels:
        if self.upper <= self.lower:
            raise ValueError(
                f"the upper trust level, {self.upper} eV/Å, is not above the lower one of {self.lower} eV/Å"
            )
        return self

    def sort(self, deviations: Array) -> SortedFrames:
        """Sort frames by the largest deviation on any of their atoms, shape (T,); what is no number has failed."""
        accurate = deviations < self.lower
        candidates = (deviations >= self.lower) & (deviations < self.upper)
        return SortedFrames(
            accurate=np.flatnonzero(accurate),
            candidates=np.flatnonzero(candidates),
            failed=np.flatnonzero(~accurate & ~candidates),
        )


class Choice(BaseModel):
    """Which candidates of an iteration get a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_frames: int = Field(default=50, ge=1, description="At most")
    method: str = Field(default="random", pattern="^(random|farthest-point)$")

    def choose(self, candidates: Sequence[Frame], seed: int) -> list[int]:
        """Return the numbers of the chosen ones among the candidates, in their order.

        Parameters
        ----------
        candidates
            Of all explorations of an iteration.
        seed
            Of the draw, where it is at random; the same seed draws the same ones.
        """
        if len(candidates) <= self.n_frames:
            return list(range(len(candidates)))
        if self.method == "random":
            drawn = np.random.default_rng(seed).choice(len(candidates), self.n_frames, replace=False)
            return sorted(drawn.tolist())
        return sorted(select(candidates, self.method, self.n_frames))


class Convergence(BaseModel):
    """When a rung of the exploration has nothing more to teach."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    accurate_share: float = Field(default=0.995, gt=0.0, le=1.0)

    def reached(self, frames: SortedFrames) -> bool:
        """Return whether enough of the explored frames are accurate."""
        return frames.accurate_share >= self.accurate_share


class Trigger(BaseModel):
    """On the fly: a frame gets a label where the posterior is so many times as wide as where the model learned.

    The measure of a frame is the largest deviation of the posterior on any of its atoms, over the mean of that number
    among the frames that were learned from. It is known before any error is, and has no unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold: float = Field(default=2.0, gt=0.0)

    def first(self, ratios: Array, begin: int = 0) -> int | None:
        """Return the number of the first frame, from ``begin`` on, that gets a label; None where all are known enough.

        Parameters
        ----------
        ratios
            In order of time, shape (T,); what is no number is above every threshold.
        begin
            The first frame that counts.
        """
        above = np.flatnonzero(~(ratios[begin:] < self.threshold))
        return int(above[0]) + begin if len(above) else None
