"""The analysis job on a real trajectory, through the real script."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from ase.io.cube import read_cube

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.engines.registration import code_version

_CODES = AnalyseCalculation.exit_codes


@pytest.fixture
def trajectory(lammps_code, md_inputs):
    _, node = run_get_node(LammpsCalculation, code=lammps_code, **md_inputs(sampling_interval=0.005, duration=0.5))
    assert node.is_finished_ok, node.exit_message
    return node.outputs.trajectory


@pytest.fixture
def analyse(analysis_code):
    def run(trajectory, observables, version=None):
        _, node = run_get_node(
            AnalyseCalculation,
            code=analysis_code,
            trajectory=trajectory,
            observables=orm.Dict(observables),
            version=orm.Str(version or code_version(analysis_code)),
        )
        return node

    return run


def test_observables_of_a_trajectory(analyse, trajectory, analysis_code):
    node = analyse(trajectory, {"radial_distribution": {}, "temperature": {}})
    assert node.is_finished_ok, node.exit_message
    observables = node.outputs.observables.get_dict()
    assert all(set(entry) >= {"value", "error", "unit", "upper_bound"} for entry in observables.values())
    assert any(entry["unit"] == "K" and 200.0 < entry["value"] < 1500.0 for entry in observables.values())
    assert not any("." in name for name in observables)
    curves = node.outputs.curves
    for name in curves.base.attributes.get("axes"):
        assert curves.get_array(f"{name}__x").shape == curves.get_array(f"{name}__y").shape
        assert np.isfinite(curves.get_array(f"{name}__x")).all()
    assert node.outputs.report["version"] == code_version(analysis_code)
    assert node.outputs.usage["cpu_seconds"] > 0.0
    # Where the trajectory lies, it stays: it comes home neither in the repository nor in the retrieved files.
    assert not [name for name in node.outputs.retrieved.list_object_names() if name.endswith(".bin")]


def test_files_that_observables_make_come_home(analyse, trajectory):
    node = analyse(trajectory, {"density_map": {"spacing": 1.0}, "temperature": {}})
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.files.list_object_names() == ["density_Ag.cube"]
    with node.outputs.files.open("density_Ag.cube") as file:
        cube = read_cube(file)
    grid = np.prod(cube["data"].shape)
    # 16 Ag in the cell; the file has six digits.
    assert cube["data"].sum() * cube["atoms"].get_volume() / grid == pytest.approx(16.0, rel=1e-4)


def _part(trajectory):
    return Path(trajectory.get_remote_path()) / next(iter(trajectory.files))


def _damaged(kind, trajectory):
    part = _part(trajectory)
    if kind == "purged":
        trajectory._clean()
    elif kind == "missing part":
        part.unlink()
    elif kind == "longer by a byte":
        part.write_bytes(part.read_bytes() + b"\0")
    elif kind == "cut off":
        part.write_bytes(part.read_bytes()[:-1])
    else:
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.write_bytes(content)


@pytest.mark.parametrize("kind", ["purged", "missing part", "longer by a byte", "cut off", "another bit"])
def test_a_trajectory_that_is_not_what_it_was_is_told(analyse, trajectory, kind):
    _damaged(kind, trajectory)
    node = analyse(trajectory, {"temperature": {}})
    assert node.exit_status == _CODES.ERROR_TRAJECTORY_UNUSABLE.status, node.exit_message
    assert "trajectory.0.bin" in node.exit_message
    assert "observables" not in node.outputs


def test_a_parameter_that_does_not_exist_is_told(analyse, trajectory):
    node = analyse(trajectory, {"temperature": {"colour": 1}})
    assert node.exit_status == _CODES.ERROR_BAD_INPUT.status
    assert "colour" in node.exit_message


def test_another_version_of_the_script_is_told(analyse, trajectory, analysis_code):
    node = analyse(trajectory, {"temperature": {}}, version="0.0.0")
    assert node.exit_status == _CODES.ERROR_VERSION.status
    assert f"version {code_version(analysis_code)} and the input says 0.0.0" in node.exit_message


def test_what_a_short_trajectory_does_not_determine_is_named(analyse, trajectory):
    node = analyse(trajectory, {"temperature": {}, "diffusion": {}})
    assert node.exit_status == _CODES.ERROR_NOT_CONVERGED.status, node.exit_message
    assert "diffusion" in node.exit_message
    assert any(entry["unit"] == "K" for entry in node.outputs.observables.get_dict().values())


def test_what_cannot_be_computed_as_asked_is_bad_input_and_the_rest_is_stored(analyse, trajectory):
    """What a parameter makes impossible shows only in the script; so does what the trajectory lacks."""
    asked = {"radial_distribution": {"r_max": 50.0}, "dipoles": {}, "temperature": {}, "diffusion": {}}
    node = analyse(trajectory, asked)
    assert node.exit_status == _CODES.ERROR_IMPOSSIBLE_REQUEST.status, node.exit_message
    assert "dipoles (it needs Wannier centres, which the trajectory does not hold)" in node.exit_message
    assert "radial_distribution (" in node.exit_message
    assert "50" in node.exit_message
    report = node.outputs.report
    assert set(report["refusals"]) == {"radial_distribution", "dipoles"}
    assert set(report["failures"]) == {"diffusion"}
    assert 200.0 < node.outputs.observables["temperature"]["value"] < 1500.0


def test_an_unknown_observable_is_refused_before_it_runs(analysis_code, computer):
    trajectory = TrajectoryData(
        "/somewhere", computer=computer, files={"t.bin": "a" * 64}, kinds=["Ag"], md_timestep=0.001, n_frames=2
    )
    with pytest.raises(ValueError, match="difusion is not one of the observables"):
        instantiate_process(
            get_manager().get_runner(),
            AnalyseCalculation,
            code=analysis_code,
            trajectory=trajectory,
            observables=orm.Dict({"difusion": {}}),
            version=orm.Str("0"),
        )


# --- results that are damaged -----------------------------------------------------------------------------------------


@pytest.fixture
def parse(parse_job, tmp_path):
    """Return a function that parses the files of a job that never ran."""

    def run(files, curves=None):
        retrieved, temporary = tmp_path / "retrieved", tmp_path / "temporary"
        for folder in (retrieved, temporary):
            folder.mkdir(exist_ok=True)
        for name, text in {"analysis.out": "", **files}.items():
            (retrieved / name).write_text(text)
        if curves is not None:
            (temporary / "curves.npz").write_bytes(curves)
        inputs = {"version": orm.Str("1")}
        _, parsing = parse_job("superionic.analyse", retrieved, inputs, retrieved_temporary_folder=str(temporary))
        return parsing

    return run


_GOOD = json.dumps({"version": "1", "observables": {}, "curves": {"rdf": {}}, "failures": {}, "refusals": {}})


def test_a_file_that_did_not_come_home_is_told(parse):
    good = {**json.loads(_GOOD), "curves": {}, "files": ["density_Ag.cube"]}
    file = io.BytesIO()
    np.savez(file)
    parsing = parse({"results.json": json.dumps(good)}, file.getvalue())
    assert parsing.exit_status == _CODES.ERROR_NO_RESULTS.status
    assert "density_Ag.cube is missing" in parsing.exit_message


def test_surfaces_are_stored_and_one_without_its_z_is_told(parse):
    axes = {f"{axis}_{what}": "" for axis in "xyz" for what in ("label", "unit")}
    results = json.dumps({"version": "1", "observables": {}, "curves": {"map": axes}, "failures": {}, "refusals": {}})
    arrays = {"map__x": np.arange(3.0), "map__y": np.arange(2.0), "map__z": np.ones((3, 2))}
    for missing in (None, "map__x", "map__y", "map__z"):
        file = io.BytesIO()
        np.savez(file, **{name: array for name, array in arrays.items() if name != missing})
        parsing = parse({"results.json": results}, file.getvalue())
        assert parsing.exit_status == (_CODES.ERROR_NO_RESULTS.status if missing else 0), missing


@pytest.mark.parametrize(
    ("files", "curves", "told"),
    [
        ({}, None, "it printed nothing"),
        ({"analysis.out": "bash: superionic-analyse: No such file\n"}, None, "No such file"),
        ({"analysis.out": "Traceback ...\nMemoryError\n"}, None, "MemoryError"),
        ({"results.json": _GOOD[:-10]}, None, "it printed nothing"),
        ({"results.json": "[]"}, None, "it printed nothing"),
        ({"results.json": "null"}, None, "it printed nothing"),
        ({"results.json": '{"observables": {}}'}, None, "it printed nothing"),
        ({"results.json": _GOOD}, None, "curves.npz is missing or damaged"),
        ({"results.json": _GOOD}, b"", "curves.npz is missing or damaged"),
        ({"results.json": _GOOD}, b"PK\x03\x04 cut off", "curves.npz is missing or damaged"),
    ],
)
def test_damaged_results_are_told(parse, files, curves, told):
    parsing = parse(files, curves)
    assert parsing.exit_status == _CODES.ERROR_NO_RESULTS.status
    assert told in parsing.exit_message
