"""What a job of ab initio dynamics left, through the parser: every failure has its own exit code."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from ase import Atoms

from aiida_superionic.calculations.cp2k_md import Cp2kMdCalculation, part_files
from aiida_superionic.calculations.settings import Start
from aiida_superionic.parsers.cp2k_md import read_energies, read_restart
from aiida_superionic.units import ENERGY_UNITS, VELOCITY_FROM_ATOMIC

JOB = Path(__file__).parents[1] / "fixtures" / "cp2k_md"
_CODES = Cp2kMdCalculation.exit_codes
_LAST = [[0.0330744631, -0.0506031781, 0.0197459136], [2.6296571613, 2.5628771090, 2.5607677295]]
"""Of the last frame the iodide ions in Å, as CP2K wrote them to its trajectory."""
_FASTEST = [-0.0000924172, 0.0000927914, -0.0001751560]
"""Of the last silver ion there, in atomic units."""
_COUNTS = "".join(f"{file} 9 0 40\n" for file in part_files(None)[:3])
_DIGESTS = "".join(f"{'0' * 64}  {file}\n" for file in part_files(None))


@pytest.fixture
def parse(parse_job, settings, tmp_path):
    """Return a function that parses the real job of 40 steps after some of its files were changed."""

    def run(changes=None, start=None):
        folder = shutil.copytree(JOB, tmp_path / "job")
        (folder / "frames.txt").write_text(_COUNTS)
        (folder / "trajectory.sha256").write_text(_DIGESTS)
        for name, change in (changes or {}).items():
            if change is None:
                (folder / name).unlink()
            else:
                (folder / name).write_text(change((folder / name).read_text() if (folder / name).exists() else ""))
        atoms = Atoms(
            "I2Ag2", [[0.0] * 3, [2.54] * 3, [1.27, 0.0, 2.54], [0.0, 2.54, 1.27]], cell=[5.0855] * 3, pbc=True
        )
        times = {"duration": 0.02, "sampling_interval": 0.0025, "thermo_interval": 0.001, "checkpoint_interval": 0.005}
        inputs = {
            "structure": orm.StructureData(ase=atoms),
            "parameters": orm.Dict(settings(temperature=600.0, **times).model_dump(mode="json")),
            "seed": orm.Int(3),
        }
        if start is not None:
            inputs["start"] = orm.Dict(start)
        return parse_job("superionic.cp2k_md", folder, inputs, tmp_path)

    return run


def test_a_whole_job(parse):
    outputs, parsing = parse()
    assert parsing.is_finished_ok, parsing.exit_message
    checkpoint = Start.model_validate(outputs["checkpoint"].get_dict())
    assert (checkpoint.step, checkpoint.trajectory) == (40, part_files(None))
    np.testing.assert_allclose(outputs["structure"].get_ase().positions[:2], _LAST, atol=1e-9)
    velocities = outputs["velocities"].get_array("velocities")
    np.testing.assert_allclose(velocities[3], np.array(_FASTEST) * VELOCITY_FROM_ATOMIC, atol=5e-6)
    thermo = outputs["thermo"]
    np.testing.assert_array_equal(thermo.get_array("step"), np.arange(0, 41, 2))
    assert thermo.get_array("temperature")[-1] == 715.478949765
    assert thermo.get_array("potential_energy")[-1] == pytest.approx(-15.673612840 * ENERGY_UNITS["Hartree"])
    assert set(thermo.base.attributes.get("units")) | {"step"} == set(thermo.get_arraynames())
    trajectory = outputs["trajectory"]
    assert (trajectory.base.attributes.get("n_frames"), trajectory.kinds) == (9, ["I", "Ag"])
    request = trajectory.request()
    assert list(request["files"]) == ["trajectory_0-pos-1.xyz"]
    assert list(request["beside"]) == [*part_files(None)[1:]]


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"aiida.out": lambda _: "cp2k: not found\n"}, _CODES.ERROR_ENGINE_DID_NOT_START, "cp2k: not found"),
        ({"aiida.out": lambda text: text[:12000]}, _CODES.ERROR_INTERRUPTED, "breaks off"),
        ({"checkpoint.restart": lambda text: text[:-20]}, _CODES.ERROR_INTERRUPTED, "breaks off"),
        ({"disk_full.txt": lambda _: ""}, _CODES.ERROR_OUT_OF_DISK, "disk"),
        (
            {"aiida-1.ener": lambda text: text.replace("718.442139791", "NaN")},
            _CODES.ERROR_NON_NUMERIC,
            "from step 38 on",
        ),
        (
            {"aiida-1.ener": lambda text: text.replace("718.442139791", "9718.442139791")},
            _CODES.ERROR_UNSTABLE,
            "9718 K at step 38",
        ),
        (
            {"aiida.out": lambda text: text + " *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***\n"},
            _CODES.ERROR_SCF_NOT_CONVERGED,
            "1 times",
        ),
        (
            {"frames.txt": lambda text: text.replace("vel-1.xyz 9", "vel-1.xyz 8")},
            _CODES.ERROR_MISSING_FRAMES,
            "8 frames",
        ),
        (
            {"frames.txt": lambda text: text.replace("frc-1.xyz 9 0 40", "frc-1.xyz 8 0 35")},
            _CODES.ERROR_MISSING_FRAMES,
            "the last step of frc is not 40",
        ),
        ({"frames.txt": None}, _CODES.ERROR_MISSING_FRAMES, "pos-1.xyz is not there"),
        ({"trajectory.sha256": lambda text: text[:-10]}, _CODES.ERROR_MISSING_FRAMES, "not all there"),
    ],
)
def test_what_went_wrong_is_named(parse, changes, code, told):
    outputs, parsing = parse(changes)
    assert parsing.exit_status == code.status, parsing.exit_message
    assert told in parsing.exit_message
    assert "trajectory" not in outputs


@pytest.mark.parametrize(("first", "missing"), [(25, False), (20, False), (30, True)])
def test_frames_between_two_parts_are_missed(parse, first, missing):
    start = {"file": "checkpoint.restart", "step": first - 2, "trajectory": part_files(None)}
    parts = Start.model_validate(start)
    old = "".join(f"{file} 5 0 20\n" for file in part_files(None)[:3])
    new = "".join(f"{file} {(40 - first) // 5 + 1} {first} 40\n" for file in part_files(parts)[:3])
    digests = _DIGESTS + "".join(f"{'1' * 64}  {file}\n" for file in part_files(parts))
    changes = {"frames.txt": lambda _: old + new, "trajectory.sha256": lambda _: digests}
    outputs, parsing = parse(changes, start=start)
    assert parsing.exit_status == (_CODES.ERROR_MISSING_FRAMES.status if missing else 0), parsing.exit_message
    assert ("trajectory" in outputs) != missing


def test_a_step_whose_field_was_cut_off_is_no_checkpoint(parse):
    cut = " *** SCF run terminated - exceeded requested execution time:       3.000 seconds.\n"
    cut += " *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***\n"
    whole = (JOB / "checkpoint.restart").read_text()
    outputs, parsing = parse(
        {
            "aiida.out": lambda text: text + cut,
            "checkpoint.restart": lambda text: text.replace("STEP_START_VAL  40", "STEP_START_VAL  37"),
            "checkpoint.restart.bak-1": lambda _: whole.replace("STEP_START_VAL  40", "STEP_START_VAL  30"),
        }
    )
    assert parsing.exit_status == _CODES.ERROR_OUT_OF_WALLTIME.status
    assert (outputs["checkpoint"]["file"], outputs["checkpoint"]["step"]) == ("checkpoint.restart.bak-1", 30)
    assert {"structure", "velocities", "trajectory"}.isdisjoint(outputs)


def test_a_restart_file_is_whole_or_nothing():
    # Of a Nosé–Hoover chain, which writes sections of the names of those of the ions.
    text = (JOB / "checkpoint.restart").read_text()
    assert read_restart(text).step == 40
    assert all(read_restart(text[:stop]) is None for stop in range(len(text)))
    assert read_restart(text.replace("-1.75", "*****")) is None


def test_energies_that_break_off_are_those_before():
    text = (JOB / "aiida-1.ener").read_text()
    whole = read_energies(text)
    for stop in range(len(text)):
        columns = read_energies(text[:stop])
        n_rows = text[:stop].count("\n") - 1
        if n_rows < 1:
            assert columns == {}
            continue
        for name, column in columns.items():
            np.testing.assert_array_equal(column, whole[name][:n_rows])
