"""Time correlations over all origins: one Fourier kernel for every observable.

Columns are transformed a few at a time: what is at work stays in the processor's cache, and a field that lies in a
file is never in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from aiida_superionic.analysis.trajectory import Array, Field

_CHUNK_BYTES = 4 * 2**20

_SEGMENT = 2**14
"""Frames of a segment, where the lags are few against them: its transform stays in the processor's cache."""

_SEGMENT_PER_LAG = 16
"""Segments are at least this many times as long as the longest lag; what crosses their ends then costs little."""


def autocorrelation(x: Field, n_lags: int | None = None) -> Array:
    """Return the sum over columns of ⟨x(0) x(t)⟩, averaged over all time origins.

    Parameters
    ----------
    x
        Shape (T, ...); everything after the first axis is a column of its own.
    n_lags
        Number of lags, the zero lag included; T where it is not given.

    Returns
    -------
    numpy.ndarray
        Shape (n_lags,), in the unit of x squared. Lag k is divided by its own number of origins, T − k.

    Raises
    ------
    ValueError
        If there are more lags than frames.
    """
    sums = _SumOfCorrelations(len(x), n_lags)
    for frames, columns in sums.pieces(x.shape):
        sums.add(frames, _rows(x, frames, columns))
    return sums.average()


def cross_correlation(x: Field, y: Field, n_lags: int | None = None) -> Array:
    """Return the sum over columns of ⟨x(0) y(t)⟩, averaged over all time origins.

    The cross spectra of all columns are summed before a single inverse transform (Wiener–Khinchin, zero-padded so
    that nothing wraps around).

    Parameters
    ----------
    x, y
        Same shape (T, ...); everything after the first axis is a column of its own.
    n_lags
        Number of lags, the zero lag included; T where it is not given.

    Returns
    -------
    numpy.ndarray
        Shape (n_lags,), in the unit of x times y. Lag k is divided by its own number of origins, T − k.

    Raises
    ------
    ValueError
        If the shapes differ or there are more lags than frames.
    """
    if x.shape != y.shape:
        raise ValueError(f"x has shape {x.shape} and y {y.shape}; they must be equal")
    sums = _SumOfCorrelations(len(x), n_lags)
    for frames, columns in sums.pieces(x.shape):
        sums.add(frames, _rows(x, frames, columns), _rows(y, frames, columns))
    return sums.average()


def mean_squared_displacement(positions: Field, n_lags: int | None = None) -> Array:
    """Return ⟨|r(t0 + t) − r(t0)|²⟩ over all atoms and all origins.

    Expanding the square leaves a running sum of r² and one autocorrelation. Both are taken relative to the first
    frame in double precision, so that an atom far from the origin loses no digits.

    Parameters
    ----------
    positions
        Unwrapped, in Å, shape (T, N, 3).
    n_lags
        Number of lags, the zero lag included; T where it is not given.

    Returns
    -------
    numpy.ndarray
        In Å², shape (n_lags,).
    """
    n_frames, n_atoms = positions.shape[:2]
    sums = _SumOfCorrelations(n_frames, n_lags)
    squares = np.zeros(n_frames)
    for frames, columns in sums.pieces(positions.shape):
        displacements = _rows(positions, frames, columns)
        displacements -= _rows(positions, slice(1), columns)
        sums.add(frames, displacements)
        np.multiply(displacements, displacements, out=displacements)
        squares[frames] += displacements.sum(axis=0)
    correlation = sums.average()
    running = np.concatenate(([0.0], np.cumsum(squares)))
    lags = np.arange(len(correlation))
    ends = running[n_frames - lags] + running[n_frames] - running[lags]
    result = (ends / (n_frames - lags) - 2.0 * correlation) / n_atoms
    result[0] = 0.0
    return np.asarray(result)


def cosine_transform(correlation: Array, timestep: float) -> tuple[Array, Array]:
    """Return frequencies and the one-sided spectrum of a correlation function, apodised by a Hann window.

    S(ν) = 4 ∫₀^L w(t) C(t) cos(2πνt) dt with w(t) = (1 + cos(πt/L))/2, by the trapezoidal rule. Its integral from 0 to
    the highest frequency is C(0). The window takes the noise of the long lags out and makes a line 1/L wide.

    Parameters
    ----------
    correlation
        At lags 0, timestep ... L, shape (n,).
    timestep
        In ps.

    Returns
    -------
    tuple of numpy.ndarray
        Frequencies in THz and the spectrum in the unit of the correlation times ps, both of shape (n,).
    """
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    n_lags = len(correlation)
    window = 0.5 * (1.0 + np.cos(np.pi * np.arange(n_lags) / (n_lags - 1)))
    frequencies = np.arange(n_lags) / (2.0 * (n_lags - 1) * timestep)
    return frequencies, np.asarray(2.0 * timestep * fft.dct(window * correlation, type=1))


def lag_times(n_lags: int, timestep: float) -> Array:
    """Return the times 0, timestep ... of lags, shape (n_lags,)."""
    return np.arange(n_lags, dtype=np.float64) * timestep


class _SumOfCorrelations:
    """The correlations of many columns, summed as spectra and transformed back once.

    Columns are cut into segments, which are read and correlated one after the other, zero-padded so that nothing wraps
    around; what is correlated across the start of each comes from the last frames before it and its first. So the cost
    at a given longest lag grows as the number of frames.
    """

    def __init__(self, n_frames: int, n_lags: int | None) -> None:
        from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

        self._n_frames = n_frames
        self._n_lags = n_frames if n_lags is None else n_lags
        if not 1 <= self._n_lags <= n_frames:
            raise ValueError(f"{self._n_lags} lags asked of {n_frames} frames")
        n_segments = max(1, n_frames // max(_SEGMENT, _SEGMENT_PER_LAG * self._n_lags))
        self._segment = -(-n_frames // n_segments)
        self._length = int(fft.next_fast_len(self._segment + self._n_lags - 1, real=True))
        self._inside = np.zeros(self._length // 2 + 1, dtype=np.complex128)
        self._edge_length = int(fft.next_fast_len(max(1, 2 * self._n_lags - 2), real=True))
        self._across = np.zeros(self._edge_length // 2 + 1, dtype=np.complex128)
        self._before: Array | None = None

    def pieces(self, shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
        """Yield slices of the first axis, in order, for each of the slices of the second."""
        n = shape[1] if len(shape) > 1 else 1
        size = max(1, _CHUNK_BYTES // (16 * self._length * prod(shape[2:])))
        for column in range(0, n, size):
            for frame in range(0, self._n_frames, self._segment):
                yield slice(frame, min(frame + self._segment, self._n_frames)), slice(column, column + size)

    def add(self, frames: slice, x: Array, y: Array | None = None) -> None:
        """Add the correlation of rows of shape (n, frames), with others or with themselves, piece by piece."""
        from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

        n_edge = self._n_lags - 1
        after = x if y is None else y
        if frames.start and self._before is not None:
            # The first frames lie as far behind the last ones before them as they do in the trajectory.
            first = np.pad(after[:, :n_edge], ((0, 0), (n_edge, 0)))
            edges = np.conjugate(fft.rfft(self._before, self._edge_length))
            edges *= fft.rfft(first, self._edge_length)
            self._across += edges.sum(axis=0)
        if frames.stop < self._n_frames and n_edge:
            self._before = x[:, -n_edge:].copy()
        transform = fft.rfft(x, self._length)
        if y is None:
            # Real and imaginary parts squared in place, beside each other: no complex product is formed.
            parts = transform.view(np.float64)
            np.multiply(parts, parts, out=parts)
            power = parts.sum(axis=0)
            self._inside += power[::2] + power[1::2]
        else:
            np.conjugate(transform, out=transform)
            transform *= fft.rfft(y, self._length)
            self._inside += transform.sum(axis=0)

    def average(self) -> Array:
        """Return the correlation at each lag over the number of its origins, shape (n_lags,)."""
        from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

        total = fft.irfft(self._inside, self._length)[: self._n_lags]
        if self._before is not None:
            total += fft.irfft(self._across, self._edge_length)[: self._n_lags]
        return np.asarray(total / np.arange(self._n_frames, self._n_frames - self._n_lags, -1))


def _rows(x: Field, frames: slice, columns: slice) -> Array:
    part = x[frames, columns] if len(x.shape) > 1 else np.asarray(x[frames])
    return np.array(part.reshape(len(part), -1).T, dtype=np.float64, order="C")
