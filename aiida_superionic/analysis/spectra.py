"""Normalised autocorrelation of a vector field of atoms, and its spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import autocorrelation, cosine_transform, lag_times
from aiida_superionic.analysis.results import Curve
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Array


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The normalised autocorrelation, its spectrum, and its integral in ps with the integral's error."""

    correlation: Curve
    spectrum: Curve
    integral: tuple[float, float]


def normalised_spectrum(
    vectors: Array, timestep: float, n_lags: int, correlation_label: str, spectrum_label: str
) -> Spectrum:
    """Return C(t) = ⟨Σ x(0)·x(t)⟩ / ⟨Σ x·x⟩ and S(ν) = 4 ∫ w(t) C(t) cos(2πνt) dt with their block errors.

    The sum is over atoms, before the division: an average of the atoms' own normalised correlations is another
    quantity.

    Parameters
    ----------
    vectors
        Shape (T, n, 3).
    timestep
        In ps.
    n_lags
        Number of lags, the zero lag included.
    correlation_label, spectrum_label
        What the y axes show.

    Returns
    -------
    Spectrum
        C against ps, and S in 1/THz against THz, of unit area from 0 to the highest frequency.
    """
    lags = lag_times(n_lags, timestep)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        correlation = autocorrelation(vectors[start:stop], n_lags)
        correlation /= correlation[0]
        return {
            "correlation": correlation,
            "spectrum": cosine_transform(correlation, timestep)[1],
            "integral": np.trapezoid(correlation, lags),
        }

    result = block_statistics(estimate, len(vectors))
    correlation, spectrum = result.value["correlation"], result.value["spectrum"]
    frequencies, _ = cosine_transform(correlation, timestep)
    return Spectrum(
        Curve(lags, correlation, "time", "ps", correlation_label, "1", result.error["correlation"]),
        Curve(frequencies, spectrum, "frequency", "THz", spectrum_label, "1/THz", result.error["spectrum"]),
        result.scalar("integral"),
    )
