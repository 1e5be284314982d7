"""Time-dependent friction on a mobile ion: memory kernel, friction coefficient and memory time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import autocorrelation, cross_correlation, lag_times
from aiida_superionic.analysis.memory_kernel import integrated_kernel, kernel_from_forces, kernel_from_integral
from aiida_superionic.analysis.observables.diffusion import self_diffusion
from aiida_superionic.analysis.observables.temperature import kinetic_temperature
from aiida_superionic.analysis.plateau import find_plateau
from aiida_superionic.analysis.reference_frame import RelativeVectors, relative_to_origin, velocities_without_drift
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

_FEWEST_LAGS = 40
"""Points of G among which a plateau is looked for."""


@observable(
    needs=("positions", "velocities"),
    equation="dC/dt = −(1/m) ∫ Γ(t − s) C(s) ds;  G = ∫ Γ dt;  γ = plateau of G;  τ_M = γ/Γ(0)",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eqs 17-21",
    lags=("longest_lag", "fit_end"),
)
def friction(
    trajectory: Trajectory,
    *,
    longest_lag: float = 6.0,
    fit_start: float = 2.0,
    fit_end: float = 10.0,
    held: int = 0,
    conserves_momentum: bool = True,
) -> Result:
    """Memory kernel Γ(t) of the mobile ions, friction coefficient γ and memory time τ_M.

    G(t) = ∫Γ is solved from the integrated equation, and γ is the mean of its plateau: of the windows over which G is
    flat within its errors, the longest (:func:`find_plateau`). The error of γ includes that of the choice. Γ comes from
    ⟨F v⟩ and ⟨F F⟩ where the trajectory holds forces, else from G. Velocities are taken relative to the centre of mass
    of all atoms, diffusion in the frame of the host lattice: in a small cell k_B T/D is lower than γ by the order of
    one over the number of atoms.

    Parameters
    ----------
    trajectory
        With velocities.
    longest_lag
        Longest time of Γ and G in ps.
    fit_start, fit_end
        Window in ps of the straight line that D in k_B T/D comes from.
    held, conserves_momentum
        What the dynamics held fixed, as in the observable ``temperature``; a constrained point fills them in.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared) the scalars ``friction_coefficient_X``
        (kg/s), ``plateau_start_X`` and ``plateau_end_X`` (ps), ``memory_time_X`` (fs), ``initial_friction_X`` (Γ(0) in
        kg/s²: ⟨F²⟩/(3 k_B T) where forces are held, else the kernel's) and ``friction_from_diffusion_X`` (k_B T/D in
        kg/s); the curves ``memory_kernel_X`` in kg/s² and ``friction_integral_X`` (G in kg/s).

    Raises
    ------
    NotConverged
        If G has no plateau, or if the ions do not diffuse.
    """
    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    if n_lags <= _FEWEST_LAGS:
        raise ParameterError(
            f"longest_lag is {longest_lag:g} ps where a plateau takes {_FEWEST_LAGS * trajectory.timestep:g} ps, "
            f"{_FEWEST_LAGS} frames, at least"
        )
    midpoints = lag_times(n_lags - 1, trajectory.timestep) + 0.5 * trajectory.timestep
    diffusion = self_diffusion(trajectory, fit_start, fit_end)
    velocities = velocities_without_drift(trajectory, conserves_momentum=conserves_momentum)
    forces = None if trajectory.forces is None else relative_to_origin(trajectory.forces)
    temperatures = kinetic_temperature(trajectory, held, conserves_momentum=conserves_momentum)
    thermal_energies = BOLTZMANN * temperatures / KINETIC_ENERGY
    scalars: dict[str, Scalar] = {}
    curves: dict[str, Curve] = {}
    for kind in trajectory.mobile or trajectory.kinds:
        atoms = trajectory.atoms_of(kind)
        mass = float(trajectory.masses[atoms[0]])
        v = velocities.of(atoms)
        f = None if forces is None else forces.of(atoms)

        def estimate(
            start: int,
            stop: int,
            v: RelativeVectors = v,
            f: RelativeVectors | None = f,
            mass: float = mass,
        ) -> Mapping[str, ArrayLike]:
            part = v.frames(start, stop)
            velocity = autocorrelation(part, n_lags)
            integral = integrated_kernel(velocity, trajectory.timestep, mass)
            if f is None:
                kernel = kernel_from_integral(integral, trajectory.timestep)
                initial = kernel[0]
            else:
                pulling = f.frames(start, stop)
                force = autocorrelation(pulling, n_lags) / KINETIC_ENERGY**2
                cross = cross_correlation(part, pulling, n_lags) / KINETIC_ENERGY
                kernel = kernel_from_forces(velocity, cross, force, trajectory.timestep, mass)
                initial = force[0] / (3.0 * thermal_energies[start:stop].mean() * part.shape[1])
            return {"integral": integral, "kernel": kernel, "initial": initial}

        result = block_statistics(estimate, trajectory.n_frames)
        scalars |= _plateau_scalars(result, midpoints, kind)
        scalars |= {
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


def _plateau_scalars(result: Estimate, midpoints: Array, kind: str) -> dict[str, Scalar]:
    try:
        plateau = find_plateau(result, "integral")
    except NotConverged as error:
        raise NotConverged(f"the integral of the memory kernel of {kind} has no plateau: {error}") from error
    memory_time = plateau.value / float(result.value["initial"])
    relative = np.hypot(plateau.error / plateau.value, result.error["initial"] / result.value["initial"])
    return {
        f"friction_coefficient_{kind}": Scalar(
            plateau.value * FRICTION_IN_KG_PER_S, plateau.error * FRICTION_IN_KG_PER_S, "kg/s"
        ),
        f"plateau_start_{kind}": Scalar(float(midpoints[plateau.start]), None, "ps"),
        f"plateau_end_{kind}": Scalar(float(midpoints[plateau.stop - 1]), None, "ps"),
        f"memory_time_{kind}": Scalar(memory_time * TIME_IN_FS, float(relative) * memory_time * TIME_IN_FS, "fs"),
    }


def _from_diffusion(diffusion: Estimate, kind: str, thermal_energy: float) -> Scalar:
    value, error = diffusion.scalar(f"diffusion_{kind}")
    if value <= 2.0 * error:
        raise NotConverged(f"{kind} does not diffuse measurably, so that no friction coefficient is defined")
    coefficient = thermal_energy / value * FRICTION_IN_KG_PER_S
    return Scalar(coefficient, coefficient * error / value, "kg/s")
