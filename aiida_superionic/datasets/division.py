"""Dividing a dataset into subsets, and joining datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from aiida_superionic.datasets.dataset import SUBSETS, Dataset, ordered
from aiida_superionic.datasets.duplicates import duplicates
from aiida_superionic.datasets.frame import DatasetError

PUBLISHED_SIZES = dict(zip(SUBSETS, (2000, 1000, 600), strict=True))
"""Those of "Electronic paddlewheels impact the dynamics of superionic conduction in AgI"."""


def proportional_sizes(n_frames: int) -> dict[str, int]:
    """Return the sizes of subsets that divide all frames as the published ones do, rounded down but for the first."""
    total = sum(PUBLISHED_SIZES.values())
    sizes = {name: n_frames * size // total for name, size in PUBLISHED_SIZES.items()}
    first = SUBSETS[0]
    return {**sizes, first: n_frames - sum(size for name, size in sizes.items() if name != first)}


def split(dataset: Dataset, sizes: Mapping[str, int], seed: int) -> Dataset:
    """Return the same frames, drawn into subsets at random.

    Parameters
    ----------
    dataset
        Its former subsets are forgotten.
    sizes
        The number of frames in each of :data:`SUBSETS`; a frame that is not drawn is in none.
    seed
        Of the draw. The same seed gives the same subsets.

    Raises
    ------
    DatasetError
        If a subset is unknown, a size negative, the sizes exceed the frames, or a configuration is there twice: a model
        would be tested on what it was trained on.
    """
    unknown = sorted(set(sizes) - set(SUBSETS))
    if unknown:
        raise DatasetError(f"unknown subset {', '.join(unknown)}; there are {', '.join(SUBSETS)}")
    total = sum(sizes.values())
    if min(sizes.values(), default=0) < 0 or not 1 <= total <= len(dataset.frames):
        asked = " + ".join(f"{size} {name}" for name, size in sizes.items()) or "none"
        raise DatasetError(f"{asked} frames are to be drawn from {len(dataset.frames)}")
    for copy, original in duplicates(dataset.frames).items():
        raise DatasetError(f"frames {original} and {copy} are the same configuration; a merge leaves out the second")
    drawn = np.random.default_rng(seed).permutation(len(dataset.frames))[:total]
    names = np.repeat(list(sizes), list(sizes.values()))
    subsets = dict(zip(drawn.tolist(), names.tolist(), strict=True))
    return replace(
        dataset,
        frames=tuple(replace(frame, subset=subsets.get(number)) for number, frame in enumerate(dataset.frames)),
    )


def merge(datasets: Sequence[Dataset]) -> Dataset:
    """Return the frames of all datasets, each configuration once: as it is where it comes first.

    Raises
    ------
    DatasetError
        If there is no dataset, or the levels of theory differ.
    """
    levels = {dataset.level_of_theory for dataset in datasets}
    if len(levels) > 1:
        named = " and ".join(sorted(level or "none" for level in levels))
        raise DatasetError(f"datasets of different levels of theory, whose energies cannot be compared: {named}")
    frames = ordered(frame for dataset in datasets for frame in dataset.frames)
    repeated = duplicates(frames)
    kept = tuple(frame for number, frame in enumerate(frames) if number not in repeated)
    return Dataset(kept, levels.pop() if levels else None)
