"""What a LAMMPS job left, through the parser: every failure has its own exit code."""

import shutil

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.lammps import LammpsCalculation

_CODES = LammpsCalculation.exit_codes


@pytest.fixture
def parse(parse_job, computer, md_inputs, tmp_path):
    """Return a function that parses a folder as the job of these settings would."""

    def run(folder, start=None, **changes):
        inputs = md_inputs(**{"duration": 0.2, "thermo_interval": 0.01, "checkpoint_interval": 0.05, **changes})
        if start is not None:
            inputs["start"] = orm.Dict(start)
            inputs["parent_folder"] = orm.RemoteData("/parent", computer=computer)
        return parse_job("superionic.lammps", folder, inputs, tmp_path)

    return run


_NVE = {"ensemble": "nve", "duration": 0.1, "sampling_interval": 0.005}
_NEW_STAGE = {"file": "checkpoint.0.restart", "step": 0, "energy": -45.0, "trajectory": []}


def test_equilibration(parse, job_fixtures):
    outputs, parsing = parse(job_fixtures / "complete_nvt")
    assert parsing.is_finished_ok
    assert set(outputs) == {"results", "thermo", "checkpoint", "usage", "structure"}
    assert outputs["checkpoint"].get_dict() == {
        "file": "checkpoint.0.restart",
        "step": 400,
        "energy": None,
        "trajectory": [],
    }
    assert outputs["results"].get_dict() == {"lammps_version": "22 Jul 2025 - Update 4", "complete": True}
    assert len(outputs["thermo"].get_array("step")) == 21
    units = outputs["thermo"].base.attributes.get("units")
    assert set(units) | {"step"} == set(outputs["thermo"].get_arraynames())
    assert units["total_energy"] == "eV"
    assert outputs["usage"]["cpu_seconds"] > 0.0
    assert outputs["usage"]["ended"] > outputs["usage"]["started"]


def test_production(parse, job_fixtures, tmp_path):
    charges = {"Ag": 1.0, "I": -1.0}
    outputs, parsing = parse(job_fixtures / "complete_nve", start=_NEW_STAGE, formal_charges=charges, **_NVE)
    assert parsing.is_finished_ok
    trajectory = outputs["trajectory"]
    digest, file = (job_fixtures / "complete_nve" / "trajectory.sha256").read_text().split()
    assert trajectory.files == {file: digest}
    assert trajectory.get_remote_path() == str(tmp_path)
    assert trajectory.base.attributes.get("n_frames") == 21
    assert (trajectory.kinds, trajectory.mobile, trajectory.md_timestep) == (["Ag", "I"], ["Ag"], 0.0005)
    assert trajectory.formal_charges == charges
    assert outputs["checkpoint"]["trajectory"] == [file]
    np.testing.assert_allclose(outputs["thermo"].get_array("total_energy").std(), 0.0, atol=0.02)


@pytest.mark.parametrize(
    ("name", "changes", "code", "told"),
    [
        ("lost_atoms", {}, _CODES.ERROR_UNSTABLE, "Lost atoms"),
        ("too_near", {}, _CODES.ERROR_UNSTABLE, "inner cutoff"),
        ("non_numeric", {}, _CODES.ERROR_NON_NUMERIC, "from an unknown step on"),
        ("non_numeric_row", {}, _CODES.ERROR_NON_NUMERIC, "from step 0 on"),
        ("molten", {"duration": 10.0}, _CODES.ERROR_HOST_LATTICE_MOLTEN, "host_lattice_intact met on step"),
        ("out_of_walltime", {"duration": 10_000.0}, _CODES.ERROR_OUT_OF_WALLTIME, "of 20000000"),
        ("killed", {"duration": 10_000.0}, _CODES.ERROR_INTERRUPTED, "without its closing line"),
        ("unknown_command", {}, _CODES.ERROR_LAMMPS, "Unrecognized pair style 'hybrd/overlay'"),
        ("no_library", {}, _CODES.ERROR_ENGINE_DID_NOT_START, "libgone.so: cannot open shared object file"),
    ],
)
def test_failure(parse, job_fixtures, name, changes, code, told):
    _, parsing = parse(job_fixtures / name, **changes)
    assert parsing.exit_status == code.status
    assert told in parsing.exit_message


def test_checkpoint_that_is_gone(parse, job_fixtures):
    _, parsing = parse(job_fixtures / "no_checkpoint", start=_NEW_STAGE)
    assert parsing.exit_status == _CODES.ERROR_CHECKPOINT_MISSING.status
    assert "Cannot open restart file" in parsing.exit_message


def test_output_that_is_missing(parse, tmp_path):
    (tmp_path / "usage.txt").write_text("")
    _, parsing = parse(tmp_path)
    assert parsing.exit_status == _CODES.ERROR_OUTFILE_MISSING.status


def test_output_that_is_empty(parse, tmp_path):
    (tmp_path / "lammps.out").write_text("")
    _, parsing = parse(tmp_path)
    assert parsing.exit_status == _CODES.ERROR_ENGINE_DID_NOT_START.status
    assert "its output is empty" in parsing.exit_message


@pytest.mark.parametrize("digests", [None, "", "sha256sum: trajectory.0.bin: No such file", f"{'a' * 64}  other.bin\n"])
def test_trajectory_that_is_missing(parse, job_fixtures, tmp_path, digests):
    for file in ("lammps.out", "final.lammpstrj"):
        shutil.copy(job_fixtures / "complete_nve" / file, tmp_path)
    if digests is not None:
        (tmp_path / "trajectory.sha256").write_text(digests)
    _, parsing = parse(tmp_path, start=_NEW_STAGE, **_NVE)
    assert parsing.exit_status == _CODES.ERROR_TRAJECTORY_MISSING.status


@pytest.mark.parametrize("kept", [0, -1])
def test_a_last_frame_that_is_not_whole_is_told(parse, job_fixtures, tmp_path, kept):
    folder = tmp_path / "cut"
    shutil.copytree(job_fixtures / "complete_nvt", folder)
    (folder / "final.lammpstrj").write_bytes((folder / "final.lammpstrj").read_bytes()[:kept])
    outputs, parsing = parse(folder)
    assert parsing.exit_status == _CODES.ERROR_LAST_FRAME_MISSING.status
    assert "structure" not in outputs


def test_a_job_that_was_cut_off_leaves_what_goes_on(parse, job_fixtures):
    outputs, _ = parse(job_fixtures / "out_of_walltime", duration=10_000.0, sampling_interval=0.005)
    assert outputs["checkpoint"]["step"] % 4000 == 0
    assert outputs["checkpoint"]["trajectory"] == ["trajectory.0.bin"]
    assert "trajectory" not in outputs
    assert outputs["thermo"].get_array("step")[-1] >= outputs["checkpoint"]["step"]


def test_no_beginning_of_an_output_is_a_success(parse, job_fixtures, tmp_path, rng):
    text = (job_fixtures / "complete_nvt" / "lammps.out").read_text()
    closing = text.index("Total wall time")
    ends = [i + 1 for i in range(closing) if text[i] == "\n"]
    # The facts at every cut are tested where they are read; here a few go all the way.
    for cut in [0, 3, ends[0], *rng.choice(ends, 4), *rng.integers(0, closing, 4), closing]:
        (tmp_path / "lammps.out").write_text(text[:cut])
        _, parsing = parse(tmp_path)
        expected = _CODES.ERROR_INTERRUPTED if cut >= ends[0] - 1 else _CODES.ERROR_ENGINE_DID_NOT_START
        assert parsing.exit_status == expected.status


def test_a_committee_that_disagrees(parse, job_fixtures, tmp_path):
    folder = tmp_path / "left"
    shutil.copytree(job_fixtures / "complete_nvt", folder)
    rows = [f"{step:12d} 1e-2 1e-3 5e-3 {largest} 0.01 0.05\n" for step, largest in ((0, 0.1), (20, 0.7), (40, 0.3))]
    (folder / "model_devi.out").write_text("# step and so on\n" + "".join(rows))
    outputs, parsing = parse(folder, deviation_limit=0.5)
    assert parsing.exit_status == _CODES.ERROR_DEVIATION.status
    assert parsing.exit_message == "The committee disagrees by 0.7 eV/Å at step 20, more than 0.5 eV/Å."
    np.testing.assert_array_equal(outputs["deviation"].get_array("largest_force_deviation"), [0.1, 0.7, 0.3])
    assert outputs["deviation"].base.attributes.get("units")["largest_force_deviation"] == "eV/Å"
    assert outputs["observables"]["committee_force_deviation_largest"]["value"] == 0.7
    for limit in (None, 0.75):
        outputs, parsing = parse(folder, deviation_limit=limit)
        assert parsing.is_finished_ok
        assert "deviation" in outputs
