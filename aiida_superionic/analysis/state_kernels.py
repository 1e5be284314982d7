"""The compiled loop that counts how often a state is the same some frames later. Importing it imports Numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.compiled import compiled


@compiled
def add_run(
    states: NDArray[np.uint64],
    starts: NDArray[np.int64],
    number: int,
    end: int,
    block_size: int,
    bends: NDArray[np.int64],
) -> None:
    """Add what a run that ends here has in common with itself and with the earlier runs of the same state.

    The frames t of one run for which t + lag lies in another are a trapezoid over the lag, of which the four bends are
    added. Runs of one block go to that block's row; those of two blocks, and all after the last block, to the last row.
    """
    capacity, n_lags, last = len(states), bends.shape[1], len(bends) - 1
    slot = number % capacity
    state, start = states[slot], starts[slot]
    block = min(start // block_size, last)
    bends[block, 0] -= 1
    if end - start < n_lags:
        bends[block, end - start] += 1
    stop = start
    earlier = min(number, capacity - 1)
    while earlier and start - stop < n_lags - 1:
        earlier -= 1
        slot = slot - 1 if slot else capacity - 1
        begin = starts[slot]
        if states[slot] == state:
            row = block if begin // block_size == block else last
            bends[row, start - stop] += 1
            if start - begin < n_lags:
                bends[row, start - begin] -= 1
            if end - stop < n_lags:
                bends[row, end - stop] -= 1
            if end - begin < n_lags:
                bends[row, end - begin] += 1
        stop = begin


@compiled
def add_frames(
    frames: NDArray[np.uint64],
    first: int,
    n_frames: int,
    states: NDArray[np.uint64],
    starts: NDArray[np.int64],
    n_runs: NDArray[np.int64],
    block_size: int,
    bends: NDArray[np.int64],
) -> None:
    """Continue the runs of each column, shape (T, n); a run ends where the state changes, a block begins or all end."""
    capacity = states.shape[1]
    for column in range(frames.shape[1]):
        for k in range(len(frames)):
            t, newest = first + k, n_runs[column] - 1
            if newest < 0 or not t % block_size or states[column, newest % capacity] != frames[k, column]:
                if newest >= 0:
                    add_run(states[column], starts[column], newest, t, block_size, bends)
                newest += 1
                states[column, newest % capacity] = frames[k, column]
                starts[column, newest % capacity] = t
                n_runs[column] = newest + 1
            if t + 1 == n_frames:
                add_run(states[column], starts[column], newest, n_frames, block_size, bends)
