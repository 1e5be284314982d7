"""Moments of the Wannier centres of an ion, and the centres that have given moments.

An ion's centres have no order, so that none of them can be learned by itself; sums over all of them can. Four centres,
the valence shell of an anion, follow from their moments up to the third degree. Those of any other number are taken
together: where the shell is closed and small, as that of Ag⁺, their mean says all that matters.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.harmonics import harmonic_slopes, solid_harmonics

Array = NDArray[np.float64]

_TETRAHEDRON = 4
_CORNERS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]) / np.sqrt(3.0)
_INNER = np.array([[1.0, -1.0, 0.0, 0.0], [1.0, 1.0, -2.0, 0.0], [1.0, 1.0, 1.0, -3.0]])
_INNER /= np.linalg.norm(_INNER, axis=1, keepdims=True)
"""An orthonormal basis of what four numbers are beside their mean, shape (3, 4)."""

_AT_ONCE = 1000
"""Ions."""
_TURNS = 200
_STARTS = 3
_STEPS = 200
_SHORTEST_STEP = 1e-7
"""Å."""


def degrees_of(n_centres: int) -> tuple[int, ...]:
    """Return the degrees of the moments that so many centres of an ion are known by."""
    return (0, 1, 2, 3) if n_centres == _TETRAHEDRON else (1,)


def centre_moments(bonds: Array, degree: int) -> Array:
    """Return a moment of the centres of ions.

    Parameters
    ----------
    bonds
        From each ion to its centres in Å, shape (..., centres, 3).
    degree
        For 0 the moment is Σ r², else the sum of :func:`aiida_superionic.analysis.harmonics.solid_harmonics` of that
        degree; that of degree 1 times −2e is the dipole.

    Returns
    -------
    numpy.ndarray
        In Å², Å, Å² and Å³ for the degrees 0 to 3, shape (..., 2 degree + 1).
    """
    if degree == 0:
        return np.asarray(np.sum(bonds**2, axis=(-2, -1)))[..., np.newaxis]
    return np.asarray(solid_harmonics(bonds, degree).sum(axis=-2))


def centres_of_moments(moments: Mapping[int, Array], errors: Mapping[int, Array], n_centres: int) -> Array:
    """Return the centres of ions that have some moments.

    Their dipole is exactly that of degree 1. Four centres are the most probable ones: those where the squares of what
    the other moments are off by, over the squares of their errors, sum to least. Other numbers of centres all lie at
    their mean.

    Parameters
    ----------
    moments
        By degree, as :func:`centre_moments` gives them, shape (n, 2 degree + 1).
    errors
        Of a component of each moment, by degree, shape (n,).
    n_centres
        Of each ion.

    Returns
    -------
    numpy.ndarray
        From each ion to its centres in Å, shape (n, n_centres, 3).
    """
    means = np.repeat(moments[1][:, np.newaxis] / n_centres, n_centres, axis=1)
    if n_centres != _TETRAHEDRON:
        return means
    scales = np.concatenate([np.repeat(1.0 / errors[d][:, np.newaxis], 2 * d + 1, axis=1) for d in (0, 2, 3)], axis=-1)
    wanted = np.concatenate([moments[degree] for degree in (0, 2, 3)], axis=-1) * scales
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(means), _AT_ONCE)]
    return np.concatenate([_most_probable(means[p], moments[0][p, 0], wanted[p], scales[p]) for p in parts])


def _most_probable(means: Array, squares: Array, wanted: Array, scales: Array) -> Array:
    """Return the four centres that have some means, and scaled moments nearest to those that are wanted."""
    best = np.full(len(means), np.inf)
    found = means.copy()
    for start in _starts(means, squares, wanted, scales):
        bonds, costs = _refined(start, wanted, scales)
        better = costs < best
        found[better], best[better] = bonds[better], costs[better]
    return found


def _starts(means: Array, squares: Array, wanted: Array, scales: Array) -> Array:
    """Return the best of regular tetrahedra that are turned in many ways, shape (starts, n, 4, 3)."""
    # Three tenths are less than any iodide's; a prediction far off may even be negative.
    radii = np.sqrt(np.maximum(0.25 * squares - np.sum(means[:, 0] ** 2, axis=-1), 0.09))
    turned = np.einsum("txy,ky->tkx", _turns(), _CORNERS)
    candidates = means[:, np.newaxis] + radii[:, np.newaxis, np.newaxis, np.newaxis] * turned
    costs = _costs(candidates, wanted[:, np.newaxis], scales[:, np.newaxis])
    chosen = np.argsort(costs, axis=1)[:, :_STARTS]
    return np.take_along_axis(candidates, chosen[:, :, np.newaxis, np.newaxis], axis=1).swapaxes(0, 1)


def _turns() -> Array:
    """Return rotations that are evenly spread, by the spiral of "Super-Fibonacci Spirals", shape (turns, 3, 3)."""
    places = np.arange(_TURNS) + 0.5
    inner, outer = np.sqrt(places / _TURNS), np.sqrt(1.0 - places / _TURNS)
    one, other = 2.0 * np.pi * places / np.sqrt(2.0), 2.0 * np.pi * places / 1.533751168755204288118041
    quaternions = np.stack(
        (inner * np.sin(one), inner * np.cos(one), outer * np.sin(other), outer * np.cos(other)), axis=-1
    )
    return np.asarray(Rotation.from_quat(quaternions).as_matrix())


def _refined(bonds: Array, wanted: Array, scales: Array) -> tuple[Array, Array]:
    """Return where steps of the Levenberg-Marquardt method lead, means kept, and what is left of the costs (n,)."""
    bonds, costs = bonds.copy(), _costs(bonds, wanted, scales)
    damping = np.full(len(bonds), 1e-2)
    moving = np.arange(len(bonds))
    for _ in range(_STEPS):
        steps = _steps(bonds[moving], wanted[moving], scales[moving], damping[moving])
        moved = bonds[moving] + steps
        after = _costs(moved, wanted[moving], scales[moving])
        better = after < costs[moving]
        bonds[moving[better]], costs[moving[better]] = moved[better], after[better]
        damping[moving] *= np.where(better, 0.3, 5.0)
        # Where a step leads up, the next one is shorter.
        moving = moving[np.max(np.abs(steps), axis=(1, 2)) > _SHORTEST_STEP]
        if not len(moving):
            break
    return bonds, costs


def _steps(bonds: Array, wanted: Array, scales: Array, damping: Array) -> Array:
    """Return damped Gauss-Newton steps that keep the means, shape (n, 4, 3)."""
    slopes = [2.0 * bonds[:, np.newaxis], *(harmonic_slopes(bonds, degree).swapaxes(1, 2) for degree in (2, 3))]
    scaled = np.concatenate(slopes, axis=1) * scales[:, :, np.newaxis, np.newaxis]
    # By what is free where the mean is kept: shape (n, moments, 9).
    free = np.einsum("nmkx,jk->nmjx", scaled, _INNER).reshape(len(bonds), scales.shape[1], -1)
    square = free.swapaxes(1, 2) @ free
    diagonal = np.einsum("naa->na", square)
    diagonal += damping[:, np.newaxis] * (diagonal + 1e-12)
    left = wanted - _scaled(bonds, scales)
    steps = np.linalg.solve(square, np.einsum("nma,nm->na", free, left)[..., np.newaxis])
    return np.asarray(np.einsum("njx,jk->nkx", steps.reshape(-1, 3, 3), _INNER))


def _scaled(bonds: Array, scales: Array) -> Array:
    return np.concatenate([centre_moments(bonds, degree) for degree in (0, 2, 3)], axis=-1) * scales


def _costs(bonds: Array, wanted: Array, scales: Array) -> Array:
    return np.asarray(np.sum((_scaled(bonds, scales) - wanted) ** 2, axis=-1))
