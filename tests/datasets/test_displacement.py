"""Frames off their places."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.datasets import Dataset, DatasetError, Frame
from aiida_superionic.datasets.displacement import displace


@pytest.fixture
def crystal():
    """Return a labelled frame of 300 ions of each of two species."""
    places = np.arange(1800.0).reshape(600, 3)
    frame = Frame(("Ag",) * 300 + ("I",) * 300, places, 50 * np.eye(3), 1.0, np.ones((600, 3)), temperature=300.0)
    return Dataset((frame, replace(frame, subset="train", origin="a file")), "PBE")


def test_atoms_move_by_the_deviation_of_their_species(crystal):
    moved = displace(crystal, {"Ag": 0.3, "I": 0.05}, 1)
    steps = np.array([b.positions - a.positions for a, b in zip(crystal.frames, moved.frames, strict=True)])
    # Five standard errors of a standard deviation of 900 numbers.
    for part, deviation in ((steps[:, :300], 0.3), (steps[:, 300:], 0.05)):
        np.testing.assert_allclose(part.std(axis=(1, 2)), deviation, rtol=5 / np.sqrt(2 * 900))
        assert abs(part.mean()) < 5 * deviation / np.sqrt(part.size)
    assert not np.allclose(steps[0], steps[1])


def test_labels_of_other_places_are_left_behind(crystal):
    moved = displace(crystal, {"Ag": 0.1, "I": 0.0}, 1)
    assert moved.level_of_theory is None
    assert [(frame.energy, frame.temperature, frame.subset) for frame in moved.frames] == [(None, None, None)] * 2
    assert [frame.origin for frame in moved.frames] == [
        "displaced with seed 1, frame 0",
        "a file; displaced with seed 1, frame 1",
    ]
    np.testing.assert_array_equal(moved.frames[0].positions[300:], crystal.frames[0].positions[300:])


def test_a_seed_is_a_draw(crystal):
    first, same, other = (displace(crystal, {"Ag": 0.1, "I": 0.1}, seed).frames[0].positions for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    ("deviations", "message"),
    [({"Ag": 0.1}, "no deviation is given for I"), ({"Ag": 0.1, "I": -0.1}, "a deviation is negative: -0.1 Å")],
)
def test_what_cannot_be_displaced_is_told(crystal, deviations, message):
    with pytest.raises(DatasetError, match=message):
        displace(crystal, deviations, 1)
