"""How far the labels that a potential gives are from those that it learned, and others of their kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.results import Curve, Scalar
from aiida_superionic.datasets import SUBSETS, Dataset, Frame
from aiida_superionic.units import ENERGY_UNITS, PRESSURE_UNITS

Array = NDArray[np.float64]

UNITS = {"energy": "meV/atom", "forces": "meV/Å", "stress": "GPa"}
"""Of the root mean square errors."""

_MOST_POINTS = 3000
"""In a curve of pairs: more would hide one another."""


def numbers_by_subset(dataset: Dataset) -> dict[str, list[int]]:
    """Return the numbers of the frames of each subset that has any."""
    numbers = {name: [k for k, frame in enumerate(dataset.frames) if frame.subset == name] for name in SUBSETS}
    return {name: chosen for name, chosen in numbers.items() if chosen}


def label_errors(true: Sequence[Frame], predicted: Sequence[Frame]) -> dict[str, Any]:
    """Return the root mean square errors of labels.

    Parameters
    ----------
    true, predicted
        The same frames, labelled.

    Returns
    -------
    dict
        In :data:`UNITS`: ``energy``; ``forces`` by species and of ``all`` atoms, over all components; ``stress``, over
        all components, where every frame has one in both.
    """
    species = np.concatenate([frame.species for frame in true])
    mistakes = np.concatenate([theirs.labels[1] - ours.labels[1] for ours, theirs in zip(true, predicted, strict=True)])
    chosen = {"all": np.full(len(species), True), **{kind: species == kind for kind in sorted(set(species.tolist()))}}
    energies = energies_per_atom(predicted) - energies_per_atom(true)
    errors: dict[str, Any] = {
        "energy": _root_mean_square(energies) / ENERGY_UNITS["meV"],
        "forces": {name: _root_mean_square(mistakes[atoms]) / ENERGY_UNITS["meV"] for name, atoms in chosen.items()},
    }
    stresses = _stresses(true, predicted)
    if stresses is not None:
        errors["stress"] = _root_mean_square(stresses[1] - stresses[0])
    return errors


def force_errors(true: Sequence[Frame], predicted: Sequence[Frame]) -> dict[str, Scalar]:
    """Return the root mean square errors of forces by species and of ``all`` atoms, with their standard errors.

    The standard errors take the frames as independent: σ(mean square of a frame)/√frames, over twice the error. A
    single frame has none.

    Parameters
    ----------
    true, predicted
        The same frames, labelled.
    """
    found = {}
    for kind, value in label_errors(true, predicted)["forces"].items():
        squares = []
        for ours, theirs in zip(true, predicted, strict=True):
            chosen = [kind in {"all", species} for species in ours.species]
            squares.append(np.mean(((theirs.labels[1] - ours.labels[1])[chosen] / ENERGY_UNITS["meV"]) ** 2))
        scatter = float(np.std(squares, ddof=1) / np.sqrt(len(squares))) if len(squares) > 1 else None
        error = scatter / (2.0 * value) if scatter is not None and value else None
        found[kind] = Scalar(value, error, UNITS["forces"])
    return found


def label_pairs(true: Sequence[Frame], predicted: Sequence[Frame]) -> dict[str, Curve]:
    """Return true labels as x and predicted ones as y: ``energy``, ``forces`` by species, and ``stress`` where known.

    Of many some are taken, evenly spread over the frames. Energies are those above the mean of the true ones of their
    composition.
    """
    formulas = np.array([frame.formula for frame in true])
    energies = np.array([energies_per_atom(true), energies_per_atom(predicted)]) / ENERGY_UNITS["meV"]
    for formula in set(formulas.tolist()):
        same = formulas == formula
        energies[:, same] -= np.mean(energies[0, same])
    pairs = {"energy": _pairs(energies, "energy above the mean", UNITS["energy"])}
    species = np.concatenate([frame.species for frame in true])
    forces = np.array([np.concatenate([frame.labels[1] for frame in frames]) for frames in (true, predicted)])
    for kind in sorted(set(species.tolist())):
        pairs[f"forces_{kind}"] = _pairs(forces[:, species == kind].reshape(2, -1), "force", "eV/Å")
    stresses = _stresses(true, predicted)
    if stresses is not None:
        upper = np.triu_indices(3)
        pairs["stress"] = _pairs(stresses[:, :, upper[0], upper[1]].reshape(2, -1), "stress", UNITS["stress"])
    return pairs


def energies_per_atom(frames: Sequence[Frame]) -> Array:
    """Return the energies of labelled frames in eV/atom."""
    return np.array([frame.labels[0] / len(frame.species) for frame in frames])


def _stresses(true: Sequence[Frame], predicted: Sequence[Frame]) -> Array | None:
    """Return true and predicted stresses in GPa, shape (2, T, 3, 3); None where one is missing."""
    stresses = [[frame.stress for frame in frames if frame.stress is not None] for frames in (true, predicted)]
    if any(len(known) < len(true) for known in stresses):
        return None
    return np.array(stresses) / PRESSURE_UNITS["GPa"]


def _pairs(values: Array, what: str, unit: str) -> Curve:
    count = values.shape[1]
    taken = np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(np.intp)
    return Curve(values[0, taken], values[1, taken], f"true {what}", unit, f"predicted {what}", unit)


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
