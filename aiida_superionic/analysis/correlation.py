"""Time correlations over all origins: one Fourier kernel for every observable."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aiida_superionic.analysis.trajectory import Array

_CHUNK_BYTES = 64 * 2**20


def autocorrelation(x: Array, n_lags: int | None = None) -> Array:
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
    """
    return cross_correlation(x, x, n_lags)


def cross_correlation(x: Array, y: Array, n_lags: int | None = None) -> Array:
    """Return the sum over columns of ⟨x(0) y(t)⟩, averaged over all time origins.

    The power spectra of all columns are summed before a single inverse transform (Wiener–Khinchin, zero-padded so
    that nothing wraps around), in chunks of columns that bound the memory.

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
    n_frames = len(x)
    n_lags = n_frames if n_lags is None else n_lags
    if not 1 <= n_lags <= n_frames:
        raise ValueError(f"{n_lags} lags asked of {n_frames} frames")
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    length = fft.next_fast_len(n_frames + n_lags - 1, real=True)
    spectrum = np.zeros(length // 2 + 1, dtype=np.complex128)
    for columns in _chunks(x[0].size, length):
        transform = fft.rfft(_rows(x, columns), length)
        other = transform if y is x else fft.rfft(_rows(y, columns), length)
        spectrum += np.einsum("ij,ij->j", transform.conj(), other)
    return np.asarray(fft.irfft(spectrum, length)[:n_lags] / np.arange(n_frames, n_frames - n_lags, -1))


def mean_squared_displacement(positions: Array, n_lags: int | None = None) -> Array:
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
    displacements = np.asarray(positions, dtype=np.float64) - positions[0]
    correlation = autocorrelation(displacements, n_lags)
    running = np.concatenate(([0.0], np.cumsum(np.einsum("tij,tij->t", displacements, displacements))))
    lags = np.arange(len(correlation))
    squares = running[n_frames - lags] + running[n_frames] - running[lags]
    result = (squares / (n_frames - lags) - 2.0 * correlation) / n_atoms
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


def _chunks(n_columns: int, length: int) -> Iterator[slice]:
    size = max(1, _CHUNK_BYTES // (16 * length))
    for start in range(0, n_columns, size):
        yield slice(start, start + size)


def _rows(x: Array, columns: slice) -> Array:
    return np.ascontiguousarray(x.reshape(len(x), -1)[:, columns].T, dtype=np.float64)
