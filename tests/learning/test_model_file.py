"""What was learned, kept: the same predictions and errors come back, and nothing else is taken for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_superionic.learning.descriptors import describe
from aiida_superionic.learning.model_file import ModelFileError, read_model, write_model


@pytest.fixture
def written(fit, tmp_path):
    path = tmp_path / "model.npz"
    write_model(path, fit.model, fit.error)
    return path


def test_what_was_written_predicts_the_same_to_the_last_bit(fit, divided, written, lammps_executable, tmp_path):
    model, error = read_model(written)
    assert error == fit.error
    assert model.potential == fit.model.potential
    assert model.committee(3, seed=5) == fit.model.committee(3, seed=5)
    assert (model.level_of_theory, model.basis) == (fit.model.level_of_theory, fit.model.basis)
    assert model.typical_deviation == fit.model.typical_deviation
    assert model.posterior.noises == fit.model.posterior.noises
    frame = divided.frames[-1]
    (rows,) = describe([frame], model.basis, Path(lammps_executable), tmp_path / "run")
    ours, theirs = model.predict(rows), fit.model.predict(rows)
    assert ours.energy == theirs.energy
    np.testing.assert_array_equal(ours.forces, theirs.forces)
    np.testing.assert_array_equal(error.of(ours.deviations), fit.error.of(theirs.deviations))


def test_the_same_model_is_the_same_file(written, tmp_path):
    write_model(tmp_path / "again.npz", *read_model(written))
    assert (tmp_path / "again.npz").read_bytes() == written.read_bytes()


def test_what_is_no_model_is_told_in_a_sentence(fit, written, tmp_path):
    content = written.read_bytes()
    other = tmp_path / "other.npz"
    np.savez(tmp_path / "few.npz", mean=np.zeros(3))
    for damaged in (b"", b"potential: pod\n", content[: len(content) // 2], (tmp_path / "few.npz").read_bytes()):
        other.write_bytes(damaged)
        with pytest.raises(ModelFileError, match="holds no model that superionic-fit wrote, or a damaged one"):
            read_model(other)
    with pytest.raises(ModelFileError, match=r"gone\.npz cannot be read: No such file or directory"):
        read_model(tmp_path / "gone.npz")
    posterior = fit.model.posterior
    for wrong in (posterior.mean[:-1], np.full_like(posterior.mean, np.nan)):
        write_model(other, replace(fit.model, posterior=replace(posterior, mean=wrong)), fit.error)
        with pytest.raises(ModelFileError, match="holds mean that do not fit its basis"):
            read_model(other)
    np.savez(other, **{**np.load(written), "basis": np.array([written], dtype=object)})
    with pytest.raises(ModelFileError, match="holds no model"):
        read_model(other)
