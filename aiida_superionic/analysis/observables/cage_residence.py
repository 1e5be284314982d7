"""How long a mobile ion keeps the same cage of host ions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.correlation import lag_times
from aiida_superionic.analysis.observables.radial_distribution import cage_cutoff
from aiida_superionic.analysis.pairs import neighbour_sets
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.units import TIME_IN_FS

_CUTOFF_SHIFT = 0.2
"""Å by which the cutoff is moved to show how much the residence time depends on it."""


def probability_unchanged(states: NDArray[np.uint64], n_lags: int) -> Array:
    """Return the probability that a state at t0 + t equals that at t0, over all columns and origins.

    Parameters
    ----------
    states
        One number per state, shape (T, n).
    n_lags
        Number of lags, the zero lag included.

    Returns
    -------
    numpy.ndarray
        Shape (n_lags,).
    """
    n_frames, n_columns = states.shape
    # Small integers in contiguous rows compare several times as fast.
    _, inverse = np.unique(states, return_inverse=True)
    rows = np.ascontiguousarray(inverse.reshape(states.shape).T.astype(np.int32))
    equal = np.zeros(n_lags)
    for row in rows:
        equal += [np.count_nonzero(row[: n_frames - lag] == row[lag:]) for lag in range(n_lags)]
    return np.asarray(equal / (n_columns * (n_frames - np.arange(n_lags))))


def _cage_of(trajectory: Trajectory, neighbour: str | None) -> str:
    if not trajectory.mobile:
        raise ParameterError("cage_residence needs to be told which species are mobile")
    if neighbour is None and len(trajectory.host) == 1:
        return trajectory.host[0]
    if neighbour in trajectory.host:
        return str(neighbour)
    raise ParameterError(
        f"neighbour is {neighbour!r} where one of the host species is expected: {', '.join(trajectory.host) or 'none'}"
    )


@observable(
    needs=("positions", "mobile"),
    equation="C_R(t) = ⟨h_out h_in⟩, 1 while the set of host neighbours is the same as at 0;  τ_R = ∫ C_R dt",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eqs 10-14",
)
def cage_residence(
    trajectory: Trajectory,
    *,
    cutoff: float | None = None,
    longest_lag: float = 10.0,
    neighbour: str | None = None,
) -> Result:
    """Cage residence correlation and time of the mobile ions.

    h_out h_in is 1 where no host ion left the shell and none came in, that is where the two sets of neighbours are
    equal; two empty sets are. The time is the integral from 0 to longest_lag by the trapezoidal rule.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile and host species.
    cutoff
        Radius of the shell in Å; the first minimum of this trajectory's own g(r) where it is not given.
    longest_lag
        In ps.
    neighbour
        The host species that makes the cage; need not be given where there is one only.

    Returns
    -------
    Result
        For each mobile species X the scalars ``cage_cutoff_X`` (Å), ``cage_residence_time_X`` (fs), and
        ``cage_residence_time_shorter_cutoff_X`` and ``..._longer_cutoff_X`` (fs) at cutoffs 0.2 Å to either side; the
        curve ``cage_residence_X``.
    """
    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    host = _cage_of(trajectory, neighbour)
    lags = lag_times(n_lags, trajectory.timestep)
    scalars: dict[str, Scalar] = {}
    curves: dict[str, Curve] = {}
    for kind in trajectory.mobile:
        radius = cage_cutoff(trajectory, kind, host) if cutoff is None else cutoff
        scalars[f"cage_cutoff_{kind}"] = Scalar(radius, None, "Å")
        for suffix, shift in (("", 0.0), ("_shorter_cutoff", -_CUTOFF_SHIFT), ("_longer_cutoff", _CUTOFF_SHIFT)):
            sets = neighbour_sets(
                trajectory.positions,
                trajectory.cell,
                trajectory.atoms_of(kind),
                trajectory.atoms_of(host),
                radius + shift,
            )

            def estimate(start: int, stop: int, sets: NDArray[np.uint64] = sets) -> Mapping[str, ArrayLike]:
                probability = probability_unchanged(sets[start:stop], n_lags)
                return {"probability": probability, "time": np.trapezoid(probability, lags)}

            result = block_statistics(estimate, trajectory.n_frames)
            scalars[f"cage_residence_time{suffix}_{kind}"] = Scalar(*result.scalar("time", TIME_IN_FS), "fs")
            if not shift:
                curves[f"cage_residence_{kind}"] = Curve(
                    lags,
                    result.value["probability"],
                    "time",
                    "ps",
                    f"probability that {kind} has the same {host} neighbours",
                    "1",
                    result.error["probability"],
                )
    return Result(scalars, curves)
