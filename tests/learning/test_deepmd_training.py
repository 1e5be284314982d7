"""Deep potentials that are really trained, with DeePMD-kit, and run: minutes."""

import resource
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.training import TrainingCalcJob
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset
from aiida_superionic.engines.registration import ensure_code, ensure_computer
from aiida_superionic.workchains.deepmd import DeepmdBaseWorkChain
from aiida_superionic.workchains.md import MdWorkChain

_SMALL = {
    "cutoff": 5.5,
    "embedding": [8, 16, 32],
    "axes": 4,
    "fitting": [32, 32, 32],
    "steps": 3000,
    "report_every": 100,
    "checkpoint_every": 500,
}
_CUT_OFF = TrainingCalcJob.exit_codes.ERROR_OUT_OF_WALLTIME.status


@pytest.fixture(scope="module")
def make_code(aiida_profile, learning_installation):
    computer, _ = ensure_computer(slots=2)
    computer.set_minimum_job_poll_interval(0.2)
    return lambda name: ensure_code(learning_installation(name), computer)[0]


@pytest.fixture(scope="module")
def frames(teacher_frames):
    """Return frames of 300 and 750 K: 100 to learn from, 20 to look at meanwhile, and 20 to test with."""
    rng = np.random.default_rng(3)
    names = np.repeat(["train", "validation", "test"], (50, 10, 10))
    return [
        replace(teacher_frames[temperature][number], subset=str(name))
        for temperature in (300, 750)
        for number, name in zip(rng.permutation(80), names, strict=False)
    ]


@pytest.fixture(scope="module")
def train(make_code, frames):
    """Return a function that trains on the frames, in jobs of some walltime in seconds."""
    dataset = DatasetData(Dataset(tuple(frames), "Vashishta-Rahman")).store()

    def run(seed, walltime=None, **changes):
        options = {} if walltime is None else {"max_wallclock_seconds": walltime}
        inputs = {
            "code": make_code("deepmd"),
            "dataset": dataset,
            "settings": orm.Dict({**_SMALL, **changes}),
            "seed": orm.Int(seed),
            "metadata": {"options": options},
        }
        return run_get_node(DeepmdBaseWorkChain, deepmd=inputs)[1]

    return run


@pytest.fixture(scope="module")
def unbroken(train):
    """Return a training in one job."""
    return train(seed=2)


@pytest.fixture(scope="module")
def training_seconds(make_code, unbroken, tmp_path_factory):
    """Return the CPU seconds that the training alone takes on this machine.

    The limit is one of each process, and what freezes and compresses the network are others: where steps are fast, they
    take longer than it does.
    """
    folder = tmp_path_factory.mktemp("training")
    (job,) = unbroken.called
    for name in ("train", "validation"):
        shutil.copytree(Path(job.outputs.remote_folder.get_remote_path(), name), folder / name)
    (folder / "input.json").write_text(job.base.repository.get_object_content("input.json"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(make_code("deepmd").filepath_executable), "--tf", "train", "input.json"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def cut_off(train, training_seconds):
    """Return a training whose jobs are too short for it."""
    # Most of it, for the start is a good part of it where steps are fast, and a checkpoint has to be reached.
    return train(seed=1, walltime=round(0.8 * training_seconds))


@pytest.fixture(scope="module")
def potential(cut_off):
    return cut_off.outputs.potential


@pytest.fixture(scope="module")
def other(unbroken):
    return unbroken.outputs.potential


@pytest.fixture(scope="module")
def label(make_code):
    """Return a function that labels frames with a potential."""

    def run(potential, frames):
        dataset = DatasetData(Dataset(tuple(frame.unlabelled for frame in frames)))
        code = make_code("lammps-deepmd")
        node = run_get_node(EvaluateCalculation, code=code, dataset=dataset, potential=potential)[1]
        assert node.is_finished_ok, node.exit_message
        return node.outputs.dataset.dataset.frames

    return run


@pytest.fixture
def run_md(make_code, potential, md_inputs):
    def run(committee=(), start=None, **changes):
        inputs = md_inputs(**{"ensemble": "nve", "temperature": 600.0, "timestep": 0.002, **changes})
        inputs |= {"potential": potential, "code": make_code("lammps-deepmd"), **(start or {})}
        if committee:
            inputs["committee"] = {f"member_{number}": one for number, one in enumerate(committee, start=1)}
        return run_get_node(LammpsCalculation, **inputs)[1]

    return run


def test_a_training_out_of_walltime_goes_on_from_its_checkpoint(cut_off):
    assert cut_off.is_finished_ok, cut_off.exit_message
    *cut, last = [job.exit_status for job in cut_off.called if isinstance(job, orm.CalcJobNode)]
    assert cut
    assert set(cut) == {_CUT_OFF}
    assert last == 0
    # The curve is that of all jobs, without a gap.
    steps = cut_off.outputs.curves.get_array("learning_curve_forces_train__x")
    np.testing.assert_array_equal(steps, np.arange(0, 3001, 100))
    assert cut_off.outputs.report["version"] == "3.2.0"


def test_forces_and_stresses_of_other_frames_are_learned(potential, label, frames):
    unseen = [frame for frame in frames if frame.subset == "test"]
    said = label(potential, unseen)
    forces, stresses = (
        np.array([[getattr(frame, name) for frame in of] for of in (said, unseen)]) for name in ("forces", "stress")
    )
    # Knowing nothing is an error of 1; it is small enough for a network that was made in half a minute.
    assert np.std(forces[0] - forces[1]) < 0.4 * np.std(forces[1])
    assert np.std(stresses[0] - stresses[1]) < 0.4 * np.std(stresses[1])


def test_energy_is_conserved(run_md):
    node = run_md(duration=2.0, thermo_interval=0.02, checkpoint_interval=1.0)
    assert node.is_finished_ok, node.exit_message
    energies = node.outputs.thermo.get_array("total_energy")
    drift = np.polyfit(np.linspace(0.0, 2.0, len(energies)), energies, 1)[0] * 2.0 / 32
    assert abs(drift) < 1e-3
    # A network that is not smooth heats at once.
    assert np.std(energies) / 32 < 1e-3


def test_pressure_is_the_slope_of_the_energy(potential, label, frames):
    step = 2e-3
    strained = []
    for frame in frames[:3]:
        for sign in (-1.0, 0.0, 1.0):
            scale = 1.0 + sign * step
            strained.append(replace(frame.unlabelled, positions=scale * frame.positions, cell=scale * frame.cell))
    said = label(potential, strained)
    for shrunk, rest, grown in zip(said[::3], said[1::3], said[2::3], strict=True):
        volume = np.linalg.det(rest.cell)
        slope = (grown.energy - shrunk.energy) / (2.0 * step) / (3.0 * volume)
        # Of a pressure of some 5e-3 eV/Å³; single precision leaves 1e-6 eV of the energies.
        assert slope == pytest.approx(np.trace(rest.stress) / 3.0, abs=2e-5)


def test_a_committee_tells_how_far_its_members_are_apart(run_md, potential, other, label, frames, md_inputs):
    node = run_md([other], duration=0.1, thermo_interval=0.01, checkpoint_interval=0.1)
    assert node.is_finished_ok, node.exit_message
    deviation = node.outputs.deviation
    np.testing.assert_array_equal(deviation.get_array("step"), np.arange(0, 51, 5))
    atoms = md_inputs()["structure"].get_ase()
    begin = replace(frames[0].unlabelled, positions=atoms.positions, cell=np.array(atoms.cell))
    assert begin.species == tuple(atoms.get_chemical_symbols())
    forces = np.array([label(one, [begin])[0].forces for one in (potential, other)])
    by_atom = np.sqrt(np.mean(np.sum((forces - forces.mean(axis=0)) ** 2, axis=-1), axis=0))
    # Six digits are printed, and single precision sums in another order.
    assert deviation.get_array("largest_force_deviation")[0] == pytest.approx(by_atom.max(), rel=1e-4)
    assert deviation.get_array("mean_force_deviation")[0] == pytest.approx(by_atom.mean(), rel=1e-4)
    largest = deviation.get_array("largest_force_deviation").max()
    assert node.outputs.observables["committee_force_deviation_largest"]["value"] == pytest.approx(largest)


def test_a_run_goes_on_with_its_deviations(run_md, other):
    stage = {"thermo_interval": 0.01, "checkpoint_interval": 0.05}
    first = run_md([other], duration=0.05, **stage)
    start = {"start": first.outputs.checkpoint, "parent_folder": first.outputs.remote_folder}
    both = run_md([other], start=start, duration=0.1, **stage)
    assert both.is_finished_ok, both.exit_message
    np.testing.assert_array_equal(both.outputs.deviation.get_array("step"), np.arange(0, 51, 5))


def test_a_run_whose_committee_disagrees_fails_by_name_and_early(run_md, other):
    node = run_md([other], duration=20.0, deviation_limit=1e-3, thermo_interval=0.1, checkpoint_interval=10.0)
    assert node.exit_status == LammpsCalculation.exit_codes.ERROR_DEVIATION.status
    assert "more than 0.001 eV/Å" in node.exit_message
    assert node.outputs.thermo.get_array("step")[-1] == 1000


def test_dynamics_in_two_stages_watch_their_committee(make_code, potential, other, md_inputs):
    builder = MdWorkChain.get_builder_from_protocol(
        make_code("lammps-deepmd"),
        md_inputs()["structure"],
        potential,
        temperature=600.0,
        mobile=["Ag"],
        seed=3,
        committee=[other],
        deviation_limit=100.0,
        overrides={"timestep": 0.002, "equilibration": 0.1, "production": 0.2, "sampling_interval": 0.01},
    )
    node = run_get_node(builder)[1]
    assert node.is_finished_ok, node.exit_message
    np.testing.assert_array_equal(node.outputs.deviation.get_array("step"), [0, 25, 50, 75, 100])
    stages = [stage for stage in node.called if "deviation" in stage.outputs]
    assert len(stages) == 2


def test_what_has_no_deep_potentials_says_so(potential, lammps_code, md_inputs):
    node = run_get_node(LammpsCalculation, code=lammps_code, **{**md_inputs(), "potential": potential})[1]
    assert node.exit_status == LammpsCalculation.exit_codes.ERROR_LAMMPS.status
    assert "deepmd" in node.exit_message
