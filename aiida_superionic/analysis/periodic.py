"""Points and vectors in a periodic cell of any shape."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.trajectory import Array, Trajectory


def minimum_image(vectors: Array, cell: Array) -> Array:
    """Return the shortest periodic images of vectors by rounding their fractional coordinates.

    It is the shortest image where that is shorter than half the smallest perpendicular width of the cell.

    Parameters
    ----------
    vectors
        In Å, shape (T, ..., 3).
    cell
        Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).

    Returns
    -------
    numpy.ndarray
        Same shape as the vectors.
    """
    fractional = to_fractional(vectors, cell)
    return to_cartesian(fractional - np.rint(fractional), cell)


def to_fractional(vectors: Array, cell: Array) -> Array:
    """Return fractional coordinates of vectors of shape (T, ..., 3) in a cell of shape (3, 3) or (T, 3, 3)."""
    return to_cartesian(vectors, np.asarray(np.linalg.inv(cell), dtype=np.float64))


def to_cartesian(fractional: Array, cell: Array) -> Array:
    """Return vectors of shape (T, ..., 3) from fractional coordinates in a cell of shape (3, 3) or (T, 3, 3)."""
    rows = fractional.reshape(len(fractional), -1, 3)
    return np.asarray((rows @ cell).reshape(fractional.shape))


def mean_cell(trajectory: Trajectory) -> Array:
    """Return the mean cell vectors as rows in Å, shape (3, 3)."""
    return trajectory.cell if trajectory.cell.ndim == 2 else np.asarray(trajectory.cell.mean(axis=0))


def with_images(points: Array, cell: Array, margin: float) -> tuple[Array, NDArray[np.intp], Array]:
    """Return points of the home cell together with their periodic images up to a distance outside of it.

    Parameters
    ----------
    points
        In Å, shape (n, 3), wrapped or not.
    cell
        Cell vectors as rows in Å, shape (3, 3).
    margin
        Distance from the faces of the home cell in Å.

    Returns
    -------
    tuple of numpy.ndarray
        Positions in Å, shape (m, 3); the index of the point that each is an image of, shape (m,); and the whole number
        of cell vectors by which it is displaced from the point as given, shape (m, 3).
    """
    inverse = np.linalg.inv(cell)
    fractional = points @ inverse
    home = np.floor(fractional)
    # Column i of the inverse is normal to face i, and its length the inverse of the width.
    reach = margin * np.linalg.norm(inverse, axis=0)
    ranges = [np.arange(-np.ceil(length), np.ceil(length) + 1) for length in reach]
    shifts = np.array(list(product(*ranges)))
    images = (fractional - home)[None, :, :] + shifts[:, None, :]
    inside = np.all((images >= -reach) & (images < 1.0 + reach), axis=-1)
    shift, index = np.nonzero(inside)
    return images[inside] @ cell, index, shifts[shift] - home[index]


def nearest_images(points: Array, others: Array, cell: Array, n_nearest: int = 1) -> tuple[Array, NDArray[np.intp]]:
    """Return the distances to the nearest of other points, periodic images included, in a cell of any shape.

    Parameters
    ----------
    points, others
        In Å, shapes (n, 3) and (m, 3), wrapped or not.
    cell
        Cell vectors as rows in Å, shape (3, 3).
    n_nearest
        How many are wanted for each point.

    Returns
    -------
    tuple of numpy.ndarray
        Distances in Å, ascending, and which of the others they lead to; both of shape (n, n_nearest).
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - lists and help need no SciPy

    fractional = points @ np.linalg.inv(cell)
    wrapped = (fractional - np.floor(fractional)) @ cell
    margin = float((abs(np.linalg.det(cell)) / len(others)) ** (1.0 / 3.0))
    while True:
        images, index, _ = with_images(others, cell, margin)
        distances, nearest = cKDTree(images).query(wrapped, k=range(1, n_nearest + 1))
        # No image beyond the margin can be nearer than the margin.
        furthest = float(np.max(distances))
        if furthest <= margin:
            return np.asarray(distances), index[nearest]
        margin = 1.01 * furthest if np.isfinite(furthest) else 2.0 * margin
