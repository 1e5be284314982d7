"""What NequIP is told and given to train a network."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from ase.io import iread

from aiida_superionic.datafiles import load_yaml
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.learning.nequip import NequipSettings, frames_text, training_input
from aiida_superionic.workchains.protocol import protocols

_OWN = {"Ag": -3.0, "I": -1.5}


@pytest.fixture
def dataset(rng):
    """Return frames of two compositions whose atoms have energies of their own."""

    def frame(species, subset):
        cell = np.diag([5.0, 6.0, 7.0]) + 0.1 * rng.normal(size=(3, 3))
        tensor = rng.normal(size=(3, 3))
        return Frame(
            species,
            rng.uniform(0.0, 5.0, (len(species), 3)),
            cell,
            sum(_OWN[symbol] for symbol in species),
            rng.normal(size=(len(species), 3)),
            0.01 * (tensor + tensor.T),
            subset=subset,
        )

    compositions = ("Ag", "I"), ("Ag", "Ag", "I")
    return Dataset(
        tuple(frame(species, subset) for subset in ("train", "train", "validation") for species in compositions),
        "a formula",
    )


def told(dataset, seed=3, **settings):
    return load_yaml(training_input(NequipSettings(**settings), dataset, seed))


def test_the_training_of_the_published_study(dataset):
    """A cutoff of 6 Å, a rate of 0.005 that is halved after 100 epochs on a plateau, batches of 5, 2100 epochs."""
    given = told(dataset)
    module, trainer = given["training_module"], given["trainer"]
    assert module["model"]["r_max"] == 6.0
    assert {transform.get("r_max", 6.0) for transform in given["data"]["transforms"]} == {6.0}
    assert module["optimizer"] == {"_target_": "torch.optim.Adam", "lr": 0.005}
    scheduler = module["lr_scheduler"]["scheduler"]
    assert (scheduler["factor"], scheduler["patience"]) == (0.5, 100)
    assert module["lr_scheduler"]["monitor"] == "val0_epoch/forces_rmse"
    assert given["data"]["train_dataloader"]["batch_size"] == 5
    assert trainer["max_epochs"] == 2100
    (stop,) = (one for one in trainer["callbacks"] if one["_target_"].endswith("EarlyStopping"))
    assert stop["stopping_threshold"] == 0.009
    assert stop["check_finite"]


def test_that_training_is_a_protocol():
    settings = {name: NequipSettings.model_validate(protocol) for name, protocol in protocols("nequip").items()}
    assert settings["precise"] == NequipSettings()
    assert set(settings) == {"fast", "balanced", "precise"}
    assert all(set(protocol) == set(NequipSettings.model_fields) for protocol in protocols("nequip").values())


def test_the_energies_of_atoms_are_told_apart_where_compositions_do(dataset):
    assert told(dataset)["training_module"]["model"]["per_type_energy_shifts"] == pytest.approx(_OWN)
    alone = dataset.take([0, 4])
    assert told(alone)["training_module"]["model"]["per_type_energy_shifts"] == pytest.approx({"Ag": -2.25, "I": -2.25})


def test_the_seed_is_that_of_weights_and_frames(dataset):
    given = told(dataset, seed=42)
    assert given["data"]["seed"] == given["training_module"]["model"]["seed"] == 42
    assert given["data"]["train_dataloader"]["shuffle"]


def test_a_stress_weighs_as_the_virial_of_an_atom(dataset):
    loss = told(dataset, virial_weight=0.5, energy_weight=2.0, force_weight=3.0)["training_module"]["loss"]
    volumes = [np.linalg.det(frame.cell) / len(frame.species) for frame in dataset.subset("train").frames]
    assert loss["_target_"] == "nequip.train.EnergyForceStressLoss"
    assert loss["coeffs"] == pytest.approx({"total_energy": 2.0, "forces": 3.0, "stress": 0.5 * np.mean(volumes) ** 2})


def test_without_stress(dataset):
    given = told(dataset, learn_stress=False)["training_module"]
    assert given["loss"]["_target_"] == "nequip.train.EnergyForceLoss"
    assert set(given["loss"]["coeffs"]) == {"total_energy", "forces"}
    some = replace(dataset, frames=(replace(dataset.frames[0], stress=None), *dataset.frames[1:]))
    assert ' stress="' not in frames_text(some, "train", with_stress=False)


@pytest.mark.parametrize("subset", ["train", "validation"])
def test_frames_are_read_as_they_are_by_what_nequip_reads_them_with(dataset, subset):
    read = list(iread(StringIO(frames_text(dataset, subset, with_stress=True)), format="extxyz"))
    frames = dataset.subset(subset).frames
    assert len(read) == len(frames)
    for atoms, frame in zip(read, frames, strict=True):
        assert tuple(atoms.get_chemical_symbols()) == frame.species
        assert atoms.pbc.all()
        np.testing.assert_array_equal(atoms.positions, frame.positions)
        np.testing.assert_array_equal(atoms.cell, frame.cell)
        assert atoms.calc.results["energy"] == frame.energy
        np.testing.assert_array_equal(atoms.calc.results["forces"], frame.forces)
        np.testing.assert_array_equal(atoms.get_stress(voigt=False), frame.stress)
