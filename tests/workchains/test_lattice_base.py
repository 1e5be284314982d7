"""One experiment on a lattice, carried through failures that are real."""

import pytest
from aiida import orm
from aiida.engine import run_get_node
from child_jobs import statuses

from aiida_superionic.calculations.lattice import LatticeCalculation
from aiida_superionic.engines.registration import code_version
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.workchains.lattice_base import LatticeBaseWorkChain
from aiida_superionic.workchains.protocol import ProtocolError, protocols

_JOB = LatticeCalculation.exit_codes
_CODES = LatticeBaseWorkChain.exit_codes
_SMALL = {"cells": [6, 6, 6], "ions": 2, "equilibration": 1.0, "production": 150.0}


@pytest.fixture
def model():
    return lattice_models()["simple-cubic"].request("yukawa-4eV").model_dump(mode="json", exclude_none=True)


@pytest.fixture
def builder(lattice_code, model):
    """Return a maker of builders: a small crystal at 580 K unless said otherwise."""

    def make(temperature=580.0, seed=1, protocol="fast", model=model, **overrides):
        return LatticeBaseWorkChain.get_builder_from_protocol(
            lattice_code,
            model,
            temperature=temperature,
            seed=seed,
            species="Li",
            version=code_version(lattice_code),
            protocol=protocol,
            overrides={**_SMALL, **overrides},
        )

    return make


def test_the_protocol_and_what_replaces_it_are_asked_for(builder):
    parameters = builder(protocol="precise", ions=3).lattice.parameters.get_dict()
    expected = {**protocols("lattice")["precise"], **_SMALL, "ions": 3}
    assert {name: parameters[name] for name in expected} == expected
    assert (parameters["temperature"], parameters["seed"], parameters["species"]) == (580.0, 1, "Li")


@pytest.mark.parametrize("name", ["fast", "balanced", "precise"])
def test_every_protocol_is_a_request(lattice_code, model, name):
    builder = LatticeBaseWorkChain.get_builder_from_protocol(
        lattice_code, model, temperature=290.0, seed=1, version="1", protocol=name
    )
    parameters = builder.lattice.parameters.get_dict()
    assert {key: parameters[key] for key in protocols("lattice")[name]} == protocols("lattice")[name]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"colour": 1}, "colour is not a setting of lattice"),
        ({"timestep": 0.03}, "parameters: the sampling interval must be a multiple of the timestep"),
        ({"segment": 200.0}, "the segment within the production"),
        ({"protocol": "hasty"}, "the protocol 'hasty' is not one of fast, balanced, precise"),
    ],
)
def test_what_does_not_fit_is_refused(builder, overrides, sentence):
    with pytest.raises(ProtocolError, match=sentence):
        builder(**overrides)


def test_a_motion_that_breaks_off_begins_again_with_half_the_timestep(builder):
    _, node = run_get_node(builder(timestep=0.04, sampling_interval=0.2, ions=6, seed=2))
    assert node.is_finished_ok, node.exit_message
    *broken, whole = statuses(node)
    # How long an ion bears a step that is too long depends on the last bit of a number.
    assert len(broken) in (1, 2)
    assert set(broken) == {_JOB.ERROR_MOTION_BROKE_OFF.status}
    assert whole == 0
    told = node.outputs.report["parameters"]["diffusion"]
    assert (told["timestep"], told["sampling_interval"]) == (0.04 / 2 ** len(broken), 0.2)
    # A run that ran away would give some cm²/s.
    assert 1e-5 < node.outputs.observables["diffusion_coefficient_Li"]["value"] < 1e-2


@pytest.mark.slow
def test_a_motion_that_always_breaks_off_ends_after_two_halvings(builder, model):
    _, node = run_get_node(builder(temperature=1500.0, model={**model, "ion_mass": 0.01}, timestep=0.01))
    assert node.exit_status == _CODES.ERROR_BREAKS_OFF.status, node.exit_message
    assert statuses(node) == [_JOB.ERROR_MOTION_BROKE_OFF.status] * 3
    assert node.exit_message.startswith("Down to a timestep of 0.0025 ps: The experiment failed: the motion broke off")
    assert "observables" not in node.outputs


def test_a_bound_is_kept_with_its_exit_code(builder):
    _, node = run_get_node(builder(temperature=30.0, seed=3, statistics="classical"))
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status == 410
    assert "diffusion_coefficient_Li < " in node.exit_message
    assert len(statuses(node)) == 1
    assert node.outputs.observables["diffusion_coefficient_Li"]["upper_bound"] > 0.0
    assert "mean_squared_displacement_Li" in node.outputs.curves.base.attributes.get("axes")


def test_what_no_shorter_step_mends_ends_at_once(builder, model):
    falls = {"simple_cubic": {**model["crystal"]["simple_cubic"], "next_nearest": -0.4}}
    _, node = run_get_node(builder(model={**model, "crystal": falls}))
    assert node.exit_status == _CODES.ERROR_UNRECOVERABLE_FAILURE.status
    assert "the crystal is not stable" in node.exit_message
    assert len(statuses(node)) == 1


@pytest.mark.slow
def test_another_experiment_runs_alike(lattice_code, model):
    builder = LatticeBaseWorkChain.get_builder()
    job = builder.lattice
    job.code, job.version = lattice_code, orm.Str(code_version(lattice_code))
    job.experiment = orm.Str("crystal")
    job.parameters = orm.Dict({"crystal": model["crystal"], "cells": [4, 4, 4], "temperatures": [300.0]})
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.observables["speed_of_sound_longitudinal"]["value"] > 0.0
