"""Frames off their places: what short dynamics do not visit, and a potential must know to hold a crystal together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aiida_superionic.datasets.dataset import Dataset
from aiida_superionic.datasets.frame import DatasetError


def displace(dataset: Dataset, deviations: Mapping[str, float], seed: int) -> Dataset:
    """Return the frames with their atoms displaced at random, without labels, temperatures and subsets.

    Parameters
    ----------
    dataset
        What is displaced.
    deviations
        By species the standard deviation of each component of a displacement in Å; every species must be named.
    seed
        Of the draw. The same seed gives the same frames.

    Raises
    ------
    DatasetError
        If a species has no deviation, or a negative one.
    """
    if unnamed := sorted(set(dataset.species) - set(deviations)):
        raise DatasetError(f"no deviation is given for {', '.join(unnamed)}")
    if min(deviations.values()) < 0.0:
        raise DatasetError(f"a deviation is negative: {min(deviations.values()):g} Å")
    generator = np.random.default_rng(seed)
    frames = []
    for number, frame in enumerate(dataset.frames):
        scale = np.array([deviations[kind] for kind in frame.species])[:, None]
        moved = frame.positions + scale * generator.normal(size=frame.positions.shape)
        origin = "; ".join(filter(None, [frame.origin, f"displaced with seed {seed}, frame {number}"]))
        frames.append(replace(frame.unlabelled, positions=moved, temperature=None, origin=origin, subset=None))
    return Dataset(tuple(frames))
