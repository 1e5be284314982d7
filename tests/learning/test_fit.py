"""A potential learned from a teacher: how far off it is, and whether its error says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_superionic.datasets import Dataset, DatasetError
from aiida_superionic.learning.descriptors import describe
from aiida_superionic.learning.fit import fit_pod


def on_test_frames(fit, dataset, temperature):
    """Return the mistakes (T, N, 3) and predicted errors (T, N, 1) of the test frames of a temperature."""
    pairs = [
        (one.forces - frame.forces, fit.error.of(one.deviations)[:, None])
        for one, frame in zip(fit.predictions, dataset.frames, strict=True)
        if frame.subset == "test" and frame.temperature == temperature
    ]
    return tuple(np.array(side) for side in zip(*pairs, strict=True))


def test_the_student_is_close_to_the_teacher(fit, divided):
    mistakes, _ = on_test_frames(fit, divided, 750)
    # The forces themselves are of 0.38 eV/Å; pair forces beyond 5.5 Å are out of the student's reach.
    assert np.sqrt(np.mean(mistakes**2)) < 0.03
    energies = [
        (one.energy - frame.energy) / 32
        for one, frame in zip(fit.predictions, divided.frames, strict=True)
        if frame.subset == "test" and frame.temperature == 750
    ]
    assert np.sqrt(np.mean(np.square(energies))) < 0.002


@pytest.mark.parametrize("temperature", [300, 750])
def test_the_error_holds_what_it_promises(fit, divided, temperature):
    mistakes, errors = on_test_frames(fit, divided, temperature)
    assert abs(np.mean(np.abs(mistakes) < errors) - 0.68) < 0.05
    assert abs(np.mean(np.abs(mistakes) < 2 * errors) - 0.95) < 0.03
    # The posterior alone is several times too narrow, which is what the calibration is for.
    assert np.mean(np.abs(mistakes) < errors / fit.error.factor) < 0.3


def test_hot_frames_are_told_apart(fit, divided):
    # The median over the atoms: one rare close pair, of which 750 K has some too, says nothing of the temperature.
    of_frame = {T: np.median(on_test_frames(fit, divided, T)[1], axis=(1, 2)) for T in (300, 750, 1200)}
    # The area under the receiver operating characteristic: how often a hot frame has the larger error.
    for cool in (of_frame[750], np.concatenate((of_frame[300], of_frame[750]))):
        assert np.mean(of_frame[1200][:, None] > cool) >= 0.9


def test_a_committee_scatters_as_the_posterior_says(fit, divided, small_basis):
    members = fit.model.committee(400, seed=3)
    assert members == fit.model.committee(400, seed=3)
    assert members[0] != fit.model.committee(1, seed=4)[0]
    own = small_basis.one_body
    weights = np.delete(np.array([member.coefficients for member in members]), own, axis=1)
    covariance = fit.model.posterior.root @ fit.model.posterior.root.T
    ratio = np.var(weights, axis=0) / np.diag(covariance)
    # The variance of 400 draws has the relative standard error sqrt(2/400); of 120 weights none is beyond 5 of them.
    assert np.all(np.abs(ratio - 1) < 5 * np.sqrt(2 / 400))


def test_every_member_knows_the_energy_of_the_frames(divided, small_basis, fit, lammps_executable, tmp_path):
    frames = divided.subset("train").frames
    described = describe(frames, small_basis, Path(lammps_executable), tmp_path / "run")
    for member in fit.model.committee(3, seed=1):
        mistakes = [
            (rows[0] @ np.array(member.coefficients) - frame.energy) / 32
            for rows, frame in zip(described, frames, strict=True)
        ]
        # The atoms' own energies follow each draw: no member is off by what all frames have in common.
        assert abs(np.mean(mistakes)) < 1e-9


def test_a_shift_of_all_energies_shifts_the_atoms_alone(divided, small_basis, fit, lammps_executable, tmp_path):
    few = divided.take(i for i, frame in enumerate(divided.frames) if frame.subset == "train" or i % 10 == 0)
    shifted = Dataset(tuple(replace(one, energy=one.energy - 32 * 5e3) for one in few.frames), few.level_of_theory)
    other = fit_pod(shifted, small_basis, Path(lammps_executable), tmp_path / "run")
    own = small_basis.one_body
    ours, theirs = (np.array(one.model.potential.coefficients) for one in (fit, other))
    # 5000 eV and atoms of one composition: each of two species takes half.
    np.testing.assert_allclose(theirs[own] - ours[own], -5e3, rtol=1e-6)
    deviations = np.linalg.norm(fit.model.posterior.root, axis=1)
    assert np.all(np.abs(np.delete(theirs - ours, own)) < 1e-3 * deviations)


def test_what_cannot_be_fitted_is_refused(divided, small_basis, tmp_path):
    train = divided.subset("train")
    unlabelled = Dataset(tuple(frame.unlabelled for frame in train.frames))
    for dataset, basis, message in (
        (unlabelled, small_basis, "no energies and forces"),
        (train, small_basis.of(("Ag", "Br")), "holds Ag, I and the basis is of Ag, Br"),
        (train, small_basis, "no frame is in the subset 'validation'"),
    ):
        with pytest.raises(DatasetError, match=message):
            fit_pod(dataset, basis, Path("lmp"), tmp_path / "run")
