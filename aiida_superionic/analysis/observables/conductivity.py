"""Ionic conductivity: of independent ions, and of ions that move together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import lag_times, mean_squared_displacement
from aiida_superionic.analysis.einstein_relation import EinsteinFit
from aiida_superionic.analysis.observables.temperature import given_or_kinetic
from aiida_superionic.analysis.reference_frame import RelativeVectors, positions_in_host_frame
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.units import BOLTZMANN, CONDUCTIVITY_IN_MS_PER_CM

_ROUNDING = 1e-9
"""Part of the conductivity of independent ions below which the common one is a sum of rounding errors."""


@observable(
    needs=("positions", "mobile", "formal_charges"),
    equation="σ_NE = Σ N q² D /(V k_B T);  σ = slope of ⟨|Σ q (r(t0 + t) − r(t0))|²⟩ /(6 V k_B T);  H = σ_NE/σ",
    source="Nernst–Einstein and Einstein relations; Haven ratio",
    lags=("fit_end",),
)
def conductivity(
    trajectory: Trajectory,
    *,
    temperature: float | None = None,
    fit_start: float = 2.0,
    fit_end: float = 10.0,
) -> Result:
    """Conductivity of the mobile ions by Nernst–Einstein and from their common motion, and the Haven ratio.

    Charges are the formal ones. Both conductivities are of the mobile species in the frame of the host lattice's centre
    of mass, where the host carries no current. Each is a slope by generalised least squares over the same window.

    The common motion is a single walk where the ions' own are N, and its error about √N times as large. A sum over many
    ions is Gaussian, so that the closed form for a Brownian walker holds for it, and is known better than from five
    blocks. The errors of the two conductivities are added in squares in that of their ratio, which leaves out the
    little that they have in common.

    Parameters
    ----------
    trajectory
        With mobile species and formal charges.
    temperature
        In K; the kinetic one where it is not given and the trajectory holds velocities.
    fit_start, fit_end
        Window of the lines in ps; the curve ends with it.

    Returns
    -------
    Result
        The scalars ``conductivity_nernst_einstein`` and ``conductivity`` in mS/cm (only an upper bound where it is
        within twice its error of zero) and ``haven_ratio``; the curve ``charge_displacement`` in e² Å².
    """
    absent = [kind for kind in trajectory.mobile if kind not in trajectory.formal_charges]
    if absent:
        raise ParameterError(f"conductivity needs the formal charge of {', '.join(absent)}")
    n_lags = count_lags(trajectory, fit_end, "fit_end")
    fit = EinsteinFit.over(fit_start, fit_end, trajectory.timestep)
    positions = positions_in_host_frame(trajectory)
    ions = {kind: positions.of(trajectory.atoms_of(kind)) for kind in trajectory.mobile}
    charges = {kind: trajectory.formal_charges[kind] for kind in ions}
    moment = sum(charges[kind] * _sum_over_atoms(ions[kind]) for kind in ions)[:, np.newaxis]  # type: ignore[index]

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        n_frames = stop - start
        own = sum(
            charges[kind] ** 2 * part.shape[1] * mean_squared_displacement(part.frames(start, stop), n_lags)
            for kind, part in ions.items()
        )
        common = mean_squared_displacement(moment[start:stop], n_lags)
        return {
            "common": common,
            "independent": fit.diffusion(np.asarray(own), n_frames),
            "collective": fit.diffusion(common, n_frames),
        }

    result = block_statistics(estimate, trajectory.n_frames)
    volume = float(np.abs(np.linalg.det(trajectory.cell)).mean())
    factor = CONDUCTIVITY_IN_MS_PER_CM / (volume * BOLTZMANN * given_or_kinetic(trajectory, temperature))
    independent, independent_error = result.scalar("independent")
    collective, scatter = result.scalar("collective")
    relative_error = fit.relative_error(1, trajectory.n_frames)
    scalars = {
        "conductivity_nernst_einstein": _resolved(independent * factor, independent_error * factor, 0.0),
        "conductivity": _resolved(
            collective * factor,
            abs(collective) * relative_error * factor,
            max(scatter, _ROUNDING * independent) * factor,
        ),
    }
    if all(scalar.value is not None for scalar in scalars.values()):
        ratio = independent / collective
        error = ratio * float(np.hypot(relative_error, independent_error / independent))
        scalars["haven_ratio"] = Scalar(ratio, error, "1")
    curve = Curve(
        lag_times(n_lags, trajectory.timestep),
        result.value["common"],
        "time",
        "ps",
        "mean squared displacement of the mobile charge",
        "e^2 Å^2",
        result.error["common"],
    )
    return Result(scalars, {"charge_displacement": curve})


def _sum_over_atoms(ions: RelativeVectors) -> Array:
    """Return the sum of the displacements from the first frame, shape (T, 3)."""
    first = ions[:1, :]
    total = np.empty((len(ions), 3))
    for part in frame_batches(*ions.shape[:2]):
        total[part] = (ions[part, :] - first).sum(axis=1)
    return total


def _resolved(value: float, error: float, scatter: float) -> Scalar:
    # What is no walk at all has a closed-form error that vanishes with it, but its blocks scatter.
    uncertainty = 2.0 * max(error, scatter)
    if value > uncertainty:
        return Scalar(value, error, "mS/cm")
    return Scalar(None, error, "mS/cm", upper_bound=max(value, 0.0) + uncertainty, estimate=value)
