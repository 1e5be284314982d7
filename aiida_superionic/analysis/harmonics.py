"""Real solid harmonics up to the third degree, and what products of them hold of one another."""

from __future__ import annotations

from functools import cache

import numpy as np

from aiida_superionic.analysis.trajectory import Array

DEGREES = (0, 1, 2, 3)


def solid_harmonics(vectors: Array, degree: int) -> Array:
    """Return the real solid harmonics of a degree, polynomials of that degree in the components (x, y, z).

    Degree 1: x, y, z. Degree 2: √3 yz, √3 zx, √3 xy, (√3/2)(x² − y²), (2z² − x² − y²)/2. Degree 3: x(2x² − 3y² − 3z²)/2
    and the same for y and z; √15 xyz; (√15/2) x(y² − z²) and its two cyclic permutations. The squares of the 2l + 1
    functions of degree l sum to r^(2l).

    Parameters
    ----------
    vectors
        Shape (..., 3).
    degree
        One of :data:`DEGREES`.

    Returns
    -------
    numpy.ndarray
        In the unit of the vectors to the power of the degree, shape (..., 2 degree + 1).
    """
    if degree == 0:
        return np.ones((*vectors.shape[:-1], 1))
    if degree == 1:
        return vectors
    squares = vectors**2
    if degree == 2:
        x2, y2, z2 = np.moveaxis(squares, -1, 0)
        products = np.sqrt(3.0) * np.roll(vectors, -1, axis=-1) * np.roll(vectors, -2, axis=-1)
        diagonal = np.stack((0.5 * np.sqrt(3.0) * (x2 - y2), z2 - 0.5 * (x2 + y2)), axis=-1)
        return np.concatenate((products, diagonal), axis=-1)
    axial = 0.5 * vectors * (5.0 * squares - 3.0 * squares.sum(axis=-1, keepdims=True))
    product = np.sqrt(15.0) * np.prod(vectors, axis=-1, keepdims=True)
    planar = 0.5 * np.sqrt(15.0) * vectors * (np.roll(squares, -1, axis=-1) - np.roll(squares, -2, axis=-1))
    return np.concatenate((axial, product, planar), axis=-1)


def harmonic_slopes(vectors: Array, degree: int) -> Array:
    """Return the derivatives of :func:`solid_harmonics` by x, y and z, shape (..., 2 degree + 1, 3)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    if degree == 0:
        rows = [[zero, zero, zero]]
    elif degree == 1:
        rows = [[one, zero, zero], [zero, one, zero], [zero, zero, one]]
    elif degree == 2:
        root = np.sqrt(3.0)
        rows = [
            [zero, root * z, root * y],
            [root * z, zero, root * x],
            [root * y, root * x, zero],
            [root * x, -root * y, zero],
            [-x, -y, 2.0 * z],
        ]
    else:
        half, whole = 0.5 * np.sqrt(15.0), np.sqrt(15.0)
        r2 = x**2 + y**2 + z**2
        rows = [
            [1.5 * (3.0 * x**2 - r2), -3.0 * x * y, -3.0 * x * z],
            [-3.0 * x * y, 1.5 * (3.0 * y**2 - r2), -3.0 * y * z],
            [-3.0 * x * z, -3.0 * y * z, 1.5 * (3.0 * z**2 - r2)],
            [whole * y * z, whole * x * z, whole * x * y],
            [half * (y**2 - z**2), whole * x * y, -whole * x * z],
            [-whole * x * y, half * (z**2 - x**2), whole * y * z],
            [whole * x * z, -whole * y * z, half * (x**2 - y**2)],
        ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@cache
def couplings(first: int, second: int, degree: int) -> Array:
    """Return the mean over all directions of products of three harmonics, one of each degree.

    What turns as harmonics of the first two degrees do, multiplied and summed with these numbers, turns as harmonics of
    the third do, and under inversion it changes its sign or not as they do.

    Returns
    -------
    numpy.ndarray
        Shape (2 first + 1, 2 second + 1, 2 degree + 1); zero where the degrees are no sides of a triangle of even
        circumference.
    """
    # Exact for polynomials up to degree 11; three of degree 3 make 9.
    heights, weights = np.polynomial.legendre.leggauss(6)
    angles = 2.0 * np.pi * np.arange(12) / 12
    radii = np.sqrt(1.0 - heights**2)
    rows = [(r * np.cos(angle), r * np.sin(angle), z) for r, z in zip(radii, heights, strict=True) for angle in angles]
    points, of_points = np.array(rows), np.repeat(weights / weights.sum() / len(angles), len(angles))
    parts = [solid_harmonics(points, one) for one in (first, second, degree)]
    means = np.einsum("p,pa,pb,pc->abc", of_points, *parts)
    return np.where(np.abs(means) > 1e-12, means, 0.0)
