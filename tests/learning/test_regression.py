"""Bayesian linear regression: against data of its own model, and against the evidence by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from aiida_superionic.learning.regression import Observations, RegressionError, regress


def drawn(rng, weights, count, noise):
    rows = rng.normal(size=(count, len(weights)))
    return rows, rows @ weights + noise * rng.normal(size=count)


def learned(*kinds):
    return regress([Observations.of([kind]) for kind in kinds])


def test_known_weights_and_noises_are_recovered(rng):
    weights = rng.normal(size=12)
    few, many = drawn(rng, weights, 400, 0.5), drawn(rng, weights, 3000, 0.02)
    posterior = learned(few, many)
    deviations = np.sqrt(np.diag(posterior.root @ posterior.root.T))
    assert np.all(np.abs(posterior.mean - weights) < 5 * deviations)
    # The many exact numbers set the weights: 0.02/sqrt(3000), to some standard errors of their root mean square.
    assert np.all(np.abs(deviations / (0.02 / np.sqrt(3000)) - 1) < 0.15)
    for noise, truth, count in zip(posterior.noises, (0.5, 0.02), (400, 3000), strict=True):
        assert abs(noise / truth - 1) < 5 / np.sqrt(2 * count)


def test_the_posterior_covers_at_its_nominal_rates(rng):
    n_sets, n_weights = 150, 8
    scores, predicted = [], []
    for _ in range(n_sets):
        weights = rng.normal(size=n_weights)
        posterior = learned(drawn(rng, weights, 150, 1.0), drawn(rng, weights, 150, 0.3))
        scores.append((posterior.mean - weights) / np.linalg.norm(posterior.root, axis=1))
        rows = rng.normal(size=n_weights)
        predicted.append(rows @ (posterior.mean - weights) / np.sqrt(posterior.variances(rows)))
    for values in (np.array(scores), np.array(predicted)):
        for width, nominal in ((1.0, 0.6827), (2.0, 0.9545)):
            # Weights of one set are nearly independent where the rows are random.
            standard_error = np.sqrt(nominal * (1 - nominal) / values.size)
            assert abs(np.mean(np.abs(values) < width) - nominal) < 4 * standard_error


def test_the_evidence_is_the_largest_there_is(rng):
    weights = rng.normal(size=5)
    (first, y_first), (second, y_second) = kinds = drawn(rng, weights, 12, 0.3), drawn(rng, weights, 20, 0.05)
    posterior = learned(*kinds)
    rows, numbers = np.vstack((first, second)), np.concatenate((y_first, y_second))
    squares = np.sum(first**2, axis=0) / np.sum(y_first**2) + np.sum(second**2, axis=0) / np.sum(y_second**2)

    def log_evidence(logarithms):
        precision, noise, other = np.exp(logarithms)
        covariance = rows @ np.diag(1 / (precision * squares)) @ rows.T + np.diag([noise**2] * 12 + [other**2] * 20)
        return multivariate_normal(cov=covariance, allow_singular=True).logpdf(numbers)

    best = minimize(
        lambda x: -log_evidence(x),
        np.log([1.0, 0.3, 0.05]),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 2000},
    )
    assert posterior.log_evidence == pytest.approx(-best.fun, abs=1e-7)
    # The maximum is flat to second order: 1e-11 in the evidence is some 1e-5 in a noise.
    assert posterior.noises == pytest.approx(np.exp(best.x[1:]), rel=1e-4)
    precision, noise, other = np.exp(best.x)
    weighted = rows.T / np.array([noise**2] * 12 + [other**2] * 20)
    inverse = weighted @ rows + precision * np.diag(squares)
    np.testing.assert_allclose(posterior.mean, np.linalg.solve(inverse, weighted @ numbers), rtol=1e-3)
    np.testing.assert_allclose(posterior.root @ posterior.root.T, np.linalg.inv(inverse), rtol=1e-3, atol=1e-9)


def test_neither_order_nor_blocks_matter(rng):
    rows, numbers = drawn(rng, rng.normal(size=6), 90, 0.1)
    order = rng.permutation(90)
    once = learned((rows, numbers))
    blocks = [(rows[part], numbers[part]) for part in np.array_split(order, 13)]
    often = regress([Observations.of(blocks)])
    # Both searches end within their tolerance of the maximum, by which the mean hardly changes.
    np.testing.assert_allclose(often.mean, once.mean, rtol=1e-7)
    assert often.log_evidence == pytest.approx(once.log_evidence, rel=1e-12)


def test_dependent_columns_share_their_weight(rng):
    rows, numbers = drawn(rng, np.array([1.0, -2.0, 3.0]), 200, 0.1)
    nearly = rows[:, 1] + 1e-13 * rng.normal(size=200)
    posterior = learned((np.column_stack((rows, rows[:, 0], nearly, np.zeros(200))), numbers))
    independent = learned((rows, numbers))
    assert posterior.mean[0] == pytest.approx(posterior.mean[3])
    assert posterior.mean[1] == pytest.approx(posterior.mean[4], rel=1e-6)
    deviation = np.linalg.norm(independent.root, axis=1)
    # Shared between two columns, a weight is held back half as much: a small part of its error.
    assert abs(posterior.mean[0] + posterior.mean[3] - independent.mean[0]) < 0.1 * deviation[0]
    assert posterior.mean[5] == 0.0
    # What one of two equal columns does alone is not known, what they do together is.
    apart, together = np.array([1.0, 0, 0, -1.0, 0, 0]), np.array([1.0, 0, 0, 1.0, 0, 0])
    assert posterior.variances(apart) > 1e3 * posterior.variances(together)


def test_units_of_columns_do_not_matter(rng):
    rows, numbers = drawn(rng, rng.normal(size=6), 60, 0.1)
    units = 10.0 ** np.arange(-9, 9, 3)
    plain, scaled = learned((rows, numbers)), learned((rows * units, numbers))
    np.testing.assert_allclose(scaled.mean * units, plain.mean, rtol=1e-6)
    np.testing.assert_allclose(
        scaled.root @ scaled.root.T * np.outer(units, units), plain.root @ plain.root.T, rtol=1e-5, atol=1e-12
    )


def test_offsets_say_nothing_of_the_weights(rng):
    weights = rng.normal(size=4)
    rows, numbers = drawn(rng, weights, 40, 0.1)
    compositions = rng.integers(1, 5, size=(40, 2)).astype(float)
    offsets = np.column_stack((compositions, compositions.sum(axis=1)))  # the third is the sum of the others
    plain = regress([Observations.beside_offsets(rows, numbers, offsets)])
    moved = regress([Observations.beside_offsets(rows, numbers + offsets @ [-3e4, 2e4, 7.0], offsets)])
    # Projecting numbers of 1e5 loses five of sixteen digits.
    np.testing.assert_allclose(moved.mean, plain.mean, rtol=1e-5)
    assert np.all(np.abs(plain.mean - weights) < 5 * np.linalg.norm(plain.root, axis=1))
    # The same as columns whose prior is so wide that it does not matter.
    wide = np.column_stack((rows, compositions * 1e5))
    noise = plain.noises[0]
    inverse = wide.T @ wide / noise**2 + 1e-9 * np.eye(6)
    flat = np.linalg.solve(inverse, wide.T @ numbers / noise**2)[:4]
    assert np.all(np.abs(flat - plain.mean) < 0.2 * np.linalg.norm(plain.root, axis=1))


def test_draws_scatter_as_the_posterior_says(rng):
    posterior = learned(drawn(rng, rng.normal(size=3), 30, 0.5))
    draws = posterior.draw(20_000, seed=7)
    np.testing.assert_array_equal(draws, posterior.draw(20_000, seed=7))
    covariance = posterior.root @ posterior.root.T
    deviations = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(draws.mean(axis=0) - posterior.mean) < 5 * deviations / np.sqrt(20_000))
    # An element of a covariance has the standard error sqrt((c_ii c_jj + c_ij²)/n).
    errors = np.sqrt((np.outer(deviations, deviations) ** 2 + covariance**2) / 20_000)
    assert np.all(np.abs(np.cov(draws.T) - covariance) < 5 * errors)


def test_what_cannot_be_learned_from_is_refused(rng):
    rows = rng.normal(size=(5, 2))
    with pytest.raises(RegressionError, match="nothing to learn from"):
        Observations.of([])
    with pytest.raises(RegressionError, match="nothing to learn"):
        learned((rows, np.zeros(5)))
    with pytest.raises(RegressionError, match="5 energies where there are 5 compositions"):
        Observations.beside_offsets(rows, rng.normal(size=5), np.eye(5))


def test_parts_and_means_are_those_of_all_numbers(rng):
    rows, numbers = rng.normal(size=(40, 3)) + 2.0, rng.normal(size=40) - 5.0
    with_ones = np.column_stack((np.ones(40), rows))
    parts = [Observations.of([(with_ones[part], numbers[part])]) for part in (slice(0, 3), slice(3, 25), slice(25, 40))]
    left, means = Observations.joined(parts).about_mean
    table = np.column_stack((rows, numbers))
    np.testing.assert_allclose(means, table.mean(axis=0), rtol=1e-12)
    centred = table - table.mean(axis=0)
    np.testing.assert_allclose(left.triangle.T @ left.triangle, centred.T @ centred, rtol=1e-10)
    assert left.count == 39
