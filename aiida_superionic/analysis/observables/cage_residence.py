"""How long a mobile ion keeps the same cage of host ions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.correlation import lag_times
from aiida_superionic.analysis.observables.radial_distribution import cage_cutoff
from aiida_superionic.analysis.pairs import neighbour_sets
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.sites import cage_species
from aiida_superionic.analysis.statistics import N_BLOCKS, block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.units import TIME_IN_FS

_CUTOFF_SHIFTS = {"": 0.0, "_shorter_cutoff": -0.2, "_longer_cutoff": 0.2}
"""Å by which the cutoff is moved to show how much the residence time depends on it."""


class UnchangedStates:
    """How often a state at t0 + t equals that at t0, over all columns and origins, counted while the frames pass by.

    What is kept of each column are the runs of equal states that the longest lag reaches back to: memory does not grow
    with the number of frames, and time grows in proportion to it.

    Parameters
    ----------
    n_frames, n_columns
        Number of frames that will come, and of states in each.
    n_lags
        Number of lags, the zero lag included.
    n_blocks
        Number of equal contiguous blocks that are counted by themselves beside the whole.
    """

    def __init__(self, n_frames: int, n_columns: int, n_lags: int, n_blocks: int = N_BLOCKS) -> None:
        self._n_frames, self._n_columns = n_frames, n_columns
        self._block_size = n_frames // n_blocks
        self._n_seen = 0
        self._states = np.empty((n_columns, n_lags), dtype=np.uint64)
        self._starts = np.empty((n_columns, n_lags), dtype=np.int64)
        self._n_runs = np.zeros(n_columns, dtype=np.int64)
        # The counts are piecewise linear in the lag: what is summed is where, and by how much, their slope changes.
        self._bends = np.zeros((n_blocks + 1, n_lags), dtype=np.int64)

    def add(self, states: NDArray[np.uint64]) -> None:
        """Count the next frames, shape (t, number of columns), one number per state."""
        from aiida_superionic.analysis import state_kernels  # noqa: PLC0415 - imports Numba

        state_kernels.add_frames(
            states,
            self._n_seen,
            self._n_frames,
            self._states,
            self._starts,
            self._n_runs,
            self._block_size,
            self._bends,
        )
        self._n_seen += len(states)

    def probability(self, start: int, stop: int) -> Array:
        """Return the probability at each lag in one block, or in the whole, when all frames have come.

        Returns
        -------
        numpy.ndarray
            Shape (n_lags,).
        """
        whole = (start, stop) == (0, self._n_frames)
        bends = self._bends.sum(axis=0) if whole else self._bends[start // self._block_size]
        origins = self._n_columns * (stop - start - np.arange(len(bends)))
        equal = origins[0] + np.concatenate(([0], np.cumsum(np.cumsum(bends)[:-1])))
        return np.asarray(equal / origins)


@observable(
    needs=("positions", "mobile"),
    equation="C_R(t) = ⟨h_out h_in⟩, 1 while the set of host neighbours is the same as at 0;  τ_R = ∫ C_R dt",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eqs 10-14",
    lags=("longest_lag",),
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
    from scipy.integrate import trapezoid  # noqa: PLC0415 - lists and help need no SciPy

    n_lags = count_lags(trajectory, longest_lag, "longest_lag")
    host = cage_species(trajectory, neighbour)
    lags = lag_times(n_lags, trajectory.timestep)
    scalars: dict[str, Scalar] = {}
    curves: dict[str, Curve] = {}
    for kind in trajectory.mobile:
        radius = cage_cutoff(trajectory, kind, host) if cutoff is None else cutoff
        scalars[f"cage_cutoff_{kind}"] = Scalar(radius, None, "Å")
        ions, cage = trajectory.atoms_of(kind), trajectory.atoms_of(host)
        cutoffs = {suffix: radius + shift for suffix, shift in _CUTOFF_SHIFTS.items()}
        unchanged = {suffix: UnchangedStates(trajectory.n_frames, len(ions), n_lags) for suffix in cutoffs}
        for part in frame_batches(trajectory.n_frames, len(trajectory.species)):
            frames = trajectory.frames(part.start, part.stop)
            sets = neighbour_sets(frames.positions, frames.cell, ions, cage, list(cutoffs.values()))
            for i, states in enumerate(unchanged.values()):
                states.add(sets[..., i])
        for suffix, states in unchanged.items():

            def estimate(start: int, stop: int, states: UnchangedStates = states) -> Mapping[str, ArrayLike]:
                probability = states.probability(start, stop)
                return {"probability": probability, "time": trapezoid(probability, lags)}

            result = block_statistics(estimate, trajectory.n_frames)
            scalars[f"cage_residence_time{suffix}_{kind}"] = Scalar(*result.scalar("time", TIME_IN_FS), "fs")
            if not suffix:
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
