"""Velocity autocorrelation, vibrational density of states and its band centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aiida_superionic.analysis.reference_frame import velocities_without_drift
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.spectra import Spectrum, band_centre, band_edge, normalised_spectrum, smoothed
from aiida_superionic.analysis.statistics import count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.units import KINETIC_ENERGY, WAVENUMBER_PER_THZ

_WEIGHTINGS = ("none", "mass")

_BAND = 0.99
"""Share of the density of states that lies below the end of the band where none is given."""

_SHIFT = 0.1
"""Part of the end of the band by which it is moved to show how much the band centre depends on it."""


@observable(
    needs=("velocities",),
    equation="C(t) = ⟨Σ v(0)·v(t)⟩ / ⟨Σ v·v⟩;  S(ν) = 4 ∫ w(t) C(t) cos(2πνt) dt;  band centre ∫ ν S dν / ∫ S dν",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eq. 7; Accurate"
    " description of ion migration in solid-state ion conductors from machine-learning molecular dynamics, eqs 2-3",
    lags=("longest_lag",),
)
def vibrations(
    trajectory: Trajectory,
    *,
    longest_lag: float = 5.0,
    weighting: str = "none",
    smoothing: float | None = None,
    band_end: float | None = None,
) -> Result:
    """Velocity autocorrelation, vibrational density of states and band centre of each species.

    The correlation is summed over the atoms of a species before it is normalised. The spectrum has a resolution of
    1/longest_lag (Hann window) and unit area from 0 to the highest frequency, 1/(2 × time between frames), or, weighted
    by mass, the area ⟨Σ m v²⟩/V, by which the spectra of the species add up.

    The band centre is that of the spectrum before it is smoothed. That of a mobile species is its attempt frequency (de
    Klerk and Wagemaker).

    Parameters
    ----------
    trajectory
        With velocities, which are taken relative to the centre of mass of all atoms.
    longest_lag
        In ps.
    weighting
        ``none`` or ``mass``.
    smoothing
        Width of a Savitzky–Golay filter in cm⁻¹, such as 15; none where it is not given.
    band_end
        End in THz of the integrals of the band centre, above the highest mode; where it is not given, the frequency
        below which 99 % of the species' spectrum lies.

    Returns
    -------
    Result
        For each species X the curves ``velocity_autocorrelation_X`` and ``vibrational_density_of_states_X`` (against
        THz), and the scalars ``band_centre_X`` (THz), ``band_centre_wavenumber_X`` (cm⁻¹), ``band_end_X`` (THz) and
        ``band_centre_sensitivity_X`` (THz): half of what the centre changes by between ends a tenth lower and a tenth
        higher.
    """
    if weighting not in _WEIGHTINGS:
        raise ParameterError(f"weighting is {weighting!r} where {' or '.join(_WEIGHTINGS)} is expected")
    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    velocities = velocities_without_drift(trajectory)
    volume = float(np.abs(np.linalg.det(trajectory.cell)).mean())
    scalars: dict[str, Scalar] = {}
    curves: dict[str, Curve] = {}
    for kind in trajectory.kinds:
        atoms = trajectory.atoms_of(kind)
        result = normalised_spectrum(velocities.of(atoms), trajectory.timestep, n_lags)
        curves[f"velocity_autocorrelation_{kind}"] = result.correlation_curve(f"velocity autocorrelation of {kind}")
        density = float(trajectory.masses[atoms[0]]) / volume * KINETIC_ENERGY if weighting == "mass" else None
        curves[f"vibrational_density_of_states_{kind}"] = _density_of_states(result, kind, density, smoothing)
        scalars |= _band_scalars(result, kind, band_end)
    return Result(scalars, curves)


def _density_of_states(result: Spectrum, kind: str, density: float | None, smoothing: float | None) -> Curve:
    curve = result.spectrum_curve(f"vibrational density of states of {kind}")

    def shown(quantities: Mapping[str, Array]) -> Array:
        spectrum = quantities["spectrum"] * (1.0 if density is None else density * quantities["square"])
        return spectrum if smoothing is None else smoothed(spectrum, result.frequencies, smoothing)

    y, error = result.estimate.derived(shown)
    return replace(curve, y=y, error=error, y_unit="1/THz" if density is None else "eV/(Å^3 THz)")


def _band_scalars(result: Spectrum, kind: str, band_end: float | None) -> dict[str, Scalar]:
    nu = result.frequencies
    end = band_edge(result.estimate.value["spectrum"], nu, _BAND) if band_end is None else band_end
    if not nu[1] < end <= nu[-1]:
        raise ParameterError(f"band_end is {end:g} THz where one from {nu[1]:.3g} to {nu[-1]:.3g} THz is expected")

    def at(factor: float) -> tuple[float, float]:
        limit = min(end * factor, nu[-1])
        value, error = result.estimate.derived(lambda q: band_centre(q["spectrum"], nu, limit))
        return float(value), float(error)

    value, error = at(1.0)
    sensitivity = 0.5 * abs(at(1.0 + _SHIFT)[0] - at(1.0 - _SHIFT)[0])
    return {
        f"band_centre_{kind}": Scalar(value, error, "THz"),
        f"band_centre_wavenumber_{kind}": Scalar(value * WAVENUMBER_PER_THZ, error * WAVENUMBER_PER_THZ, "cm^-1"),
        f"band_end_{kind}": Scalar(end, None, "THz"),
        f"band_centre_sensitivity_{kind}": Scalar(sensitivity, None, "THz"),
    }
