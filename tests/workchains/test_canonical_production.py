"""Production that goes on in the canonical ensemble, with the real engine."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.workchains.md import MdWorkChain

_TIMES = {
    "equilibration": 0.4,
    "production": 1.0,
    "sampling_interval": 0.01,
    "thermo_interval": 0.01,
    "checkpoint_interval": 0.2,
}


@pytest.fixture
def produced(lammps_code, md_inputs):
    def run(ensemble):
        inputs = md_inputs()
        builder = MdWorkChain.get_builder_from_protocol(
            lammps_code,
            inputs["structure"],
            inputs["potential"],
            temperature=700.0,
            mobile=["Ag"],
            seed=3,
            ensemble=ensemble,
            overrides=_TIMES,
        )
        _, node = run_get_node(builder)
        assert node.is_finished_ok, node.exit_message
        first = node.base.links.get_outgoing(orm.WorkChainNode, link_label_filter="equilibration").one().node
        return first.outputs.thermo.get_array("total_energy"), node.outputs.thermo.get_array("total_energy")

    return run


def test_a_thermostat_exchanges_energy_and_goes_on_where_it_was(produced):
    before, canonical = produced("nvt")
    assert canonical[0] == pytest.approx(before[-1], rel=1e-9)
    again, microcanonical = produced("nve")
    assert again == pytest.approx(before, rel=1e-9)
    assert microcanonical[0] == pytest.approx(before[len(before) // 2 :].mean(), rel=1e-6)
    assert canonical.std() > 20.0 * microcanonical.std()
