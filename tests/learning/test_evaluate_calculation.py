"""Labels that a potential gives to the frames of a dataset, through the real LAMMPS."""

from dataclasses import replace

import numpy as np
import pytest
from aiida.engine import run_get_node
from scipy.stats import special_ortho_group

from aiida_superionic.calculations import evaluate
from aiida_superionic.calculations.evaluate import EvaluateCalculation, level_of_theory_of
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.potentials import parse_potential, potentials

_CODES = EvaluateCalculation.exit_codes
_TEACHER = potentials()["vashishta-rahman"]


@pytest.fixture
def run_evaluation(lammps_code):
    """Return a function that evaluates frames and returns the node of the job."""

    def run(frames, text=_TEACHER, code=lammps_code):
        dataset = frames if isinstance(frames, Dataset) else Dataset(tuple(frame.unlabelled for frame in frames))
        return run_get_node(
            EvaluateCalculation, code=code, dataset=DatasetData(dataset), potential=PotentialData(text)
        )[1]

    return run


@pytest.fixture
def labelled(run_evaluation):
    """Return a function that evaluates frames and returns them."""

    def run(frames, text=_TEACHER):
        node = run_evaluation(frames, text)
        assert node.is_finished_ok, node.exit_message
        return node.outputs.dataset.dataset.frames

    return run


def labels(frames):
    return np.concatenate([np.concatenate(([f.energy], f.forces.ravel(), f.stress.ravel())) for f in frames])


def test_the_teacher_labels_its_own_frames_as_it_did(run_evaluation, divided):
    few = divided.take(range(0, len(divided.frames), 9))
    node = run_evaluation(few)
    assert node.is_finished_ok, node.exit_message
    made = node.outputs.dataset.dataset
    for before, after in zip(few.frames, made.frames, strict=True):
        # The dynamics printed its energies with 15 digits; neighbours are summed in another order.
        assert after.energy == pytest.approx(before.energy, rel=1e-13)
        np.testing.assert_allclose(after.forces, before.forces, rtol=0, atol=1e-12)
        assert (after.subset, after.temperature, after.species) == (before.subset, before.temperature, before.species)
        np.testing.assert_array_equal(after.positions, before.positions)
    assert made.level_of_theory.startswith("potential pair-functions: Vashishta-Rahman rigid-ion model of α-AgI")
    # The frames and the potential lie in the repository once.
    assert set(node.base.repository.list_object_names()) <= {"input.in", "_aiidasubmit.sh", ".aiida"}
    assert node.outputs.usage["cpu_seconds"] > 0.0


def test_other_parameters_are_another_level_of_theory(run_evaluation, teacher_frames):
    other = _TEACHER.replace("coefficient: 114.48", "coefficient: 114.47")
    levels = [
        level_of_theory_of(parse_potential(text)) for text in (_TEACHER, other, _TEACHER + "# said by a person\n")
    ]
    assert levels[0] != levels[1]
    assert levels[0] == levels[2]
    node = run_evaluation(teacher_frames[300][:1])
    assert node.outputs.dataset.base.attributes.get("level_of_theory") == levels[0]


def test_forces_and_stress_are_the_slopes_of_the_energy(labelled, teacher_frames, fit, rng):
    shear = np.array([[1.0, 0, 0], [0.15, 1, 0], [-0.07, 0.2, 1]]) @ special_ortho_group.rvs(3, random_state=4)
    upright = teacher_frames[750][0].unlabelled
    frame = replace(upright, positions=upright.positions @ shear, cell=upright.cell @ shear)
    step = 1e-4
    away = rng.normal(size=frame.positions.shape)
    tensor = rng.normal(size=(3, 3))
    strain = 0.5 * (tensor + tensor.T)

    def strained(sign):
        stretch = np.eye(3) + sign * step * strain
        return replace(frame, positions=frame.positions @ stretch, cell=frame.cell @ stretch)

    moved = [replace(frame, positions=frame.positions + sign * step * away) for sign in (1, -1)]
    rest, ahead, back, wide, narrow = labelled([frame, *moved, strained(1), strained(-1)], fit.model.potential.text())
    # Third derivatives, some 10³ of the first, times the square of the step.
    assert -(ahead.energy - back.energy) / (2 * step) == pytest.approx(np.sum(away * rest.forces), rel=1e-5)
    work = np.sum(strain * rest.stress) * abs(np.linalg.det(frame.cell))
    assert (wide.energy - narrow.energy) / (2 * step) == pytest.approx(work, rel=1e-5)


def test_a_turned_mirrored_or_doubled_frame_is_the_same_crystal(labelled, teacher_frames):
    exact = _TEACHER + "ewald_accuracy: 1.0e-9\n"
    frame = teacher_frames[750][3].unlabelled
    turn = -special_ortho_group.rvs(3, random_state=1)
    turned = replace(frame, positions=frame.positions @ turn, cell=frame.cell @ turn)
    doubled = Frame(
        frame.species * 2,
        np.vstack((frame.positions, frame.positions + frame.cell[1])),
        frame.cell * np.array([[1.0], [2.0], [1.0]]),
    )
    first, second, third = labelled([frame, doubled, turned], exact)
    # What is left out of the Coulomb sum, relative to the force of two e at 1 Å, times the ions that add up.
    close = {"rtol": 0.0, "atol": 1e-6}
    assert third.energy == pytest.approx(first.energy, abs=1e-6)
    np.testing.assert_allclose(third.forces, first.forces @ turn, **close)
    np.testing.assert_allclose(third.stress, turn.T @ first.stress @ turn, **close)
    assert second.energy == pytest.approx(2 * first.energy, abs=1e-5)
    np.testing.assert_allclose(second.forces, np.vstack((first.forces, first.forces)), **close)
    np.testing.assert_allclose(second.stress, first.stress, **close)


def test_labels_depend_on_their_frame_alone(labelled, teacher_frames, monkeypatch):
    """Bit for bit, so that frames labelled one by one are the same dataset."""
    hot, cool = teacher_frames[1200][5], teacher_frames[300][5]
    frames = [hot, replace(cool, cell=1.05 * cool.cell), cool]
    together = labelled(frames)
    backwards = labelled(frames[::-1])[::-1]
    np.testing.assert_array_equal(labels(backwards), labels(together))
    monkeypatch.setattr(evaluate, "_FRAMES_OF_A_SYSTEM", 1)
    np.testing.assert_array_equal(labels(labelled(frames)), labels(together))


def test_a_frame_that_the_potential_does_not_reach_is_named(run_evaluation, teacher_frames):
    near = teacher_frames[300][0].positions.copy()
    near[1] = near[0] + [0.5, 0.0, 0.0]
    frames = [teacher_frames[300][1], replace(teacher_frames[300][0], positions=near), teacher_frames[300][2]]
    node = run_evaluation(frames)
    assert node.exit_status == _CODES.ERROR_LAMMPS.status
    assert "at frame 1: " in node.exit_message
    assert "inner cutoff" in node.exit_message
    assert "dataset" not in node.outputs


@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [
        ('| sed "/^Total wall/d"', "ERROR_INTERRUPTED", "breaks off"),
        ("; rm forces.lammpstrj", "ERROR_LABELS_MISSING", "no readable labels"),
        ("; head -n 50 forces.lammpstrj > f; mv f forces.lammpstrj", "ERROR_LABELS_MISSING", "no readable labels"),
        ('| sed "0,/^superionic: frame 0/{/^superionic: frame 0/d}"', "ERROR_LABELS_MISSING", "no readable labels"),
        ('| sed "s/energy [^ ]*/energy nan/"', "ERROR_UNUSABLE_LABELS", "frame 0: energy with a number"),
        ("> /dev/null", "ERROR_ENGINE_DID_NOT_START", "its output is empty"),
    ],
)
def test_what_is_left_of_a_job_is_told(run_evaluation, teacher_frames, changed_lammps, command, exit_code, said):
    node = run_evaluation(teacher_frames[300][:2], code=changed_lammps("lmp", command))
    assert node.exit_status == _CODES[exit_code].status, node.exit_message
    assert said in node.exit_message
    assert "dataset" not in node.outputs


def test_species_that_the_potential_does_not_know_are_refused_before_it_runs(run_evaluation, teacher_frames):
    frame = teacher_frames[300][0]
    strange = replace(frame, species=tuple("Br" if kind == "I" else kind for kind in frame.species))
    with pytest.raises(ValueError, match="describes Ag, I and the structure holds Br"):
        run_evaluation([strange])
