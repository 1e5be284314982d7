"""Trajectories that stay on disk give the numbers of those that are read, within a bounded memory."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import aiida_superionic
from aiida_superionic.analysis import correlation
from aiida_superionic.analysis.observables.diffusion import diffusion
from aiida_superionic.analysis.observables.vibrations import vibrations
from aiida_superionic.analysis.readers import lammps_binary, read_trajectory, stored
from aiida_superionic.analysis.readers.stored import StoredVectors
from aiida_superionic.analysis.trajectory import TrajectoryError

READING = {"kinds": ["Ag", "I"], "md_timestep": 0.01, "mobile": ["Ag"]}
COLUMNS = "id type xu yu zu vx vy vz"


def write_dump(path, positions, velocities, ranks=1, first_step=0, order=None):
    """Write what LAMMPS writes, its atoms sorted, in one chunk of rows for each rank."""
    n_frames, n_atoms = positions.shape[:2]
    ids = np.arange(1, n_atoms + 1)
    fixed = np.stack([ids, 1 + (ids - 1) % 2], axis=1).astype(float)
    with path.open("wb") as file:
        for t in range(n_frames):
            rows = np.concatenate((fixed, positions[t], velocities[t]), axis=1)
            rows = rows if order is None else rows[order]
            file.write(struct.pack("<q10s2i2q7i", -10, b"DUMPCUSTOM", 1, 2, first_step + t, n_atoms, *([0] * 7)))
            file.write(struct.pack("<6d2ib", 0.0, 12.0, 0.0, 12.0, 0.0, 12.0, 8, 0, 0))
            file.write(struct.pack("<i", len(COLUMNS)) + COLUMNS.encode() + struct.pack("<i", ranks))
            for chunk in np.array_split(rows, ranks):
                file.write(struct.pack("<i", chunk.size) + chunk.astype("<f8").tobytes())


@pytest.fixture
def walk(rng):
    velocities = rng.normal(size=(120, 7, 3))
    return np.cumsum(velocities, axis=0) + 100.0, velocities


def read_both(monkeypatch, *files):
    """Return the trajectory as arrays and as fields that stay on disk."""
    arrays = read_trajectory(files, **READING)
    monkeypatch.setattr(lammps_binary, "_STORED_FROM", 1)
    fields = read_trajectory(files, **READING)
    assert isinstance(arrays.positions, np.ndarray)
    assert isinstance(fields.positions, StoredVectors)
    assert isinstance(fields.velocities, StoredVectors)
    return arrays, fields


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("slab", [1, 24 * 120 * 2, 2**20])
def test_every_way_to_read_gives_the_same_numbers(tmp_path, walk, monkeypatch, ranks, slab):
    write_dump(tmp_path / "run.bin", *walk, ranks=ranks)
    monkeypatch.setattr(stored, "_SLAB_BYTES", slab)
    arrays, fields = read_both(monkeypatch, tmp_path / "run.bin")
    np.testing.assert_array_equal(arrays.positions, walk[0])
    for array, field in ((arrays.positions, fields.positions), (arrays.velocities, fields.velocities)):
        assert field.shape == array.shape
        assert len(field) == len(array)
        np.testing.assert_array_equal(np.asarray(field), array)
        for key in (
            (slice(3, 9), slice(None)),
            (slice(None), slice(2, 5)),
            (slice(None, None, 7), np.array([6, 0, 3])),
            (slice(5, 5), slice(None)),
            (slice(4, 8), 2),
            (slice(None), slice(None), 1),
            5,
            -1,
        ):
            np.testing.assert_array_equal(field[key], array[key])
        np.testing.assert_array_equal(np.asarray(field[10:50:3][2:7]), array[10:50:3][2:7])
        np.testing.assert_array_equal(np.array(list(field)), array)
    np.testing.assert_array_equal(fields.every(4).positions[:, :], arrays.every(4).positions)
    np.testing.assert_array_equal(fields.frames(9, 30).velocities[:, :], arrays.frames(9, 30).velocities)
    assert (fields.species, fields.timestep) == (arrays.species, arrays.timestep)
    np.testing.assert_array_equal(fields.cell, arrays.cell)


def test_parts_of_a_run_are_joined_on_disk(tmp_path, walk, monkeypatch):
    """The second part overrides the last twenty frames of the first."""
    positions, velocities = walk
    write_dump(tmp_path / "a.bin", positions[:80] + (np.arange(80) >= 60)[:, None, None], velocities[:80])
    write_dump(tmp_path / "b.bin", positions[60:], velocities[60:], first_step=60)
    _, fields = read_both(monkeypatch, tmp_path / "a.bin", tmp_path / "b.bin")
    np.testing.assert_array_equal(np.asarray(fields.positions), positions)


def test_observables_are_the_same(tmp_path, walk, monkeypatch):
    write_dump(tmp_path / "run.bin", *walk)
    arrays, fields = read_both(monkeypatch, tmp_path / "run.bin")
    for function, given in ((diffusion, {"fit_start": 0.02, "fit_end": 0.2}), (vibrations, {"longest_lag": 0.1})):
        one, other = function(arrays, **given), function(fields, **given)
        assert one.scalars == other.scalars
        for name, curve in one.curves.items():
            np.testing.assert_array_equal(curve.y, other.curves[name].y)


@pytest.mark.parametrize("n_lags", [2, 120])
def test_a_correlation_reads_a_file_once(tmp_path, walk, monkeypatch, n_lags):
    """It goes through atoms a few at a time, through frames in segments, and back to the first frame for each atom."""
    write_dump(tmp_path / "run.bin", *walk)
    monkeypatch.setattr(stored, "_SLAB_BYTES", 24 * 125 * 4)  # four of the seven atoms, and a frame more
    monkeypatch.setattr(correlation, "_CHUNK_BYTES", 1)
    monkeypatch.setattr(correlation, "_SEGMENT", 32)
    arrays, fields = read_both(monkeypatch, tmp_path / "run.bin")
    n_bytes = 0
    read = os.preadv

    def counted(*given):
        nonlocal n_bytes
        n_bytes += (count := read(*given))
        return count

    monkeypatch.setattr(os, "preadv", counted)
    found = correlation.mean_squared_displacement(fields.positions, n_lags)
    np.testing.assert_array_equal(found, correlation.mean_squared_displacement(arrays.positions, n_lags))
    assert n_bytes == (120 + 1) * 7 * 8 * 8  # every row, of eight columns, and once more those of the first frame


def test_atoms_far_apart_are_read_a_few_frames_at_a_time(tmp_path, walk, monkeypatch):
    write_dump(tmp_path / "run.bin", *walk)
    monkeypatch.setattr(stored, "_SLAB_BYTES", 24 * 7 * 10)  # ten frames of all atoms
    arrays, fields = read_both(monkeypatch, tmp_path / "run.bin")
    rows, read = [], StoredVectors._rows

    def watched(*given):
        rows.append(read(*given))
        return rows[-1]

    monkeypatch.setattr(StoredVectors, "_rows", watched)
    np.testing.assert_array_equal(fields.positions[:, [0, 6]], arrays.positions[:, [0, 6]])
    assert [len(part) for part in rows] == [10] * 12


def test_a_cut_off_end_is_told_and_dropped_before_a_later_part(tmp_path, walk, monkeypatch):
    write_dump(tmp_path / "run.bin", *walk)
    write_dump(tmp_path / "later.bin", walk[0][100:], walk[1][100:], first_step=100)
    content = (tmp_path / "run.bin").read_bytes()
    (tmp_path / "cut.bin").write_bytes(content[:-9])
    monkeypatch.setattr(lammps_binary, "_STORED_FROM", 1)
    with pytest.raises(TrajectoryError, match=r"cut\.bin is cut off inside frame 119"):
        read_trajectory([tmp_path / "cut.bin"], **READING)
    joined = read_trajectory([tmp_path / "cut.bin", tmp_path / "later.bin"], **READING)
    np.testing.assert_array_equal(np.asarray(joined.positions), walk[0])


def test_atoms_out_of_order_are_read_and_sorted(tmp_path, walk, monkeypatch, rng):
    write_dump(tmp_path / "run.bin", *walk, order=rng.permutation(7))
    monkeypatch.setattr(lammps_binary, "_STORED_FROM", 1)
    trajectory = read_trajectory([tmp_path / "run.bin"], **READING)
    np.testing.assert_array_equal(trajectory.positions, walk[0])


def test_numbers_that_are_none_are_found_when_the_file_is_opened(tmp_path, walk, monkeypatch):
    walk[1][77, 3, 1] = np.inf
    write_dump(tmp_path / "run.bin", *walk)
    monkeypatch.setattr(lammps_binary, "_STORED_FROM", 1)
    with pytest.raises(TrajectoryError, match=r"run\.bin, MD step 77: vx vy vz are not finite"):
        read_trajectory([tmp_path / "run.bin"], **READING)


def test_a_file_that_shrinks_or_goes_while_it_is_read_is_an_error_of_the_trajectory(tmp_path, walk, monkeypatch):
    write_dump(tmp_path / "run.bin", *walk)
    _, fields = read_both(monkeypatch, tmp_path / "run.bin")
    os.truncate(tmp_path / "run.bin", 5000)
    with pytest.raises(TrajectoryError, match=r"run\.bin has become shorter"):
        fields.positions[50:, :]
    (tmp_path / "run.bin").unlink()
    with pytest.raises(TrajectoryError, match=r"run\.bin cannot be read"):
        fields.positions[:1, :]


def test_a_trajectory_larger_than_the_address_space_is_analysed(tmp_path):
    """Two fields of 120 MB in a file of 320 MB, with 200 MB of address space above what the imports take."""
    path = tmp_path / "run.bin"
    rng = np.random.default_rng(1)
    velocities = rng.normal(size=(500, 10_000, 3))
    write_dump(path, np.cumsum(velocities, axis=0), velocities)
    code = """
import resource, sys
from pathlib import Path
import numpy as np, scipy.fft, ase.data, numba
from aiida_superionic.analysis.readers import lammps_binary, read_trajectory, stored
from aiida_superionic.analysis.observables.diffusion import diffusion
from aiida_superionic.analysis.observables.vibrations import vibrations
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2**20,) * 2)
lammps_binary._STORED_FROM = 2**20
stored._SLAB_BYTES = 32 * 2**20
t = read_trajectory([sys.argv[1]], kinds=["Ag", "I"], md_timestep=0.01, mobile=["Ag"])
d = diffusion(t, fit_start=0.1, fit_end=0.5).scalars["diffusion_coefficient_Ag"]
v = vibrations(t, longest_lag=0.5).curves["velocity_autocorrelation_Ag"]
print(d.value, d.error, v.y[1])
try:
    np.asarray(t.positions) + np.asarray(t.velocities)
except MemoryError:
    print("too large")
"""
    process = subprocess.run(
        [sys.executable, "-c", code, path],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(aiida_superionic.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    numbers, last = process.stdout.splitlines()
    value, error, correlation = map(float, numbers.split())
    # Steps of unit variance every 0.01 ps: 50 Å²/ps or 5e-3 cm²/s; velocities are white.
    assert value == pytest.approx(5e-3, abs=5.0 * error)
    assert abs(correlation) < 5.0 / np.sqrt(500 * 15_000)
    assert last == "too large"
