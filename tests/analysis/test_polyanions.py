"""Polyanions of known shape, wherever they lie and however their atoms are ordered."""

from dataclasses import replace

import numpy as np
import polyatomic
import pytest

from aiida_superionic.analysis.orientation import kabsch_deviation
from aiida_superionic.analysis.polyanions import find_polyanions
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

SHAPES = {
    "PS4": (polyatomic.ps4, 12),
    "BH4": (polyatomic.bh4, 12),
    "P2S6": (polyatomic.p2s6, 6),
    "B10H10": (polyatomic.b10h10, 8),
}


@pytest.mark.parametrize("formula", SHAPES)
def test_any_polyanion_is_found_wherever_it_lies(rng, formula):
    """In a sheared cell, wrapped, with all atoms of the crystal in a random order."""
    make, n_rotations = SHAPES[formula]
    kinds, geometry = make()
    ordered = polyatomic.crystal(kinds, geometry, polyatomic.random_rotations(rng, 1, 4))
    cell = ordered.cell @ np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.3, 1.0]])
    order = rng.permutation(len(ordered.species))
    fractional = ordered.positions @ np.linalg.inv(cell)
    trajectory = replace(
        ordered,
        species=tuple(ordered.species[i] for i in order),
        positions=((fractional - np.floor(fractional)) @ cell)[:, order],
        cell=cell,
        masses=ordered.masses[order],
    )
    found = find_polyanions(trajectory)
    assert list(found) == [formula]
    units = found[formula]
    expected = {frozenset(range(u * len(kinds), (u + 1) * len(kinds))) for u in range(4)}
    assert {frozenset(order[row].tolist()) for row in units.atoms} == expected
    assert all(tuple(trajectory.species[i] for i in row) == units.species for row in units.atoms)
    # Whole, and the same body atom by atom: no mirror image and no other conformer.
    positions = units.positions(trajectory)
    assert kabsch_deviation(positions[0, 0], positions[0], units.masses).max() < 1e-6
    np.testing.assert_allclose(np.einsum("n,tunx->tux", units.masses, positions), 0.0, atol=1e-9)
    reference = units.reference(trajectory)
    symmetry = units.symmetry(reference)
    assert len(symmetry) == n_rotations
    np.testing.assert_allclose(symmetry[0], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(symmetry), 1.0)


def test_the_reference_is_the_mean_shape_and_not_that_of_the_first_frame(rng):
    kinds, geometry = polyatomic.ps4()
    trajectory = polyatomic.crystal(kinds, geometry, polyatomic.random_rotations(rng, 200, 4))
    shaken = replace(trajectory, positions=trajectory.positions + 0.1 * rng.normal(size=trajectory.positions.shape))
    units = find_polyanions(shaken)["PS4"]
    reference = units.reference(shaken)
    # 800 bodies; six of the fifteen coordinates are taken by the alignment.
    deviation = kabsch_deviation(reference, polyatomic.centred(kinds, geometry), units.masses)
    assert deviation < 5.0 * 0.1 * np.sqrt(3.0 / 800) + 0.1**2 / 2.05
    assert len(units.symmetry(reference)) == 12


def test_a_variable_cell_keeps_bodies_whole(rng):
    kinds, geometry = polyatomic.ps4()
    still = polyatomic.crystal(kinds, geometry, polyatomic.random_rotations(rng, 6, 2))
    cells = still.cell * np.linspace(1.0, 1.1, 6)[:, None, None]
    fractional = still.positions @ np.linalg.inv(cells)
    wrapped = replace(still, positions=(fractional - np.floor(fractional)) @ cells, cell=cells)
    units = find_polyanions(wrapped)["PS4"]
    np.testing.assert_allclose(units.positions(wrapped), units.positions(still), atol=1e-9)


def test_the_centre_of_axn_and_of_nothing_else(rng):
    for formula, (make, _) in SHAPES.items():
        units = find_polyanions(polyatomic.crystal(*make(), polyatomic.random_rotations(rng, 1, 1)))[formula]
        assert units.centre == (0 if formula in {"PS4", "BH4"} else None)


def test_mobile_ions_single_ions_pairs_and_networks_are_no_polyanions():
    def found(species, positions, cell, mobile=()):
        n = len(species)
        return find_polyanions(Trajectory(species, np.array(positions)[None], cell, 1.0, np.ones(n), mobile=mobile))

    box = np.eye(3) * 12.0
    with pytest.raises(NotConverged, match="holds no polyanions"):
        found(("O", "H", "Cl"), [[0.0, 0.0, 0.0], [0.97, 0.0, 0.0], [6.0, 6.0, 6.0]], box)
    linear = [[0.0, 0.0, 0.0], [1.2, 0.0, 0.0], [-1.2, 0.0, 0.0]]
    with pytest.raises(NotConverged, match="holds no polyanions"):
        found(("N", "N", "N"), linear, box)
    bent = [[0.0, 0.0, 0.0], [1.2, 0.3, 0.0], [-1.2, 0.3, 0.0]]
    assert list(found(("N", "O", "O"), bent, box)) == ["NO2"]
    with pytest.raises(NotConverged, match="holds no polyanions"):
        found(("N", "O", "O"), bent, box, mobile=("O",))
    grid = np.stack(np.meshgrid(*[2.4 * np.arange(3.0)] * 3), axis=-1).reshape(-1, 3)
    with pytest.raises(NotConverged, match="holds no polyanions"):
        found(("Si",) * 27, grid, np.eye(3) * 7.2)


def test_a_given_cutoff_replaces_the_radii():
    kinds, geometry = polyatomic.ps4()
    stretched = np.tile(np.eye(3), (1, 1, 1, 1))
    trajectory = polyatomic.crystal(kinds, 1.4 * geometry, stretched)
    with pytest.raises(NotConverged):
        find_polyanions(trajectory)
    assert list(find_polyanions(trajectory, bond_cutoff=3.0)) == ["PS4"]


def test_one_formula_bonded_in_two_ways_is_refused():
    kinds, geometry = polyatomic.ps4()
    trajectory = polyatomic.crystal(kinds, geometry, np.tile(np.eye(3), (1, 2, 1, 1)))
    positions = trajectory.positions.copy()
    positions[0, 6] = positions[0, 7] + [0.0, -2.0, 0.0]  # one sulfur on another in place of the phosphorus
    with pytest.raises(ParameterError, match="PS4 are bonded in more than one way"):
        find_polyanions(replace(trajectory, positions=positions))
