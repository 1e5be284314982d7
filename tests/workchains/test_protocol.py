"""Protocols: complete, and deaf to words that they do not know."""

import pytest
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager

from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings, protocols

_NAMES = ["fast", "balanced", "precise"]


def test_there_are_three():
    assert list(protocols("md")) == _NAMES


@pytest.fixture
def builder(lammps_code, md_inputs):
    def make(**changes):
        inputs = md_inputs()
        given = {"temperature": 600.0, "mobile": ["Ag"], "seed": 7, **changes}
        return MdWorkChain.get_builder_from_protocol(lammps_code, inputs["structure"], inputs["potential"], **given)

    return make


@pytest.mark.parametrize("protocol", _NAMES)
def test_builder(builder, protocol):
    made = builder(protocol=protocol, options={"max_wallclock_seconds": 60})
    stages = {name: MdSettings.model_validate(made[name]["lammps"]["parameters"].get_dict()) for name in
              ("equilibration", "production")}  # fmt: skip
    equilibration, production = stages["equilibration"], stages["production"]
    known = protocols("md")[protocol]
    assert (equilibration.ensemble, production.ensemble) == ("nvt", "nve")
    assert (equilibration.duration, production.duration) == (known["equilibration"], known["production"])
    assert (equilibration.sampling_interval, production.sampling_interval) == (None, known["sampling_interval"])
    assert {stage.temperature for stage in stages.values()} == {600.0}
    assert made.seed.value == 7
    for name in stages:
        assert made[name]["lammps"]["metadata"]["options"]["max_wallclock_seconds"] == 60


def test_formal_charges_reach_every_stage(builder):
    made = builder(formal_charges={"Ag": 1.0, "I": -1.0})
    for stage in ("equilibration", "production"):
        parameters = made[stage]["lammps"]["parameters"].get_dict()
        assert MdSettings.model_validate(parameters).formal_charges == {"Ag": 1.0, "I": -1.0}


@pytest.mark.parametrize(
    ("charges", "told"),
    [
        ({"Na": 1.0}, "formal charges of Na where the structure holds Ag, I"),
        ({"Ag": 1.0, "I": -2.0}, "the formal charges of the structure add up to -16 e where it must be neutral"),
    ],
)
def test_formal_charges_that_are_not_the_structures_are_refused_before_anything_runs(builder, charges, told):
    with pytest.raises(ValueError, match=told):
        instantiate_process(get_manager().get_runner(), builder(formal_charges=charges))


def test_the_charge_of_one_species_alone_is_taken(builder):
    process = instantiate_process(get_manager().get_runner(), builder(formal_charges={"Ag": 2.0}))
    assert process.inputs.production.lammps.parameters["formal_charges"] == {"Ag": 2.0}


def test_protocols_become_longer():
    lengths = [protocol_settings("md", name)["equilibration"] for name in _NAMES]
    assert lengths == sorted(lengths)


def test_overrides(builder):
    made = builder(protocol="fast", overrides={"production": 20.0, "timestep": 0.001})
    assert made.production["lammps"]["parameters"]["duration"] == 20.0
    assert made.equilibration["lammps"]["parameters"]["timestep"] == 0.001


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"protocol": "quick"}, ProtocolError, "'quick' is not one of fast, balanced, precise"),
        ({"overrides": {"timestp": 0.001}}, ProtocolError, "timestp is not a setting of md"),
        ({"overrides": {"timestep": 0.0003}}, ProtocolError, "not a whole number of timesteps"),
        ({"overrides": {"production": "long"}}, ProtocolError, "duration"),
        ({"overrides": {"timestep": "0.001\nshell rm"}}, ProtocolError, "timestep"),
        ({"temperature": -5.0}, ProtocolError, "temperature"),
        ({"mobile": ["Xx"]}, ProtocolError, "'Xx' is not a chemical symbol"),
    ],
)
def test_what_is_refused(builder, changes, error, told):
    with pytest.raises(error, match=told):
        builder(**changes)
