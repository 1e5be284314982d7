"""What a training came to, of labels made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.analysis.results import Curve
from aiida_superionic.calculations.curves import curves_node, curves_of
from aiida_superionic.calculations.training_results import summarise_training
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.potentials import potentials


@pytest.fixture
def frames(rng):
    """Return twelve frames of two atoms: six to learn from, three of each of the other subsets, of 300 and 600 K."""
    subsets = ["train"] * 6 + ["validation"] * 3 + ["test"] * 3
    return [
        Frame(
            ("Ag", "I"),
            rng.uniform(0, 5, (2, 3)),
            5 * np.eye(3),
            -4.0,
            rng.normal(size=(2, 3)),
            temperature=300.4 if k % 3 else 600.0,
            subset=subset,
        )
        for k, subset in enumerate(subsets)
    ]


@pytest.fixture
def potential(aiida_profile):
    return PotentialData(potentials()["vashishta-rahman"])


def labels(frames, energy, force):
    """Return the frames with each label off by some amount, as a node."""
    return DatasetData(
        Dataset(tuple(replace(f, energy=f.energy + energy, forces=f.forces + force) for f in frames), "potential")
    )


def test_the_members_of_a_committee_of_networks(frames, potential):
    dataset = DatasetData(Dataset(tuple(frames), "teacher"))
    steps = np.array([10.0, 20.0])
    learning = {"learning_curve_forces_train": Curve(steps, steps[::-1], "step", "1", "error of forces", "meV/Å")}
    made = summarise_training(
        dataset,
        potential,
        **{f"labels_member_{k}": labels(frames, 0.002 * (k + 1), 0.01 * (k + 1)) for k in reversed(range(11))},
        curves_member_1=curves_node(learning),
    )
    report = made["report"].get_dict()
    assert (report["family"], report["committee"]) == ("pair-functions", 11)
    for subset, number in (("train", 6), ("validation", 3), ("test", 3)):
        entry = report["errors"][subset]
        assert entry["frames"] == number
        # 2 meV of two atoms; the potential is the first member, and 1 to 11 have the mean 6 and the variance 11.
        assert entry["energy"] == pytest.approx({"potential": 1.0, "mean": 6.0, "spread": np.sqrt(11)})
        for kind in ("all", "Ag", "I"):
            assert entry["forces"][kind] == pytest.approx({"potential": 10.0, "mean": 60.0, "spread": 10 * np.sqrt(11)})
        assert "stress" not in entry
    observables = made["observables"].get_dict()
    assert observables["energy_error_test"]["value"] == pytest.approx(1.0)
    assert observables["committee_force_error_train_Ag"]["value"] == pytest.approx(60.0)
    assert observables["committee_force_error_train_Ag"]["error"] == pytest.approx(10 * np.sqrt(11))
    assert not any(name.startswith("within") for name in observables)
    curves = curves_of(made["curves"])
    np.testing.assert_array_equal(curves["member_1_learning_curve_forces_train"].y, [20.0, 10.0])
    np.testing.assert_allclose(curves["parity_test_forces_I"].y - curves["parity_test_forces_I"].x, 0.01)


def test_a_potential_that_predicts_its_errors(frames, potential):
    made = summarise_training(
        DatasetData(Dataset(tuple(frames), "teacher")),
        potential,
        orm.ArrayData({"force_errors": np.repeat([0.004, 0.009, 0.02], 8)}),
        labels_potential=labels(frames, 0.0, 0.01),
    )
    report, observables = made["report"].get_dict(), made["observables"].get_dict()
    assert report["errors"]["test"]["energy"]["mean"] is None
    assert not any(name.startswith("committee") for name in observables)
    # The last eight atoms, of the last four frames, have errors beyond 10 meV/Å; those before within twice theirs.
    shares = {name: observables[f"within_one_error_{name}"]["value"] for name in ("validation", "test")}
    assert shares == {"validation": pytest.approx(1 / 3), "test": 1.0}
    assert observables["within_two_errors_validation"]["value"] == 1.0
    assert {name for name in observables if name.startswith("within_one_error_test_")} == {
        "within_one_error_test_300K",
        "within_one_error_test_600K",
    }
    assert observables["within_one_error_test_600K"]["error"] is None
    # Every temperature of the test was learned.
    assert "unseen_temperatures_told_apart" not in observables


def test_unseen_temperatures(frames, potential):
    hot = [*frames[:10], *(replace(frame, temperature=900.0) for frame in frames[10:])]
    errors = orm.ArrayData({"force_errors": np.repeat(np.arange(1.0, 13.0), 2)})
    made = summarise_training(
        DatasetData(Dataset(tuple(hot), "teacher")), potential, errors, labels_potential=labels(hot, 0.0, 0.01)
    )
    assert made["observables"]["unseen_temperatures_told_apart"]["value"] == 1.0


def test_temperatures_that_are_not_known_are_not_told_apart(frames, potential):
    unknown = [replace(frame, temperature=None) for frame in frames if frame.subset != "test"]
    errors = orm.ArrayData({"force_errors": np.full(18, 0.01)})
    made = summarise_training(
        DatasetData(Dataset(tuple(unknown), "teacher")), potential, errors, labels_potential=labels(unknown, 0, 0.01)
    )
    names = {name for name in made["observables"].get_dict() if name.startswith("within_one")}
    assert names == {"within_one_error_validation"}
