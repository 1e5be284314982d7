"""Following atoms through the faces of the cell."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.trajectory import Array


class Unwrapping:
    """Positions that follow each atom through the faces of the cell, for frames that come a few at a time.

    From frame to frame an atom moves to its nearest image: by less than half the cell. The first frame keeps its place.
    """

    def __init__(self) -> None:
        self._wrapped: Array | None = None  # of the last frame, in fractions of the cell
        self._first = self._moved = np.zeros(())

    def __call__(self, positions: Array, cells: Array) -> Array:
        """Return the unwrapped positions of the next frames.

        Parameters
        ----------
        positions
            In Å, shape (T, N, 3).
        cells
            Cell vectors as rows in Å, shape (T, 3, 3).
        """
        fractional = np.einsum("tnx,txk->tnk", positions, np.linalg.inv(cells))
        if self._wrapped is None:
            self._wrapped, self._first, self._moved = fractional[0], fractional[0], np.zeros_like(fractional[0])
        steps = np.diff(fractional, axis=0, prepend=self._wrapped[np.newaxis])
        # What was moved before goes first: sums are the same whatever the number of frames in a call.
        moved = np.cumsum(np.concatenate([self._moved[np.newaxis], steps - np.rint(steps)]), axis=0)[1:]
        self._wrapped, self._moved = fractional[-1].copy(), moved[-1].copy()
        return np.asarray(np.einsum("tnk,tkx->tnx", self._first + moved, cells))
