"""Diffusion of ions: mean squared displacements of segments of a run, and the slope of a weighted line through them."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.results import Curve, NotConverged, Result, Scalar
from aiida_superionic.lattice import Array
from aiida_superionic.lattice.ion_trajectory import IonTrajectory
from aiida_superionic.units import BOLTZMANN, DIFFUSION_IN_CM2_PER_S, KINETIC_ENERGY

RESOLVED = 2.0
"""Errors above zero from which on a diffusion coefficient is a value and not a bound."""
LEAST_DISPLACEMENT = 6.0
"""6 D times the run's length in Å² below which no diffusion was seen, as for trajectories of molecular dynamics."""
_FEWEST_SEGMENTS = 10
_PATH_POINTS = 3000


def diffusion_of(trajectory: IonTrajectory, species: str, ion_mass: float, segment: float, fit_start: float) -> Result:
    """Return the diffusion coefficient of ions, from segments of their trajectories.

    Each ion's run is cut into segments. D is a sixth of the slope of a straight line through the mean squared
    displacement over segments, fitted from ``fit_start`` to the segments' end with the inverse squared standard errors
    as weights. That is linear in the displacements: each segment gives a D of its own, and the error is that of their
    mean. D is resolved where it is more than twice its error above zero, and carries an ion far enough in the whole
    run; else there is an upper bound. The line need not pass the origin: what an ion rattles within its cage adds to
    the displacement and not to D.

    Parameters
    ----------
    trajectory
        Of the ions, evenly sampled.
    species
        That names the results.
    ion_mass
        In amu.
    segment
        Length of a segment in ps.
    fit_start
        In ps.

    Returns
    -------
    Result
        Scalars ``diffusion_coefficient_X`` in cm²/s and ``temperature`` of the ions in K, which the time-local
        form does not fix; curves ``mean_squared_displacement_X`` and the first ion's path, ``path_X_x`` and so on.

    Raises
    ------
    NotConverged
        If the run has fewer than ten segments, or the segment fewer than three times in the window of the fit.
    """
    interval = float(trajectory.times[1] - trajectory.times[0])
    lags = round(segment / interval)
    count = len(trajectory.times) // max(lags, 1)
    times = np.arange(1, lags + 1, dtype=np.float64) * interval
    window = times >= fit_start - 1e-9
    if count * trajectory.positions.shape[1] < _FEWEST_SEGMENTS:
        raise NotConverged(f"the run holds fewer than {_FEWEST_SEGMENTS} segments of {segment:g} ps")
    if np.count_nonzero(window) < 3:
        raise NotConverged(f"a segment of {segment:g} ps has fewer than three times after {fit_start:g} ps")
    squares = _squared_displacements(trajectory.positions, lags)
    mean = squares.mean(axis=0)
    error = squares.std(axis=0, ddof=1) / np.sqrt(len(squares))
    slopes = squares[:, window] @ _projection(times[window], error[window])[1]
    value = float(slopes.mean()) / 6.0 * DIFFUSION_IN_CM2_PER_S
    uncertainty = float(slopes.std(ddof=1)) / np.sqrt(len(slopes)) / 6.0 * DIFFUSION_IN_CM2_PER_S
    # What rattles in its cage as the crystal warms it looks as if it diffused, in every run alike.
    least = LEAST_DISPLACEMENT / (6.0 * interval * len(trajectory.times)) * DIFFUSION_IN_CM2_PER_S
    bound = max(max(value, 0.0) + RESOLVED * uncertainty, least)
    scalar = (
        Scalar(value, uncertainty, "cm^2/s")
        if value > max(RESOLVED * uncertainty, least)
        else Scalar(None, uncertainty, "cm^2/s", upper_bound=bound, estimate=value if value > least else None)
    )
    curves = {
        f"mean_squared_displacement_{species}": Curve(times, mean, "t", "ps", "⟨|ΔR|²⟩", "Å^2", error),
        **_path(trajectory, species),
    }
    temperature = _kinetic_temperature(trajectory.velocities, ion_mass)
    return Result({f"diffusion_coefficient_{species}": scalar, "temperature": temperature}, curves)


def line_through(times: Array, mean: Array, error: Array, fit_start: float) -> tuple[float, float]:
    """Return offset and slope of the weighted line through a mean squared displacement, as D is drawn from it."""
    window = times >= fit_start - 1e-9
    offset, slope = _projection(times[window], error[window]) @ mean[window]
    return float(offset), float(slope)


def _projection(times: Array, error: Array) -> Array:
    """Return what gives offset and slope of a weighted straight line from its points, shape (2, n)."""
    design = np.stack([np.ones(len(times)), times], axis=1)
    weights = 1.0 / np.maximum(error, 1e-12) ** 2
    return np.asarray(np.linalg.solve(design.T @ (weights[:, None] * design), design.T * weights))


def _squared_displacements(positions: Array, lags: int) -> Array:
    """Return |R(t₀ + t) − R(t₀)|² of segments that follow each other, shape (segments, lags)."""
    count = (len(positions) - 1) // lags
    starts = np.arange(count) * lags
    moved = positions[starts[:, None] + np.arange(1, lags + 1)] - positions[starts][:, None]
    return np.asarray(np.sum(moved**2, axis=3).transpose(2, 0, 1).reshape(-1, lags))


def _kinetic_temperature(velocities: Array, ion_mass: float) -> Scalar:
    """Return ⟨M v²⟩/(3 k_B) in K, with the standard error of ten blocks."""
    blocks = [np.mean(block**2) for block in np.array_split(velocities, 10)]
    unit = ion_mass * KINETIC_ENERGY / BOLTZMANN
    return Scalar(float(np.mean(blocks)) * unit, float(np.std(blocks, ddof=1) / np.sqrt(10)) * unit, "K")


def _path(trajectory: IonTrajectory, species: str) -> dict[str, Curve]:
    every = max(1, len(trajectory.times) // _PATH_POINTS)
    times, places = trajectory.times[::every], trajectory.positions[::every, 0]
    return {f"path_{species}_{axis}": Curve(times, places[:, c], "t", "ps", axis, "Å") for c, axis in enumerate("xyz")}
