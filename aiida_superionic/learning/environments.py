"""Descriptors of the surroundings of ions that turn as the crystal does.

The neighbours of an ion are expanded in radial functions and harmonics; products of two such expansions are taken
together as harmonics again. What a model that is linear in them predicts turns exactly with the crystal, changes sign
with its inversion as a harmonic does, and does not depend on the order of the atoms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from aiida_superionic.analysis.harmonics import DEGREES, couplings, solid_harmonics
from aiida_superionic.analysis.periodic import with_images

Array = NDArray[np.float64]

_SAME = 1e-6
"""Å within which a neighbour is the ion itself."""


class EnvironmentBasis(BaseModel):
    """Which functions of which neighbours."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cutoff: float = Field(default=6.0, gt=0.0, description="Å")
    radial_functions: int = Field(default=8, ge=1, description="Of the neighbours of each species")
    product_functions: int = Field(default=2, ge=0, description="Those of which products are taken; 0 for none")


def describe_environments(
    positions: Array, species: Sequence[str], cell: Array, centre: str, kinds: Sequence[str], basis: EnvironmentBasis
) -> dict[int, Array]:
    """Return the descriptors of all ions of one species in a frame.

    Parameters
    ----------
    positions
        Of all ions in Å, shape (N, 3), wrapped or not.
    species
        Of all ions.
    cell
        Cell vectors as rows in Å, shape (3, 3).
    centre
        The species that is described.
    kinds
        All species that there may be, in the order of their descriptors.
    basis
        Which descriptors. Its cutoff may be longer than the cell.

    Returns
    -------
    dict
        By degree l, shape (n, 2 l + 1, K_l): descriptor k of ion i has components as the harmonics of degree l have.
    """
    names = np.asarray(species)
    ions = np.flatnonzero(names == centre)
    number = np.array([list(kinds).index(kind) for kind in names.tolist()])
    images, index, _ = with_images(positions, cell, basis.cutoff)
    # The ions in the home cell, which is where the images are complete.
    fractional = positions[ions] @ np.linalg.inv(cell)
    home = (fractional - np.floor(fractional)) @ cell
    pairs = cKDTree(home).sparse_distance_matrix(cKDTree(images), basis.cutoff, output_type="ndarray")
    pairs = pairs[pairs["v"] > _SAME]
    i, j, distances = pairs["i"], pairs["j"], pairs["v"]
    unit = (images[j] - home[i]) / distances[:, np.newaxis]
    angular = np.concatenate([solid_harmonics(unit, degree) for degree in DEGREES], axis=-1)
    functions = _radial(distances, basis)[:, :, np.newaxis] * angular[:, np.newaxis, :]
    rows = i * len(kinds) + number[index[j]]
    summed = csr_matrix((np.ones(len(rows)), (rows, np.arange(len(rows)))), (len(ions) * len(kinds), len(rows)))
    expanded = summed @ functions.reshape(len(rows), np.prod(functions.shape[1:]))
    shape = (len(ions), len(kinds), basis.radial_functions, angular.shape[-1])
    return _combined(np.asarray(expanded).reshape(shape), basis.product_functions)


def _radial(distances: Array, basis: EnvironmentBasis) -> Array:
    """Return spherical Bessel functions of order 0 that go smoothly to zero at the cutoff, shape (n, functions)."""
    x = distances / basis.cutoff
    orders = np.pi * np.arange(1, basis.radial_functions + 1)
    waves = np.sin(orders * x[:, np.newaxis]) / x[:, np.newaxis]
    return np.asarray(waves * (0.5 + 0.5 * np.cos(np.pi * x))[:, np.newaxis])


def _combined(expanded: Array, n_products: int) -> dict[int, Array]:
    """Return by degree the expansions (n, kinds, functions, 16), and products of two of them, those that are distinct.

    The shape is that of :func:`describe_environments`.
    """
    by_degree = dict(
        zip(DEGREES, np.split(expanded, np.cumsum([2 * d + 1 for d in DEGREES])[:-1], axis=-1), strict=True)
    )
    alone = {degree: part.reshape(len(part), -1, part.shape[-1]) for degree, part in by_degree.items()}
    factors = {
        degree: part[:, :, :n_products].reshape(len(part), -1, part.shape[-1]) for degree, part in by_degree.items()
    }
    return {
        degree: np.concatenate((alone[degree], *_products(factors, degree)), axis=1).transpose(0, 2, 1)
        for degree in DEGREES
    }


def _products(factors: Mapping[int, Array], degree: int) -> list[Array]:
    """Return the products that are harmonics of a degree, each shape (n, K, 2 degree + 1)."""
    products = []
    for first, second in combinations_with_replacement(DEGREES, 2):
        means = couplings(first, second, degree)
        if not np.any(means):
            continue
        one, other = factors[first], factors[second]
        half = np.einsum("iap,pqm->iaqm", one, means)
        both = np.einsum("iaqm,ibq->iabm", half, other, optimize=True)
        upper = np.triu_indices(one.shape[1]) if first == second else np.indices(both.shape[1:3]).reshape(2, -1)
        products.append(both[:, upper[0], upper[1]])
    return products
