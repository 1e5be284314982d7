"""Compiled: the waves of all modes at even times."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import Array

_TILE = 128
"""Momenta whose patterns are in the fastest memory while they are used for all times."""


@compiled
def fill_spectrum(
    real_patterns: Array,
    imaginary_patterns: Array,
    cosine_weights: Array,
    sine_weights: Array,
    cosine_turns: Array,
    sine_turns: Array,
    cosines: Array,
    sines: Array,
    spectrum: Array,
) -> None:
    """Fill in Σ_u pattern_u (w_u cos φ_u + v_u sin φ_u) at times that turn the phases φ_u from one to the next.

    Real and imaginary parts are arrays of their own, and momenta the last axis: the compiler may then use wide
    registers.

    Parameters
    ----------
    real_patterns, imaginary_patterns
        Shape (3A, 3A, Q): the first axis counts components, the second modes.
    cosine_weights, sine_weights
        w and v, real and imaginary parts, shape (2, 3A, Q).
    cosine_turns, sine_turns
        Of the angle between two times, shape (3A, Q).
    cosines, sines
        Of φ at the first time; left at the time after the last. Shape (3A, Q).
    spectrum
        Shape (times, 3A, Q, 2), real and imaginary parts last.
    """
    size, n_momenta = cosines.shape
    real, imaginary = np.empty((size, _TILE)), np.empty((size, _TILE))
    strength, other = np.empty(_TILE), np.empty(_TILE)
    for start in range(0, n_momenta, _TILE):
        end = min(start + _TILE, n_momenta)
        count = end - start
        for k in range(len(spectrum)):
            real[:] = 0.0
            imaginary[:] = 0.0
            for u in range(size):
                c, s = cosines[u, start:end], sines[u, start:end]
                w, v = cosine_weights[:, u, start:end], sine_weights[:, u, start:end]
                cosine, sine = cosine_turns[u, start:end], sine_turns[u, start:end]
                for n in range(count):
                    strength[n] = w[0, n] * c[n] + v[0, n] * s[n]
                    other[n] = w[1, n] * c[n] + v[1, n] * s[n]
                    turned = c[n] * cosine[n] - s[n] * sine[n]
                    s[n] = s[n] * cosine[n] + c[n] * sine[n]
                    c[n] = turned
                for i in range(size):
                    p, m = real_patterns[i, u, start:end], imaginary_patterns[i, u, start:end]
                    x, y = real[i], imaginary[i]
                    for n in range(count):
                        x[n] += p[n] * strength[n] - m[n] * other[n]
                        y[n] += p[n] * other[n] + m[n] * strength[n]
            for i in range(size):
                x, y, z = real[i], imaginary[i], spectrum[k, i, start:end]
                for n in range(count):
                    z[n, 0] = x[n]
                    z[n, 1] = y[n]
