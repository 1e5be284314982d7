"""Stress: what the descriptors say of it, and what is learned from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import special_ortho_group

from aiida_superionic.datasets import Dataset
from aiida_superionic.datasets.lammps_files import data_text, turned
from aiida_superionic.learning import descriptors
from aiida_superionic.learning.descriptors import VOIGT, describe_stress
from aiida_superionic.learning.fit import fit_pod
from aiida_superionic.units import PRESSURE_UNITS

_AXES = ("xx", "yy", "zz", "yz", "xz", "xy")


@pytest.fixture
def stress_by_lammps(run_lammps, tmp_path):
    """Return a function that gives the stress of a turned frame as pair_style pod computes it, in the order VOIGT."""

    def stress(potential, frame):
        upright, turn = turned(frame)
        assert np.allclose(turn, np.eye(3))
        evaluated = potential.lammps(potential.species, len(frame.species))
        printed = " ".join(f"$(p{axes}:%.17g)" for axes in _AXES)
        script = ["units metal", "box tilt large", "atom_style atomic", "read_data frame.data", *evaluated.commands]
        script += ["thermo_style custom step pxx pyy pzz pyz pxz pxy", "run 0", f'print "stress: {printed}"']
        files = {**evaluated.files, "frame.data": data_text(upright, potential.species)}
        output = run_lammps("\n".join(script) + "\n", files, tmp_path / "lammps")
        (line,) = [line for line in output.splitlines() if line.startswith("stress: ")]
        return -PRESSURE_UNITS["bar"] * np.array(line.split()[1:], dtype=float)

    return stress


def test_the_rows_are_the_stress_that_dynamics_will_have(
    fit, teacher_frames, small_basis, stress_by_lammps, lammps_executable, tmp_path
):
    sheared = teacher_frames[750][1].cell + np.array([[0.0, 0, 0], [1.5, 0, 0], [-0.7, 2.1, 0]])
    frames = [teacher_frames[1200][0].unlabelled, replace(teacher_frames[750][1].unlabelled, cell=sheared)]
    described = describe_stress(frames, small_basis, Path(lammps_executable), tmp_path / "rows")
    coefficients = np.array(fit.model.potential.coefficients)
    for frame, rows in zip(frames, described, strict=True):
        assert rows.shape == (6, small_basis.n_coefficients)
        exact = stress_by_lammps(fit.model.potential, frame)
        assert np.max(np.abs(exact)) > 1e-3
        # The differences leave out third derivatives; rounding is in energies of some 100 eV over a strain of 1e-5.
        np.testing.assert_allclose(rows @ coefficients, exact, rtol=0, atol=1e-6 * np.max(np.abs(exact)))
        np.testing.assert_array_equal(rows[:, small_basis.one_body], 0.0)


def test_a_turned_frame_has_a_turned_stress(fit, teacher_frames, small_basis, lammps_executable, tmp_path):
    frame = teacher_frames[750][1].unlabelled
    turn = -special_ortho_group.rvs(3, random_state=2)
    other = replace(frame, positions=frame.positions @ turn, cell=frame.cell @ turn)
    rest, moved = (
        _tensor(rows @ np.array(fit.model.potential.coefficients))
        for rows in describe_stress([frame, other], small_basis, Path(lammps_executable), tmp_path / "run")
    )
    np.testing.assert_allclose(moved, turn.T @ rest @ turn, rtol=0, atol=1e-6 * np.max(np.abs(rest)))


def test_a_step_ten_times_as_long_gives_the_same(
    fit, teacher_frames, small_basis, lammps_executable, tmp_path, monkeypatch
):
    frame = teacher_frames[1200][3].unlabelled
    lammps, coefficients = Path(lammps_executable), np.array(fit.model.potential.coefficients)
    (fine,) = describe_stress([frame], small_basis, lammps, tmp_path / "fine")
    monkeypatch.setattr(descriptors, "_STRAIN", 1e-4)
    (coarse,) = describe_stress([frame], small_basis, lammps, tmp_path / "coarse")
    assert np.any(coarse != fine)
    np.testing.assert_allclose(coarse @ coefficients, fine @ coefficients, rtol=0, atol=1e-5 * np.max(np.abs(fine)))


def test_learned_stress_makes_better_pressures(fit, divided, small_basis, lammps_executable, tmp_path):
    lammps = Path(lammps_executable)
    without = fit_pod(divided, small_basis, lammps, tmp_path / "without", learn_stress=False)
    assert len(fit.model.posterior.noises) == 3
    assert len(without.model.posterior.noises) == 2
    tested = [frame for frame in divided.frames if frame.subset == "test" and frame.temperature < 1000][::4]
    described = describe_stress(tested, small_basis, lammps, tmp_path / "rows")
    true = np.array([[frame.stress[component] for component in VOIGT] for frame in tested])
    errors = {}
    for name, one in (("with", fit), ("without", without)):
        coefficients = np.array(one.model.potential.coefficients)
        mistakes = (np.array([rows @ coefficients for rows in described]) - true) / PRESSURE_UNITS["GPa"]
        errors[name] = np.sqrt(np.mean(mistakes**2)), abs(np.mean(mistakes[:, :3]))
    assert errors["with"][0] < 0.7 * errors["without"][0], errors
    assert errors["with"][1] < errors["without"][1], errors


def test_frames_without_a_stress_are_learned_from_all_the_same(divided, small_basis, lammps_executable, tmp_path):
    few = [k for k, frame in enumerate(divided.frames) if frame.subset != "test"][::4]
    frames = [divided.frames[k] for k in few]
    lammps = Path(lammps_executable)
    none = Dataset(tuple(replace(frame, stress=None) for frame in frames), "teacher")
    some = Dataset((frames[0], *none.frames[1:]), "teacher")
    assert len(fit_pod(none, small_basis, lammps, tmp_path / "none").model.posterior.noises) == 2
    assert len(fit_pod(some, small_basis, lammps, tmp_path / "some").model.posterior.noises) == 3


def _tensor(voigt):
    tensor = np.zeros((3, 3))
    for (first, second), value in zip(VOIGT, voigt, strict=True):
        tensor[first, second] = tensor[second, first] = value
    return tensor
