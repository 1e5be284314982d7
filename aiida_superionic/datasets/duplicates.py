"""Configurations that a dataset holds more than once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.datasets.frame import Array, Frame

TOLERANCE = 1e-3
"""Å by which an atom or a cell vector may differ between two copies: files are written with as few digits."""


def duplicates(frames: Sequence[Frame], tolerance: float = TOLERANCE) -> dict[int, int]:
    """Find the configurations that were there before, whatever their labels.

    Two frames are the same configuration where their cell vectors, and the positions of their atoms but for whole cell
    vectors and for exchanges of atoms of one species, differ by at most the tolerance.

    Parameters
    ----------
    frames
        Any.
    tolerance
        In Å.

    Returns
    -------
    dict
        By the number of each frame that repeats an earlier one, the number of the first that it repeats.
    """
    by_formula: dict[str, list[int]] = defaultdict(list)
    for number, frame in enumerate(frames):
        by_formula[frame.formula].append(number)
    repeated: dict[int, int] = {}
    for numbers in by_formula.values():
        of_formula = [frames[number] for number in numbers]
        fingerprints = np.array(_fingerprints(of_formula))
        reach = tolerance * np.sqrt(fingerprints.shape[1])
        pairs = sorted(cKDTree(fingerprints).query_pairs(1.001 * reach))
        for first, second in pairs:
            original, copy = numbers[first], numbers[second]
            if original not in repeated and copy not in repeated and _same(frames[original], frames[copy], tolerance):
                repeated[copy] = original
    return repeated


def _fingerprints(frames: Sequence[Frame]) -> list[Array]:
    """Return numbers in Å of each frame, none of which differs by more than the tolerance between two copies.

    They are the cell vectors, and for each species the structure factors at the three shortest reciprocal vectors over
    their largest derivative by a displacement.
    """
    width = min(float(np.min(1.0 / np.linalg.norm(np.linalg.inv(frame.cell), axis=0))) for frame in frames)
    fingerprints = []
    for frame in frames:
        phases = np.exp(2j * np.pi * (frame.positions @ np.linalg.inv(frame.cell)))
        species = np.array(frame.species)
        factors = [np.mean(phases[species == kind], axis=0) for kind in sorted(set(frame.species))]
        scaled = np.concatenate(factors) * width / (2.0 * np.pi)
        fingerprints.append(np.concatenate((frame.cell.ravel(), scaled.real, scaled.imag)))
    return fingerprints


def _same(first: Frame, second: Frame, tolerance: float) -> bool:
    if np.max(np.linalg.norm(first.cell - second.cell, axis=1)) > tolerance:
        return False
    ours, theirs = np.array(first.species), np.array(second.species)
    for kind in sorted(set(first.species)):
        # The fractional coordinates are compared: an atom far from the origin moves with the cell.
        one = first.positions[ours == kind]
        other = second.positions[theirs == kind] @ np.linalg.inv(second.cell) @ first.cell
        distances = np.linalg.norm(minimum_image(other[None, :, :] - one[:, None, :], first.cell), axis=-1)
        # Of all ways to pair the atoms, one that needs no pair beyond the tolerance.
        if np.any((distances > tolerance)[linear_sum_assignment(distances > tolerance)]):
            return False
    return True
