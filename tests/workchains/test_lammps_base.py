"""One stage carried through failures, each of them real."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.manage.caching import enable_caching
from child_jobs import jobs_of, statuses

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.functions import begin_production
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.workchains.lammps import LammpsBaseWorkChain

_CODES = LammpsCalculation.exit_codes


def frames_of(node):
    trajectory = node.outputs.trajectory
    folder = Path(trajectory.get_remote_path())
    for name, digest in trajectory.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    frames = read_trajectory(
        [folder / name for name in trajectory.files],
        kinds=trajectory.kinds,
        md_timestep=trajectory.md_timestep,
        mobile=trajectory.mobile,
    )
    assert len(frames.positions) == trajectory.base.attributes.get("n_frames")
    return frames


def assert_same_run(node, unbroken):
    one, two = frames_of(node), frames_of(unbroken)
    # The frame at a checkpoint is written again when its run goes on, after the atoms were wrapped into the box.
    np.testing.assert_allclose(one.positions, two.positions, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(one.velocities, two.velocities)
    for name in unbroken.outputs.thermo.get_arraynames():
        np.testing.assert_array_equal(
            node.outputs.thermo.get_array(name), unbroken.outputs.thermo.get_array(name), err_msg=name
        )


def test_a_job_out_of_walltime_goes_on_from_its_checkpoint(run_stage):
    stage = {"duration": 30.0, "checkpoint_interval": 0.5, "sampling_interval": 0.05, "thermo_interval": 0.05}
    node = run_stage(walltime=1, max_iterations=40, **stage)
    assert node.is_finished_ok, node.exit_message
    *cut, last = statuses(node)
    assert cut
    assert set(cut) == {_CODES.ERROR_OUT_OF_WALLTIME.status}
    assert last == 0
    assert_same_run(node, run_stage(**stage))


def test_a_killed_engine_goes_on_from_its_checkpoint(run_stage, kill_first):
    stage = {"duration": 20.0, "checkpoint_interval": 0.5, "sampling_interval": 0.05, "thermo_interval": 0.05}
    with kill_first("lmp", lambda folder: (folder / "checkpoint.0.restart").exists()):
        node = run_stage(**stage)
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_INTERRUPTED.status, 0]
    assert_same_run(node, run_stage(**stage))


def test_a_job_without_a_new_checkpoint_is_not_tried_again(run_stage):
    node = run_stage(walltime=1, duration=10_000.0, checkpoint_interval=10_000.0, thermo_interval=1.0)
    assert node.exit_status == LammpsBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status
    assert statuses(node) == [_CODES.ERROR_OUT_OF_WALLTIME.status]


def test_a_job_killed_before_its_first_checkpoint_is_no_cache(run_stage, kill_first):
    stage = {"duration": 19.0, "checkpoint_interval": 19.0, "sampling_interval": 0.05, "thermo_interval": 0.05}
    with enable_caching():
        with kill_first("lmp", lambda folder: any(file.stat().st_size for file in folder.glob("trajectory*"))):
            killed = run_stage(**stage)
        assert killed.exit_status == LammpsBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status
        assert statuses(killed) == [_CODES.ERROR_INTERRUPTED.status]
        again = run_stage(**stage)
    assert again.is_finished_ok, again.exit_message
    assert statuses(again) == [0]


def test_a_run_that_went_on_from_a_checkpoint_is_taken_from_the_cache(run_stage, kill_first):
    stage = {"duration": 19.0, "checkpoint_interval": 0.5, "sampling_interval": 0.05, "thermo_interval": 0.05}
    with enable_caching():
        with kill_first("lmp", lambda folder: (folder / "checkpoint.0.restart").exists()):
            first = run_stage(**stage)
        second = run_stage(**stage)
    assert statuses(first) == statuses(second) == [_CODES.ERROR_INTERRUPTED.status, 0]
    sources = [job.base.caching.get_cache_source() for job in jobs_of(second)]
    assert sources == [job.uuid for job in jobs_of(first)]


def _coarse(timestep, **changes):
    # A timestep of tens of fs oversteps every vibration.
    return {
        "timestep": timestep,
        "duration": 200 * timestep,
        "thermo_interval": 20 * timestep,
        "checkpoint_interval": 100 * timestep,
        "thermostat_damping": 200 * timestep,
        **changes,
    }


def test_unstable_dynamics_begin_again_with_half_the_timestep(run_stage):
    node = run_stage(**_coarse(0.05))
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_UNSTABLE.status, 0]
    first, last = (job for job in node.called if isinstance(job, orm.CalcJobNode))
    assert last.inputs.parameters["timestep"] == first.inputs.parameters["timestep"] / 2
    unchanged = {"duration", "thermo_interval", "temperature"}
    assert {last.inputs.parameters[key] == first.inputs.parameters[key] for key in unchanged} == {True}
    # The thermodynamic output is of the attempt that counts alone.
    np.testing.assert_array_equal(node.outputs.thermo.get_array("step"), np.arange(0, 401, 40))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (_coarse(4.0, ensemble="nve"), _CODES.ERROR_UNSTABLE),
        (_coarse(0.12, ensemble="npt", pressure=-1e6, barostat_damping=0.01), _CODES.ERROR_NON_NUMERIC),
    ],
)
def test_dynamics_unstable_at_a_quarter_of_the_timestep_are_given_up(run_stage, changes, code):
    node = run_stage(**changes)
    assert node.exit_status == LammpsBaseWorkChain.exit_codes.ERROR_UNSTABLE.status
    assert statuses(node) == 3 * [code.status]
    assert f"{changes['timestep'] / 4} ps" in node.exit_message


def test_a_molten_host_is_not_tried_again(run_stage):
    node = run_stage(temperature=6000.0, duration=10.0)
    assert node.exit_status == LammpsBaseWorkChain.exit_codes.ERROR_UNRECOVERABLE_FAILURE.status
    assert statuses(node) == [_CODES.ERROR_HOST_LATTICE_MOLTEN.status]
    assert "host lattice did not stay intact" in node.exit_message


def test_a_stage_can_be_begun_twice_from_one_checkpoint(run_stage):
    # A job that wrote its checkpoints through a link to that of its parent would spoil it for the next.
    first = run_stage()
    start = begin_production(first.outputs.checkpoint, first.outputs.thermo)
    production = {"ensemble": "nve", "sampling_interval": 0.01}
    once = run_stage(start, first.outputs.remote_folder, **production)
    again = run_stage(start, first.outputs.remote_folder, **production)
    assert once.is_finished_ok, once.exit_message
    assert once.outputs.trajectory.files == again.outputs.trajectory.files
    assert once.outputs.thermo.get_array("total_energy")[0] == pytest.approx(start["energy"], rel=1e-11)


def test_a_checkpoint_that_was_cleaned_is_told(run_stage):
    first = run_stage()
    start = begin_production(first.outputs.checkpoint, first.outputs.thermo)
    first.outputs.remote_folder._clean()
    node = run_stage(start, first.outputs.remote_folder, ensemble="nve")
    assert node.exit_status == LammpsBaseWorkChain.exit_codes.ERROR_UNRECOVERABLE_FAILURE.status
    assert "checkpoint to start from is gone" in node.exit_message
