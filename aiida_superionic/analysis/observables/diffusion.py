"""Mean squared displacement and self-diffusion coefficients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import lag_times, mean_squared_displacement
from aiida_superionic.analysis.reference_frame import positions_in_host_frame
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.statistics import Estimate, block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import DIFFUSION_IN_CM2_PER_S


def self_diffusion(trajectory: Trajectory, fit_start: float, fit_end: float) -> Estimate:
    """Return the mean squared displacement of each species and a sixth of its slope.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice's centre of mass, or of all atoms' where no species is
        declared mobile.
    fit_start, fit_end
        Window of the straight line in ps, both ends included.

    Returns
    -------
    Estimate
        For each species X, ``displacement_X`` in Å² at lags 0 to fit_end, and ``diffusion_X`` in Å²/ps: the
        least-squares slope over the window, every lag weighted alike, over 6.

    Raises
    ------
    ParameterError
        If the window holds fewer than three lags.
    NotConverged
        If fit_end is longer than a block.
    """
    n_lags = count_lags(trajectory, fit_end, "fit_end")
    lags = lag_times(n_lags, trajectory.timestep)
    window = lags >= fit_start - 0.5 * trajectory.timestep
    if fit_start < 0.0 or np.count_nonzero(window) < 3:
        raise ParameterError(f"no straight line fits between fit_start {fit_start:g} ps and fit_end {fit_end:g} ps")
    centred = lags[window] - lags[window].mean()
    positions = positions_in_host_frame(trajectory)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        quantities: dict[str, ArrayLike] = {}
        for kind in trajectory.kinds:
            displacement = mean_squared_displacement(positions[start:stop, trajectory.atoms_of(kind)], n_lags)
            quantities[f"displacement_{kind}"] = displacement
            quantities[f"diffusion_{kind}"] = centred @ displacement[window] / (centred @ centred) / 6.0
        return quantities

    return block_statistics(estimate, trajectory.n_frames)


@observable(
    needs=("positions",),
    equation="D = slope of ⟨|r(t0 + t) − r(t0)|²⟩ / 6",
    source="Einstein relation",
)
def diffusion(trajectory: Trajectory, *, fit_start: float = 2.0, fit_end: float = 10.0) -> Result:
    """Mean squared displacement, and self-diffusion coefficient from its slope over a stated window.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice's centre of mass, or of all atoms' where no species is
        declared mobile.
    fit_start, fit_end
        Window of the least-squares line in ps; the curve ends with it.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared), the scalar ``diffusion_coefficient_X`` in
        cm²/s; for every species the curve ``mean_squared_displacement_X`` in Å². A slope within twice its error of
        zero gives no value but the upper bound of slope + twice the error.
    """
    estimate = self_diffusion(trajectory, fit_start, fit_end)
    scalars = {}
    for kind in trajectory.mobile or trajectory.kinds:
        value, error = estimate.scalar(f"diffusion_{kind}", DIFFUSION_IN_CM2_PER_S)
        scalars[f"diffusion_coefficient_{kind}"] = (
            Scalar(value, error, "cm^2/s")
            if value > 2.0 * error
            else Scalar(None, error, "cm^2/s", upper_bound=max(value, 0.0) + 2.0 * error)
        )
    curves = {}
    for kind in trajectory.kinds:
        displacement = estimate.value[f"displacement_{kind}"]
        curves[f"mean_squared_displacement_{kind}"] = Curve(
            lag_times(len(displacement), trajectory.timestep),
            displacement,
            "time",
            "ps",
            f"mean squared displacement of {kind}",
            "Å^2",
            estimate.error[f"displacement_{kind}"],
        )
    return Result(scalars, curves)
