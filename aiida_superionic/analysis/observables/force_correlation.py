"""Autocorrelation of the force on the mobile ions."""

from __future__ import annotations

from aiida_superionic.analysis.reference_frame import relative_to_origin
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Result, Scalar
from aiida_superionic.analysis.spectra import normalised_spectrum
from aiida_superionic.analysis.statistics import count_lags
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import TIME_IN_FS


@observable(
    needs=("forces",),
    equation="C_F(t) = ⟨Σ F(0)·F(t)⟩ / ⟨Σ F·F⟩;  ∫ C_F dt",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eq. 19",
    lags=("longest_lag",),
)
def force_correlation(trajectory: Trajectory, *, longest_lag: float = 5.0) -> Result:
    """Force autocorrelation of the mobile ions, its spectrum and its integral.

    The integral is that of the trapezoidal rule from 0 to longest_lag. It is ⟨F(0)·p(t)⟩/⟨F²⟩, so it tends to 0 for an
    ion that no outer force holds; what remains measures the error. The spectrum has unit area and a
    resolution of 1/longest_lag (Hann window).

    Parameters
    ----------
    trajectory
        With forces.
    longest_lag
        In ps.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared) the scalar ``force_correlation_integral_X``
        in fs and the curves ``force_autocorrelation_X`` and ``force_spectrum_X`` (in 1/THz against THz).
    """
    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    forces = relative_to_origin(trajectory.require("forces"))
    scalars, curves = {}, {}
    for kind in trajectory.mobile or trajectory.kinds:
        result = normalised_spectrum(forces.of(trajectory.atoms_of(kind)), trajectory.timestep, n_lags)
        integral = result.estimate.scalar("integral", TIME_IN_FS)
        scalars[f"force_correlation_integral_{kind}"] = Scalar(*integral, "fs")
        curves[f"force_autocorrelation_{kind}"] = result.correlation_curve(f"force autocorrelation of {kind}")
        curves[f"force_spectrum_{kind}"] = result.spectrum_curve(f"force spectrum of {kind}")
    return Result(scalars, curves)
