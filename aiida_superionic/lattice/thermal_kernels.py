"""Compiled: the waves of all modes at even times."""

from __future__ import annotations

from aiida_superionic.analysis.compiled import compiled
from aiida_superionic.lattice import ComplexArray

_TILE = 64
"""Momenta whose patterns are in the fastest memory while they are used for all times."""


@compiled
def fill_spectrum(
    patterns: ComplexArray,
    forward: ComplexArray,
    backward: ComplexArray,
    turn: ComplexArray,
    wave: ComplexArray,
    spectrum: ComplexArray,
) -> None:
    """Fill in Σ_u pattern_u (forward_u w + backward_u w*) at times that turn ``wave``, w, from one to the next.

    ``patterns`` has the shape (Q, 3A, 3A), ``spectrum`` (times, 3A, Q), all others (Q, 3A); ``wave`` is left at the
    time after the last.
    """
    n_momenta, size = forward.shape
    for start in range(0, n_momenta, _TILE):
        end = min(start + _TILE, n_momenta)
        for k in range(len(spectrum)):
            for q in range(start, end):
                for i in range(size):
                    spectrum[k, i, q] = 0.0
                for u in range(size):
                    w = wave[q, u]
                    strength = forward[q, u] * w + backward[q, u] * w.conjugate()
                    for i in range(size):
                        spectrum[k, i, q] += patterns[q, i, u] * strength
                    wave[q, u] = w * turn[q, u]
