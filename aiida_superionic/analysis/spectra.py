"""Normalised autocorrelation of a vector field of atoms, and its spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import autocorrelation, cosine_transform, lag_times
from aiida_superionic.analysis.reference_frame import RelativeVectors
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import Curve
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.units import WAVENUMBER_PER_THZ


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The normalised autocorrelation of a vector field and its spectrum.

    Parameters
    ----------
    lags
        In ps, shape (n,).
    frequencies
        In THz, shape (n,).
    estimate
        ``correlation`` C, of shape (n,) and 1 at lag zero; its ``spectrum`` S in 1/THz, of shape (n,) and unit area;
        ``integral`` of C in ps; ``square`` = ⟨Σ x·x⟩.
    """

    lags: Array
    frequencies: Array
    estimate: Estimate

    def correlation_curve(self, label: str) -> Curve:
        """Return C against ps."""
        value, error = self.estimate.value["correlation"], self.estimate.error["correlation"]
        return Curve(self.lags, value, "time", "ps", label, "1", error)

    def spectrum_curve(self, label: str) -> Curve:
        """Return S against THz."""
        value, error = self.estimate.value["spectrum"], self.estimate.error["spectrum"]
        return Curve(self.frequencies, value, "frequency", "THz", label, "1/THz", error)


def normalised_spectrum(vectors: RelativeVectors, timestep: float, n_lags: int) -> Spectrum:
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
    """
    from scipy.integrate import trapezoid  # noqa: PLC0415 - lists and help need no SciPy

    lags = lag_times(n_lags, timestep)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        correlation = autocorrelation(vectors.frames(start, stop), n_lags)
        square = correlation[0]
        correlation = correlation / square
        return {
            "correlation": correlation,
            "spectrum": cosine_transform(correlation, timestep)[1],
            "integral": trapezoid(correlation, lags),
            "square": square,
        }

    result = block_statistics(estimate, len(vectors))
    return Spectrum(lags, cosine_transform(result.value["correlation"], timestep)[0], result)


def smoothed(spectrum: Array, frequencies: Array, width: float) -> Array:
    """Return a spectrum smoothed by a Savitzky–Golay filter of second order, its ends mirrored as a spectrum is even.

    Parameters
    ----------
    spectrum, frequencies
        Equally spaced frequencies in THz, shape (n,).
    width
        Of the filter's window in cm⁻¹; the nearest odd number of points.

    Raises
    ------
    ParameterError
        If the window holds fewer than five points, which a parabola would follow, or more than the spectrum.
    """
    from scipy import signal  # noqa: PLC0415 - lists and help need no SciPy

    step = frequencies[1] * WAVENUMBER_PER_THZ
    n_points = 2 * round(0.5 * (width / step - 1.0)) + 1
    if not 5 <= n_points <= len(spectrum):
        raise ParameterError(
            f"a smoothing of {width:g} cm^-1 spans {max(n_points, 0)} points {step:.3g} cm^-1 apart, where 5 to "
            f"{len(spectrum)} are needed; a longer longest_lag brings them closer"
        )
    return np.asarray(signal.savgol_filter(spectrum, n_points, polyorder=2, mode="mirror"))


def band_centre(spectrum: Array, frequencies: Array, end: float) -> float:
    """Return ∫ ν S dν / ∫ S dν from 0 to a frequency, by the trapezoidal rule with S linear between points.

    Parameters
    ----------
    spectrum, frequencies
        Frequencies from 0 in THz, shape (n,).
    end
        In THz, within the spectrum.
    """
    from scipy.integrate import trapezoid  # noqa: PLC0415 - lists and help need no SciPy

    inside = frequencies < end
    nu = np.append(frequencies[inside], end)
    s = np.append(spectrum[inside], np.interp(end, frequencies, spectrum))
    return float(trapezoid(nu * s, nu) / trapezoid(s, nu))


def band_edge(spectrum: Array, frequencies: Array, share: float) -> float:
    """Return the frequency in THz below which a share of the spectrum's area lies."""
    area = np.concatenate(([0.0], np.cumsum(0.5 * (spectrum[1:] + spectrum[:-1]) * np.diff(frequencies))))
    above = int(np.argmax(area >= share * area[-1]))
    return float(np.interp(share * area[-1], area[above - 1 : above + 1], frequencies[above - 1 : above + 1]))
