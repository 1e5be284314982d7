import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiida.engine import run_get_node

from aiida_superionic.workchains.lammps import LammpsBaseWorkChain


@pytest.fixture
def run_stage(lammps_code, md_inputs):
    """Return a function that runs one stage, in this process, and returns its node."""

    def run(start=None, parent=None, walltime=None, max_iterations=5, **changes):
        inputs = {**md_inputs(**changes), "code": lammps_code, "metadata": {"options": {}}}
        if start is not None:
            inputs |= {"start": start, "parent_folder": parent}
        if walltime is not None:
            inputs["metadata"]["options"]["max_wallclock_seconds"] = walltime
        _, node = run_get_node(LammpsBaseWorkChain, lammps=inputs, max_iterations=max_iterations)
        return node

    return run


@pytest.fixture
def kill_first(computer):
    """Return a context in which the first process of an engine is killed whose folder is as it is waited for.

    It is the engine itself that is killed: the command ``lmp`` of the wheel is a script that waits for it.
    """

    @contextmanager
    def watch(engine, ready):
        folder, killed = Path(computer.get_workdir()).resolve(), []

        def kill():
            deadline = time.monotonic() + 120.0
            while time.monotonic() < deadline:
                for process in Path("/proc").glob("[0-9]*"):
                    try:
                        here, executable = (Path(os.readlink(process / link)) for link in ("cwd", "exe"))
                        if executable.name.startswith(engine) and here.is_relative_to(folder) and ready(here):
                            os.kill(int(process.name), signal.SIGKILL)
                            killed.append(process.name)
                            return
                    except OSError:
                        continue
                time.sleep(0.02)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        yield
        killer.join()
        assert killed

    return watch
