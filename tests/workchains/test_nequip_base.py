"""The training of one network, carried through failures."""

import csv
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from springs import TINY_NETWORK, springs

from aiida_superionic.calculations.nequip import NequipCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset
from aiida_superionic.engines.registration import ensure_code
from aiida_superionic.learning.nequip import FOLDER, METRICS_FILE
from aiida_superionic.workchains.nequip import NequipBaseWorkChain
from aiida_superionic.workchains.protocol import ProtocolError

_CODES = NequipCalculation.exit_codes


@pytest.fixture
def builder(computer, learning_installation, tmp_path):
    """Return a maker of the inputs of a training of the smallest network; it is not compiled, which takes long."""
    script = tmp_path / "nequip-compile"
    script.write_text('#!/bin/sh\necho model > "$2" && echo "Exported model saved to $2"\n')
    script.chmod(0o755)
    stub = orm.InstalledCode(label="stub", computer=computer, filepath_executable=str(script), with_mpi=False).store()
    codes = [ensure_code(learning_installation("nequip-train"), computer)[0], stub]

    def make(dataset=None, **settings):
        return NequipBaseWorkChain.get_builder_from_protocol(
            *codes, DatasetData(dataset or springs()), seed=3, overrides={**TINY_NETWORK, **settings}
        )

    return make


def _epoch_ended(metrics):
    """Return whether a whole row of metrics tells of the training; those before it tell of the validation."""
    if not metrics.exists():
        return False
    lines = [line for line in metrics.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return any(row.get("train_loss_epoch/weighted_sum") for row in csv.DictReader(lines))


def _kill_training(folder, killed):
    """Kill the first training below a folder that has ended an epoch: its checkpoint is whole by then."""
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline and not killed:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                here = Path(os.readlink(process / "cwd"))
                training = b"nequip-train" in (process / "cmdline").read_bytes()
            except OSError:
                continue
            if training and here.is_relative_to(folder) and _epoch_ended(here / FOLDER / METRICS_FILE):
                os.kill(int(process.name), signal.SIGKILL)
                killed.append(int(process.name))
                return
        time.sleep(0.02)


def test_a_killed_training_goes_on_from_its_last_epoch(builder, computer):
    killed = []
    folder = Path(computer.get_workdir()).resolve()
    killer = threading.Thread(target=_kill_training, args=(folder, killed), daemon=True)
    killer.start()
    node = run_get_node(builder(epochs=40))[1]
    killer.join()
    assert killed
    assert node.is_finished_ok, node.exit_message
    first, last = (job for job in node.called if isinstance(job, orm.CalcJobNode))
    assert (first.exit_status, last.exit_status) == (_CODES.ERROR_INTERRUPTED.status, 0)
    assert last.inputs.start["step"] == first.outputs.checkpoint["step"] < 159
    unbroken = run_get_node(builder(epochs=40))[1]
    name = "learning_curve_forces_validation"
    steps, same_steps = (run.outputs.curves.get_array(f"{name}__x") for run in (node, unbroken))
    np.testing.assert_array_equal(steps, same_steps)
    # NequIP does not go on with the order of the frames, so that the two are the same but for chance.
    errors, same_errors = (run.outputs.curves.get_array(f"{name}__y") for run in (node, unbroken))
    assert np.abs(errors - same_errors).max() < 0.02 * (same_errors[0] - same_errors[-1])
    assert errors[0] == same_errors[0]


def test_what_cannot_be_trained_is_refused_before_it_runs(builder):
    dataset = springs()
    for changed, settings, message in (
        (Dataset(tuple(frame.unlabelled for frame in dataset.frames)), {}, "not labelled"),
        (dataset.subset("train"), {}, "no frame is in the subset validation"),
        (dataset, {"cutoff": -1.0}, "cutoff: Input should be greater than 0"),
    ):
        with pytest.raises((ValueError, ProtocolError), match=message):
            run_get_node(builder(changed, **settings))
