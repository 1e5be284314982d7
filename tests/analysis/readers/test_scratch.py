"""Trajectories that memory is not to hold are those that it holds, to the last bit, and leave no file behind."""

import gc
import os
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
from test_other_formats import CELL, READING, SPECIES, vasprun, write_cp2k, write_h5md
from test_stored import READING as DUMP_READING
from test_stored import write_dump

from aiida_superionic.analysis.readers import lammps_binary, part, read_trajectory, scratch
from aiida_superionic.analysis.readers.stored import StoredVectors
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError
from aiida_superionic.analysis.writers import WRITERS


def files_in(folder):
    """Return the open files of this process that lie or lay in a folder, and what lies there."""
    opened = []
    for number in Path("/proc/self/fd").iterdir():
        try:
            opened.append(number.readlink())
        except FileNotFoundError:  # the listing's own
            continue
    return [path for path in opened if path.is_relative_to(folder)] + list(folder.iterdir())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def walk(rng):
    positions = rng.uniform(size=(5, 3)) @ CELL + np.cumsum(rng.normal(scale=0.4, size=(80, 5, 3)), axis=0)
    return positions, rng.normal(size=(80, 5, 3)), rng.normal(size=(80, 5, 3))


def written(writer, path, walk):
    trajectory = Trajectory(SPECIES, walk[0], CELL, 0.002, np.full(5, 100.0), *walk[1:])
    WRITERS[writer](path, trajectory, ["Ag", "I"], 1)
    return path


def xdatcar(path, walk):
    order = np.argsort(SPECIES, kind="stable")
    # The cell changes, and its head is written before each frame.
    frames = [ase.Atoms([SPECIES[i] for i in order], frame[order], cell=CELL, pbc=True) for frame in walk[0]]
    ase.io.write(path, frames, format="vasp-xdatcar")
    return path


def binary(path, walk, order):
    write_dump(path, *walk[:2], order=order)
    return path


def vasprun_file(path, walk):
    path.write_text(vasprun(walk[0], walk[2]))
    return path


MAKERS = {
    "lammps-text": lambda folder, walk: written("lammps-text", folder / "run.lammpstrj", walk),
    "extxyz": lambda folder, walk: written("extxyz", folder / "run.xyz", walk),
    "lammps-binary": lambda folder, walk: binary(folder / "run.bin", walk, [3, 1, 4, 0, 2]),
    "cp2k-xyz": lambda folder, walk: write_cp2k(folder, walk, np.arange(80)),
    "xdatcar": lambda folder, walk: xdatcar(folder / "XDATCAR", walk),
    "vasprun": lambda folder, walk: vasprun_file(folder / "vasprun.xml", walk),
    "h5md": lambda folder, walk: write_h5md(pytest.importorskip("h5py"), folder / "run.h5", walk, image=False),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_format_is_the_same_on_disk(tmp_path, folder, walk, monkeypatch, name):
    reading = {**READING, "kinds": ["Ag", "I"] if "lammps" in name else None}
    path = MAKERS[name](tmp_path, walk)
    arrays = read_trajectory([path], **reading)
    assert not files_in(folder)
    # Two frames at a time, where all were read at once before.
    monkeypatch.setattr(part, "_BATCH_ATOMS", 10)
    monkeypatch.setattr("aiida_superionic.analysis.trajectory._BATCH_BYTES", 2 * 24 * 5)
    monkeypatch.setattr(lammps_binary, "_BATCH_BYTES", 1000)
    # Half of the positions, so that the first batches are in memory.
    monkeypatch.setattr(part, "MEMORY_BYTES", 80 * 5 * 24 // 2)
    fields = read_trajectory([path], **reading)
    assert {str(file).endswith("(deleted)") for file in files_in(folder)} == {True}
    assert fields.species == arrays.species
    np.testing.assert_array_equal(fields.cell, arrays.cell)
    for kind in ("positions", "velocities", "forces"):
        array, field = getattr(arrays, kind), getattr(fields, kind)
        assert isinstance(array, np.ndarray | None)
        if array is None:
            assert field is None
        else:
            assert isinstance(field, StoredVectors)
            np.testing.assert_array_equal(np.asarray(field), array)
            np.testing.assert_array_equal(field[3:40:7, [4, 0]], array[3:40:7, [4, 0]])
    del fields, field
    gc.collect()
    assert not files_in(folder)


@pytest.mark.parametrize("large", [True, False])
def test_parts_that_are_stored_differently_are_joined(tmp_path, folder, walk, monkeypatch, large):
    """Dumps of one and two ranks lie differently, and are read where they lie or copied to a temporary file."""
    positions, velocities, _ = walk
    monkeypatch.setattr(part, "MEMORY_BYTES", 1 if large else 2**20)
    monkeypatch.setattr(lammps_binary, "_STORED_FROM", 1)
    write_dump(tmp_path / "a.bin", positions[:50], velocities[:50])
    write_dump(tmp_path / "b.bin", positions[30:60], velocities[30:60], first_step=30, ranks=2)
    write_dump(tmp_path / "c.bin", positions[60:], velocities[60:], first_step=60, order=[3, 1, 4, 0, 2])
    names = [tmp_path / name for name in ("a.bin", "b.bin", "c.bin")]
    trajectory = read_trajectory(names, **DUMP_READING)
    assert isinstance(trajectory.positions, StoredVectors)
    np.testing.assert_array_equal(np.asarray(trajectory.positions), positions)
    np.testing.assert_array_equal(np.asarray(trajectory.velocities), velocities)


def test_a_file_that_is_damaged_far_behind_leaves_nothing(tmp_path, folder, walk, monkeypatch):
    monkeypatch.setattr(part, "MEMORY_BYTES", 1)
    monkeypatch.setattr(part, "_BATCH_ATOMS", 10)
    walk[0][70, 2, 1] = np.nan
    path = written("lammps-text", tmp_path / "run.lammpstrj", walk)
    with pytest.raises(TrajectoryError, match="MD step 70: xu yu zu are not finite"):
        read_trajectory([path], kinds=["Ag", "I"], **READING)
    gc.collect()
    assert not files_in(folder)


def test_a_cut_off_file_gives_its_complete_frames_before_a_later_part(tmp_path, folder, walk, monkeypatch):
    """Frame 79 is cut off, in the middle of a batch: what was read of the batch counts."""
    monkeypatch.setattr(part, "MEMORY_BYTES", 1)
    monkeypatch.setattr(part, "_BATCH_ATOMS", 5 * 7)
    path = written("lammps-text", tmp_path / "run.lammpstrj", walk)
    path.write_text(path.read_text()[:-5])
    with pytest.raises(TrajectoryError, match="is cut off inside frame 79"):
        read_trajectory([path], kinds=["Ag", "I"], **READING)
    end = written("lammps-text", tmp_path / "end.lammpstrj", [field[79:] for field in walk])
    end.write_text(end.read_text().replace("TIMESTEP\n0\n", "TIMESTEP\n79\n"))
    joined = read_trajectory([path, end], kinds=["Ag", "I"], **READING)
    np.testing.assert_array_equal(np.asarray(joined.positions), walk[0])


@pytest.mark.parametrize(("text", "n_frames"), [("</calculation>", 80), ('<varray name="forces">', 79)])
def test_a_vasprun_of_a_run_that_was_stopped(tmp_path, folder, walk, text, n_frames):
    """The text ends after a frame, or inside one."""
    content = vasprun(walk[0], walk[2])
    path = tmp_path / "vasprun.xml"
    path.write_text(content[: content.rindex(text) + len(text)])
    if n_frames == 80:
        assert read_trajectory([path], **READING).n_frames == 80
    else:
        with pytest.raises(TrajectoryError, match="is cut off inside frame 79"):
            read_trajectory([path], **READING)


def test_a_folder_without_room_is_told(tmp_path, folder, walk, monkeypatch):
    path = written("lammps-text", tmp_path / "run.lammpstrj", walk)
    monkeypatch.setattr(part, "MEMORY_BYTES", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    with pytest.raises(TrajectoryError, match=r"absent does not take it: No such file.*; set TMPDIR"):
        read_trajectory([path], kinds=["Ag", "I"], **READING)
    monkeypatch.setenv("TMPDIR", str(folder))

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(scratch.os, "pwrite", full)
    with pytest.raises(TrajectoryError, match=r"scratch does not take it: No space left on device"):
        read_trajectory([path], kinds=["Ag", "I"], **READING)
