"""Frames, and the level of theory that labelled them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from aiida_superionic.datasets.frame import DatasetError, Frame

SUBSETS = ("train", "validation", "test")
"""What a dataset is divided into."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Frames that can be learned from together.

    Parameters
    ----------
    frames
        At least one. All are labelled or none is, and those of one composition list their atoms in the same order.
    level_of_theory
        What labelled them, in words that are the same only where the energies can be compared: "PBE+D3
        DZVP-MOLOPT-SR-GTH 400 Ry CP2K". None where the frames are not labelled.

    Raises
    ------
    DatasetError
        If there is no frame, labels and level of theory do not go together, frames of one composition list their atoms
        differently, or a frame's subset is unknown.
    """

    frames: tuple[Frame, ...]
    level_of_theory: str | None = None

    def __post_init__(self) -> None:
        if not self.frames:
            raise DatasetError("there is no frame")
        first = self._listings
        for number, frame in enumerate(self.frames):
            where = f"frame {number}{f' ({frame.origin})' if frame.origin else ''}"
            if frame.labelled and not self.level_of_theory:
                raise DatasetError(f"{where} is labelled and nothing says at which level of theory")
            if not frame.labelled and self.level_of_theory:
                raise DatasetError(f"{where} has no energy and forces, of which {self.level_of_theory} is said to be")
            if frame.species != first[frame.formula]:
                raise DatasetError(
                    f"{where} does not list its atoms in the order of the first frame of {frame.formula}"
                )
            if frame.subset not in {None, *SUBSETS}:
                raise DatasetError(f"{where} is in the subset {frame.subset!r}; there are {', '.join(SUBSETS)}")

    @cached_property
    def _listings(self) -> dict[str, tuple[str, ...]]:
        """The species of the atoms of the first frame of each composition."""
        return {frame.formula: frame.species for frame in reversed(self.frames)}

    @property
    def species(self) -> tuple[str, ...]:
        """The distinct species in alphabetical order."""
        return tuple(sorted({kind for listing in self._listings.values() for kind in listing}))

    @property
    def formulas(self) -> tuple[str, ...]:
        """The distinct compositions in order of first appearance."""
        return tuple(dict.fromkeys(frame.formula for frame in self.frames))

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """The distinct published sources with their licences, in order of first appearance."""
        return tuple(dict.fromkeys((frame.source, frame.licence) for frame in self.frames if frame.source))

    @property
    def sizes(self) -> dict[str, int]:
        """The number of frames in each subset."""
        return {name: sum(frame.subset == name for frame in self.frames) for name in SUBSETS}

    def take(self, numbers: Iterable[int]) -> Dataset:
        """Return the frames with some numbers, in that order."""
        return replace(self, frames=tuple(self.frames[number] for number in numbers))

    def subset(self, name: str) -> Dataset:
        """Return the frames of one subset.

        Raises
        ------
        DatasetError
            If it holds none.
        """
        numbers = [number for number, frame in enumerate(self.frames) if frame.subset == name]
        if not numbers:
            raise DatasetError(f"no frame is in the subset {name!r}; split the dataset first")
        return self.take(numbers)


def ordered(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Return frames that list their atoms as the first of their composition does."""
    listings: dict[str, tuple[str, ...]] = {}
    return tuple(frame.in_order_of(listings.setdefault(frame.formula, frame.species)) for frame in frames)
