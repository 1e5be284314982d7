"""Which frames of many are worth a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from aiida_superionic.analysis.periodic import nearest_images
from aiida_superionic.datasets.frame import Array, DatasetError, Frame

_NEIGHBOURS = 8
"""Nearest neighbours of each species that an environment consists of: those of a body-centred site."""

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def uniform(frames: Sequence[Frame], n_frames: int) -> list[int]:
    """Return the numbers of frames that are evenly spaced, the first and the last among them."""
    _check(frames, n_frames)
    return [int(number) for number in np.rint(np.linspace(0, len(frames) - 1, n_frames))]


def by_temperature(frames: Sequence[Frame], n_frames: int) -> list[int]:
    """Return the numbers of as many frames of each temperature, evenly spaced among those of that temperature.

    Where a temperature has too few, all of its frames are taken and the others share what is left; what does not divide
    goes to the temperatures with the most frames, of equal ones to the lowest.

    Raises
    ------
    DatasetError
        If the temperature of a frame is not known, or there are fewer frames than asked for.
    """
    _check(frames, n_frames)
    temperatures = [frame.temperature for frame in frames]
    known = sorted({temperature for temperature in temperatures if temperature is not None})
    if None in temperatures:
        raise DatasetError(f"the temperature of frame {temperatures.index(None)} is not known")
    there = {temperature: [i for i, t in enumerate(temperatures) if t == temperature] for temperature in known}
    # Those with the fewest frames are served first, so that what they lack is shared among all others.
    chosen, left = [], n_frames
    for served, temperature in enumerate(
        sorted(known, key=lambda temperature: (len(there[temperature]), -temperature))
    ):
        share = min(len(there[temperature]), left // (len(known) - served))
        left -= share
        if share:
            of_temperature = there[temperature]
            chosen += [of_temperature[i] for i in uniform([frames[i] for i in of_temperature], share)]
    return sorted(chosen)


def farthest_point(frames: Sequence[Frame], n_frames: int) -> list[int]:
    """Return the numbers of frames that are as different as possible, each next one the farthest from all before.

    The first is the most typical frame, whose descriptor is nearest to the mean. So the choice depends neither on a
    seed nor, but for ties, on the order of the frames, and a smaller choice is the beginning of a larger one.

    Raises
    ------
    DatasetError
        If there are fewer frames than asked for.
    """
    _check(frames, n_frames)
    kinds = sorted({kind for frame in frames for kind in frame.species})
    points = np.array([descriptor(frame, kinds) for frame in frames])
    chosen = [int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))]
    distances = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < n_frames:
        # What is chosen is at no distance from itself, and so would an exact copy of it be.
        distances[chosen] = -1.0
        chosen.append(int(np.argmax(distances)))
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def descriptor(frame: Frame, kinds: Sequence[str]) -> Array:
    """Return what the environments of a frame's atoms are like.

    The environment of an atom are the sorted inverse distances to its nearest neighbours of each species. Of each of
    these numbers the descriptor holds the smallest, the quartiles and the largest among the atoms of one species, so
    that one rare environment counts. It is the same for a frame moved, turned, with equal atoms exchanged, in another
    cell of the same lattice, or repeated to a supercell.

    Parameters
    ----------
    frame
        Of any size.
    kinds
        The species that the descriptors to be compared have in common. One that the frame lacks is infinitely far.

    Returns
    -------
    numpy.ndarray
        In 1/Å, shape (number of kinds squared, neighbours, quantiles) made flat.
    """
    species = np.array(frame.species)
    values = np.zeros((len(kinds), len(kinds), _NEIGHBOURS, len(_QUANTILES)))
    for i, centre in enumerate(kinds):
        centres = frame.positions[species == centre]
        for j, neighbour in enumerate(kinds):
            others = frame.positions[species == neighbour]
            if not len(centres) or not len(others):
                continue
            itself = int(centre == neighbour)
            distances, _ = nearest_images(centres, others, frame.cell, _NEIGHBOURS + itself)
            # Quantiles that are data themselves do not change when every environment is there several times.
            quantiles = np.quantile(1.0 / distances[:, itself:], _QUANTILES, axis=0, method="inverted_cdf")
            values[i, j] = quantiles.T
    return values.ravel()


SELECTIONS: dict[str, Callable[[Sequence[Frame], int], list[int]]] = {
    "uniform": uniform,
    "farthest-point": farthest_point,
    "temperature": by_temperature,
}
"""The ways to select, by name: each returns the numbers of the frames that it chose."""


def select(frames: Sequence[Frame], method: str, n_frames: int) -> list[int]:
    """Return the numbers of the frames that a method of :data:`SELECTIONS` chooses.

    Raises
    ------
    DatasetError
        If the method is unknown, or cannot choose as many among these frames.
    """
    if method not in SELECTIONS:
        raise DatasetError(f"unknown selection {method!r}; there are: {', '.join(SELECTIONS)}")
    return SELECTIONS[method](frames, n_frames)


def _check(frames: Sequence[Frame], n_frames: int) -> None:
    if not 1 <= n_frames <= len(frames):
        raise DatasetError(f"{n_frames} frames are to be selected from {len(frames)}")
