"""The conversion as people and batch jobs run it: what was read is what another program reads."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from console import python

import aiida_superionic
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError
from aiida_superionic.analysis.writers import WRITERS

DUMPS = Path(__file__).parents[1] / "fixtures" / "lammps"
READING = ["--kinds", "Ag,I", "--md-timestep", "0.01"]
ENDINGS = {"lammps-text": "run.lammpstrj", "extxyz": "run.xyz", "h5md": "run.h5"}


def convert(*arguments, folder):
    return python("-m", "aiida_superionic.analysis.convert", *arguments, folder=folder)


def same(first, second):
    """Compare two trajectories: positions, velocities and forces to a few roundings."""
    assert first.species == second.species
    assert first.timestep == pytest.approx(second.timestep, rel=1e-12)
    np.testing.assert_allclose(first.cell, second.cell, rtol=1e-15, atol=1e-15)
    np.testing.assert_array_equal(first.positions[:], second.positions[:])
    for name in ("velocities", "forces"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one[:], other[:], rtol=1e-14)


def read_again(path):
    # What names its species itself is not told them: H5MD's numbers are atomic numbers then.
    return read_trajectory([path], kinds=["Ag", "I"] if path.suffix != ".h5" else None, md_timestep=0.01)


@pytest.mark.parametrize("target", WRITERS)
@pytest.mark.parametrize("dump", ["one_rank.bin", "sheared.bin"])
def test_what_is_written_reads_as_it_was(tmp_path, target, dump):
    if target == "h5md":
        pytest.importorskip("h5py")
    output = ENDINGS[target]
    process = convert(DUMPS / dump, *READING, "--to", target, "--output", output, folder=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == (
        f"6 frames of 5 atoms written to {output} by superionic-convert {aiida_superionic.__version__}\n"
    )
    same(read_again(tmp_path / output), read_again(DUMPS / dump))


@pytest.fixture
def wandering(rng):
    """Return a trajectory that the readers of wrapped positions would misread: steps longer than the cell."""
    return Trajectory(
        species=("I", "Ag", "I"),
        positions=rng.normal(scale=30.0, size=(7, 3, 3)),
        cell=np.array([[5.0, 1.0, 0.5], [-0.3, 6.0, 0.2], [0.1, -0.4, 7.0]]) * np.linspace(1, 1.1, 7)[:, None, None],
        timestep=0.05,
        masses=np.array([126.90447, 100.0, 126.90447]),
        velocities=rng.normal(size=(7, 3, 3)),
    )


@pytest.mark.parametrize("target", WRITERS)
@pytest.mark.parametrize("fields", ["velocities", "forces", "neither"])
def test_a_cell_in_any_frame_that_changes_and_fields_that_lack(tmp_path, wandering, target, fields, monkeypatch):
    # Two frames at a time.
    monkeypatch.setattr("aiida_superionic.analysis.trajectory._BATCH_BYTES", 2 * 24 * 3)
    if target == "h5md":
        pytest.importorskip("h5py")
    written = wandering
    if fields != "velocities":
        written = replace(wandering, velocities=None, forces=wandering.velocities if fields == "forces" else None)
    path = tmp_path / ENDINGS[target]
    WRITERS[target](path, written, ["Ag", "I"], 5)
    same(read_again(path), written)


def test_ase_reads_the_extended_xyz(tmp_path, wandering):
    path = tmp_path / "run.xyz"
    WRITERS["extxyz"](path, wandering, ["Ag", "I"], 5)
    last = ase.io.read(path, index=-1)
    np.testing.assert_allclose(last.cell.array, wandering.cell[-1], rtol=1e-15)
    np.testing.assert_array_equal(last.get_masses(), wandering.masses)
    kinetic = (
        0.5 * np.sum(wandering.masses[:, None] * wandering.velocities[-1] ** 2) * 1.03642697e-4
    )  # amu Å²/ps² in eV
    assert last.get_kinetic_energy() == pytest.approx(kinetic, rel=1e-8)
    assert (last.info["step"], last.info["time"]) == (30, pytest.approx(0.3))


def test_h5md_is_as_its_specification_says(tmp_path, wandering):
    h5py = pytest.importorskip("h5py")
    WRITERS["h5md"](tmp_path / "run.h5", wandering, ["Ag", "I"], 5)
    with h5py.File(tmp_path / "run.h5") as file:
        assert tuple(file["h5md"].attrs["version"]) == (1, 1)
        assert {"author", "creator"} == set(file["h5md"])
        particles = file["particles/all"]
        assert particles["species"][:].tolist() == [53, 47, 53]
        assert list(particles["box"].attrs["boundary"]) == ["periodic"] * 3
        assert particles["box/edges/value"].shape == (7, 3, 3)
        assert (particles["position/step"][()], particles["position/time"][()]) == (5, 0.05)
        assert particles["velocity/value"].attrs["unit"] == "Angstrom ps-1"
        assert not particles["image/value"][:].any()


def test_species_without_a_type_are_told(tmp_path, wandering):
    with pytest.raises(TrajectoryError, match="I is not among the kinds Ag"):
        WRITERS["lammps-text"](tmp_path / "run.lammpstrj", wandering, ["Ag"], 1)


def write_job(folder, **changes):
    dump = DUMPS / "one_rank.bin"
    digest = hashlib.sha256(dump.read_bytes()).hexdigest()
    reading = {"files": {str(dump): digest}, "kinds": ["Ag", "I"], "md_timestep": 0.01}
    job = {"trajectory": reading, "to": "lammps-text", "output": "run.lammpstrj", **changes}
    (folder / "job.json").write_text(json.dumps(job))


def test_a_job_file_says_everything(tmp_path):
    write_job(tmp_path)
    assert convert("--job", "job.json", folder=tmp_path).returncode == 0
    same(read_again(tmp_path / "run.lammpstrj"), read_again(DUMPS / "one_rank.bin"))
    # What is there is not written over.
    process = convert("--job", "job.json", folder=tmp_path)
    assert (process.returncode, process.stderr) == (
        2,
        "superionic-convert: input: run.lammpstrj is there already\n",
    )


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"to": "xtc"}, 2, "input: unknown format 'xtc'; there are: lammps-text, extxyz, h5md"),
        ({"output": "gone/run"}, 2, "input: gone/run cannot be written: No such file or directory"),
        ({"trajectory": {}}, 2, "input: job.json has no entry 'files'"),
        ({"trajectory": {"files": {"gone.bin": "0" * 64}}}, 3, "trajectory: gone.bin cannot be read: No such file or"),
        ({"trajectory": {"files": {str(DUMPS / "one_rank.bin"): "0"}}}, 3, "one_rank.bin has changed: its SHA-256 is"),
    ],
)
def test_what_cannot_be_converted_is_told(tmp_path, changes, status, message):
    write_job(tmp_path, **changes)
    process = convert("--job", "job.json", folder=tmp_path)
    assert process.returncode == status
    assert message in process.stderr
    assert len(process.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "TRAJECTORY is not given; see superionic-convert --help"),
        (["a.bin", "--output", "b"], "--to is not given; see superionic-convert --help"),
        (["a.bin", "--to", "h5md"], "--output is not given; see superionic-convert --help"),
        (["a.bin", "--job", "job.json"], "--job takes the trajectory, the format and the output from its file"),
    ],
)
def test_a_wrong_command_line_is_told(tmp_path, arguments, message):
    process = convert(*arguments, folder=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith(f"superionic-convert: input: {message}")
