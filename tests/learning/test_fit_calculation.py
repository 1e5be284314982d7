"""The job that learns a potential, through the real script and the real LAMMPS."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.fit import FitCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.learning.model_file import read_model

_CODES = FitCalculation.exit_codes


@pytest.fixture
def run_fit(fit_code, lammps_code, small_basis, divided):
    """Return a function that learns from some frames; what is said replaces what is usual."""

    def run(frames=None, settings=None, **changes):
        inputs = {
            "code": fit_code,
            "lammps_code": lammps_code,
            "dataset": DatasetData(divided.take(frames) if frames else divided),
            "settings": orm.Dict({**small_basis.model_dump(exclude={"species"}), **(settings or {})}),
            "version": orm.Str(code_version(fit_code)),
            **changes,
        }
        return run_get_node(FitCalculation, **inputs)

    return run


def test_a_potential_a_committee_and_their_errors(run_fit, fit):
    results, node = run_fit(committee=orm.Int(2), seed=orm.Int(9))
    assert node.is_finished_ok, node.exit_message
    assert results["potential"].potential == fit.model.potential
    members = [results["committee"][f"member_{number}"].potential for number in range(2)]
    assert members == list(fit.model.committee(2, seed=9))
    with results["model"].as_path() as path:
        model, error = read_model(path)
    assert model.potential == fit.model.potential
    report = results["report"].get_dict()
    # AiiDA keeps 14 digits.
    assert report["force_error"] == pytest.approx({"floor": error.floor, "factor": error.factor}, rel=1e-13)
    errors = results["force_errors"].get_array("force_errors")
    np.testing.assert_allclose(errors, np.concatenate(fit.force_errors), rtol=1e-6)
    # A search for the most probable error ends where rounding hides the slope, which differs between processes.
    assert report["force_error"] == pytest.approx({"floor": fit.error.floor, "factor": fit.error.factor}, rel=1e-6)
    assert results["usage"]["cpu_seconds"] > 0.0
    # Neither the frames nor the potentials lie in the repository a second time.
    assert "settings.json" in node.base.repository.list_object_names()
    assert "dataset.extxyz" not in node.base.repository.list_object_names()
    assert not [name for name in node.outputs.retrieved.list_object_names() if name.endswith(".yaml")]


@pytest.fixture
def stub_code(computer, tmp_path):
    """Return a maker of codes that print a text and exit with 1."""

    def make(text, name="stub"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{text}'\nexit 1\n")
        path.chmod(0o755)
        return orm.InstalledCode(label=name, computer=computer, filepath_executable=str(path)).store()

    return make


def test_failures_have_names(run_fit, stub_code):
    broken = stub_code("ERROR: broken", "lmp")
    for changes, code, said in (
        ({"frames": [0, 12]}, _CODES.ERROR_NOT_LEARNED, "there must be more energies"),
        (
            {"frames": [0, 1, 12], "lammps_code": broken},
            _CODES.ERROR_NO_DESCRIPTORS,
            "broken",
        ),
        ({"frames": [0, 1, 12, 13], "version": orm.Str("0.0")}, _CODES.ERROR_VERSION, "the input says 0.0"),
        ({"code": stub_code("superionic-fit: input: no disk")}, _CODES.ERROR_BAD_INPUT, "no disk"),
        ({"code": stub_code("Killed", "killed")}, _CODES.ERROR_NO_RESULTS, "Killed"),
    ):
        _, node = run_fit(**changes)
        assert node.exit_status == code.status
        assert said in node.exit_message


def test_what_cannot_be_learned_from_is_refused_before_it_runs(run_fit, divided):
    unlabelled = type(divided)(tuple(frame.unlabelled for frame in divided.frames))
    for changes, message in (
        ({"dataset": DatasetData(unlabelled)}, "not labelled"),
        ({"frames": [0, 1]}, "no frame is in the subset validation"),
        ({"settings": {"cutof": 5.0}}, "cutof"),
        ({"committee": orm.Int(-1)}, "not negative"),
    ):
        with pytest.raises(ValueError, match=message):
            run_fit(**changes)
