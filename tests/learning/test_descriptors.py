"""Descriptors that LAMMPS' executable computes: what they must not depend on, and what is told when they cannot be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import special_ortho_group

from aiida_superionic.datasets import Frame
from aiida_superionic.learning import descriptors
from aiida_superionic.learning.descriptors import DescriptorError, describe


@pytest.fixture
def lammps(lammps_executable):
    return Path(lammps_executable)


@pytest.fixture
def frame(teacher_frames):
    return teacher_frames[750][0]


def forces_of(rows, basis):
    return rows[1:].reshape(-1, 3, basis.n_coefficients)


def test_forces_are_minus_the_slope_of_the_energy(frame, small_basis, lammps, tmp_path, rng):
    step = 1e-4
    direction = rng.normal(size=frame.positions.shape)
    moved = [replace(frame, positions=frame.positions + sign * step * direction) for sign in (1, -1)]
    rest, forward, back = describe([frame, *moved], small_basis, lammps, tmp_path / "run")
    slope = (forward[0] - back[0]) / (2 * step)
    forces = np.einsum("nx,nxk->k", direction, forces_of(rest, small_basis))
    # Third derivatives, some 10³ of the first per Å², times the step squared.
    np.testing.assert_allclose(-slope, forces, rtol=1e-4, atol=1e-4)
    assert rest[0, small_basis.one_body].tolist() == [16, 16]


def test_a_turned_or_mirrored_frame_in_another_cell_is_the_same(frame, small_basis, lammps, tmp_path):
    turn = special_ortho_group.rvs(3, random_state=1)
    cell = frame.cell.copy()
    cell[2] += cell[0]
    others = [
        replace(frame, positions=frame.positions @ turn, cell=cell @ turn),
        replace(frame, positions=-frame.positions @ turn, cell=-frame.cell @ turn),
    ]
    rest, *described = describe([frame, *others], small_basis, lammps, tmp_path / "run")
    for rows, matrix in zip(described, (turn, -turn), strict=True):
        np.testing.assert_allclose(rows[0], rest[0], atol=1e-10)
        turned = np.einsum("nxk,xy->nyk", forces_of(rest, small_basis), matrix)
        np.testing.assert_allclose(forces_of(rows, small_basis), turned, atol=1e-10)


def test_a_doubled_cell_doubles_the_energy(frame, small_basis, lammps, tmp_path):
    doubled = Frame(
        frame.species * 2,
        np.vstack((frame.positions, frame.positions + frame.cell[1])),
        frame.cell * np.array([[1.0], [2.0], [1.0]]),
    )
    one, two = describe([frame, doubled], small_basis, lammps, tmp_path / "run")
    np.testing.assert_allclose(two[0], 2 * one[0], atol=1e-9)
    np.testing.assert_allclose(two[1:], np.vstack((one[1:], one[1:])), atol=1e-10)


def test_several_runs_of_lammps_are_as_one(teacher_frames, small_basis, lammps, tmp_path, monkeypatch):
    frames = teacher_frames[300][:5]
    once = describe(frames, small_basis, lammps, tmp_path / "once")
    monkeypatch.setattr(descriptors, "_BATCH_NUMBERS", 2 * once[0].size)
    np.testing.assert_array_equal(describe(frames, small_basis, lammps, tmp_path / "often"), once)


def test_atoms_too_many_or_no_lammps_are_told(frame, small_basis, lammps, tmp_path):
    with pytest.raises(DescriptorError, match="does not start: No such file"):
        describe([frame], small_basis, tmp_path / "lmp", tmp_path / "none")
    with pytest.raises(DescriptorError, match="LAMMPS stopped: ERROR"):
        describe([frame], small_basis.model_copy(update={"three_body_angular_degree": 13}), lammps, tmp_path / "bad")
    with pytest.raises(DescriptorError, match="LAMMPS wrote"):
        describe(
            [frame], small_basis.model_copy(update={"species": ("Ag", "I", "Br")}), _silent(tmp_path), tmp_path / "s"
        )


def _silent(folder):
    program = folder / "silent"
    program.write_text("#!/bin/sh\ntouch descriptors.txt\n")
    program.chmod(0o755)
    return program
