"""Lattices, gases, and ions without a shell."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from aiida_superionic.analysis.observables.coordination import coordination
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory


@pytest.fixture
def rocksalt(rng):
    """Return a trembling rocksalt of four cells, with one Wannier centre 0.5 Å from each iodide."""
    sites = np.array(list(product(range(4), repeat=3)), dtype=float) * 3.0
    cation = np.sum(np.arange(64)[:, None] // [16, 4, 1] % 4, axis=1) % 2 == 0
    centres = sites[~cation] + [0.5, 0.0, 0.0]
    positions = np.concatenate((sites[cation], sites[~cation], centres)) + 0.05 * rng.normal(size=(50, 96, 3))
    species = ("Ag",) * 32 + ("I",) * 32 + ("X",) * 32
    return Trajectory(species, positions, np.eye(3) * 12.0, 0.1, np.ones(96), mobile=("Ag",))


def test_rocksalt_has_six_neighbours_within_its_own_first_minimum(rocksalt):
    scalars = coordination(rocksalt).scalars
    number = scalars["coordination_number_Ag_I"]
    assert (number.value, number.error, number.unit) == (6.0, 0.0, "1")
    # Shells at 3 Å and 3√3 Å.
    assert 3.3 < scalars["coordination_cutoff_Ag_I"].value < 4.9


def test_centres_are_neighbours_too(rocksalt):
    """Of the six iodides' centres, one each is at 2.5 Å and 3.5 Å, and four at 3.04 Å."""
    for cutoff, number in ((2.75, 1.0), (3.27, 5.0), (3.8, 6.0)):
        scalars = coordination(rocksalt, cutoff=cutoff).scalars
        assert scalars["coordination_number_centres_Ag_I"].value == pytest.approx(number, abs=0.02)
        assert scalars["coordination_cutoff_centres_Ag_I"].value == cutoff
        assert scalars["coordination_cutoff_centres_Ag_I"].unit == "Å"


def test_the_cations_own_centres_are_no_neighbours(rocksalt):
    """One beside each silver ion, and its shell would end there."""
    own = rocksalt.positions[:, :32] + [0.0, 0.3, 0.0]
    positions = np.concatenate((rocksalt.positions, own), axis=1)
    species = (*rocksalt.species, *("X",) * 32)
    both = replace(rocksalt, species=species, positions=positions, masses=np.ones(128))
    for given in ({}, {"cutoff": 3.27}):
        assert coordination(both, **given).scalars == coordination(rocksalt, **given).scalars


def test_a_gas_has_as_many_neighbours_as_its_density_says(rng):
    positions = rng.random((400, 25, 3)) * 10.0
    trajectory = Trajectory(("Ag",) * 5 + ("I",) * 20, positions, np.eye(3) * 10.0, 0.1, np.ones(25), mobile=("Ag",))
    number = coordination(trajectory, cutoff=4.0).scalars["coordination_number_Ag_I"]
    fraction = 4.0 / 3.0 * np.pi * 4.0**3 / 1000.0
    error = np.sqrt(20 * fraction * (1 - fraction) / (400 * 5))
    assert number.value == pytest.approx(20 * fraction, abs=5.0 * error)
    # Five blocks know their error to a third of it; the 5 Ag ions share the I ions.
    assert 0.1 * error < number.error < 5.0 * error


def test_without_a_first_minimum_there_is_no_number():
    positions = np.zeros((10, 2, 3))
    positions[:, 1] = 30.0
    trajectory = Trajectory(("Ag", "I"), positions, np.eye(3) * 60.0, 1.0, np.ones(2), mobile=("Ag",))
    scalars = coordination(trajectory).scalars
    assert scalars["coordination_number_Ag_I"].value is None
    assert scalars["coordination_cutoff_Ag_I"].value is None


def test_a_cutoff_beyond_the_cell_and_no_frames_are_refused(rocksalt):
    with pytest.raises(ParameterError, match=r"up to 6\.0000 Å"):
        coordination(rocksalt, cutoff=6.5)
    with pytest.raises(ParameterError, match="max_frames is 0 and must be positive"):
        coordination(rocksalt, max_frames=0)
