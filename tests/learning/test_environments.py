"""Descriptors that turn with the crystal: whatever its cell, its images, and the order of its atoms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.harmonics import DEGREES, solid_harmonics
from aiida_superionic.learning.environments import EnvironmentBasis, describe_environments

BASIS = EnvironmentBasis(cutoff=4.5, radial_functions=4, product_functions=2)
CELL = np.array([[6.0, 0.0, 0.0], [1.5, 5.5, 0.0], [-1.0, 0.8, 6.5]])
SPECIES = ("I", "Ag", "I", "Ag", "Ag")


def described(positions, cell=CELL, species=SPECIES, basis=BASIS):
    return describe_environments(positions, species, cell, "I", ("Ag", "I"), basis)


@pytest.fixture
def positions(rng):
    return rng.uniform(size=(5, 3)) @ CELL


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_they_turn_with_the_crystal(seed):
    rng = np.random.default_rng(seed)
    positions, probe = rng.uniform(size=(5, 3)) @ CELL, rng.normal(size=3)
    turn = Rotation.random(rng=rng).as_matrix() * rng.choice((1.0, -1.0))
    one, other = described(positions), described(positions @ turn.T, CELL @ turn.T)
    for degree in DEGREES:
        # What a descriptor says along a direction is the same along the direction that has turned with it.
        along = np.einsum("nmk,m->nk", one[degree], solid_harmonics(probe, degree))
        turned = np.einsum("nmk,m->nk", other[degree], solid_harmonics(turn @ probe, degree))
        np.testing.assert_allclose(turned, along, rtol=1e-9, atol=1e-9 * np.abs(along).max())


def test_neither_images_nor_the_order_of_atoms_matter(positions, rng):
    order = np.array([4, 0, 3, 2, 1])  # the two iodides stay in their order
    moved = positions + rng.integers(-2, 3, size=(5, 3)) @ CELL
    one, other = described(positions), described(moved[order], species=[SPECIES[i] for i in order])
    for degree in DEGREES:
        np.testing.assert_allclose(other[degree], one[degree], rtol=1e-9, atol=1e-9)


def test_a_cutoff_may_be_longer_than_the_cell(positions):
    images = [np.array(shift) @ CELL for shift in np.ndindex(2, 2, 2)]
    large = np.concatenate([positions + image for image in images])
    basis = BASIS.model_copy(update={"cutoff": 8.0})
    one = described(positions, basis=basis)
    eight = described(large, 2.0 * CELL, SPECIES * 8, basis)
    for degree in DEGREES:
        np.testing.assert_allclose(eight[degree][:2], one[degree], rtol=1e-9, atol=1e-9)


def test_neighbours_come_and_go_smoothly():
    cell, basis = np.eye(3) * 30.0, EnvironmentBasis(cutoff=5.0)
    for distance, nothing in ((5.001, True), (4.999, True), (4.0, False)):
        found = described(np.array([[1.0, 2.0, 3.0], [1.0 + distance, 2.0, 3.0]]), cell, ("I", "Ag"), basis)
        # The cutoff goes to zero as the square of the distance to it: a thousandth of an Å gives some 1e-7.
        assert (max(np.abs(one).max() for one in found.values()) < 1e-5) == nothing


def test_a_lone_pair_points_from_one_to_the_other():
    found = described(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), np.eye(3) * 30.0, ("I", "Ag"))
    of_silver = found[1][0, :, : BASIS.radial_functions]
    assert np.all(of_silver[:2] == 0.0)
    assert np.linalg.norm(of_silver[2]) > 0.1
    # None of its own species.
    assert not np.any(found[1][0, :, BASIS.radial_functions : 2 * BASIS.radial_functions])


def test_each_distinct_product_is_there_once(rng):
    frames = [described(rng.uniform(size=(5, 3)) @ CELL) for _ in range(20)]
    # Eight functions alone; of four, products of degrees with themselves 10, and of two degrees 16.
    expected = {0: 4 * 10, 1: 3 * 16, 2: 3 * 10 + 2 * 16, 3: 3 * 16}
    for degree in DEGREES:
        rows = np.concatenate([one[degree].reshape(-1, one[degree].shape[-1]) for one in frames])
        assert rows.shape[1] == 8 + expected[degree]
        units = rows / np.linalg.norm(rows, axis=0)
        assert np.max(np.abs(np.triu(units.T @ units, 1))) < 1.0 - 1e-9


def test_products_are_left_out_where_none_are_asked_for(positions):
    alone = described(positions, basis=BASIS.model_copy(update={"product_functions": 0}))
    for degree in DEGREES:
        assert alone[degree].shape == (2, 2 * degree + 1, 8)
        np.testing.assert_array_equal(alone[degree], described(positions)[degree][:, :, :8])
