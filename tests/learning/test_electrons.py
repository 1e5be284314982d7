"""Learned Wannier centres: planted ones are found again, real ones well enough, and errors hold what they promise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError
from aiida_superionic.learning.electron_errors import errors_of_electrons
from aiida_superionic.learning.electron_trajectory import with_learned_centres
from aiida_superionic.learning.electrons import bonds_by_species, fit_electrons, subsets_of
from aiida_superionic.learning.electrons_file import read_electrons, write_electrons
from aiida_superionic.learning.environments import EnvironmentBasis, describe_environments
from aiida_superionic.learning.model_file import ModelFileError

PLANTED = EnvironmentBasis(cutoff=4.5, radial_functions=4, product_functions=0)
SPECIES = ("Ag", "I") * 8


def planted(n_frames, noise, seed):
    """Return rock salt at random, one centre at each iodide that is linear in its descriptors but for noise."""
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * 6.0
    lattice = 3.0 * np.array([*np.ndindex(2, 2, 2)]).repeat(2, axis=0) + np.tile([[0, 0, 0], [1.5, 1.5, 1.5]], (8, 1))
    ions = lattice + rng.normal(scale=0.15, size=(n_frames, 16, 3))
    weights = np.random.default_rng(1).normal(scale=0.05, size=8)
    bonds = np.array(
        [describe_environments(one, SPECIES, cell, "I", ("Ag", "I"), PLANTED)[1] @ weights for one in ions]
    )
    centres = ions[:, 1::2] + bonds + rng.normal(scale=noise, size=bonds.shape)
    positions = np.concatenate((ions, centres), axis=1)
    return Trajectory((*SPECIES, *"X" * 8), positions, cell, 0.01, np.ones(24)), bonds


def test_a_planted_dipole_is_found_again():
    model = fit_electrons(planted(60, 0.0, seed=2)[0], PLANTED)
    later, bonds = planted(5, 0.0, seed=3)
    # Without noise only the prior, which is all but flat, and rounding stand between the two.
    np.testing.assert_allclose(model.predict(later)["I"].bonds[:, :, 0], bonds, atol=1e-6 * np.abs(bonds).max())
    assert model.centres_per_ion == {"I": 1}


@pytest.fixture(scope="module")
def noisy():
    return fit_electrons(planted(200, 0.02, seed=4)[0], PLANTED)


def test_errors_hold_what_they_promise(noisy):
    later, bonds = planted(100, 0.02, seed=5)
    found = noisy.predict(later)["I"]
    mistakes = np.abs(found.moments[1] - bonds_by_species(later)["I"][:, :, 0])
    errors = found.errors[1][..., np.newaxis]
    # Shares of 2400 independent normal numbers, within 4 of their standard errors; and the error is the noise.
    assert abs(np.mean(mistakes < errors) - 0.683) < 4 * np.sqrt(0.683 * 0.317 / 2400) + 0.02
    assert abs(np.mean(mistakes < 2 * errors) - 0.954) < 4 * np.sqrt(0.954 * 0.046 / 2400)
    # The truth behind the noise is met much better.
    assert np.sqrt(np.mean((found.moments[1] - bonds) ** 2)) < 0.005
    assert np.mean(found.unlike) < 0.05


@pytest.fixture(scope="module")
def electrons(iodide_centres):
    return fit_electrons(iodide_centres, EnvironmentBasis(product_functions=2))


def test_errors_grow_where_nothing_is_known(noisy):
    # Frames that are alike calibrate the noise alone; far away the weights are off by more.
    assert noisy.moments["I"][1].error.factor >= 1.0
    later, _ = planted(5, 0.02, seed=6)
    strange = replace(later, positions=later.positions * 0.5, cell=later.cell * 0.5)
    assert noisy.predict(strange)["I"].errors[1].mean() > 1.2 * noisy.predict(later)["I"].errors[1].mean()


def test_real_centres_are_met(electrons, iodide_centres):
    errors = errors_of_electrons(electrons, iodide_centres)
    assert {name: of_part["frames"] for name, of_part in errors["I"].items()} == {
        "train": 57,
        "validation": 27,
        "test": 16,
    }
    # 16 ions in 16 frames that follow each other are some ten independent ones: shares are good to a tenth.
    for kind in ("Ag", "I"):
        test = errors[kind]["test"]
        assert test["dipole_error"] < 0.5 * test["dipole"]
        assert abs(test["within_one_error"] - 0.68) < 0.15
        assert abs(test["within_two_errors"] - 0.95) < 0.07
    assert errors["I"]["test"]["centre_angle"] < 15.0
    assert errors["I"]["test"]["rotor_correlation"] > 0.88
    # Silver's five centres are taken together: nothing is said of their directions.
    assert "centre_angle" not in errors["Ag"]["test"]


def test_what_does_not_turn_is_learned_beside_its_mean(electrons, iodide_centres):
    true = bonds_by_species(iodide_centres)["I"][84:]
    found = electrons.predict(iodide_centres.frames(84, 100))["I"]
    squares = np.sum(true**2, axis=(2, 3))
    mistakes = found.moments[0][..., 0] - squares
    # Σr² is some 2 Å² and scatters by a fiftieth of it: a mean that is off by a tenth is seen.
    assert abs(mistakes.mean()) < 0.5 * squares.std()
    assert mistakes.std() < 0.9 * squares.std()


def test_errors_by_hand(electrons, iodide_centres):
    part = subsets_of(iodide_centres.n_frames)["test"]
    true, found = bonds_by_species(iodide_centres)["I"][part], electrons.predict(iodide_centres)["I"].bonds[part]
    test = errors_of_electrons(electrons, iodide_centres)["I"]["test"]
    mistakes = 2.0 * 4.80320 * np.linalg.norm((found - true).sum(axis=2), axis=-1)
    assert test["dipole_error"] == pytest.approx(np.sqrt(np.mean(mistakes**2)), rel=1e-5)
    squares = []
    for one, other in zip(true.reshape(-1, 4, 3), found.reshape(-1, 4, 3), strict=True):
        units = [bonds / np.linalg.norm(bonds, axis=-1, keepdims=True) for bonds in (one, other)]
        cosines = np.clip(units[0] @ units[1].T, -1.0, 1.0)
        i, j = linear_sum_assignment(-cosines)
        squares.append(np.degrees(np.arccos(cosines[i, j])) ** 2)
    assert test["centre_angle"] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-9)


def test_strange_surroundings_are_told(electrons, iodide_centres):
    some = iodide_centres.frames(84, 100)
    strange = replace(some, positions=some.positions * 0.85, cell=some.cell * 0.85)
    for kind, prediction in electrons.predict(strange).items():
        known = electrons.predict(some)[kind]
        assert prediction.unlike.mean() > 0.9
        assert known.unlike.mean() < 0.2
        assert prediction.errors[1].mean() > 2.0 * known.errors[1].mean()


def test_what_is_predicted_turns_with_the_crystal(electrons, iodide_centres, rng):
    turn = Rotation.random(rng=rng).as_matrix()
    one = iodide_centres.frames(90, 95)
    turned = replace(one, positions=one.positions @ turn.T, cell=one.cell @ turn.T)
    found, other = (electrons.predict(part) for part in (one, turned))
    for kind, prediction in found.items():
        np.testing.assert_allclose(other[kind].moments[1], prediction.moments[1] @ turn.T, atol=1e-9)
        np.testing.assert_allclose(other[kind].errors[1], prediction.errors[1], rtol=1e-9)
    # The centres of an ion have no order; where two sets of them are as probable, either may be told.
    lengths, others = (np.sort(np.linalg.norm(part["I"].bonds, axis=-1), axis=-1) for part in (found, other))
    assert np.mean(np.abs(lengths - others).max(axis=-1) < 1e-5) > 0.95


def test_a_trajectory_of_ions_and_learned_centres(electrons, iodide_centres):
    some = iodide_centres.frames(80, 100)
    predicted, errors = with_learned_centres(some, electrons)
    np.testing.assert_array_equal(predicted.positions[:, predicted.ions], some.positions[:, some.ions])
    assert len(predicted.centres) == len(some.centres)
    bonds, found = bonds_by_species(predicted), electrons.predict(some)
    for kind, prediction in found.items():
        np.testing.assert_allclose(bonds[kind].sum(axis=2), prediction.bonds.sum(axis=2), atol=1e-9)
    report = errors.report["I"]
    squares = 12.0 * found["I"].errors[1] ** 2
    assert report["dipole_error"] == pytest.approx(4.80320 * np.sqrt(squares.mean()), rel=1e-4)
    assert report["largest"] == pytest.approx(4.80320 * np.sqrt(squares.max()), rel=1e-4)


def test_a_model_is_the_same_when_read_again(electrons, iodide_centres, tmp_path):
    write_electrons(tmp_path / "one.npz", electrons)
    again = read_electrons(tmp_path / "one.npz")
    write_electrons(tmp_path / "two.npz", again)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    frame = iodide_centres.frames(99, 100)
    for kind, prediction in electrons.predict(frame).items():
        np.testing.assert_array_equal(again.predict(frame)[kind].bonds, prediction.bonds)


def test_what_is_no_model_is_refused(electrons, tmp_path):
    (tmp_path / "text.npz").write_text("nothing")
    np.savez(tmp_path / "other.npz", mean=np.zeros(3))
    write_electrons(tmp_path / "good.npz", electrons)
    (tmp_path / "half.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:5000])
    for name in ("text.npz", "other.npz", "half.npz"):
        with pytest.raises(ModelFileError, match="no model of electrons"):
            read_electrons(tmp_path / name)
    with pytest.raises(ModelFileError, match=r"none\.npz cannot be read"):
        read_electrons(tmp_path / "none.npz")


def test_what_cannot_be_learned_from_is_refused(electrons, iodide_centres):
    ions = iodide_centres.ions
    bare = replace(
        iodide_centres,
        species=tuple(iodide_centres.species[i] for i in ions),
        positions=iodide_centres.positions[:, ions],
        masses=np.ones(len(ions)),
    )
    with pytest.raises(TrajectoryError, match="no Wannier centres to learn from"):
        fit_electrons(bare, PLANTED)
    with pytest.raises(TrajectoryError, match="there are 9 frames with centres where 10 are the fewest"):
        fit_electrons(iodide_centres.frames(0, 9), PLANTED)
    with pytest.raises(ParameterError, match="holds Br where the model knows Ag, I"):
        electrons.predict(replace(bare, species=("Br", *bare.species[1:])))


def test_subsets_follow_each_other():
    assert subsets_of(100) == {"train": slice(0, 57), "validation": slice(57, 84), "test": slice(84, 100)}
