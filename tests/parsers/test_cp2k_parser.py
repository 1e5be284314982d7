"""What a CP2K job left, through AiiDA: nodes with units, an exit code for every failure, and real jobs."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from cp2k_cases import CASES, FIXTURES, Case, agi4, batch, lii8, single_point, xtb

from aiida_superionic.calculations.cp2k import Cp2kCalculation

_CODES = Cp2kCalculation.exit_codes


def inputs_of(case):
    """Return the input nodes of a case, but for the code."""
    request = case.request()
    inputs = {"parameters": orm.Dict(case.parameters), "structure": orm.StructureData(ase=case.frames[0])}
    if request.batch:
        inputs["trajectory"] = orm.TrajectoryData()
        inputs["trajectory"].set_trajectory(
            symbols=list(request.species),
            positions=request.positions,
            cells=request.cells,
            stepids=np.arange(len(case.frames)),
            pbc=[True] * 3,
        )
    if request.centres_per_ion is not None:
        inputs["centres_per_ion"] = orm.Dict(dict(request.centres_per_ion))
    return inputs


@pytest.fixture
def parse(parse_job):
    """Return a function that parses a folder as the job of a case would."""

    def run(folder, case):
        return parse_job("superionic.cp2k", folder, inputs_of(case))

    return run


def test_a_batch(parse):
    case = CASES["lii8_batch"]
    outputs, parsing = parse(FIXTURES / "lii8_batch", case)
    assert parsing.is_finished_ok
    assert set(outputs) == {"output_parameters", "labels", "wannier"}
    labels, wannier = outputs["labels"], outputs["wannier"]
    assert set(labels.base.attributes.get("units")) | {"index", "scf_steps"} == set(labels.get_arraynames())
    assert set(wannier.base.attributes.get("units")) | {"index", "ions"} == set(wannier.get_arraynames())
    assert labels.base.attributes.get("symbols") == case.frames[0].get_chemical_symbols()
    np.testing.assert_array_equal(labels.get_array("index"), [0, 1, 2])
    np.testing.assert_array_equal(labels.get_array("positions"), case.request().positions)
    np.testing.assert_array_equal(labels.get_array("cells"), case.request().cells)
    assert labels.get_array("forces").shape == (3, 8, 3)
    assert wannier.get_array("centres").shape == (3, 20, 3)
    results = outputs["output_parameters"].get_dict()
    assert (results["n_frames"], results["n_good"], results["failures"]) == (3, 3, {})


@pytest.mark.parametrize(
    ("name", "code", "told", "good"),
    [
        ("scf_failed", _CODES.ERROR_SCF_NOT_CONVERGED, "frame 0 (not converged after 10 steps)", 2),
        ("zero_forces", _CODES.ERROR_ZERO_FORCES, "EVAL_FORCES: frame 0", 0),
        ("not_localised", _CODES.ERROR_LOCALISATION_NOT_CONVERGED, "after 3 iterations", 0),
        ("diverged", _CODES.ERROR_NON_NUMERIC, "frame 0 (its energy is no number)", 0),
        ("unknown_keyword", _CODES.ERROR_OUTPUT_CONTAINS_ABORT, "unknown keyword CHARGES", 0),
        ("unknown_potential", _CODES.ERROR_OUTPUT_CONTAINS_ABORT, "<SZV-MOLOPT-SR-GTHX>", 0),
        ("out_of_walltime", _CODES.ERROR_OUT_OF_WALLTIME, "of 12 frames", None),
        ("killed", _CODES.ERROR_INTERRUPTED, "after 4 of 12 frames", 4),
        ("full_disk", _CODES.ERROR_OUT_OF_DISK, "of 12 frames", None),
        ("no_program", _CODES.ERROR_ENGINE_DID_NOT_START, "not found", 0),
    ],
)
def test_failure(parse, name, code, told, good):
    outputs, parsing = parse(FIXTURES / name, CASES[name])
    assert parsing.exit_status == code.status
    assert told in parsing.exit_message
    results = outputs["output_parameters"]
    assert results["n_good"] + len(results["failures"]) == results["n_frames"]
    assert ("labels" in outputs) == (results["n_good"] > 0)
    if good is not None:
        assert results["n_good"] == good


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("aiida.out", _CODES.ERROR_OUTPUT_MISSING),
        ("aiida-frc-1.xyz", _CODES.ERROR_MISSING_FRAMES),
        ("wannier.xyz", _CODES.ERROR_MISSING_FRAMES),
        ("stress.out", _CODES.ERROR_MISSING_FRAMES),
    ],
)
def test_files_that_are_missing(parse, tmp_path, missing, code):
    shutil.copytree(FIXTURES / "lii8_batch", tmp_path, dirs_exist_ok=True)
    (tmp_path / missing).unlink()
    _, parsing = parse(tmp_path, CASES["lii8_batch"])
    assert parsing.exit_status == code.status


def test_wrong_centres_and_other_frames(parse):
    good = CASES["agi4_xtb"]
    moved = [atoms.copy() for atoms in lii8(3)]
    moved[2].positions[0, 0] += 0.01
    _, parsing = parse(FIXTURES / "lii8_batch", Case(CASES["lii8_batch"].parameters, moved))
    assert parsing.exit_status == _CODES.ERROR_OTHER_FRAMES.status
    swapped = agi4()
    swapped.symbols = ["Ag", "Ag", "I", "I"]
    _, parsing = parse(FIXTURES / "agi4_xtb", Case(good.parameters, [swapped]))
    assert parsing.exit_status == _CODES.ERROR_WRONG_CENTRES.status


def test_versions_that_stop_at_an_unconverged_field(parse, tmp_path):
    # As CP2K prints it since 2023.2: an abort where 2023.1 warns.
    text = (FIXTURES / "lii8_batch" / "aiida.out").read_text()
    box = (
        " ***\n *   ___       *\n *  /   \\      *\n * [ABORT]     *\n"
        " *  \\___/  SCF run NOT converged. To continue the calculation regardless, please    *\n"
        " *    |         set the keyword IGNORE_CONVERGENCE_FAILURE.                         *\n"
        " * / \\                                                   qs_scf.F:611 *\n ***\n"
    )
    (tmp_path / "aiida.out").write_text(text[: text.index("  outer SCF loop")] + box)
    _, parsing = parse(tmp_path, CASES["lii8_batch"])
    assert parsing.exit_status == _CODES.ERROR_SCF_NOT_CONVERGED.status
    assert "frame 0" in parsing.exit_message


def _refusal(inputs):
    return Cp2kCalculation.validate_inputs(inputs, None)


def test_what_cannot_be_read_is_refused(computer):
    inputs = inputs_of(CASES["lii8_batch"])
    assert _refusal(inputs) is None
    assert "cell of no frame" not in str(_refusal(inputs))
    fixed = batch(xtb(), 3)
    fixed["MOTION"]["MD"]["REFTRAJ"]["VARIABLE_VOLUME"] = False
    assert "VARIABLE_VOLUME" in _refusal({**inputs, "parameters": orm.Dict(fixed)})
    optimise = single_point(xtb(), {"GLOBAL": {"RUN_TYPE": "GEO_OPT"}})
    assert "GEO_OPT" in _refusal({**inputs, "parameters": orm.Dict(optimise)})
    assert "one is expected" in _refusal({**inputs, "parameters": orm.Dict(single_point(xtb()))})
    assert "of I is missing" in _refusal({**inputs, "centres_per_ion": orm.Dict({"Li": 1})})
    assert "in their order" in _refusal({**inputs, "structure": orm.StructureData(ase=agi4())})
    assert "structure is missing" in _refusal({key: inputs[key] for key in ("parameters", "trajectory")})


def test_a_real_batch_through_aiida(cp2k_code):
    results, node = run_get_node(Cp2kCalculation, code=cp2k_code, **inputs_of(Case(batch(xtb(), 2), lii8(2))))
    assert node.is_finished_ok, node.exit_message
    assert results["usage"]["cpu_seconds"] > 0.0
    np.testing.assert_array_equal(results["labels"].get_array("index"), [0, 1])
    assert "disk_full.txt" not in results["retrieved"].base.repository.list_object_names()


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a disk of 160 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_real_job_on_a_full_disk(cp2k_code, small_disk):
    # The job itself, not a copy of its files: the lines around the engine are those that the calculation writes.
    case, elsewhere = Case(batch(xtb(), 8), lii8(8)), cp2k_code.computer.get_workdir()
    cp2k_code.computer.set_workdir(str(small_disk))
    _, node = run_get_node(Cp2kCalculation, code=cp2k_code, **inputs_of(case))
    assert node.exit_status == _CODES.ERROR_OUT_OF_DISK.status, node.exit_message
    # The same job where there is room; what was stored of the first is what the second says.
    cp2k_code.computer.set_workdir(elsewhere)
    results, again = run_get_node(Cp2kCalculation, code=cp2k_code, **inputs_of(case))
    assert again.is_finished_ok, again.exit_message
    index = node.outputs.labels.get_array("index")
    assert 0 < len(index) < len(case.frames)
    for name in ("energies", "forces"):
        expected = results["labels"].get_array(name)[index]
        np.testing.assert_allclose(node.outputs.labels.get_array(name), expected, rtol=0.0, atol=1e-6)
