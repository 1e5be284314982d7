"""Time-dependent friction on a mobile ion: memory kernel, friction coefficient and memory time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import autocorrelation, cross_correlation, lag_times
from aiida_superionic.analysis.memory_kernel import integrated_kernel, kernel_from_forces, kernel_from_integral
from aiida_superionic.analysis.observables.diffusion import self_diffusion
from aiida_superionic.analysis.observables.temperature import kinetic_temperature
from aiida_superionic.analysis.reference_frame import velocities_without_drift
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, NotConverged, Result, Scalar
from aiida_superionic.analysis.statistics import Estimate, block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.units import (
    BOLTZMANN,
    FRICTION_IN_KG_PER_S,
    FRICTION_RATE_IN_KG_PER_S2,
    KINETIC_ENERGY,
    TIME_IN_FS,
)


@observable(
    needs=("positions", "velocities"),
    equation="dC/dt = −(1/m) ∫ Γ(t − s) C(s) ds;  G = ∫ Γ dt;  γ = plateau of G;  τ_M = γ/Γ(0)",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eqs 17-21",
)
def friction(
    trajectory: Trajectory,
    *,
    longest_lag: float = 4.0,
    plateau_start: float = 2.0,
    fit_start: float = 2.0,
    fit_end: float = 10.0,
) -> Result:
    """Memory kernel Γ(t) of the mobile ions, friction coefficient γ and memory time τ_M.

    G(t) = ∫Γ is solved from the integrated equation, and γ is its mean from plateau_start to longest_lag. Γ comes from
    ⟨F v⟩ and ⟨F F⟩ where the trajectory holds forces, else from G. Velocities are taken relative to the centre of mass
    of all atoms, diffusion in the frame of the host lattice: in a small cell k_B T/D is lower than γ by the order of
    one over the number of atoms.

    Parameters
    ----------
    trajectory
        With velocities.
    longest_lag
        Longest time of Γ and G in ps.
    plateau_start
        Where the plateau of G begins, in ps.
    fit_start, fit_end
        Window in ps of the straight line that D in k_B T/D comes from.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared) the scalars ``friction_coefficient_X``
        (kg/s), ``memory_time_X`` (fs), ``initial_friction_X`` (Γ(0) in kg/s²: ⟨F²⟩/(3 k_B T) where forces are held,
        else the kernel's) and ``friction_from_diffusion_X`` (k_B T/D in kg/s); the curves ``memory_kernel_X`` in kg/s²
        and ``friction_integral_X`` (G in kg/s).

    Raises
    ------
    NotConverged
        If G has no plateau: it drifts over the window by more than a tenth and by more than three errors of the drift.
        Or if the ions do not diffuse.
    """
    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    midpoints = lag_times(n_lags - 1, trajectory.timestep) + 0.5 * trajectory.timestep
    window = midpoints > plateau_start
    if plateau_start < 0.0 or np.count_nonzero(window) < 2:
        raise ParameterError(f"no plateau fits between plateau_start {plateau_start:g} ps and {longest_lag:g} ps")
    diffusion = self_diffusion(trajectory, fit_start, fit_end)
    velocities = velocities_without_drift(trajectory)
    thermal_energies = BOLTZMANN * kinetic_temperature(trajectory) / KINETIC_ENERGY
    scalars: dict[str, Scalar] = {}
    curves: dict[str, Curve] = {}
    for kind in trajectory.mobile or trajectory.kinds:
        atoms = trajectory.atoms_of(kind)
        mass = float(trajectory.masses[atoms[0]])
        v = velocities[:, atoms]
        f = None if trajectory.forces is None else trajectory.forces[:, atoms] / KINETIC_ENERGY

        def estimate(
            start: int, stop: int, v: Array = v, f: Array | None = f, mass: float = mass
        ) -> Mapping[str, ArrayLike]:
            part = v[start:stop]
            velocity = autocorrelation(part, n_lags)
            integral = integrated_kernel(velocity, trajectory.timestep, mass)
            if f is None:
                kernel = kernel_from_integral(integral, trajectory.timestep)
                initial = kernel[0]
            else:
                force = autocorrelation(f[start:stop], n_lags)
                cross = cross_correlation(part, f[start:stop], n_lags)
                kernel = kernel_from_forces(velocity, cross, force, trajectory.timestep, mass)
                initial = force[0] / (3.0 * thermal_energies[start:stop].mean() * part.shape[1])
            coefficient = integral[window].mean()
            return {
                "integral": integral,
                "kernel": kernel,
                "initial": initial,
                "coefficient": coefficient,
                "memory_time": coefficient / initial,
                "drift": _drift(midpoints[window], integral[window]),
            }

        result = block_statistics(estimate, trajectory.n_frames)
        _check_plateau(result, kind, plateau_start, longest_lag)
        scalars |= {
            f"friction_coefficient_{kind}": Scalar(*result.scalar("coefficient", FRICTION_IN_KG_PER_S), "kg/s"),
            f"memory_time_{kind}": Scalar(*result.scalar("memory_time", TIME_IN_FS), "fs"),
            f"initial_friction_{kind}": Scalar(*result.scalar("initial", FRICTION_RATE_IN_KG_PER_S2), "kg/s^2"),
            f"friction_from_diffusion_{kind}": _from_diffusion(diffusion, kind, thermal_energies.mean()),
        }
        curves[f"memory_kernel_{kind}"] = Curve(
            lag_times(len(result.value["kernel"]), trajectory.timestep),
            result.value["kernel"] * FRICTION_RATE_IN_KG_PER_S2,
            "time",
            "ps",
            f"memory kernel of {kind}",
            "kg/s^2",
            result.error["kernel"] * FRICTION_RATE_IN_KG_PER_S2,
        )
        curves[f"friction_integral_{kind}"] = Curve(
            midpoints,
            result.value["integral"] * FRICTION_IN_KG_PER_S,
            "time",
            "ps",
            f"integral of the memory kernel of {kind}",
            "kg/s",
            result.error["integral"] * FRICTION_IN_KG_PER_S,
        )
    return Result(scalars, curves)


def _drift(x: Array, y: Array) -> float:
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred) * (x[-1] - x[0]))


def _check_plateau(result: Estimate, kind: str, start: float, end: float) -> None:
    drift, error = result.scalar("drift")
    coefficient = float(result.value["coefficient"])
    if abs(drift) > 3.0 * error and abs(drift) > 0.1 * abs(coefficient):
        raise NotConverged(
            f"the integral of the memory kernel of {kind} has no plateau: it changes by {drift / coefficient:.0%} "
            f"between {start:g} and {end:g} ps"
        )


def _from_diffusion(diffusion: Estimate, kind: str, thermal_energy: float) -> Scalar:
    value, error = diffusion.scalar(f"diffusion_{kind}")
    if value <= 2.0 * error:
        raise NotConverged(f"{kind} does not diffuse measurably, so that no friction coefficient is defined")
    coefficient = thermal_energy / value * FRICTION_IN_KG_PER_S
    return Scalar(coefficient, coefficient * error / value, "kg/s")
