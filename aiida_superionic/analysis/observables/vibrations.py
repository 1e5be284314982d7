"""Velocity autocorrelation and vibrational density of states."""

from __future__ import annotations

from aiida_superionic.analysis.reference_frame import velocities_without_drift
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Result
from aiida_superionic.analysis.spectra import normalised_spectrum
from aiida_superionic.analysis.statistics import count_lags
from aiida_superionic.analysis.trajectory import Trajectory


@observable(
    needs=("velocities",),
    equation="C(t) = ⟨Σ v(0)·v(t)⟩ / ⟨Σ v·v⟩;  S(ν) = 4 ∫ w(t) C(t) cos(2πνt) dt",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eq. 7",
)
def vibrations(trajectory: Trajectory, *, longest_lag: float = 5.0) -> Result:
    """Velocity autocorrelation and vibrational density of states of each species.

    The correlation is summed over the atoms of a species before it is normalised. The spectrum has unit area from 0
    to the highest frequency, 1/(2 × time between frames), and a resolution of 1/longest_lag (Hann window).

    Parameters
    ----------
    trajectory
        With velocities, which are taken relative to the centre of mass of all atoms.
    longest_lag
        In ps.

    Returns
    -------
    Result
        For each species X the curves ``velocity_autocorrelation_X`` and ``vibrational_density_of_states_X`` (in 1/THz
        against THz).
    """
    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    velocities = velocities_without_drift(trajectory)
    curves = {}
    for kind in trajectory.kinds:
        result = normalised_spectrum(
            velocities[:, trajectory.atoms_of(kind)],
            trajectory.timestep,
            n_lags,
            f"velocity autocorrelation of {kind}",
            f"vibrational density of states of {kind}",
        )
        curves[f"velocity_autocorrelation_{kind}"] = result.correlation
        curves[f"vibrational_density_of_states_{kind}"] = result.spectrum
    return Result(curves=curves)
