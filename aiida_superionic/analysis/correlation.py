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
    n_lags = _checked_lags(n_lags, len(x))
    length = _padded_length(len(x), n_lags)
    power = np.zeros(length // 2 + 1)
    for columns in _chunks(x.shape, length):
        power += _power(_rows(x, columns), length)
    return _from_spectrum(power, length, len(x), n_lags)


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
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    n_lags = _checked_lags(n_lags, len(x))
    length = _padded_length(len(x), n_lags)
    spectrum = np.zeros(length // 2 + 1, dtype=np.complex128)
    for columns in _chunks(x.shape, length):
        transform = fft.rfft(_rows(x, columns), length)
        np.conjugate(transform, out=transform)
        transform *= fft.rfft(_rows(y, columns), length)
        spectrum += transform.sum(axis=0)
    return _from_spectrum(spectrum, length, len(x), n_lags)


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
    n_lags = _checked_lags(n_lags, n_frames)
    length = _padded_length(n_frames, n_lags)
    power = np.zeros(length // 2 + 1)
    squares = np.zeros(n_frames)
    for columns in _chunks(positions.shape, length):
        displacements = _rows(positions, columns)
        displacements -= displacements[:, :1].copy()
        squares += np.einsum("ij,ij->j", displacements, displacements)
        power += _power(displacements, length)
    correlation = _from_spectrum(power, length, n_frames, n_lags)
    running = np.concatenate(([0.0], np.cumsum(squares)))
    lags = np.arange(n_lags)
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


def _checked_lags(n_lags: int | None, n_frames: int) -> int:
    n_lags = n_frames if n_lags is None else n_lags
    if not 1 <= n_lags <= n_frames:
        raise ValueError(f"{n_lags} lags asked of {n_frames} frames")
    return n_lags


def _padded_length(n_frames: int, n_lags: int) -> int:
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    return int(fft.next_fast_len(n_frames + n_lags - 1, real=True))


def _chunks(shape: tuple[int, ...], length: int) -> Iterator[slice]:
    """Yield slices of the second axis."""
    n = shape[1] if len(shape) > 1 else 1
    size = max(1, _CHUNK_BYTES // (16 * length * prod(shape[2:])))
    for start in range(0, n, size):
        yield slice(start, start + size)


def _rows(x: Field, columns: slice) -> Array:
    part = x[:, columns] if len(x.shape) > 1 else np.asarray(x)
    return np.array(part.reshape(len(x), -1).T, dtype=np.float64, order="C")


def _power(rows: Array, length: int) -> Array:
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    # Real and imaginary parts squared in place, beside each other: no complex product is formed.
    parts = fft.rfft(rows, length).view(np.float64)
    np.multiply(parts, parts, out=parts)
    power = parts.sum(axis=0)
    return np.asarray(power[::2] + power[1::2])


def _from_spectrum(spectrum: np.ndarray, length: int, n_frames: int, n_lags: int) -> Array:
    from scipy import fft  # noqa: PLC0415 - lists and help need no SciPy

    return np.asarray(fft.irfft(spectrum, length)[:n_lags] / np.arange(n_frames, n_frames - n_lags, -1))
