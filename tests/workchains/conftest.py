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
