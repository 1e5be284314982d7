"""The small steps between jobs."""

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.functions import (
    begin_production,
    join_thermo,
    make_structure,
    velocities_at_mean_energy,
)
from aiida_superionic.calculations.usage import parse_usage


def _thermo(steps, energies):
    node = orm.ArrayData()
    node.set_array("step", np.array(steps, dtype=float))
    node.set_array("total_energy", np.array(energies, dtype=float))
    node.base.attributes.set("units", {"total_energy": "eV"})
    return node


def test_a_structure_and_where_it_comes_from(aiida_profile, agi):
    structure = make_structure(orm.Str("alpha-AgI"), orm.List([2, 2, 2]), orm.Int(5))
    assert structure.label == "alpha-AgI 2x2x2 seed 5"
    np.testing.assert_allclose(structure.get_ase().positions, agi(seed=5).positions, atol=1e-12)
    assert structure.creator.inputs.seed.value == 5


def test_production_begins_at_the_mean_of_the_second_half(aiida_profile):
    checkpoint = orm.Dict({"file": "checkpoint.0.restart", "step": 400, "energy": None, "trajectory": ["t.bin"]})
    start = begin_production(checkpoint, _thermo([0, 100, 200, 300], [100.0, 50.0, 1.0, 3.0]))
    assert start.get_dict() == {"file": "checkpoint.0.restart", "step": 0, "energy": 2.0, "trajectory": []}


def test_later_attempts_replace_what_they_repeat(aiida_profile):
    joined = join_thermo(
        attempt_001=_thermo([0, 10, 20, 30], [1, 2, 3, 4]),
        attempt_002=_thermo([20, 30, 40], [5, 6, 7]),
        attempt_010=_thermo([30, 40, 50], [8, 9, 10]),
    )
    np.testing.assert_array_equal(joined.get_array("step"), [0, 10, 20, 30, 40, 50])
    np.testing.assert_array_equal(joined.get_array("total_energy"), [1, 2, 5, 8, 9, 10])
    assert joined.base.attributes.get("units") == {"total_energy": "eV"}


def test_cost_of_a_job():
    text = "100.5\n160.75\n0m0.004s 0m0.003s\n1m1.5s 0m2.250s\n"
    assert parse_usage(text) == {"cpu_seconds": 63.757, "started": 100.5, "ended": 160.75}


@pytest.mark.parametrize("text", ["", "100.5\n", "100.5\n160.75\n", "100.5\n160.75\n0m0.004s 0m0.003s\n", "words"])
def test_a_job_that_did_not_end_has_no_cost(text):
    assert parse_usage(text) is None


def test_velocities_are_scaled_to_the_mean_energy_of_the_second_half(aiida_profile):
    thermo = _thermo([0, 100, 200, 300], [100.0, 50.0, 1.0, 3.0])
    thermo.set_array("potential_energy", np.array([0.0, 0.0, 0.0, -6.0]))
    thermo.set_array("kinetic_energy", np.array([100.0, 50.0, 1.0, 2.0]))
    velocities = orm.ArrayData({"velocities": np.array([[1.0, 0.0, -2.0]])})
    velocities.base.attributes.set("units", {"velocities": "Å/ps"})
    # The mean is 2 eV, of which 8 eV are to move the ions where 2 eV do.
    scaled = velocities_at_mean_energy(velocities, thermo)
    np.testing.assert_allclose(scaled.get_array("velocities"), [[2.0, 0.0, -4.0]], rtol=1e-15)
    assert scaled.base.attributes.get("units") == {"velocities": "Å/ps"}


def test_ions_too_high_for_the_mean_energy_are_told(aiida_profile):
    thermo = _thermo([0, 100], [1.0, 3.0])
    thermo.set_array("potential_energy", np.array([0.0, 3.5]))
    thermo.set_array("kinetic_energy", np.array([1.0, 0.5]))
    _, node = velocities_at_mean_energy.run_get_node(orm.ArrayData({"velocities": np.ones((1, 3))}), thermo)
    assert node.exit_status == 400
    assert node.exit_message == "The potential energy of the last frame is above the mean total energy."
