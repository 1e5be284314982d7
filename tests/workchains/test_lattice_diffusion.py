"""Diffusion at several temperatures, and the energy that it needs."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager

from aiida_superionic.engines.registration import code_version
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.units import BOLTZMANN
from aiida_superionic.workchains.lattice_diffusion import LatticeDiffusionWorkChain, fit_activation

_CODES = LatticeDiffusionWorkChain.exit_codes
_SMALL = {"cells": [6, 6, 6], "ions": 2, "equilibration": 1.0, "production": 150.0}
_D = "diffusion_coefficient_Li"


@pytest.fixture
def builder(lattice_code):
    """Return a maker of builders of small runs."""

    def make(temperatures, overrides=_SMALL, **others):
        model = lattice_models()["simple-cubic"].request("yukawa-4eV").model_dump(mode="json", exclude_none=True)
        return LatticeDiffusionWorkChain.get_builder_from_protocol(
            lattice_code,
            {**model, **others.pop("model", {})},
            temperatures=temperatures,
            species="Li",
            version=code_version(lattice_code),
            protocol="fast",
            overrides=overrides,
            **others,
        )

    return make


def observables(value, error=1e-6, upper_bound=None, estimate=None):
    entry = {"value": value, "error": error, "unit": "cm^2/s", "upper_bound": upper_bound, "estimate": estimate}
    return orm.Dict({_D: entry})


@pytest.mark.usefixtures("aiida_profile")
def test_the_fit_is_that_of_the_law_and_leaves_out_what_is_only_bounded():
    energy, prefactor, temperatures = 0.042, 3e-3, (200.0, 300.0, 400.0, 600.0)
    values = [prefactor * np.exp(-energy / (BOLTZMANN * t)) for t in temperatures]
    runs = [[t, 1] for t in (100.0, *temperatures)]
    nodes = [observables(None, upper_bound=1e-7), *(observables(value, 0.01 * value) for value in values)]
    found = fit_activation(orm.Str(_D), orm.List(runs), **{f"run_{n:04d}": node for n, node in enumerate(nodes)})
    activation = found["activation"].get_dict()
    assert activation["activation_energy"]["value"] == pytest.approx(energy)
    assert activation["activation_energy"]["unit"] == "eV"
    assert activation["prefactor"]["value"] == pytest.approx(prefactor)
    assert activation["prefactor"]["unit"] == "cm^2/s"
    assert activation["prefactor_low"]["value"] < prefactor < activation["prefactor_high"]["value"]
    assert activation["log_prefactor"]["value"] == pytest.approx(np.log(prefactor))
    assert activation["chi_square_per_freedom"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert found["report"].get_dict() == {
        "temperatures": [100.0, *temperatures],
        "left_out": [100.0],
        "reason": "",
    }
    assert found["diffusion"][f"{_D}_300K"]["value"] == pytest.approx(values[1])
    assert found["diffusion"][f"{_D}_100K"]["upper_bound"] == 1e-7


@pytest.mark.usefixtures("aiida_profile")
def test_replicas_are_averaged_before_the_fit():
    nodes = {f"run_{n:04d}": observables(value) for n, value in enumerate((1e-4, 3e-4, 8e-4, 8.2e-4))}
    found = fit_activation(orm.Str(_D), orm.List([[300.0, 1], [300.0, 2], [600.0, 1], [600.0, 2]]), **nodes)
    entry = found["diffusion"][f"{_D}_300K"]
    assert (entry["value"], entry["error"]) == (pytest.approx(2e-4), pytest.approx(1e-4))
    slope = np.log(8.1e-4 / 2e-4) / (1.0 / 300.0 - 1.0 / 600.0) * BOLTZMANN
    assert found["activation"]["activation_energy"]["value"] == pytest.approx(slope)
    assert "chi_square_per_freedom" not in found["activation"].get_dict()


def test_two_temperatures_with_replicas_give_an_activation_energy(builder):
    _, node = run_get_node(builder([290.0, 1160.0], replicas=2, seed=3, overrides={**_SMALL, "ions": 16}))
    assert node.is_finished_ok, node.exit_message
    runs = {child.label for child in node.called}
    assert {"290 K, seed 3", "290 K, seed 4", "1160 K, seed 3", "1160 K, seed 4"} <= runs
    cold, hot = (node.outputs.diffusion[f"{_D}_{t}K"] for t in (290, 1160))
    fit = node.outputs.activation.get_dict()
    slope = np.log(hot["value"] / cold["value"]) / (1.0 / 290.0 - 1.0 / 1160.0) * BOLTZMANN
    assert fit["activation_energy"]["value"] == pytest.approx(slope)
    # The paper has 0.042 eV; so short runs are held to five of their own errors.
    assert abs(fit["activation_energy"]["value"] - 0.042) < 5.0 * fit["activation_energy"]["error"]
    assert node.outputs.report["left_out"] == []


def test_too_few_temperatures_have_no_activation_energy_but_what_there_is(builder):
    _, node = run_get_node(builder([30.0, 1160.0], seed=3, overrides={**_SMALL, "statistics": "classical"}))
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status == 410
    assert "No activation energy: " in node.exit_message
    assert node.outputs.report["left_out"] == [30.0]
    assert node.outputs.activation.get_dict() == {}
    assert node.outputs.diffusion[f"{_D}_1160K"]["value"] > 0.0


def test_a_run_that_fails_is_named(builder):
    springs = lattice_models()["simple-cubic"].crystal.simple_cubic.model_dump()
    _, node = run_get_node(builder([300.0], model={"crystal": {"simple_cubic": {**springs, "next_nearest": -0.4}}}))
    assert node.exit_status == _CODES.ERROR_RUN_FAILED.status, node.exit_message
    assert node.exit_message.startswith("300 K, seed 1 failed: ")
    assert "the crystal is not stable" in node.exit_message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda b: setattr(b, "temperatures", orm.List([])), "give one temperature and one replica at least"),
        (lambda b: setattr(b, "replicas", orm.Int(0)), "give one temperature and one replica at least"),
        (lambda b: setattr(b, "temperatures", orm.List([290.0, 290.0])), "a temperature is given twice"),
        (lambda b: setattr(b, "temperatures", orm.List([-1.0])), "temperature: Input should be greater than 0"),
        (
            lambda b: setattr(
                b.lattice.lattice, "parameters", orm.Dict({**b.lattice.lattice.parameters.get_dict(), "seed": 5})
            ),
            "seed of a run follow from the workchain's own inputs",
        ),
    ],
)
def test_what_cannot_be_run_is_refused(builder, change, sentence):
    one = builder([290.0, 580.0])
    change(one)
    with pytest.raises(ValueError, match=sentence):
        instantiate_process(get_manager().get_runner(), one)
