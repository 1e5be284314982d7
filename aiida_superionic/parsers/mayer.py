"""Mayer bond orders of the overlap and density matrices that CP2K prints.

I. Mayer, "Charge, bond order and valence in the AB initio SCF theory", Chem. Phys. Lett. 97, 270 (1983). They depend on
the basis, and are no DDEC6 bond orders: they compare bonds within one level of theory.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.trajectory import Array

_MATRIX = re.compile(r"^ *(?:XTB )?(?P<name>OVERLAP|DENSITY) MATRIX *\n", re.MULTILINE)
_OVERLAP, _DENSITY = "OVERLAP", "DENSITY"
_LABELS = 4
"""Words before the numbers of a row: the function, the atom, its element, the shell."""


def mayer_bond_orders(density: Array, overlap: Array, atoms: NDArray[np.int64], n_atoms: int) -> Array:
    """Return the sums of (PS)_ab (PS)_ba over the functions a of one atom and b of another.

    Parameters
    ----------
    density
        Of a closed shell, both spins together, shape (M, M).
    overlap
        Shape (M, M).
    atoms
        Index of the atom of each function, shape (M,).
    n_atoms
        Number of atoms.

    Returns
    -------
    numpy.ndarray
        Between each atom and all images of another together, shape (N, N), symmetric; the diagonal is set to zero.
    """
    product = density @ overlap
    member = np.equal.outer(np.arange(n_atoms), atoms).astype(np.float64)
    orders = member @ (product * product.T) @ member.T
    np.fill_diagonal(orders, 0.0)
    return np.asarray(orders)


def read_mayer(text: str, n_atoms: int) -> list[tuple[Array, float]]:
    """Return Mayer's bond orders, shape (N, N), and the number of electrons of each frame.

    CP2K prints the overlap matrix of a frame, the density matrix of each step of its self-consistent field, and again
    an overlap with the forces. The last density of a frame counts: one that no overlap follows is that of another
    step, and left out.

    Parameters
    ----------
    text
        What ``AO_MATRICES`` printed, whole or not.
    n_atoms
        Number of atoms.
    """
    found = list(_MATRIX.finditer(text))
    frames = []
    overlap = None
    for this, following in zip(found, [*found[1:], None], strict=False):
        body = text[this.end() : following.start() if following else len(text)]
        if this["name"] == _OVERLAP:
            overlap = body
        elif overlap is not None and following and following["name"] == _OVERLAP:
            frames.append(_bond_orders(body, overlap, n_atoms))
    return frames


def _bond_orders(density: str, overlap: str, n_atoms: int) -> tuple[Array, float]:
    try:
        (p, atoms), (s, same_atoms) = _matrix(density), _matrix(overlap)
        if p.shape != s.shape or not np.array_equal(atoms, same_atoms) or len(np.unique(atoms)) != n_atoms:
            raise ValueError("the matrices are not of the same functions, or not of these atoms")
    except ValueError:
        return np.full((n_atoms, n_atoms), np.nan), np.nan
    return mayer_bond_orders(p, s, atoms, n_atoms), float(np.sum(p * s.T))


def _matrix(text: str) -> tuple[Array, NDArray[np.int64]]:
    """Return a matrix and the index of the atom of each of its rows.

    Raises
    ------
    ValueError
        If a number is missing.
    """
    atoms: dict[int, int] = {}
    blocks: dict[int, list[float]] = {}
    for words in map(str.split, text.splitlines()):
        # Other rows are those with the numbers of the columns.
        if len(words) > _LABELS and not words[2].isdigit():
            function = int(words[0]) - 1
            atoms[function] = int(words[1]) - 1
            blocks.setdefault(function, []).extend(float(word) for word in words[_LABELS:])
    if (
        not text.endswith("\n")
        or any(len(row) != len(blocks) for row in blocks.values())
        or sorted(blocks) != list(range(len(blocks)))
    ):
        raise ValueError("a row or a column is missing")
    order = sorted(blocks)
    return np.array([blocks[i] for i in order]).reshape(len(order), -1), np.array([atoms[i] for i in order])
