"""Standard errors from one trajectory, by contiguous blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged, Scalar
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.units import FREQUENCY_PER_NS

N_BLOCKS = 5
"""Blocks that a trajectory is cut into for its standard errors."""

NO_EVENT_BOUND = 3.0
"""Mean number of events that would give none with a probability of 5 % (Poisson)."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """The values of some named quantities, and their standard errors, of the same shapes.

    ``blocks`` holds the values of each block, shape (n_blocks, ...).
    """

    value: dict[str, Array]
    error: dict[str, Array]
    blocks: dict[str, Array]

    def scalar(self, name: str, factor: float = 1.0) -> tuple[float, float]:
        """Return value and error of one number, times a conversion factor."""
        return float(self.value[name]) * factor, float(self.error[name]) * factor

    def derived(self, function: Callable[[Mapping[str, Array]], ArrayLike]) -> tuple[Array, Array]:
        """Return a function of the quantities with its error, which holds what their errors have in common."""
        n_blocks = len(next(iter(self.blocks.values())))
        blocks = [function({name: block[i] for name, block in self.blocks.items()}) for i in range(n_blocks)]
        return np.asarray(function(self.value), np.float64), _standard_error(np.array(blocks, np.float64))


def block_statistics(
    estimate: Callable[[int, int], Mapping[str, ArrayLike]], n_frames: int, n_blocks: int = N_BLOCKS
) -> Estimate:
    """Return quantities of a whole trajectory with standard errors from its blocks.

    The value is that of all frames. The error is the standard deviation of the values of ``n_blocks`` equal
    contiguous blocks over √n_blocks. This assumes that the blocks are independent, that is longer than the longest
    correlation time of the quantity, and that the quantity of the whole scatters as the mean of the blocks does. With
    five blocks the error itself is known to about a third of it, and a 95 % interval is 2.8 errors to each side
    (Student's t with four degrees of freedom).

    Parameters
    ----------
    estimate
        Gives the quantities of the frames from its first argument to its second (exclusive): scalars or arrays whose
        shapes do not depend on the number of frames.
    n_frames
        Number of frames of the whole.
    n_blocks
        At least 2. Frames that do not fill a block at the end are left out of the blocks, not of the value.

    Raises
    ------
    NotConverged
        If there are fewer frames than blocks.
    """
    if n_frames < n_blocks:
        raise NotConverged(f"{n_frames} frames cannot be cut into the {n_blocks} blocks that give an error")
    size = n_frames // n_blocks
    parts = [estimate(start, start + size) for start in range(0, n_blocks * size, size)]
    value = {name: np.asarray(quantity, dtype=np.float64) for name, quantity in estimate(0, n_frames).items()}
    blocks = {name: np.array([part[name] for part in parts], dtype=np.float64) for name in value}
    return Estimate(value, {name: _standard_error(block) for name, block in blocks.items()}, blocks)


def _standard_error(blocks: Array) -> Array:
    return np.asarray(np.std(blocks, axis=0, ddof=1) / np.sqrt(len(blocks)))


def event_frequency(steps: NDArray[np.intp], n_steps: int, timestep: float, n_bodies: int) -> Scalar:
    """Return how often something happens to one of several bodies, in 1/ns.

    Parameters
    ----------
    steps
        The step from one frame to the next, counted from 0, at which each event happened.
    n_steps
        Number of steps that were watched.
    timestep
        Duration of a step in ps.
    n_bodies
        Number of bodies that were watched.

    Returns
    -------
    Scalar
        The frequency, with the error of blocks; an upper bound, of 95 % confidence, where no event was seen.

    Raises
    ------
    NotConverged
        If fewer steps were watched than there are blocks.
    """

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        events = np.count_nonzero((steps >= start) & (steps < stop))
        return {"frequency": events / ((stop - start) * timestep * n_bodies)}

    value, error = block_statistics(estimate, n_steps).scalar("frequency", FREQUENCY_PER_NS)
    if value > 0.0:
        return Scalar(value, error, "1/ns")
    bound = NO_EVENT_BOUND / (n_steps * timestep * n_bodies) * FREQUENCY_PER_NS
    return Scalar(None, None, "1/ns", upper_bound=bound, estimate=0.0)


def count_lags(trajectory: Trajectory, longest_lag: float, name: str, n_blocks: int = N_BLOCKS) -> int:
    """Return the number of lags from zero to the longest, both included.

    Parameters
    ----------
    trajectory
        The trajectory that is to be cut into blocks.
    longest_lag
        In ps.
    name
        The parameter's name, for the message.
    n_blocks
        Number of blocks that the lag must fit into.

    Raises
    ------
    ParameterError
        If the lag is not longer than two frames.
    NotConverged
        If a block is shorter than the lag.
    """
    n_lags = round(longest_lag / trajectory.timestep) + 1
    if n_lags < 3:
        raise ParameterError(
            f"{name} is {longest_lag:g} ps where at least two frames, {2 * trajectory.timestep:g} ps, are needed"
        )
    needed = needed_frames(longest_lag, trajectory.timestep, n_blocks)
    if trajectory.n_frames < needed:
        raise NotConverged(
            f"the trajectory is {trajectory.duration:g} ps long where lags up to {longest_lag:g} ps in each of "
            f"{n_blocks} blocks need {needed * trajectory.timestep:g} ps; run longer or shorten {name}"
        )
    return n_lags


def needed_frames(longest_lag: float, timestep: float, n_blocks: int = N_BLOCKS) -> int:
    """Return the number of frames of a trajectory each of whose blocks holds the longest lag; times in ps."""
    return n_blocks * (round(longest_lag / timestep) + 1)
