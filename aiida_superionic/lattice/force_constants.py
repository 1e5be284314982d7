"""From force constants between the atoms of a supercell to a crystal.

A supercell repeats itself: its force constants are sums over images. Each is given to the pair at the nearest image;
where several images are equally near, they share it, so that the crystal keeps its symmetry (K. Parlinski, Z. Q. Li and
Y. Kawazoe, Phys. Rev. Lett. 78, 4063 (1997)). That is exact where forces end within half the supercell.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from ase.geometry.minkowski_reduction import minkowski_reduce

from aiida_superionic.lattice import Array, IntArray, LatticeError
from aiida_superionic.lattice.crystal import Crystal

TOLERANCE = 0.01
"""Share of the largest force constant by which symmetries may be missed, unless said otherwise."""

SITE = 0.05
"""Å that an atom of a supercell may lie from the place where it is looked for."""
_EQUALLY_NEAR = 1e-3
"""Å by which images that count as equally near may differ."""
_NEGLIGIBLE = 1e-8
"""Share of the largest force constant below which it is the noise of finite differences, and there is no coupling."""
_IMAGES = np.array(list(product(range(-2, 3), repeat=3)))


@dataclass(frozen=True, eq=False)
class Supercell:
    """Force constants between the atoms of a periodic supercell.

    Parameters
    ----------
    lattice, basis, masses
        Of the cell that it repeats: Å, shape (3, 3); Å, shape (A, 3); amu, shape (A,).
    box
        Vectors of the supercell as rows in Å, shape (3, 3).
    positions
        Of its N atoms in Å, shape (N, 3).
    rows
        Numbers of the atoms that force constants are known of, shape (R,): one of each of the cell's atoms at least.
    force_constants
        ∂²V/∂r∂r' in eV/Å² between these and all atoms, shape (R, N, 3, 3).
    """

    lattice: Array
    basis: Array
    masses: Array
    box: Array
    positions: Array
    rows: IntArray
    force_constants: Array


@dataclass(frozen=True)
class Restored:
    """By how much force constants missed the symmetries of a crystal, as shares of the largest.

    Parameters
    ----------
    translation
        Between atoms and the same atoms some cells further on.
    third_law
        Φ(L) = Φ(−L)ᵀ.
    sum_rule
        Moving all atoms alike costs no energy.
    cut
        Not missed but left out: the largest beyond the cutoff.
    """

    translation: float
    third_law: float
    sum_rule: float
    cut: float


def crystal_of(
    supercell: Supercell, tolerance: float = TOLERANCE, cutoff: float | None = None
) -> tuple[Crystal, Restored]:
    """Return the crystal of a supercell, and what had to be restored.

    Parameters
    ----------
    supercell
        Atoms and force constants.
    tolerance
        Share of the largest force constant by which they may miss a symmetry.
    cutoff
        Between atoms, in Å, beyond which they are not coupled; none: the supercell is the limit.

    Raises
    ------
    LatticeError
        If atoms are not those of repeated cells, a symmetry is missed by more, or it is no crystal.
    """
    if not np.all(np.isfinite(supercell.force_constants)):
        raise LatticeError("the force constants hold what is no number")
    largest = float(np.max(np.abs(supercell.force_constants), initial=0.0))
    if largest == 0.0:
        raise LatticeError("the force constants are all zero")
    between, displacements, matrix, translation = _averaged(supercell)
    cells, blocks = _at_nearest_images(supercell, between, displacements, matrix)
    opposite = np.array([_index(cells, -cell) for cell in cells])
    transposed = blocks[opposite].transpose(0, 3, 4, 1, 2)
    third_law = float(np.max(np.abs(blocks - transposed)))
    blocks = 0.5 * (blocks + transposed)
    sum_rule = float(np.max(np.abs(blocks.sum(axis=(0, 3)))))
    apart = (cells @ supercell.lattice)[:, None, None] + supercell.basis[None, None, :] - supercell.basis[None, :, None]
    beyond = np.linalg.norm(apart, axis=-1) > (np.inf if cutoff is None else cutoff)
    cut = float(np.max(np.abs(blocks) * beyond[:, :, None, :, None]))
    blocks = np.where(beyond[:, :, None, :, None] | (np.abs(blocks) < _NEGLIGIBLE * largest), 0.0, blocks)
    restored = Restored(*(float(x) / largest for x in (translation, third_law, sum_rule, cut)))
    for what, missed in {
        "are not the same in each cell": restored.translation,
        "of two atoms on each other are not equal and opposite": restored.third_law,
        "do not add up to zero where all atoms move alike": restored.sum_rule,
    }.items():
        if missed > tolerance:
            raise LatticeError(
                f"the forces {what}: they miss it by {missed:.2g} of the largest force constant, and {tolerance:g} is"
                " allowed"
            )
    _restore_sum_rule(blocks, _index(cells, np.zeros(3, np.int64)), _NEGLIGIBLE * largest)
    kept = np.any(blocks != 0.0, axis=(1, 2, 3, 4))
    kept[_index(cells, np.zeros(3, np.int64))] = True
    return Crystal(supercell.lattice, supercell.basis, supercell.masses, cells[kept], blocks[kept]), restored


def _index(cells: IntArray, cell: IntArray) -> int:
    """Return where a cell is among cells."""
    return int(np.flatnonzero(np.all(cells == cell, axis=1))[0])


def _averaged(supercell: Supercell) -> tuple[Array, IntArray, IntArray, float]:
    """Return force constants between atoms of the cell and cells modulo the supercell, averaged over rows.

    Returns
    -------
    tuple
        Force constants, shape (A, D, A, 3, 3); the D cells, shape (D, 3); the supercell's vectors in those of the
        cell, shape (3, 3); by how much rows differ from their mean.
    """
    matrix = _whole(supercell.box @ np.linalg.inv(supercell.lattice), supercell.lattice)
    count, atoms = abs(round(float(np.linalg.det(matrix)))), len(supercell.masses)
    cells, kinds = _sites(supercell)
    # Two cells are the same modulo the supercell where these are.
    adjugate = np.rint(count * np.linalg.inv(matrix)).astype(np.int64)
    classes, first, numbers = np.unique(cells @ adjugate % count, axis=0, return_index=True, return_inverse=True)
    numbers = numbers.reshape(-1)
    if len(supercell.positions) != count * atoms or len(set(zip(kinds, numbers, strict=True))) != count * atoms:
        raise LatticeError(
            f"the supercell of {len(supercell.positions)} atoms is not {count} cells of {atoms}, each atom in its place"
        )
    where = {tuple(cell): number for number, cell in enumerate(classes.tolist())}
    total, rows = np.zeros((atoms, count, atoms, 3, 3)), np.zeros(atoms)
    columns = []
    for row, atom in enumerate(supercell.rows):
        relative = (cells - cells[atom]) @ adjugate % count
        columns.append((kinds[atom], np.array([where[tuple(cell)] for cell in relative.tolist()])))
        total[columns[-1][0], columns[-1][1], kinds] += supercell.force_constants[row]
        rows[columns[-1][0]] += 1
    if not np.all(rows):
        raise LatticeError(f"there are no force constants of atom {int(np.argmin(rows)) + 1} of the cell")
    mean = total / rows[:, None, None, None, None]
    spread = max(
        float(np.max(np.abs(supercell.force_constants[row] - mean[kind, column, kinds])))
        for row, (kind, column) in enumerate(columns)
    )
    return mean, cells[first], matrix, spread


def _whole(ratio: Array, lattice: Array) -> IntArray:
    """Return a ratio of lattices as whole numbers."""
    rounded = np.rint(ratio)
    if np.max(np.abs((ratio - rounded) @ lattice)) > SITE or abs(np.linalg.det(rounded)) < 0.5:
        raise LatticeError("the vectors of the supercell are not whole numbers of those of the cell")
    return np.asarray(rounded, np.int64)


def _sites(supercell: Supercell) -> tuple[IntArray, IntArray]:
    """Return the cell, shape (N, 3), and the number in it, shape (N,), of each atom of a supercell."""
    inverse = np.linalg.inv(supercell.lattice)
    apart = supercell.positions[:, None] - supercell.basis
    cells = np.rint(apart @ inverse)
    distances = np.linalg.norm(apart - cells @ supercell.lattice, axis=-1)
    kinds = np.argmin(distances, axis=1)
    each = np.arange(len(kinds))
    worst = int(np.argmax(distances[each, kinds]))
    if not distances[worst, kinds[worst]] <= SITE:
        raise LatticeError(
            f"atom {worst + 1} of the supercell lies {distances[worst, kinds[worst]]:.2g} Å from the place of any atom"
            " of the cell"
        )
    return np.asarray(cells[each, kinds], np.int64), np.asarray(kinds, np.int64)


def _at_nearest_images(
    supercell: Supercell, between: Array, displacements: IntArray, matrix: IntArray
) -> tuple[IntArray, Array]:
    """Return cells, their opposites among them, and the couplings to them, shape (C, A, 3, A, 3)."""
    atoms = len(supercell.masses)
    reduced, operation = minkowski_reduce(supercell.box)
    steps = np.rint(operation).astype(np.int64) @ matrix
    entries = []
    for a, b in product(range(atoms), repeat=2):
        apart = displacements @ supercell.lattice + supercell.basis[b] - supercell.basis[a]
        nearest = np.rint(apart @ np.linalg.inv(reduced)).astype(np.int64)
        images = _IMAGES[None] - nearest[:, None]
        distances = np.linalg.norm(apart[:, None] + images @ reduced, axis=-1)
        equal = distances < distances.min(axis=1, keepdims=True) + _EQUALLY_NEAR
        which, image = np.nonzero(equal)
        targets = displacements[which] + images[which, image] @ steps
        entries.append((a, b, targets, between[a, which, b] / equal.sum(axis=1)[which, None, None]))
    named = np.concatenate([targets for _, _, targets, _ in entries])
    cells = np.unique(np.concatenate([named, -named]), axis=0)
    where = {tuple(cell): number for number, cell in enumerate(cells.tolist())}
    blocks = np.zeros((len(cells), atoms, 3, atoms, 3))
    for a, b, targets, values in entries:
        blocks[[where[tuple(cell)] for cell in targets.tolist()], a, :, b] += values
    return cells, blocks


def _restore_sum_rule(blocks: Array, home: int, negligible: float) -> None:
    """Take what is missing to the acoustic sum rule off the couplings within the cell, in place.

    An atom's coupling to itself is symmetric and takes the symmetric part. The antisymmetric parts add up to zero over
    the atoms of a cell, since Φ(L) = Φ(−L)ᵀ: couplings between these take them, unless they are negligible.
    """
    missing = blocks.sum(axis=(0, 3))
    turning = 0.5 * (missing - missing.transpose(0, 2, 1))
    atoms = len(missing)
    for a in range(atoms):
        blocks[home, a, :, a] -= 0.5 * (missing[a] + missing[a].T)
    if np.max(np.abs(turning)) > negligible:
        for a, b in product(range(atoms), repeat=2):
            blocks[home, a, :, b] -= (turning[a] - turning[b]) / atoms
