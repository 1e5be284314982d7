"""Histograms that are summed over frames, once for the whole and its blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

from aiida_superionic.analysis.statistics import N_BLOCKS
from aiida_superionic.analysis.trajectory import Array


def counted_once(
    count: Callable[[int, int], Array], n_frames: int, n_blocks: int = N_BLOCKS
) -> Callable[[int, int], Array]:
    """Return a function that counts as the given one does, but sums the whole from its blocks.

    Block statistics ask for each block and for the whole, which would look at every frame twice.

    Parameters
    ----------
    count
        Sums over the frames from its first argument to its second (exclusive).
    n_frames
        Number of frames of the whole.
    n_blocks
        Number of equal contiguous blocks; frames that do not fill a block are left at the end.
    """
    size = n_frames // n_blocks
    bounds = sorted({*range(0, n_blocks * size + 1, size or 1), n_frames})

    @cache
    def counted(start: int, stop: int) -> Array:
        if (start, stop) != (0, n_frames) or len(bounds) == 2:
            return count(start, stop)
        total = counted(bounds[0], bounds[1]).copy()
        for block in list(pairwise(bounds))[1:]:
            total += counted(*block)
        return total

    return counted
