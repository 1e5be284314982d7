"""Activation energies: ln D = ln D₀ − E_a/(k_B T), and how prefactors compensate them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.results import NotConverged, Scalar
from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.units import BOLTZMANN


@dataclass(frozen=True, eq=False)
class ArrheniusFit:
    """A straight line through ln D against 1/(k_B T).

    Parameters
    ----------
    activation_energy
        In eV.
    log_prefactor
        ln D₀, with D₀ in the unit of the data.
    covariance
        Of ln D₀ and E_a, in this order, shape (2, 2).
    chi_square
        Sum of the squared residuals over their errors; the number of points less two is expected.
    """

    activation_energy: float
    log_prefactor: float
    covariance: Array
    chi_square: float

    @property
    def activation_energy_error(self) -> float:
        """Standard error of the activation energy in eV."""
        return float(np.sqrt(self.covariance[1, 1]))

    @property
    def prefactor(self) -> float:
        """D₀ in the unit of the data."""
        return float(np.exp(self.log_prefactor))

    @property
    def prefactor_interval(self) -> tuple[float, float]:
        """D₀ one standard error of ln D₀ below and above: its error is a factor, not a difference."""
        error = np.sqrt(self.covariance[0, 0])
        return float(np.exp(self.log_prefactor - error)), float(np.exp(self.log_prefactor + error))

    @property
    def scalars(self) -> dict[str, Scalar]:
        """The parameters by name: ``activation_energy`` in eV and ``log_prefactor``, ln D₀."""
        return {
            "activation_energy": Scalar(self.activation_energy, self.activation_energy_error, "eV"),
            "log_prefactor": Scalar(self.log_prefactor, float(self.covariance[0, 0] ** 0.5), "1"),
        }

    def predict(self, temperature: ArrayLike) -> tuple[Array, Array]:
        """Return D at temperatures in K, and the standard error of ln D there."""
        design = _design(np.asarray(temperature, np.float64))
        values = np.exp(design @ [self.log_prefactor, self.activation_energy])
        return np.asarray(values), np.sqrt(np.einsum("...i,ij,...j->...", design, self.covariance, design))


def fit_arrhenius(temperatures: ArrayLike, values: ArrayLike, errors: ArrayLike | None = None) -> ArrheniusFit:
    """Fit the Arrhenius equation to D, or to σT, by least squares of the logarithm.

    Parameters
    ----------
    temperatures
        In K, shape (n,).
    values
        Shape (n,), above zero.
    errors
        Standard errors of the values, shape (n,): each point weighs as its squared relative error, and the covariance
        is what they make it. Without them every point weighs alike, and the covariance comes from the residuals.

    Raises
    ------
    ValueError
        If the shapes differ, or a temperature, value or error is not above zero.
    NotConverged
        If there are fewer than two different temperatures, or three without errors.
    """
    t, d = np.asarray(temperatures, np.float64), np.asarray(values, np.float64)
    e = None if errors is None else np.asarray(errors, np.float64)
    given = [t, d] if e is None else [t, d, e]
    if any(x.shape != t.shape or x.ndim != 1 for x in given):
        raise ValueError(f"temperatures, values and errors have the shapes {', '.join(str(x.shape) for x in given)}")
    if not all(np.all(x > 0.0) for x in given):
        raise ValueError("temperatures, values and errors must be above zero")
    needed = 3 if e is None else 2
    if len(np.unique(t)) < needed:
        raise NotConverged(
            f"an activation energy needs {needed} temperatures at least, and {len(np.unique(t))} are there"
        )
    design = _design(t)
    weights = np.ones(len(t)) if e is None else (d / e) ** 2
    covariance: Array = np.linalg.inv(design.T @ (weights[:, np.newaxis] * design)).astype(np.float64)
    parameters = covariance @ (design.T @ (weights * np.log(d)))
    chi_square = float(weights @ (np.log(d) - design @ parameters) ** 2)
    if e is None:
        covariance *= chi_square / (len(t) - 2)
    return ArrheniusFit(float(parameters[1]), float(parameters[0]), covariance, chi_square)


@dataclass(frozen=True, eq=False)
class MeyerNeldelFit:
    """ln D₀ = intercept + E_a/Δ over several materials or modes: the higher barrier has the larger prefactor.

    Parameters
    ----------
    energy
        Δ in eV; infinite where prefactors do not depend on the barriers.
    intercept
        ln D₀₀.
    covariance
        Of the intercept and 1/Δ, in this order, shape (2, 2).
    """

    energy: float
    intercept: float
    covariance: Array

    @property
    def energy_error(self) -> float:
        """Standard error of Δ in eV."""
        return float(np.sqrt(self.covariance[1, 1])) * self.energy**2


def fit_meyer_neldel(fits: Sequence[ArrheniusFit]) -> MeyerNeldelFit:
    """Fit the Meyer–Neldel rule to several Arrhenius fits.

    E_a and ln D₀ of one fit have errors, which go together. Each point weighs as the variance of its distance from the
    line, var(ln D₀) + var(E_a)/Δ² − 2 cov/Δ, in which the slope is found by iteration (effective variance).

    Parameters
    ----------
    fits
        Three at least, of different activation energies.

    Raises
    ------
    NotConverged
        If there are fewer than three, or the iteration does not settle.
    """
    if len(fits) < 3:
        raise NotConverged(f"the Meyer–Neldel rule needs three Arrhenius fits at least, and {len(fits)} are there")
    energies = np.array([fit.activation_energy for fit in fits])
    logs = np.array([fit.log_prefactor for fit in fits])
    covariances = np.array([fit.covariance for fit in fits])
    design = np.stack([np.ones(len(fits)), energies], axis=1)
    slope = 0.0
    for _ in range(200):
        variances = covariances[:, 0, 0] + slope**2 * covariances[:, 1, 1] - 2.0 * slope * covariances[:, 0, 1]
        covariance: Array = np.linalg.inv(design.T @ (design / variances[:, np.newaxis])).astype(np.float64)
        intercept, new = covariance @ (design.T @ (logs / variances))
        if abs(new - slope) <= 1e-10 * abs(new):
            return MeyerNeldelFit(float(1.0 / new) if new else np.inf, float(intercept), covariance)
        slope = float(new)
    raise NotConverged(
        "the slope of the Meyer–Neldel plot does not settle: its points' errors are as large as it is wide"
    )


def _design(temperatures: NDArray[np.float64]) -> Array:
    return np.stack([np.ones_like(temperatures), -1.0 / (BOLTZMANN * temperatures)], axis=-1)
