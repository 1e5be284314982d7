"""How far learned Wannier centres are from those that they were learned from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.observables.dipoles import dipole_moments
from aiida_superionic.analysis.observables.tetrahedral_rotor import tetrahedral_rotor_functions
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.learning.electrons import ElectronModel, bonds_by_species, subsets_of
from aiida_superionic.units import DIPOLE_IN_DEBYE

Array = NDArray[np.float64]

UNITS = {"dipole": "D", "dipole_error": "D", "dipole_angle": "degree", "centre_angle": "degree"}


def errors_of_electrons(model: ElectronModel, trajectory: Trajectory) -> dict[str, dict[str, dict[str, Any]]]:
    """Return how far a model is off on each part of the trajectory that it was learned from.

    Returns
    -------
    dict
        By species and subset: the number of ``frames``; root mean squares of the ``dipole`` and of the length of what
        it is off by, ``dipole_error``, in D; the median ``dipole_angle`` between the two, in degrees; the shares
        ``within_one_error`` and ``within_two_errors`` of the components of the dipole that are no further off than
        once and twice the predicted error. Where ions have four centres, also the root mean square ``centre_angle``
        between the directions to a centre and to that which is meant, and the ``rotor_correlation`` of the tetrahedral
        rotor functions with those predicted: 1 where C_2 is that of the centres themselves.
    """
    true, predicted = bonds_by_species(trajectory), model.predict(trajectory)
    errors: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, prediction in predicted.items():
        deviations = prediction.errors[1]
        errors[kind] = {
            name: {
                "frames": part.stop - part.start,
                **_of_dipoles(true[kind][part], prediction.bonds[part], deviations[part]),
                **(_of_tetrahedra(true[kind][part], prediction.bonds[part]) if true[kind].shape[2] == 4 else {}),
            }
            for name, part in subsets_of(trajectory.n_frames).items()
        }
    return errors


def _of_dipoles(true: Array, predicted: Array, errors: Array) -> Mapping[str, float]:
    dipoles, others = dipole_moments(true), dipole_moments(predicted)
    mistakes = others - dipoles
    # That of a sum of displacements, which the dipole is twice as large as.
    relative = np.abs(mistakes) / (2.0 * errors[..., np.newaxis])
    return {
        "dipole": _root_mean_square(np.linalg.norm(dipoles, axis=-1)) * DIPOLE_IN_DEBYE,
        "dipole_error": _root_mean_square(np.linalg.norm(mistakes, axis=-1)) * DIPOLE_IN_DEBYE,
        "dipole_angle": float(np.median(_angles(dipoles, others))),
        "within_one_error": float(np.mean(relative < 1.0)),
        "within_two_errors": float(np.mean(relative < 2.0)),
    }


def _of_tetrahedra(true: Array, predicted: Array) -> Mapping[str, float]:
    functions, others = tetrahedral_rotor_functions(true), tetrahedral_rotor_functions(predicted)
    norm = np.sqrt(np.sum(functions**2) * np.sum(others**2))
    return {
        "centre_angle": _root_mean_square(_angles(true, _in_order_of(true, predicted))),
        "rotor_correlation": float(np.sum(functions * others) / norm),
    }


def _in_order_of(true: Array, predicted: Array) -> Array:
    """Return predicted centres in the order in which they are nearest to the true ones, all in all."""
    orders = np.array(list(permutations(range(true.shape[-2]))))
    products = np.einsum("...ix,...jx->...ij", _unit(true), _unit(predicted))
    sums = products[..., np.arange(true.shape[-2]), orders].sum(axis=-1)
    best = orders[np.argmax(sums, axis=-1)]
    return np.take_along_axis(predicted, best[..., np.newaxis], axis=-2)


def _angles(first: Array, second: Array) -> Array:
    """Return the angles between vectors in degrees."""
    cosines = np.sum(_unit(first) * _unit(second), axis=-1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
