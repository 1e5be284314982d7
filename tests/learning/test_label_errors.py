"""Errors of labels, where they can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.learning import errors
from aiida_superionic.learning.errors import force_errors, label_errors, label_pairs, numbers_by_subset
from aiida_superionic.units import PRESSURE_UNITS


def frame(species, energy, force, stress=None):
    n = len(species)
    return Frame(
        tuple(species), np.arange(3.0 * n).reshape(n, 3), 10 * np.eye(3), energy, np.full((n, 3), force), stress
    )


@pytest.fixture
def true():
    return [frame("HOH", -3.0, 1.0, np.zeros((3, 3))), frame("OO", -8.0, 2.0, np.zeros((3, 3)))]


@pytest.fixture
def predicted(true):
    gigapascal = PRESSURE_UNITS["GPa"]
    forces = np.array([[1.0, 1.0, 1.3], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    return [
        replace(true[0], energy=-2.97, forces=forces, stress=gigapascal * np.diag([3.0, 0, 0])),
        replace(true[1], energy=-8.04, forces=true[1].forces + 0.1),
    ]


def test_root_mean_squares(true, predicted):
    found = label_errors(true, predicted)
    # 30 meV over 3 atoms, 40 over 2.
    assert found["energy"] == pytest.approx(np.sqrt((10**2 + 20**2) / 2))
    assert set(found["forces"]) == {"all", "H", "O"}
    assert found["forces"]["H"] == pytest.approx(np.sqrt(300**2 / 6))
    assert found["forces"]["O"] == pytest.approx(np.sqrt(6 * 100**2 / 9))
    assert found["forces"]["all"] == pytest.approx(np.sqrt((300**2 + 6 * 100**2) / 15))
    assert found["stress"] == pytest.approx(np.sqrt(9.0 / 18))
    assert "stress" not in label_errors([replace(true[0], stress=None), true[1]], predicted)


def test_pairs_keep_true_beside_predicted(true, predicted, monkeypatch):
    pairs = label_pairs(true, predicted)
    assert set(pairs) == {"energy", "forces_H", "forces_O", "stress"}
    np.testing.assert_allclose(pairs["energy"].x, [0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(pairs["energy"].y, [10.0, -20.0])
    np.testing.assert_array_equal(pairs["forces_H"].x, np.ones(6))
    np.testing.assert_allclose(pairs["forces_H"].y, [1.0, 1.0, 1.3, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(pairs["stress"].y[:6], [3.0, 0, 0, 0, 0, 0])
    monkeypatch.setattr(errors, "_MOST_POINTS", 3)
    few = label_pairs(true, predicted)["forces_H"]
    np.testing.assert_allclose(few.y, [1.0, 1.3, 1.0])


def test_numbers_of_the_subsets(true):
    frames = [replace(true[k % 2], subset=name) for k, name in enumerate(["test", "train", None, "test"])]
    frames[2] = replace(true[0])
    assert numbers_by_subset(Dataset(tuple(frames), "made up")) == {"train": [1], "test": [0, 3]}


def test_errors_of_forces_have_the_error_of_their_scatter_over_frames(rng):
    """Of normal mistakes of standard deviation s, n in all, the root mean square has the error s/√(2n)."""
    true = [frame("HOH", -3.0, 1.0) for _ in range(400)]
    told = [replace(one, forces=one.forces + rng.normal(scale=0.05, size=(3, 3))) for one in true]
    found = force_errors(true, told)
    assert set(found) == {"all", "H", "O"}
    for kind, n_atoms in (("all", 3), ("H", 2), ("O", 1)):
        expected = 50.0 / np.sqrt(2 * 400 * 3 * n_atoms)
        assert found[kind].value == pytest.approx(50.0, abs=4.0 * expected)
        # The scatter of 400 squares is known to some per cent.
        assert found[kind].error == pytest.approx(expected, rel=0.25)
        assert found[kind].value == pytest.approx(label_errors(true, told)["forces"][kind])
    assert force_errors(true[:1], told[:1])["all"].error is None
    assert force_errors(true, true)["all"].value == 0.0
