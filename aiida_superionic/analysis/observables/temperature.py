"""Kinetic temperature."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.reference_frame import velocities_without_drift
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY


def kinetic_temperature(trajectory: Trajectory, held: int = 0, *, conserves_momentum: bool = True) -> Array:
    """Return the temperature of each frame in K, shape (T,).

    Σ m v² /((3N − 3 − held) k_B), with velocities relative to the centre of mass of all atoms, whose three degrees of
    freedom are conserved. Where bodies that are held in place take up momentum, the velocities are taken as they are
    and the three count.
    """
    ions = trajectory.ions
    masses = trajectory.masses[ions]
    velocities = velocities_without_drift(trajectory, conserves_momentum=conserves_momentum).of(ions)
    freedom = 3 * len(masses) - 3 * conserves_momentum - held
    if held < 0 or freedom < 1:
        raise ParameterError(f"held is {held} of the {freedom + held} degrees of freedom")
    twice_kinetic = np.empty(trajectory.n_frames)
    for part in frame_batches(trajectory.n_frames, len(masses)):
        v = velocities[part, :]
        twice_kinetic[part] = np.einsum("i,tix,tix->t", masses, v, v) * KINETIC_ENERGY
    return np.asarray(twice_kinetic / (freedom * BOLTZMANN))


def given_or_kinetic(trajectory: Trajectory, given: float | None) -> float:
    """Return a temperature that is given, else the mean kinetic one of the run, in K.

    Raises
    ------
    ParameterError
        If it is not positive, or not given where the trajectory holds no velocities.
    """
    if given is None and trajectory.velocities is None:
        raise ParameterError("the trajectory holds no velocities to take a temperature from; give the temperature")
    value = float(kinetic_temperature(trajectory).mean()) if given is None else given
    if not value > 0.0:
        raise ParameterError(f"temperature is {value:g} K and must be positive")
    return value


@observable(
    needs=("velocities",),
    equation="T = ⟨Σ m v²⟩ / ((3N − 3 − held) k_B)",
    source="equipartition",
)
def temperature(trajectory: Trajectory, *, held: int = 0, conserves_momentum: bool = True) -> Result:
    """Kinetic temperature of all atoms, the centre of mass at rest.

    Parameters
    ----------
    trajectory
        With velocities.
    held
        Degrees of freedom that the dynamics held fixed; a constrained point fills them in.
    conserves_momentum
        Whether the dynamics conserves the total momentum, as all does that holds no body in its place.

    Returns
    -------
    Result
        Scalar ``temperature`` in K.
    """
    temperatures = kinetic_temperature(trajectory, held, conserves_momentum=conserves_momentum)
    estimate = block_statistics(
        lambda start, stop: {"temperature": temperatures[start:stop].mean()}, trajectory.n_frames
    )
    return Result(scalars={"temperature": Scalar(*estimate.scalar("temperature"), "K")})
