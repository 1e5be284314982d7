"""What a learned potential says of itself on frames that nobody labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.datasets import DatasetError, Frame
from aiida_superionic.learning.descriptors import describe
from aiida_superionic.learning.fit import LinearModel
from aiida_superionic.learning.force_error import ForceError
from aiida_superionic.learning.trust import committee_deviations

Array = NDArray[np.float64]

RELATIVE_DEVIATION = "relative_deviation_largest"
COMMITTEE_DEVIATION = "committee_deviation_largest"
UNITS = {
    "predicted_error_largest": "eV/Å",
    "predicted_error_mean": "eV/Å",
    RELATIVE_DEVIATION: "1",
    COMMITTEE_DEVIATION: "eV/Å",
    "committee_deviation_mean": "eV/Å",
}
"""Unit of each measure of a frame, by its name."""


def assess(
    frames: Sequence[Frame],
    model: LinearModel,
    error: ForceError,
    *,
    committee: int,
    seed: int,
    lammps: Path,
    folder: Path,
) -> dict[str, Array]:
    """Return how far a linear potential may be off on frames.

    Parameters
    ----------
    frames
        Labelled or not.
    model, error
        The potential, and the error of its forces.
    committee, seed
        How many potentials are drawn from the posterior, those that :meth:`LinearModel.committee` draws with the seed;
        fewer than two give no deviation of a committee.
    lammps, folder
        As :func:`aiida_superionic.learning.descriptors.describe` takes them.

    Returns
    -------
    dict of array
        Measures of :data:`UNITS` by name, shape (T,): the largest and the mean predicted error of a force component
        among the atoms of a frame; the largest deviation of the posterior on an atom, over what is typical of the
        frames that were learned from; the largest and the mean deviation of the committee on an atom.

    Raises
    ------
    aiida_superionic.datasets.DatasetError
        If a frame holds a species that the potential does not describe.
    aiida_superionic.learning.descriptors.DescriptorError
        If LAMMPS does not compute the descriptors.
    """
    unknown = sorted({kind for frame in frames for kind in frame.species} - set(model.basis.species))
    if unknown:
        known = ", ".join(model.basis.species)
        raise DatasetError(f"the potential is of {known} and the frames hold {', '.join(unknown)}")
    members = [np.array(member.coefficients) for member in model.committee(committee if committee > 1 else 0, seed)]
    rows: dict[str, list[float]] = {name: [] for name in UNITS}
    for described in describe(frames, model.basis, lammps, folder):
        deviations = model.predict(described).deviations
        errors = error.of(deviations)
        rows["predicted_error_largest"].append(float(np.max(errors)))
        rows["predicted_error_mean"].append(float(np.mean(errors)))
        rows[RELATIVE_DEVIATION].append(float(np.max(deviations)) / model.typical_deviation)
        if members:
            forces = np.array([(described[1:] @ member).reshape(-1, 3) for member in members])
            spread = committee_deviations(forces)
            rows[COMMITTEE_DEVIATION].append(float(np.max(spread)))
            rows["committee_deviation_mean"].append(float(np.mean(spread)))
    return {name: np.array(values) for name, values in rows.items() if values}
