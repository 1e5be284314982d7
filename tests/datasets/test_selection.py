"""Choosing frames: exact counts, and invariance to what does not matter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_superionic.datasets import DatasetError, Frame
from aiida_superionic.datasets.selection import SELECTIONS, by_temperature, descriptor, farthest_point, select, uniform

KINDS = ("Ag", "I")


@pytest.mark.parametrize("method", SELECTIONS)
@pytest.mark.parametrize("n_frames", [0, -1, 6])
def test_more_than_there_is_cannot_be_chosen(rng, make_dataset, method, n_frames):
    with pytest.raises(DatasetError, match=f"{n_frames} frames are to be selected from 5"):
        select(make_dataset(rng, 5).frames, method, n_frames)


def test_an_unknown_method_is_told(rng, make_dataset):
    with pytest.raises(DatasetError, match="unknown selection 'random'; there are: uniform, farthest-point, temp"):
        select(make_dataset(rng, 5).frames, "random", 2)


@pytest.mark.parametrize("method", SELECTIONS)
@pytest.mark.parametrize("n_frames", [1, 4, 9])
def test_each_frame_is_chosen_at_most_once_even_where_all_are_copies(rng, make_frame, method, n_frames):
    chosen = select([make_frame(rng)] * 9, method, n_frames)
    assert len(set(chosen)) == len(chosen) == n_frames
    assert set(chosen) <= set(range(9))


@given(n_frames=st.integers(1, 60), left_out=st.integers(0, 60))
def test_uniform_is_evenly_spaced(n_frames, left_out):
    total = n_frames + left_out
    chosen = uniform([None] * total, n_frames)
    steps = np.diff(chosen)
    assert len(chosen) == n_frames
    assert chosen[0] == 0
    if n_frames > 1:
        assert chosen[-1] == total - 1
        assert 1 <= steps.min() <= steps.max() <= steps.min() + 1


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=6), data=st.data())
def test_temperatures_share_equally_what_they_have(counts, data):
    frame = Frame(("Ag",), np.zeros((1, 3)), np.eye(3))
    drawn = [300.0 + 100.0 * i for i, count in enumerate(counts) for _ in range(count)]
    temperatures = data.draw(st.permutations(drawn))
    frames = [replace(frame, temperature=temperature) for temperature in temperatures]
    n_frames = data.draw(st.integers(1, len(frames)))
    chosen = by_temperature(frames, n_frames)
    taken = [sum(temperatures[i] == 300.0 + 100.0 * t for i in chosen) for t in range(len(counts))]
    assert sum(taken) == len(set(chosen)) == n_frames
    # Who gets less than another has no more to give, or lost by one the draw of the remainder.
    for taken_here, there in zip(taken, counts, strict=True):
        assert taken_here == there or taken_here >= max(taken) - 1


def test_a_remainder_goes_to_the_lowest_temperature():
    frame = Frame(("Ag",), np.zeros((1, 3)), np.eye(3))
    frames = [replace(frame, temperature=float(t)) for t in (900, 300, 600) for _ in range(5)]
    assert [frames[i].temperature for i in by_temperature(frames, 4)] == [900.0, 300.0, 300.0, 600.0]


def test_an_unknown_temperature_is_told(rng, make_frame):
    with pytest.raises(DatasetError, match="temperature of frame 1 is not known"):
        by_temperature([make_frame(rng), make_frame(rng, temperature=None)], 1)


def _moved(frame, rng):
    """Return the frame moved, turned, wrapped otherwise, in another cell of its lattice, with equal atoms exchanged."""
    turn = Rotation.random(random_state=rng).as_matrix()
    positions = frame.positions + rng.uniform(-3, 3, 3) + rng.integers(-2, 3, (len(frame.species), 3)) @ frame.cell
    cell = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ frame.cell
    return replace(frame.unlabelled, positions=positions[[1, 0, 3, 2]] @ turn, cell=cell @ turn)


def test_a_descriptor_is_of_the_configuration_alone(rng, make_frame):
    frame = make_frame(rng)
    np.testing.assert_allclose(descriptor(_moved(frame, rng), KINDS), descriptor(frame, KINDS), atol=1e-12)


@pytest.mark.parametrize("repeats", [(2, 1, 1), (2, 2, 3)])
def test_a_descriptor_of_a_supercell_is_that_of_its_cell(rng, make_frame, repeats):
    frame = make_frame(rng)
    shifts = np.array(list(np.ndindex(repeats))) @ frame.cell
    positions = (frame.positions[:, None, :] + shifts[None, :, :]).reshape(-1, 3)
    species = tuple(np.repeat(frame.species, len(shifts)).tolist())
    supercell = Frame(species, positions, frame.cell * np.array(repeats)[:, None])
    np.testing.assert_allclose(descriptor(supercell, KINDS), descriptor(frame, KINDS), atol=1e-12)


def test_a_descriptor_sees_one_atom_that_moves(rng, make_frame):
    frame = make_frame(rng)
    for atom in range(4):
        positions = frame.positions.copy()
        positions[atom] += 0.1
        assert np.linalg.norm(descriptor(replace(frame, positions=positions), KINDS) - descriptor(frame, KINDS)) > 1e-3


def test_a_descriptor_of_a_lattice_is_known():
    # Caesium chloride: 8 unlike neighbours at sqrt(3)/2 a; of the 8 nearest like ones six are at a, two at sqrt(2) a.
    a = 4.0
    frame = Frame(KINDS, np.array([[0.0, 0, 0], [a / 2] * 3]), a * np.eye(3))
    values = descriptor(frame, KINDS).reshape(2, 2, 8, 5)
    unlike, like = 2.0 / (np.sqrt(3.0) * a), np.array([1.0 / a] * 6 + [1.0 / (np.sqrt(2.0) * a)] * 2)
    np.testing.assert_allclose(values[0, 1], unlike, rtol=1e-12)
    np.testing.assert_allclose(values[1, 1], np.repeat(like[:, None], 5, axis=1), rtol=1e-12)
    # A species that is not there is infinitely far.
    assert not descriptor(frame, ("Ag", "Br", "I")).reshape(3, 3, 8, 5)[1].any()
    assert not descriptor(frame, ("Ag", "Br", "I")).reshape(3, 3, 8, 5)[:, 1].any()


def test_farthest_points_of_known_points(make_frame, rng):
    # Pairs of atoms in a wide cell at distances whose inverses are 0.5, 0.6 ... 1.0: 0.7 is nearest to the mean 0.72.
    inverse = np.array([0.5, 0.6, 0.7, 0.8, 1.0])
    frames = [Frame(KINDS, np.array([[0.0, 0, 0], [1.0 / x, 0, 0]]), 1e4 * np.eye(3)) for x in inverse]
    assert farthest_point(frames, 3) == [2, 4, 0]


def test_farthest_points_do_not_depend_on_the_order_or_on_what_does_not_matter(rng, make_frame):
    frames = [make_frame(rng) for _ in range(12)]
    chosen = farthest_point(frames, 6)
    order = rng.permutation(12)
    again = farthest_point([_moved(frames[i], rng) for i in order], 6)
    assert [int(order[i]) for i in again] == chosen
    assert farthest_point(frames, 4) == chosen[:4]


def test_farthest_points_cover_better_than_even_spacing(rng, make_frame):
    # A few rare configurations among many thermal ones: the rare ones are chosen.
    common, rare = make_frame(rng), [make_frame(rng) for _ in range(3)]
    thermal = [replace(common, positions=common.positions + rng.normal(scale=0.01, size=(4, 3))) for _ in range(30)]
    frames = [*thermal[:7], rare[0], *thermal[7:19], rare[1], *thermal[19:], rare[2]]
    assert {7, 20, 32} < set(farthest_point(frames, 4))
