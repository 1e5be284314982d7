"""Bayesian linear regression of several kinds of numbers, each with a noise of its own.

Of weights w with the prior N(0, 1/(α s_k²)), numbers y_g = A_g w + noise_g of the kinds g are known. The precision α
and the noises are those that make the data most probable: the maximum of the evidence, log ∫ p(y | w) p(w) dw. See
Bishop, "Pattern Recognition and Machine Learning", section 3.5; here with a noise for each kind.

s_k is the root mean square of column k over that of the numbers, so that α has no unit and columns may have any.
All is computed from triangular factors, never from normal equations, whose condition is the square: descriptors are
nearly dependent as a rule, and may be exactly so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orth, qr, solve_triangular
from scipy.optimize import minimize

from aiida_superionic.errors import SuperionicError

Array = NDArray[np.float64]

_WIDEST = 30.0
"""How far, in its logarithm, a precision is sought from where the search begins: 13 orders of magnitude."""

_FLAT = 1e-5
"""Slope of the evidence for each number, by the logarithm of a precision, that counts as its maximum."""


class RegressionError(SuperionicError, ValueError):
    """Numbers from which no weights follow."""


@dataclass(frozen=True, eq=False)
class Observations:
    """Numbers of one kind, condensed to what a regression needs of them.

    Parameters
    ----------
    triangle
        R of the QR factors of [A y], shape (≤ K + 1, K + 1).
    count
        How many numbers there are, less the directions that were given up for offsets.
    """

    triangle: Array
    count: int

    @classmethod
    def of(cls, blocks: Iterable[tuple[Array, Array]]) -> Observations:
        """Condense rows (n, K) and numbers (n,), a block at a time: memory holds one.

        Raises
        ------
        RegressionError
            If there is no number.
        """
        triangle, count = None, 0
        for rows, numbers in blocks:
            block = np.column_stack((rows, numbers))
            count += len(block)
            triangle = _triangle(block if triangle is None else np.vstack((triangle, block)))
        if triangle is None:
            raise RegressionError("there is nothing to learn from")
        return cls(triangle, count)

    @classmethod
    def joined(cls, parts: Sequence[Observations]) -> Observations:
        """Condense numbers that were condensed in parts before, one part at least."""
        return cls(_triangle(np.vstack([part.triangle for part in parts])), sum(part.count for part in parts))

    @property
    def about_mean(self) -> tuple[Observations, Array]:
        """The numbers and their rows less the mean of each, where the first column of the rows is ones.

        Returns
        -------
        tuple
            The numbers without the first column, and the means of the other columns and of the numbers, shape (K,).
        """
        along = self.triangle[0]
        return Observations(self.triangle[1:, 1:], self.count - 1), along[1:] / along[0]

    @classmethod
    def beside_offsets(cls, rows: Array, numbers: Array, offsets: Array) -> Observations:
        """Condense numbers that hold, beside what is linear in the weights, any combination of offsets, shape (n, q).

        What is along an offset says nothing of the weights; it is projected out, which is the same as a flat prior of
        the offsets' coefficients.

        Raises
        ------
        RegressionError
            If the offsets leave nothing.
        """
        along = orth(offsets)
        left = len(numbers) - along.shape[1]
        if left < 1:
            raise RegressionError(
                f"{len(numbers)} energies where there are {along.shape[1]} compositions: there must be more energies"
            )
        table = np.column_stack((rows, numbers))
        return cls(_triangle(table - along @ (along.T @ table)), left)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What the numbers say of the weights.

    Parameters
    ----------
    mean
        Of the weights, shape (K,).
    root
        Root of their covariance, shape (K, K): the covariance is ``root @ root.T``.
    noises
        Standard deviation of each kind of numbers.
    log_evidence
        Logarithm of the probability density of all numbers.
    """

    mean: Array
    root: Array
    noises: tuple[float, ...]
    log_evidence: float

    def variances(self, rows: Array) -> Array:
        """Return the variance, by the weights alone, of what rows (..., K) predict."""
        variances: Array = np.sum((rows @ self.root) ** 2, axis=-1)
        return variances

    def draw(self, count: int, seed: int) -> Array:
        """Return sets of weights that are drawn from the posterior, shape (count, K)."""
        drawn = np.random.default_rng(seed).normal(size=(count, len(self.mean)))
        sets: Array = self.mean + drawn @ self.root.T
        return sets


def regress(kinds: Sequence[Observations]) -> Posterior:
    """Return what the numbers say of the weights, with the prior and the noises of the largest evidence.

    Raises
    ------
    RegressionError
        If the numbers of a kind are all zero, or no maximum of the evidence is found.
    """
    scale = _scale(kinds)
    scaled = [Observations(kind.triangle / np.append(scale, 1.0), kind.count) for kind in kinds]
    spreads = [float(np.linalg.norm(kind.triangle[:, -1])) / np.sqrt(kind.count) for kind in kinds]
    # Where a model that leaves a tenth of the numbers unexplained would be.
    start = np.array([0.0, *(-2.0 * np.log(0.1 * spread) for spread in spreads)])
    total = sum(kind.count for kind in kinds)

    def cost(logarithms: Array) -> tuple[float, Array]:
        one = _Posterior.at(scaled, np.exp(logarithms))
        return -one.log_evidence / total, -one.slopes / total

    found = minimize(
        cost,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(value - _WIDEST, value + _WIDEST) for value in start],
        options={"ftol": 1e-15, "gtol": 1e-8, "maxiter": 500},
    )
    if np.max(np.abs(found.jac)) > _FLAT and not np.any(np.abs(found.x - start) > 0.999 * _WIDEST):
        raise RegressionError(f"no maximum of the evidence was found: {found.message}")
    best = _Posterior.at(scaled, np.exp(found.x))
    # The density of the numbers, not of their scaled columns, is the same: scaling moves only the weights.
    return Posterior(
        mean=best.mean / scale,
        root=best.root / scale[:, np.newaxis],
        noises=tuple(np.exp(-found.x[1:] / 2.0).tolist()),
        log_evidence=best.log_evidence,
    )


def _triangle(table: Array) -> Array:
    (triangle,) = qr(table, mode="r", check_finite=False)
    return np.asarray(triangle[: table.shape[1]], dtype=np.float64)


def _scale(kinds: Sequence[Observations]) -> Array:
    """Return the root mean square of each column over that of the numbers, 1 where a column is zero."""
    squares = np.zeros(kinds[0].triangle.shape[1] - 1)
    for kind in kinds:
        columns = np.sum(kind.triangle**2, axis=0)
        if columns[-1] == 0.0:
            raise RegressionError("every number of one kind is the same: there is nothing to learn")
        squares = squares + columns[:-1] / columns[-1]
    return np.where(squares > 0.0, np.sqrt(squares), 1.0)


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The posterior at some precisions, and the slopes of the evidence by their logarithms."""

    mean: Array
    root: Array
    log_evidence: float
    slopes: Array

    @classmethod
    def at(cls, kinds: Sequence[Observations], precisions: Array) -> _Posterior:
        """Solve at the precisions of the prior and of each kind."""
        n_weights = kinds[0].triangle.shape[1] - 1
        prior, *of_kinds = precisions
        prior_rows = np.column_stack((np.sqrt(prior) * np.eye(n_weights), np.zeros(n_weights)))
        weighted = [np.sqrt(one) * kind.triangle for one, kind in zip(of_kinds, kinds, strict=True)]
        triangle = _triangle(np.vstack((*weighted, prior_rows)))
        square = triangle[:n_weights, :n_weights]
        root = solve_triangular(square, np.eye(n_weights), check_finite=False)
        mean = root @ triangle[:n_weights, -1]
        misfit = float(np.sum(triangle[n_weights:, -1] ** 2))
        counts = np.array([n_weights, *(kind.count for kind in kinds)], dtype=np.float64)
        log_evidence = (
            0.5 * float(counts @ np.log(precisions))
            - float(np.sum(np.log(np.abs(np.diag(square)))))
            - 0.5 * misfit
            - 0.5 * float(np.sum(counts[1:])) * np.log(2.0 * np.pi)
        )
        errors = [np.sum((one[:, :-1] @ mean - one[:, -1]) ** 2) for one in weighted]
        traces = [np.sum((one[:, :-1] @ root) ** 2) for one in weighted]
        prior_terms = prior * (mean @ mean + np.sum(root**2))
        slopes = 0.5 * (counts - np.array([prior_terms, *np.add(errors, traces)]))
        return cls(mean, root, log_evidence, slopes)
