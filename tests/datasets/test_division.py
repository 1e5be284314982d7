"""Splitting and merging: nothing lost, nothing twice, nothing mixed that must not be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_superionic.datasets import SUBSETS, Dataset, DatasetError, Frame
from aiida_superionic.datasets.division import merge, proportional_sizes, split


def line(n_frames):
    """Return a dataset of a pair of atoms at distances that all differ."""
    forces = np.ones((2, 3))
    frames = [
        Frame(("Ag", "I"), np.array([[0.0, 0, 0], [1.0 + 0.01 * i, 0, 0]]), 50 * np.eye(3), float(i), forces)
        for i in range(n_frames)
    ]
    return Dataset(tuple(frames), "PBE")


@given(sizes=st.fixed_dictionaries(dict.fromkeys(SUBSETS, st.integers(0, 7))), seed=st.integers(0, 2**32))
def test_a_split_has_the_sizes_that_were_asked_for_and_the_frames_that_were_there(sizes, seed):
    dataset = line(21)
    if not sum(sizes.values()):
        with pytest.raises(DatasetError, match="are to be drawn from 21"):
            split(dataset, sizes, seed)
        return
    divided = split(dataset, sizes, seed)
    assert divided.sizes == sizes
    assert [frame.energy for frame in divided.frames] == [frame.energy for frame in dataset.frames]
    again = split(divided, sizes, seed)
    assert [frame.subset for frame in again.frames] == [frame.subset for frame in divided.frames]


def test_every_frame_is_as_likely_to_be_drawn():
    dataset, n_draws = line(10), 400
    drawn = np.zeros(10)
    for seed in range(n_draws):
        drawn += [frame.subset == "train" for frame in split(dataset, {"train": 4, "test": 3}, seed).frames]
    # Five standard errors of the frequency of 0.4.
    np.testing.assert_allclose(drawn / n_draws, 0.4, atol=5 * np.sqrt(0.4 * 0.6 / n_draws))


def test_the_published_split():
    assert proportional_sizes(3600) == {"train": 2000, "validation": 1000, "test": 600}


@given(n_frames=st.integers(1, 10000))
def test_proportional_sizes_take_every_frame(n_frames):
    sizes = proportional_sizes(n_frames)
    assert sum(sizes.values()) == n_frames
    assert min(sizes.values()) >= 0
    assert sizes["validation"] == int(n_frames / 3.6)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train": 11}, "11 train frames are to be drawn from 10"),
        ({"train": 8, "test": 3}, r"8 train \+ 3 test frames"),
        ({"train": -1, "test": 3}, "-1 train"),
        ({}, "none frames"),
        ({"training": 3}, "unknown subset training; there are train, validation, test"),
    ],
)
def test_a_split_that_cannot_be_made(sizes, message):
    with pytest.raises(DatasetError, match=message):
        split(line(10), sizes, 1)


def test_a_copy_must_not_be_tested_on():
    dataset = line(4)
    with pytest.raises(DatasetError, match="frames 2 and 4 are the same configuration"):
        split(replace(dataset, frames=(*dataset.frames, replace(dataset.frames[2], energy=7.0))), {"train": 2}, 1)


def test_a_merge_keeps_each_configuration_where_it_comes_first():
    one, two = line(4), line(6)
    two = replace(two, frames=tuple(replace(frame, source="10.1/b", energy=-frame.energy) for frame in two.frames))
    merged = merge([one, two])
    assert [frame.energy for frame in merged.frames] == [0.0, 1.0, 2.0, 3.0, -4.0, -5.0]
    assert (merged.level_of_theory, merged.sources) == ("PBE", (("10.1/b", ""),))
    assert len(merge([merged, merged]).frames) == 6


def test_a_merge_orders_the_atoms(rng, make_frame):
    first, second = make_frame(rng, ("Ag", "I")), make_frame(rng, ("I", "Ag"))
    merged = merge([Dataset((first,), "PBE"), Dataset((second,), "PBE")])
    np.testing.assert_array_equal(merged.frames[1].forces, second.forces[::-1])


@pytest.mark.parametrize("level", [None, "LDA"])
def test_levels_of_theory_are_not_mixed(level):
    other = line(2)
    frames = other.frames if level else tuple(frame.unlabelled for frame in other.frames)
    with pytest.raises(DatasetError, match=f"energies cannot be compared: .*{level or 'none'}"):
        merge([line(2), Dataset(frames, level)])


def test_nothing_cannot_be_merged():
    with pytest.raises(DatasetError, match="there is no frame"):
        merge([])
