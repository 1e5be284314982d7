"""A learning loop whose worker, or whose training, is killed at every stage ends as the one that nobody touched."""

import json
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from aiida_superionic.calculations.assess import MODEL_FILE
from aiida_superionic.calculations.fit import DATASET_FILE
from aiida_superionic.calculations.lammps_script import DATA_FILE, system_files

_PATIENCE = 300.0
STAGES = {"training": DATASET_FILE, "exploration": DATA_FILE, "assessment": MODEL_FILE, "labelling": system_files(0)[0]}
"""A file that a job has in its folder, by what it is for."""


def submitted(laboratory):
    return int(laboratory.run("python", str(laboratory.scripts / "submit_loop.py"))[0].split()[-1])


def ended(laboratory, pk):
    """Return what the graph holds of a loop when it has ended."""
    found = json.loads(laboratory.run("python", str(laboratory.scripts / "loop_state.py"), str(pk))[0])
    assert found["iterations"] is not None, found["message"]
    return found


def wait_for_job(laboratory, file):
    """Wait until a job runs in a folder with a file."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        for process in laboratory.processes():
            with suppress(psutil.Error, OSError):
                if (Path(process.cwd()) / file).exists():
                    return
        assert time.monotonic() < deadline, f"no job with {file} came up"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_loop_that_is_killed_at_every_stage_computes_no_label_twice(laboratory):
    undisturbed = ended(laboratory, submitted(laboratory))
    assert undisturbed["labelled"]
    pk = submitted(laboratory)
    for file in STAGES.values():
        wait_for_job(laboratory, file)
        assert laboratory.kill("daemon", "worker") == 1
    # The second training, which takes the labels.
    laboratory.wait_for("superionic-fit")
    assert laboratory.kill("superionic-fit") > 0
    found = ended(laboratory, pk)
    assert found["failed"] == 1
    assert found["labelled"] == undisturbed["labelled"]
    assert len(set(found["labelled"])) == len(found["labelled"])
    assert {key: found[key] for key in ("exit_status", "dataset", "iterations")} == {
        key: undisturbed[key] for key in ("exit_status", "dataset", "iterations")
    }
