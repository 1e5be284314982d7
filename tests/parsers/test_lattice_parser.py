"""What is left of an experiment on a lattice whose job was cut off."""

import io
import json

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.lattice import LatticeCalculation

_CODES = LatticeCalculation.exit_codes
_AXES = {"x_label": "t", "x_unit": "ps", "y_label": "R", "y_unit": "Å"}
_GOOD = json.dumps({"version": "1", "observables": {}, "curves": {"path": _AXES}, "failures": {}, "refusals": {}})


def _npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


_CURVES = _npz(path__x=np.arange(3.0), path__y=np.arange(3.0))


@pytest.fixture
def parse(parse_job, tmp_path):
    """Return a function that parses the files of a job that never ran."""

    def run(results, printed="", curves=None):
        retrieved, temporary = tmp_path / "retrieved", tmp_path / "temporary"
        for folder in (retrieved, temporary):
            folder.mkdir()
        (retrieved / "lattice.out").write_text(printed)
        if results is not None:
            (retrieved / "results.json").write_text(results)
        if curves is not None:
            (temporary / "curves.npz").write_bytes(curves)
        inputs = {"version": orm.Str("1")}
        _, parsing = parse_job("superionic.lattice", retrieved, inputs, retrieved_temporary_folder=str(temporary))
        return parsing

    return run


def test_whole_files_are_results(parse):
    assert parse(_GOOD, curves=_CURVES).exit_status == 0


@pytest.mark.parametrize(
    ("results", "printed", "curves", "told"),
    [
        (None, "", None, "it printed nothing"),
        (None, "bash: superionic-lattice: No such file\n", None, "No such file"),
        (None, "diffusion\nTraceback ...\nMemoryError\n", None, "MemoryError"),
        (_GOOD[:-10], "diffusion\n", _CURVES, "diffusion"),
        ("{}", "diffusion\n", _CURVES, "diffusion"),
        (_GOOD, "", None, "curves.npz is missing or damaged"),
        (_GOOD, "", _CURVES[:-40], "curves.npz is missing or damaged"),
        (_GOOD, "", _npz(path__x=np.arange(3.0)), "curves.npz is missing or damaged"),
    ],
)
def test_damaged_results_are_told(parse, results, printed, curves, told):
    parsing = parse(results, printed, curves)
    assert parsing.exit_status == _CODES.ERROR_NO_RESULTS.status
    assert told in parsing.exit_message


@pytest.mark.parametrize(
    ("subject", "name"),
    [("input", "ERROR_BAD_INPUT"), ("model", "ERROR_NO_MODEL"), ("motion", "ERROR_MOTION_BROKE_OFF")],
)
def test_the_sentence_of_the_script_is_told(parse, subject, name):
    parsing = parse(None, f"diffusion\nsuperionic-lattice: {subject}: the sentence\n")
    assert parsing.exit_status == _CODES[name].status
    assert parsing.exit_message.endswith(": the sentence")
