"""Experiments on a lattice through the real script, and what its files mean."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.caching import enable_caching
from aiida.manage.manager import get_manager
from ase import units

from aiida_superionic.calculations.lattice import LatticeCalculation
from aiida_superionic.engines.registration import code_version
from aiida_superionic.lattice.crystal import simple_cubic
from aiida_superionic.lattice.crystal_file import write_crystal
from aiida_superionic.lattice.request import REQUESTS
from aiida_superionic.lattice.run import run

_CODES = LatticeCalculation.exit_codes
CUBIC = {"simple_cubic": {"spacing": 3.0, "mass": 33.76987, "nearest": 0.52, "next_nearest": 0.17}}


@pytest.fixture
def inputs(lattice_code):
    """Return a maker of a job's inputs."""

    def make(experiment, parameters, version=None, **others):
        return {
            "code": lattice_code,
            "experiment": orm.Str(experiment),
            "parameters": orm.Dict(parameters),
            "version": orm.Str(version or code_version(lattice_code)),
            **others,
        }

    return make


@pytest.fixture
def run_job(inputs):
    return lambda *given, **others: run_get_node(LatticeCalculation, **inputs(*given, **others))[1]


@pytest.fixture
def refusal(inputs):
    """Return a function that gives the sentence with which inputs are refused before anything runs."""

    def refuse(*given, **others):
        try:
            instantiate_process(get_manager().get_runner(), LatticeCalculation, **inputs(*given, **others))
        except ValueError as error:
            return str(error)
        pytest.fail("the inputs are not refused")

    return refuse


@pytest.fixture
def crystal_node(tmp_path):
    """Return a maker of nodes of a crystal's file, of cubes of this next-nearest spring in eV/Å²."""

    def make(next_nearest=0.17):
        path = tmp_path / "mine.npz"
        write_crystal(path, simple_cubic(**{**CUBIC["simple_cubic"], "next_nearest": next_nearest}))
        return orm.SinglefileData(path)

    return make


def test_diffusion_is_that_of_the_same_request_without_a_graph(run_job, lattice_request, lattice_code):
    node = run_job("diffusion", lattice_request())
    assert node.is_finished_ok, node.exit_message
    expected = run(REQUESTS["diffusion"].model_validate(lattice_request()))
    found = node.outputs.observables.get_dict()
    assert set(found) == {"diffusion_coefficient_Li", "temperature"}
    for name, scalar in expected.scalars.items():
        # AiiDA stores 14 digits.
        assert found[name]["value"] == pytest.approx(scalar.value, rel=1e-12)
        assert found[name]["error"] == pytest.approx(scalar.error, rel=1e-12)
        assert found[name]["unit"] == scalar.unit
    curve = expected.curves["mean_squared_displacement_Li"]
    assert node.outputs.curves.get_array("mean_squared_displacement_Li__y") == pytest.approx(curve.y)
    assert node.outputs.curves.base.attributes.get("axes")["mean_squared_displacement_Li"]["y_unit"] == "Å^2"
    report = node.outputs.report
    assert report["version"] == code_version(lattice_code)
    assert report["parameters"]["diffusion"]["segment"] == 12.0
    assert node.outputs.usage["cpu_seconds"] > 0.0


def test_a_crystal_from_a_file_is_that_of_the_same_springs(run_job, lattice_request, crystal_node):
    node = run_job("diffusion", lattice_request(crystal=None), crystal=crystal_node())
    assert node.is_finished_ok, node.exit_message
    expected = run(REQUESTS["diffusion"].model_validate(lattice_request())).scalars
    assert {name: entry["value"] for name, entry in node.outputs.observables.get_dict().items()} == {
        name: pytest.approx(scalar.value, rel=1e-6) for name, scalar in expected.items()
    }


@pytest.mark.slow
def test_the_crystal_has_its_highest_mode_where_the_springs_say(run_job):
    node = run_job("crystal", {"crystal": CUBIC, "cells": [4, 4, 4], "temperatures": [300.0]})
    assert node.is_finished_ok, node.exit_message
    springs = CUBIC["simple_cubic"]
    # Longitudinal at X, where M ω² = 4 k₁ + 8 k₂.
    stiffness = (4.0 * springs["nearest"] + 8.0 * springs["next_nearest"]) * units._e * 1e20  # J/m²
    energy = units._hbar * np.sqrt(stiffness / (springs["mass"] * units._amu)) / units._e * 1e3  # meV
    assert node.outputs.observables["highest_energy"]["value"] == pytest.approx(energy, rel=1e-6)


@pytest.mark.parametrize(
    ("experiment", "changes", "sentence"),
    [
        ("difusion", {}, "difusion is not one of the experiments crystal, reflection, dissipation,"),
        ("diffusion", {"colour": 1}, "colour: Extra inputs are not permitted"),
        ("diffusion", {"ion_mass": -1.0}, "ion_mass: Input should be greater than 0"),
        ("diffusion", {"temperature": None}, "temperature: Field required"),
        ("diffusion", {"timestep": 0.003}, "parameters: the sampling interval must be a multiple of the timestep"),
        ("diffusion", {"crystal": {"file": "/etc/passwd"}}, "is the input crystal, no path among the parameters"),
    ],
)
def test_what_the_script_would_refuse_is_refused_before_it_runs(
    refusal, lattice_request, experiment, changes, sentence
):
    told = refusal(experiment, lattice_request(**changes))
    assert sentence in told
    assert "\n" not in told.split("parameters: ")[-1]


def test_a_crystal_is_given_once(refusal, lattice_request, crystal_node):
    assert "the crystal is given twice" in refusal("diffusion", lattice_request(), crystal=crystal_node())


def test_a_crystal_that_falls_apart_is_told(run_job, lattice_request, crystal_node):
    node = run_job("diffusion", lattice_request(crystal=None), crystal=crystal_node(next_nearest=-0.4))
    assert node.exit_status == _CODES.ERROR_NO_MODEL.status, node.exit_message
    assert "the crystal is not stable" in node.exit_message
    assert "observables" not in node.outputs


def test_a_file_that_holds_no_crystal_is_told(run_job, lattice_request, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no crystal")
    node = run_job("diffusion", lattice_request(crystal=None), crystal=orm.SinglefileData(path))
    assert node.exit_status == _CODES.ERROR_NO_MODEL.status, node.exit_message
    assert "crystal.npz holds no crystal" in node.exit_message


def test_a_motion_that_breaks_off_is_told(run_job, lattice_request):
    """Light and hot, an ion runs away at this step, and a diffusion coefficient would come out of that."""
    node = run_job("diffusion", lattice_request(ion_mass=0.01, temperature=1500.0))
    assert node.exit_status == _CODES.ERROR_MOTION_BROKE_OFF.status, node.exit_message
    assert "a shorter step may help" in node.exit_message
    assert "observables" not in node.outputs


def test_a_run_too_short_for_a_number_is_told(run_job, lattice_request):
    node = run_job("diffusion", lattice_request(production=40.0, ions=1))
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status, node.exit_message
    assert "fewer than 10 segments" in node.exit_message


def test_a_bound_is_stored_and_told(run_job, lattice_request):
    node = run_job("diffusion", lattice_request(temperature=30.0, statistics="classical", seed=3))
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status, node.exit_message
    assert "diffusion_coefficient_Li < " in node.exit_message
    entry = node.outputs.observables["diffusion_coefficient_Li"]
    assert entry["value"] is None
    assert entry["upper_bound"] > 0.0


def test_another_version_of_the_script_is_told(run_job, lattice_request, lattice_code):
    node = run_job("diffusion", lattice_request(), version="0.0.0")
    assert node.exit_status == _CODES.ERROR_VERSION.status
    assert f"version {code_version(lattice_code)} and the input says 0.0.0" in node.exit_message
    assert not node.base.caching.is_valid_cache


def test_the_same_request_is_taken_from_the_cache(inputs, lattice_request):
    with enable_caching(identifier="aiida.calculations:superionic.lattice"):
        first, again, other = (
            run_get_node(LatticeCalculation, **inputs("diffusion", lattice_request(seed=seed)))[1] for seed in (7, 7, 8)
        )
    assert again.base.caching.get_cache_source() == first.uuid
    assert again.outputs.observables.get_dict() == first.outputs.observables.get_dict()
    assert other.base.caching.get_cache_source() is None
    values = [node.outputs.observables["temperature"]["value"] for node in (first, other)]
    assert values[0] != values[1]
