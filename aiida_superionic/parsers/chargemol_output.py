"""What Chargemol writes of a DDEC6 analysis, read without trust: a file that is cut or belies itself is named."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.trajectory import Array

_CLOSING = re.compile(r"^ \d{4}/\d\d/\d\d +\d\d:\d\d:\d\d\n?\Z", re.MULTILINE)
_ATOM = re.compile(r"^ Printing BOs for ATOM # +(?P<atom>\d+) \(", re.MULTILINE)
_BOND = re.compile(
    r"^ Bonded to the \((?P<image>[ \d,+-]+)\) translated image of atom number +(?P<atom>\d+) \(.*?\)"
    r" with bond order = +(?P<order>\S+)",
    re.MULTILINE,
)
_LEAST = re.compile(r"All bond orders greater than +(?P<least>\S+) are printed")
_ELECTRONS = re.compile(r"Error in the integrated total number of electrons before renormalization \(e\) = +(\S+)")

_SAME_PLACE = 1e-3
"""Å by which Chargemol's atoms, through a density on a grid with six decimals in Bohr, may differ from ours."""
_ROUNDING = 1e-4
"""By which orders of four decimals may differ from one another, in each direction of a bond."""
_MOST_UNPRINTED = 50
"""In units of the least order that is printed: what the bonds of one atom below it may amount to together."""
_SAME_CHARGE = 1e-3
"""e by which charges of six decimals may miss the charge of the cell."""


class ChargemolError(ValueError):
    """Files of Chargemol that are missing, cut, of other atoms, or belie themselves."""


@dataclass(frozen=True, eq=False)
class Ddec6:
    """Bond orders and net charges.

    Parameters
    ----------
    pairs
        Indices of the atoms of each bond, shape (B, 2). A bond is there once from each of its ends.
    images
        By how many cell vectors the second atom is moved from where it was given, shape (B, 3).
    orders
        Shape (B,).
    sums
        Sum of the bond orders of each atom, those too small to be printed included, shape (N,).
    charges
        In e, shape (N,).
    electron_error
        Electrons by which the density on the grid misses their number: that of too coarse a grid.
    """

    pairs: NDArray[np.int64]
    images: NDArray[np.int64]
    orders: Array
    sums: Array
    charges: Array
    electron_error: float


def read_ddec6(
    bonds: str, charges: str, species: tuple[str, ...], positions: Array, cell: Array, total: float = 0.0
) -> Ddec6:
    """Return the bond orders and net charges that two files of Chargemol hold.

    Parameters
    ----------
    bonds, charges
        Text of ``DDEC6_even_tempered_bond_orders.xyz`` and ``DDEC6_even_tempered_net_atomic_charges.xyz``.
    species
        Chemical symbol of each atom that was given, shape (N,).
    positions, cell
        In Å, shapes (N, 3) and (3, 3).
    total
        Charge of the cell in e.

    Raises
    ------
    ChargemolError
        If a file is empty, cut, not of these atoms, or its numbers do not agree: a bond has not the same order from
        both of its ends, orders do not add up to the sum of an atom, or charges to that of the cell.
    """
    for name, text in (("bond orders", bonds), ("net charges", charges)):
        if _CLOSING.search(text) is None:
            raise ChargemolError(f"the file of the {name} is {'cut off' if text else 'missing'}")
    try:
        shifts, sums = _atoms(bonds, species, positions, cell)
        _, net = _atoms(charges, species, positions, cell)
        pairs, images, orders = _bonds(bonds)
        least = float(_found(_LEAST, bonds, "the least bond order that is printed")["least"])
        electron_error = float(_found(_ELECTRONS, charges, "the number of electrons")[1])
    except ChargemolError:
        raise
    except (ValueError, IndexError) as error:
        raise ChargemolError(f"a number cannot be read: {error}") from None
    if not all(np.isfinite(array).all() for array in (sums, net, orders, np.array([least, electron_error]))):
        raise ChargemolError("a number is not finite")
    _check_bonds(pairs, images, orders, sums, least)
    if abs(net.sum() - total) > _SAME_CHARGE:
        raise ChargemolError(f"the net charges add up to {net.sum():.4f} e where the cell has {total:g} e")
    # Chargemol moves the atoms into the cell, and counts images from there.
    images = images + shifts[pairs[:, 1]] - shifts[pairs[:, 0]]
    return Ddec6(pairs, images, orders, sums, net, electron_error)


def _atoms(text: str, species: tuple[str, ...], positions: Array, cell: Array) -> tuple[NDArray[np.int64], Array]:
    """Return by how many cell vectors the atoms of a file are moved from ours, and the number beside each."""
    lines = text.splitlines()
    n_atoms = int(lines[0])
    rows = [line.split() for line in lines[2 : 2 + n_atoms]]
    if tuple(row[0] for row in rows) != species:
        raise ChargemolError("the atoms are not those of the structure")
    numbers = np.array([[float(word) for word in row[1:5]] for row in rows])
    moved = numbers[:, :3] - positions
    if not np.all(np.abs(minimum_image(moved, cell)) < _SAME_PLACE):
        raise ChargemolError("the atoms are not where they are in the structure")
    return np.rint(moved @ np.linalg.inv(cell)).astype(np.int64), numbers[:, 3]


def _bonds(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    atoms = list(_ATOM.finditer(text))
    pairs, images, orders = [], [], []
    for this, following in zip(atoms, [*atoms[1:], None], strict=False):
        for bond in _BOND.finditer(text, this.end(), following.start() if following else len(text)):
            pairs.append((int(this["atom"]) - 1, int(bond["atom"]) - 1))
            images.append([int(word) for word in bond["image"].split(",")])
            orders.append(float(bond["order"]))
    return (
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
        np.array(images, dtype=np.int64).reshape(-1, 3),
        np.array(orders),
    )


def _check_bonds(pairs: NDArray[np.int64], images: NDArray[np.int64], orders: Array, sums: Array, least: float) -> None:
    if pairs.size and (pairs.min() < 0 or pairs.max() >= len(sums)):
        raise ChargemolError("a bond is of an atom that is not there")
    order_of = {(*pair, *image): order for pair, image, order in zip(pairs, images, orders, strict=True)}
    for (i, j, *image), order in order_of.items():
        # One that is rounded to the least may be printed from one end alone.
        back = order_of.get((j, i, *(-n for n in image)), least)
        if abs(back - order) > _ROUNDING:
            raise ChargemolError(f"the bond of atoms {i} and {j} is {order} from one end and {back} from the other")
    listed = np.bincount(pairs[:, 0], orders, len(sums))
    missing = sums - listed
    if np.any(missing < -_ROUNDING * np.sqrt(len(orders) + 1)) or np.any(missing > _MOST_UNPRINTED * least):
        worst = int(np.argmax(np.abs(missing)))
        raise ChargemolError(
            f"the bond orders of atom {worst} add up to {listed[worst]:.4f} where its sum is {sums[worst]:.4f}"
        )


def _found(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    match = pattern.search(text)
    if match is None:
        raise ChargemolError(f"{what} is not told")
    return match
