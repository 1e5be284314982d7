"""How far a fit is from what it was fitted to, and whether its predicted errors hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.datasets import SUBSETS, Dataset, Frame
from aiida_superionic.learning.fit import Fit, Prediction
from aiida_superionic.units import ENERGY_UNITS

Array = NDArray[np.float64]


def errors_of(fit: Fit, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Return the errors of a fit on each subset of the dataset that it was made from.

    Returns
    -------
    dict
        For each subset that has frames: their number ``frames``, the root mean square errors ``energy`` in meV/atom and
        ``forces`` in meV/Å, by species and of ``all`` atoms, and the shares ``within_one_error`` and
        ``within_two_errors`` of the force components that are no further off than once and twice the predicted error.
    """
    pairs = list(zip(dataset.frames, fit.predictions, strict=True))
    by_subset = {name: [pair for pair in pairs if pair[0].subset == name] for name in SUBSETS}
    return {name: _errors(fit, of_subset) for name, of_subset in by_subset.items() if of_subset}


def _errors(fit: Fit, pairs: Sequence[tuple[Frame, Prediction]]) -> dict[str, Any]:
    species = np.concatenate([frame.species for frame, _ in pairs])
    energies = np.array([(one.energy - frame.labels[0]) / len(frame.species) for frame, one in pairs])
    mistakes = np.concatenate([one.forces - frame.labels[1] for frame, one in pairs])
    relative = np.abs(mistakes) / fit.error.of(np.concatenate([one.deviations for _, one in pairs]))[:, np.newaxis]
    chosen = {"all": np.full(len(species), True), **{kind: species == kind for kind in sorted(set(species.tolist()))}}
    return {
        "frames": len(pairs),
        "energy": _milli(energies),
        "forces": {name: _milli(mistakes[atoms]) for name, atoms in chosen.items()},
        "within_one_error": float(np.mean(relative < 1.0)),
        "within_two_errors": float(np.mean(relative < 2.0)),
    }


def _milli(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) / ENERGY_UNITS["meV"]
