"""``superionic-assess``: the error that a learned potential predicts of itself on frames without labels.

This runs on compute nodes: it starts without AiiDA.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aiida_superionic
from aiida_superionic.analysis.command_line import Parser, exit_status, exit_with_status_of, read_job
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.analysis.trajectory_request import TrajectoryRequest
from aiida_superionic.datasets import Dataset, DatasetError, Frame
from aiida_superionic.datasets.extxyz import write_extxyz
from aiida_superionic.learning.assessment import COMMITTEE_DEVIATION, UNITS, assess
from aiida_superionic.learning.descriptors import DescriptorError
from aiida_superionic.learning.model_file import ModelFileError, read_model
from aiida_superionic.learning.script import BAD_DATASET, NO_DESCRIPTORS, executable, read_dataset

PROGRAM = "superionic-assess"
BAD_MODEL = 4

ASSESSMENT_FILE = "assessment.npz"
KEPT_FILE = "kept.extxyz"


def main() -> None:
    """Run the command line, and exit with its status."""
    exit_with_status_of(run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    0: done; 2: the request is wrong; 3: the frames are missing, damaged or of other species; 4: the model cannot be
    read; 5: LAMMPS does not compute the descriptors. What goes wrong is one sentence on the standard error, which
    begins with ``superionic-assess: input:``, ``trajectory:``, ``dataset:``, ``model:`` or ``lammps:`` after the name.
    """
    others: Mapping[type[Exception], tuple[int, str]] = {
        DatasetError: (BAD_DATASET, "dataset"),
        ModelFileError: (BAD_MODEL, "model"),
        DescriptorError: (NO_DESCRIPTORS, "lammps"),
    }
    return exit_status(PROGRAM, lambda: _run(arguments), others)


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.committee < 0 or options.seed < 0:
        raise ParameterError("the size of the committee and the seed are not negative")
    if (options.dataset is None) == (options.trajectory is None):
        raise ParameterError("the frames are those of --dataset or of --trajectory")
    if (options.keep is None) != (options.above is None):
        raise ParameterError("--keep and --above are given together or not at all")
    if options.keep == COMMITTEE_DEVIATION and options.committee < 2:
        raise ParameterError("the deviation of a committee needs --committee 2 or more")
    model, error = read_model(Path(options.model))
    frames = _frames(options)
    lammps = executable(options.lammps)
    output = Path(options.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        # The working directory of a batch job is on a large disk, and /tmp often in memory.
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR") or ".") as scratch:
            measures = assess(
                frames,
                model,
                error,
                committee=options.committee,
                seed=options.seed,
                lammps=lammps,
                folder=Path(scratch) / "descriptors",
            )
        kept = _kept(measures[options.keep], options.above) if options.keep else []
        if kept:
            (output / KEPT_FILE).write_text(write_extxyz(Dataset(tuple(frames[k].unlabelled for k in kept))))
        with (output / ASSESSMENT_FILE).open("wb") as file:
            np.savez(file, **dict[str, Any](measures))
    except OSError as problem:
        raise ParameterError(f"the results cannot be written to {output}: {problem.strerror}") from problem
    for name, values in measures.items():
        print(f"{name:<30}{np.min(values):>10.4f} to {np.max(values):.4f} {UNITS[name]}".removesuffix(" 1"))
    print(f"{len(frames)} frames assessed, {len(kept)} kept by {PROGRAM} {aiida_superionic.__version__}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROGRAM,
        description="Say how far a linear potential that superionic-fit learned may be off on frames without labels.",
        epilog="exit status: 0 done, 2 wrong request, 3 frames missing, damaged or of other species,"
        " 4 no readable model, 5 LAMMPS failed",
    )
    parser.add_argument("model", metavar="MODEL", help="model.npz of superionic-fit")
    parser.add_argument("--version", action="version", version=aiida_superionic.__version__)
    parser.add_argument("--dataset", metavar="FILE", help="the frames, as extended XYZ")
    parser.add_argument(
        "--trajectory", metavar="FILE", help="the frames, as JSON that says where and how they are read"
    )
    parser.add_argument("--lammps", metavar="PROGRAM", default="lmp", help="LAMMPS (default: lmp)")
    parser.add_argument("--committee", type=int, default=0, metavar="N", help="draw N potentials from the posterior")
    parser.add_argument("--seed", type=int, default=1, help="of the committee (default: 1)")
    parser.add_argument("--keep", choices=UNITS, metavar="MEASURE", help=f"write frames by one of {', '.join(UNITS)}")
    parser.add_argument("--above", type=_number, metavar="VALUE", help="those where it is at least so much")
    parser.add_argument("--output", metavar="FOLDER", default=".", help="folder of the results (default: here)")
    return parser


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _frames(options: argparse.Namespace) -> Sequence[Frame]:
    if options.dataset is not None:
        return read_dataset(Path(options.dataset)).frames
    path = Path(options.trajectory)
    return frames_of(read_job(path, lambda content: TrajectoryRequest.from_job(content, path)).read())


def frames_of(trajectory: Trajectory) -> list[Frame]:
    """Return the frames of a trajectory, each of which says its number as its origin."""
    cells = np.broadcast_to(trajectory.cell, (trajectory.n_frames, 3, 3))
    return [
        Frame(trajectory.species, trajectory.positions[k : k + 1, :][0], cells[k], origin=f"frame {k}")
        for k in range(trajectory.n_frames)
    ]


def _kept(values: NDArray[np.float64], above: float) -> list[int]:
    """Return the numbers of the frames whose measure is at least so much, or no number."""
    return [int(number) for number in np.flatnonzero(~(values < above))]


if __name__ == "__main__":
    main()
