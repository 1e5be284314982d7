"""A process that another worker runs is not taken up, and one that none runs is."""

import os
import signal
import subprocess
import sys

import pytest
from aiida.engine import CalcJob, WorkChain
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins.entry_point import get_entry_points
from kiwipy import DuplicateSubscriberIdentifier
from plumpy.persistence import Bundle, LoadSaveContext

from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.once import ContinuedOnce, _place

_WORKER = """
import fcntl, sys, time
with open(sys.argv[1], "r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX, 1, int(sys.argv[2]))
    print("runs", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def take_up(lammps_code, md_inputs):
    """Return the pk of a process that has a checkpoint, and a function that takes it up as a worker does."""
    runner = get_manager().create_runner(communicator=None)
    process = instantiate_process(runner, LammpsCalculation, code=lammps_code, **md_inputs())
    checkpoint = Bundle(process)
    return process.pid, lambda: checkpoint.unbundle(LoadSaveContext(runner=runner))


@pytest.fixture
def other_worker():
    """Return a function that lets another process run one of AiiDA's, until it is killed."""
    workers = []

    def run(pk):
        file, _ = _place()
        arguments = [sys.executable, "-c", _WORKER, file, str(pk)]
        workers.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True))
        assert workers[-1].stdout.readline() == "runs\n"
        return workers[-1]

    yield run
    for worker in workers:
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize("group", ["aiida.calculations", "aiida.workflows"])
def test_all_our_processes_are_continued_once(group):
    ours = [entry.load() for entry in get_entry_points(group) if entry.name.startswith("superionic.")]
    processes = [one for one in ours if issubclass(one, CalcJob | WorkChain)]
    assert processes
    assert all(issubclass(one, ContinuedOnce) for one in processes)


def test_what_a_killed_worker_ran_is_taken_up(take_up, other_worker):
    pk, load = take_up
    file, _ = _place()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    worker = other_worker(pk)
    with pytest.raises(DuplicateSubscriberIdentifier, match=f"another worker runs process {pk}"):
        load()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert load().pid == pk


def test_a_worker_lets_go_of_what_it_has_run(take_up, other_worker):
    pk, load = take_up
    process = load()
    process.loop.run_until_complete(process.step_until_terminated())
    other_worker(pk)  # waits until it may
