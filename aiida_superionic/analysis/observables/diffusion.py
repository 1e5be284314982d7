"""Mean squared displacement and self-diffusion coefficients."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import lag_times, mean_squared_displacement
from aiida_superionic.analysis.einstein_relation import EinsteinFit
from aiida_superionic.analysis.reference_frame import positions_in_host_frame
from aiida_superionic.analysis.registry import observable
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
        For each species X, ``displacement_X`` in Å² at lags 0 to fit_end, and, in Å²/ps, ``diffusion_X`` by
        generalised and ``plain_X`` by ordinary least squares (:class:`EinsteinFit`).

    Raises
    ------
    ParameterError
        If the window holds fewer than three lags.
    NotConverged
        If fit_end is longer than a block.
    """
    n_lags = count_lags(trajectory, fit_end, "fit_end")
    fit = EinsteinFit.over(fit_start, fit_end, trajectory.timestep)
    positions = positions_in_host_frame(trajectory)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        quantities: dict[str, ArrayLike] = {}
        for kind in trajectory.kinds:
            part = positions.of(trajectory.atoms_of(kind)).frames(start, stop)
            displacement = mean_squared_displacement(part, n_lags)
            quantities[f"displacement_{kind}"] = displacement
            quantities[f"diffusion_{kind}"] = fit.diffusion(displacement, len(part))
            quantities[f"plain_{kind}"] = fit.plain(displacement)
        return quantities

    return block_statistics(estimate, trajectory.n_frames)


@observable(
    needs=("positions",),
    equation="D = slope of ⟨|r(t0 + t) − r(t0)|²⟩ / 6",
    source="Einstein relation; generalised least squares with the covariance of Brownian motion",
    lags=("fit_end",),
)
def diffusion(
    trajectory: Trajectory, *, fit_start: float = 2.0, fit_end: float = 10.0, least_displacement: float = 6.0
) -> Result:
    """Mean squared displacement, and self-diffusion coefficient from its slope over a stated window.

    The line is fitted by generalised least squares with the covariance that the displacement of independent Brownian
    walkers has, which is that of the least error; the ordinary fit stands beside it. Errors are those of blocks, which
    hold for ions that move together too; the closed form for independent walkers stands beside them.

    D is resolved where it is more than twice its error above zero, and where it carries an ion further in the whole
    run, in the mean square, than ``least_displacement``. Else the run gives an upper bound only.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice's centre of mass, or of all atoms' where no species is
        declared mobile.
    fit_start, fit_end
        Window of the line in ps; the curve ends with it.
    least_displacement
        6 D × duration in Å² below which no diffusion was seen. The default is the limit of "Disentangling
        Cation-Polyanion Coupling in Solid Electrolytes": 1e-8 cm²/s in 10 ns.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared), in cm²/s, the scalars
        ``diffusion_coefficient_X``, ``diffusion_coefficient_ordinary_fit_X`` and ``diffusion_error_closed_form_X``;
        for every species the curve ``mean_squared_displacement_X`` in Å².
    """
    estimate = self_diffusion(trajectory, fit_start, fit_end)
    fit = EinsteinFit.over(fit_start, fit_end, trajectory.timestep)
    least = least_displacement / (6.0 * trajectory.duration) * DIFFUSION_IN_CM2_PER_S
    scalars: dict[str, Scalar] = {}
    for kind in trajectory.mobile or trajectory.kinds:
        value, error = estimate.scalar(f"diffusion_{kind}", DIFFUSION_IN_CM2_PER_S)
        closed = abs(value) * fit.relative_error(len(trajectory.atoms_of(kind)), trajectory.n_frames)
        plain, plain_error = estimate.scalar(f"plain_{kind}", DIFFUSION_IN_CM2_PER_S)
        resolved = value > max(2.0 * error, 2.0 * closed, least)
        # What does not diffuse is no Brownian walk: the ordinary fit bounds it closer.
        bound = max(max(plain, 0.0) + 2.0 * plain_error, least)
        scalars |= {
            f"diffusion_coefficient_{kind}": Scalar(value, error, "cm^2/s")
            if resolved
            # Within ``least`` what vibrates looks as if it diffused, in every run alike: more runs tell no more.
            else Scalar(None, error, "cm^2/s", upper_bound=bound, estimate=value if value > least else None),
            f"diffusion_coefficient_ordinary_fit_{kind}": Scalar(plain, plain_error, "cm^2/s"),
            f"diffusion_error_closed_form_{kind}": Scalar(closed, None, "cm^2/s"),
        }
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
