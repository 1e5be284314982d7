"""Jumps beside reorientations, from real runs of a crystal whose sites no single species makes."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.functions import make_sites, make_structure
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.workchains.coupling import OBSERVABLES, CouplingWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

_TIMES = {
    "timestep": 0.002,
    "equilibration": 1.0,
    "production": 3.0,
    "sampling_interval": 0.02,
    "checkpoint_interval": 1.0,
}


@pytest.fixture
def phosphate(aiida_profile):
    material, supercell = orm.Str("gamma-Na3PO4"), orm.List([2, 2, 2])
    structure = make_structure(material, supercell, orm.Int(1), orm.List([7.9, 7.9, 7.9]))
    return structure, make_sites(structure, material, supercell), PotentialData(potentials()["pedone"])


def test_sodium_jumps_between_the_sites_of_the_phosphate(lammps_code, analysis_code, phosphate):
    structure, sites, potential = phosphate
    assert sites.get_ase().get_chemical_formula() == "Na96O128P32"
    assert sites.cell == structure.cell
    builder = TransportWorkChain.get_builder_from_protocol(
        lammps_code,
        analysis_code,
        structure,
        potential,
        sites=sites,
        temperature=1100.0,
        mobile=["Na"],
        seed=1,
        observables={"jumps": {}, "occupancy": {}, "reorientations": {}},
        version=code_version(analysis_code),
        overrides=_TIMES,
    )
    _, node = run_get_node(builder)
    # In so short a run the phosphates may not turn.
    assert node.exit_status in {0, TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status}, node.exit_message
    found = node.outputs.observables.get_dict()
    # The tetrahedral and octahedral interstices of the phosphates' lattice, all of them filled.
    assert found["sites"]["value"] == 96
    assert found["occupancy_Na"]["value"] == 1.0
    # At 1100 K each sodium has left its site some ten times a nanosecond, and not at every vibration.
    frequency = found["jump_frequency_Na"]
    assert frequency["unit"] == "1/ns"
    assert 5.0 * frequency["error"] < frequency["value"] < 5000.0
    # Its next sites are 3.4 and 3.9 Å away.
    assert 3.2 < found["jump_length_Na"]["value"] < 4.5
    assert "reorientation_frequency_PO4" in found


def test_jumps_are_asked_for_where_sites_are_known(lammps_code, analysis_code, phosphate):
    structure, sites, potential = phosphate

    def asked(**changes):
        builder = CouplingWorkChain.get_builder_from_protocol(
            lammps_code,
            analysis_code,
            structure,
            potential,
            temperatures=[1100.0],
            mobile=["Na"],
            formal_charges={"Na": 1.0},
            version="0",
            **changes,
        )
        return set(builder.observables.get_dict())

    assert asked(sites=sites) == set(OBSERVABLES)
    assert asked() == set(OBSERVABLES) - {"jumps"}
