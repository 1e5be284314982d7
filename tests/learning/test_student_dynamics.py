"""Molecular dynamics with a potential that was learned, by the same job as any other."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.data.potential import PotentialData


@pytest.fixture
def run_student(fit, lammps_code, md_inputs):
    """Return a function that runs 2 ps at constant energy with some timestep and returns the total energies."""

    def run(timestep):
        inputs = md_inputs(
            ensemble="nve",
            temperature=600.0,
            duration=2.0,
            timestep=timestep,
            thermo_interval=0.02,
            checkpoint_interval=1.0,
        )
        inputs["potential"] = PotentialData(fit.model.potential.text())
        results, node = run_get_node(LammpsCalculation, code=lammps_code, **inputs)
        assert node.is_finished_ok, node.exit_message
        return results["thermo"].get_array("total_energy")

    return run


def test_energy_is_conserved(run_student):
    coarse, fine = run_student(0.004), run_student(0.002)
    assert len(fine) == 101
    # Half the timestep, a quarter of the error of velocity Verlet; sampled a hundred times it is known to some 20 %.
    assert 2.5 < np.std(coarse) / np.std(fine) < 6.5
    drift = np.polyfit(np.linspace(0.0, 2.0, len(fine)), fine, 1)[0] * 2.0 / 32
    assert abs(drift) < 1e-3


def test_people_find_it_by_family_and_species(fit, aiida_profile):
    node = PotentialData(fit.model.potential.text()).store()
    query = orm.QueryBuilder().append(PotentialData, filters={"attributes.family": "pod"}, project="id")
    assert node.pk in query.all(flat=True)
    assert node.potential == fit.model.potential
