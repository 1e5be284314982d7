"""What DeePMD-kit is told and given."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.lj import LennardJones

from aiida_superionic.datasets import Dataset, DatasetError, Frame
from aiida_superionic.learning.deepmd import DeepmdSettings, training_files, training_input


def labelled(atoms, subset):
    """Return atoms with the labels of a pair potential."""
    atoms.calc = LennardJones(sigma=2.5, epsilon=0.05, rc=4.0)
    return Frame(
        tuple(atoms.get_chemical_symbols()),
        atoms.positions,
        np.array(atoms.cell),
        float(atoms.get_potential_energy()),
        atoms.get_forces(),
        atoms.get_stress(voigt=False),
        subset=subset,
    )


@pytest.fixture
def dataset(agi, rng):
    """Return three frames of Ag2I2 and one of Ag4I4 to learn from, and one of Ag2I2 to look at meanwhile."""
    frames = []
    for repeats, subset in [((1, 1, 1), "train")] * 3 + [((1, 1, 2), "train"), ((1, 1, 1), "validation")]:
        atoms = agi(repeats)
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        frames.append(labelled(atoms, subset))
    return Dataset(tuple(frames), "Lennard-Jones")


def read(files, name):
    return np.load(io.BytesIO(files[name]))


def test_frames_are_written_by_composition(dataset):
    files = training_files(dataset, learn_stress=True)
    assert {name.rsplit("/", 1)[0] for name in files if name.endswith("type.raw")} == {
        "train/Ag2I2",
        "train/Ag4I4",
        "validation/Ag2I2",
    }
    kinds = files["train/Ag2I2/type_map.raw"].decode().split()
    assert kinds == ["Ag", "I"]
    types = np.array(files["train/Ag2I2/type.raw"].split(), dtype=int)
    frames = dataset.subset("train").frames[:3]
    assert tuple(kinds[kind] for kind in types) == frames[0].species
    for name, shape in {"coord": (3, 12), "box": (3, 9), "energy": (3, 1), "force": (3, 12), "virial": (3, 9)}.items():
        assert read(files, f"train/Ag2I2/set.000/{name}.npy").shape == shape
    np.testing.assert_array_equal(read(files, "train/Ag2I2/set.000/coord.npy")[1], frames[1].positions.ravel())
    np.testing.assert_array_equal(read(files, "train/Ag2I2/set.000/force.npy")[1], frames[1].labels[1].ravel())


def test_the_virial_is_minus_the_slope_of_the_energy_with_strain(agi, dataset):
    files = training_files(dataset, learn_stress=True)
    frame = dataset.frames[3]
    virial = read(files, "train/Ag4I4/set.000/virial.npy")[0].reshape(3, 3)
    step = 1e-4
    for row, column in ((0, 0), (2, 2), (0, 1)):
        energies = []
        for sign in (1.0, -1.0):
            strain = np.eye(3)
            strain[row, column] += sign * step / 2
            strain[column, row] += sign * step / 2
            atoms = agi((1, 1, 2))
            atoms.set_cell(frame.cell @ strain)
            atoms.positions = frame.positions @ strain
            energies.append(labelled(atoms, None).energy)
        # The error of the difference is of second order in the step.
        assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(virial[row, column], abs=1e-5)


def test_without_stresses_there_is_no_virial(dataset):
    assert not [name for name in training_files(dataset, learn_stress=False) if "virial" in name]
    told = json.loads(training_input(DeepmdSettings(learn_stress=False), dataset, seed=1))
    assert {told["loss"][f"{when}_pref_v"] for when in ("start", "limit")} == {0.0}


def test_a_stress_that_is_missing_is_told(dataset):
    first, *others = dataset.frames
    with pytest.raises(DatasetError, match="a frame of Ag2I2 has no stress"):
        training_files(Dataset((replace(first, stress=None), *others), "Lennard-Jones"), learn_stress=True)


def test_the_input_says_what_was_asked(dataset):
    settings = DeepmdSettings(cutoff=5.0, steps=4000, batch=2, learning_rate=2e-3, learning_rate_decay=0.01)
    told = json.loads(training_input(settings, dataset, seed=7))
    model, training = told["model"], told["training"]
    assert (model["descriptor"]["rcut"], model["type_map"]) == (5.0, ["Ag", "I"])
    assert {model["descriptor"]["seed"], model["fitting_net"]["seed"], training["seed"]} == {7}
    assert (told["learning_rate"]["start_lr"], told["learning_rate"]["stop_lr"]) == (2e-3, pytest.approx(2e-5))
    assert training["numb_steps"] == 4000
    assert training["training_data"]["systems"] == ["train/Ag2I2", "train/Ag4I4"]
    # Each look at the validation frames is at as many as there are.
    assert training["validation_data"] == {"systems": ["validation/Ag2I2"], "batch_size": 2, "numb_btch": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"smooth_from": 6.0}, "smooth_from is 6.0 Å, not below the cutoff of 6.0 Å"),
        ({"axes": 65}, "axes is 65 where the embedding has 64 columns"),
        ({"checkpoint_every": 300}, "checkpoint_every is 300, not a multiple of report_every, 200"),
        ({"learning_rate_decay": 1.0}, "less than 1"),
        ({"cutof": 5.0}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DeepmdSettings.model_validate(changes)
