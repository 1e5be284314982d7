"""What counts as a frame and as a dataset, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.datasets import Dataset, DatasetError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"species": ("Ag", "Ag", "I", "X")}, "'X' among the species"),
        ({"positions": np.zeros((3, 3))}, r"positions of shape \(3, 3\) where \(4, 3\)"),
        ({"positions": np.full((4, 3), np.nan)}, "positions with a number that is not finite"),
        ({"energy": np.inf}, "energy with a number that is not finite"),
        ({"forces": np.zeros((4, 3))}, "every force is exactly zero"),
        ({"forces": None}, "an energy without forces"),
        ({"energy": None}, "forces without an energy"),
        ({"energy": None, "forces": None}, "a stress without energy and forces"),
        ({"stress": np.arange(9.0).reshape(3, 3)}, "not symmetric"),
        ({"cell": np.ones((3, 3))}, "span no volume"),
        ({"temperature": -1.0}, "temperature is -1.0 K"),
    ],
)
def test_a_frame_that_cannot_be_trusted_is_refused(rng, make_frame, changes, message):
    good = make_frame(rng)
    with pytest.raises(DatasetError, match=message):
        replace(good, **changes)


def test_a_left_handed_cell_and_a_lone_zero_force_are_no_mistakes(rng, make_frame):
    frame = make_frame(rng)
    forces = np.zeros((4, 3))
    forces[2, 1] = 1e-6
    assert replace(frame, cell=-frame.cell, forces=forces).labelled


def test_atoms_are_listed_in_another_order_with_their_forces(rng, make_frame):
    frame = make_frame(rng, ("I", "Ag", "I", "Ag"))
    other = frame.in_order_of(("Ag", "Ag", "I", "I"))
    assert other.species == ("Ag", "Ag", "I", "I")
    np.testing.assert_array_equal(other.positions, frame.positions[[1, 3, 0, 2]])
    np.testing.assert_array_equal(other.forces, frame.forces[[1, 3, 0, 2]])
    np.testing.assert_array_equal(other.in_order_of(frame.species).positions, frame.positions)
    with pytest.raises(DatasetError, match="another composition"):
        frame.in_order_of(("Ag", "I", "I", "I"))


def test_a_dataset_is_labelled_as_a_whole_or_not_at_all(rng, make_frame):
    labelled = make_frame(rng)
    with pytest.raises(DatasetError, match="frame 1 has no energy and forces"):
        Dataset((labelled, labelled.unlabelled), "PBE")
    with pytest.raises(DatasetError, match="frame 0 is labelled and nothing says at which level"):
        Dataset((labelled,))
    with pytest.raises(DatasetError, match="no frame"):
        Dataset(())
    assert Dataset((labelled.unlabelled,)).level_of_theory is None


def test_frames_of_one_composition_list_their_atoms_alike(rng, make_frame):
    first, larger = make_frame(rng, ("Ag", "I")), make_frame(rng, ("Ag", "I", "I"))
    frames = (first, larger, make_frame(rng, ("I", "Ag"), origin="b"))
    with pytest.raises(DatasetError, match=r"frame 2 \(b\) .* not list .* in the order of the first frame of Ag1I1"):
        Dataset(frames, "PBE")


def test_subsets(rng, make_dataset):
    dataset = make_dataset(rng, 3)
    names = ("test", None, "train")
    frames = tuple(replace(frame, subset=name) for frame, name in zip(dataset.frames, names, strict=True))
    divided = replace(dataset, frames=frames)
    assert divided.sizes == {"train": 1, "validation": 0, "test": 1}
    assert divided.subset("train").frames == frames[2:]
    with pytest.raises(DatasetError, match="no frame is in the subset 'validation'"):
        divided.subset("validation")
    with pytest.raises(DatasetError, match="frame 0 is in the subset 'testing'"):
        Dataset((replace(frames[0], subset="testing"),), "PBE")


def test_labels_are_both_or_an_error(make_frame, rng):
    frame = make_frame(rng)
    energy, forces = frame.labels
    assert energy == frame.energy
    np.testing.assert_array_equal(forces, frame.forces)
    with pytest.raises(DatasetError, match="no energy and forces"):
        _ = frame.unlabelled.labels
