"""Copies are found whatever was done to them that leaves the configuration the same, and nothing else is."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_superionic.datasets.duplicates import duplicates


@given(seed=st.integers(0, 2**32 - 1), shifts=st.lists(st.integers(-3, 3), min_size=12, max_size=12))
@settings(max_examples=40)
def test_a_copy_in_another_cell_with_equal_atoms_exchanged_is_found(make_frame, seed, shifts):
    rng = np.random.default_rng(seed)
    frame, other = make_frame(rng), make_frame(rng)
    moved = frame.positions + np.reshape(shifts, (4, 3)) @ frame.cell + rng.uniform(-5e-4, 5e-4, (4, 3))
    copy = replace(frame, positions=moved[[1, 0, 3, 2]], energy=0.0)
    assert duplicates([other, frame, copy]) == {2: 1}


def _with(array, *at, change):
    changed = array.copy()
    changed[at] += change
    return changed


def test_what_differs_by_more_than_the_tolerance_is_no_copy(rng, make_frame):
    frame = make_frame(rng)
    for atom in range(4):
        assert duplicates([frame, replace(frame, positions=_with(frame.positions, atom, 1, change=2e-3))]) == {}
        assert duplicates([frame, replace(frame, positions=_with(frame.positions, atom, 1, change=9e-4))]) == {1: 0}
    assert duplicates([frame, replace(frame, cell=_with(frame.cell, 2, 2, change=2e-3))]) == {}
    assert duplicates([frame, replace(frame, positions=frame.positions[[2, 1, 0, 3]])]) == {}
    assert duplicates([frame, replace(frame, species=("Ag", "Ag", "Br", "I"))]) == {}


def test_a_cell_that_differs_makes_another_configuration_of_the_same_fractional_coordinates(rng, make_frame):
    frame = make_frame(rng)
    near_origin = replace(frame, positions=0.01 * frame.positions)
    cell = _with(frame.cell, 2, 2, change=2e-3)
    strained = near_origin.positions @ np.linalg.inv(frame.cell) @ cell
    assert duplicates([near_origin, replace(near_origin, positions=strained, cell=cell)]) == {}


def test_a_copy_between_two_is_of_the_first(rng, make_frame):
    frame = make_frame(rng)
    apart, between = (replace(frame, positions=_with(frame.positions, 0, 0, change=x)) for x in (1.5e-3, 0.75e-3))
    assert duplicates([frame, apart, between]) == {2: 0}


def test_copies_at_a_wider_tolerance(rng, make_frame):
    frame = make_frame(rng)
    copy = replace(frame, positions=_with(frame.positions, 0, 0, change=0.05))
    assert (duplicates([frame, copy]), duplicates([frame, copy], 0.06)) == ({}, {1: 0})


def test_a_strained_copy_far_from_the_origin_is_found(rng, make_frame):
    frame = make_frame(rng)
    cell = _with(frame.cell, 0, 0, change=5e-4)
    far = frame.positions + np.array([100, 0, 0]) @ frame.cell
    strained = far @ np.linalg.inv(frame.cell) @ cell
    assert duplicates([frame, replace(frame, positions=strained, cell=cell)]) == {1: 0}


def test_a_turned_frame_is_another_one_for_its_forces_are(rng, make_frame):
    frame = make_frame(rng)
    turn = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    turned = replace(frame, positions=frame.positions @ turn, cell=frame.cell @ turn, forces=frame.forces @ turn)
    assert duplicates([frame, turned]) == {}


def test_against_every_pair_of_many(rng, make_frame):
    originals = [make_frame(rng, species) for species in [("Ag", "I"), ("Ag", "I", "I")] for _ in range(20)]
    frames, expected = [], {}
    for number in rng.integers(len(originals), size=100).tolist():
        expected[len(frames)] = number
        frames.append(originals[number])
    first = {number: min(i for i in expected if expected[i] == number) for number in expected.values()}
    assert duplicates(frames) == {i: first[number] for i, number in expected.items() if first[number] != i}
