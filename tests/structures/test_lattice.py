"""Lattice constants that are given: the cell and the centres follow, and polyanions keep their shape."""

import numpy as np
import pytest
from ase.geometry import get_distances
from ase.neighborlist import natural_cutoffs, neighbor_list

from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import StructureError, make_supercell


def bonds(atoms, mobile):
    radii = natural_cutoffs(atoms, mult=1.2, **dict.fromkeys(mobile, 0.0))
    first, second, vectors = neighbor_list("ijD", atoms, radii)
    return {(int(i), int(j)): v for i, j, v in zip(first, second, vectors, strict=True)}


WHOLE = {"tungsten-Na3SbS4": (2, 2, 2)}
"""The smallest supercells that hold whole ions, where one cell does not."""


@pytest.mark.parametrize("name", materials())
def test_polyanions_keep_their_shape_in_a_larger_cell(name):
    material = materials()[name]
    own = np.linalg.norm(material.cell, axis=1)
    ratios = np.array([1.03, 1.05, 1.08])
    repeats = WHOLE.get(name, (1, 1, 1))
    before = make_supercell(material, repeats, 3)
    after = make_supercell(material, repeats, 3, tuple(own * ratios))
    np.testing.assert_allclose(np.asarray(after.cell), np.asarray(before.cell) * ratios[:, None], rtol=1e-12)
    assert after.get_chemical_symbols() == before.get_chemical_symbols()
    expected, found = bonds(before, material.mobile), bonds(after, material.mobile)
    assert set(found) == set(expected)
    for pair, vector in expected.items():
        np.testing.assert_allclose(found[pair], vector, atol=1e-9)
    # What is in no bond keeps its fractional position.
    free = [i for i in range(len(before)) if i not in {first for first, _ in expected}]
    moved = after.get_scaled_positions(wrap=False)[free] - before.get_scaled_positions(wrap=False)[free]
    np.testing.assert_allclose(moved, 0.0, atol=1e-12)


def test_centres_of_polyanions_keep_their_fractional_positions():
    """Also of those that lie across the boundary: the phosphates of a single cell are at its corners and faces."""
    material = materials()["gamma-Na3PO4"]
    stretched = make_supercell(material, (1, 1, 1), 2, (7.8, 7.9, 8.0))
    phosphorus = stretched[stretched.symbols == "P"].positions
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]) * [7.8, 7.9, 8.0]
    _, distances = get_distances(phosphorus, sites, cell=stretched.cell, pbc=True)
    # The molecule's centre is its phosphorus, which is the centre of mass of a regular tetrahedron.
    np.testing.assert_allclose(distances.min(axis=1), 0.0, atol=1e-6)


def test_the_measured_lattice_constants_change_nothing():
    material = materials()["gamma-Na3PO4"]
    given = make_supercell(material, (2, 2, 2), 1, (7.51, 7.51, 7.51))
    np.testing.assert_allclose(given.positions, make_supercell(material, (2, 2, 2), 1).positions, atol=1e-12)


@pytest.mark.parametrize(
    "lengths", [(0.751, 0.751, 0.751), (75.1, 75.1, 75.1), (7.51, 7.51, -7.51), (7.51, np.nan, 7.51)]
)
def test_lengths_in_another_unit_are_refused(lengths):
    with pytest.raises(StructureError, match=r"more than 20% off those of Na3PO4, 7.51, 7.51, 7.51 Å"):
        make_supercell(materials()["gamma-Na3PO4"], (1, 1, 1), 1, lengths)
