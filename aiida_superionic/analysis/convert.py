"""``superionic-convert``: a trajectory in a format that other programs read.

This runs on compute nodes: it starts without AiiDA, ASE or Numba.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import aiida_superionic
from aiida_superionic.analysis.command_line import Parser, exit_status, exit_with_status_of, read_job
from aiida_superionic.analysis.registry import ParameterError, suggestion
from aiida_superionic.analysis.trajectory_request import TrajectoryRequest, add_trajectory_options
from aiida_superionic.analysis.writers import WRITERS

PROGRAM = "superionic-convert"


def main() -> None:
    """Run the command line, and exit with its status."""
    exit_with_status_of(run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    0: done; 2: the request is wrong; 3: the trajectory is missing, changed or damaged. What goes wrong is one sentence
    on the standard error, which begins with ``superionic-convert: input:`` or ``superionic-convert: trajectory:``.
    """
    return exit_status(PROGRAM, lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    request, target, output = _from_file(options) if options.job else _from_options(options)
    if target not in WRITERS:
        raise ParameterError(f"unknown format {target!r}{suggestion(target, WRITERS)}")
    if output.exists():
        raise ParameterError(f"{output} is there already")
    trajectory = request.read()
    kinds = request.reading.get("kinds") or trajectory.kinds
    spacing = round(trajectory.timestep / request.reading["md_timestep"])
    try:
        WRITERS[target](output, trajectory, kinds, spacing)
    except OSError as error:
        raise ParameterError(f"{output} cannot be written: {error.strerror or error}") from error
    what = f"{trajectory.n_frames} frames of {len(trajectory.species)} atoms"
    print(f"{what} written to {output} by {PROGRAM} {aiida_superionic.__version__}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROGRAM,
        description="Write a molecular-dynamics trajectory in another format, positions unwrapped.",
        epilog="exit status: 0 done, 2 wrong request, 3 trajectory missing, changed or damaged",
    )
    add_trajectory_options(parser)
    parser.add_argument("--version", action="version", version=aiida_superionic.__version__)
    parser.add_argument("--job", metavar="FILE", help="read everything from a JSON file instead")
    parser.add_argument("--to", choices=WRITERS, help="the format that is written")
    parser.add_argument("--output", metavar="FILE", help="the file that is written")
    return parser


def _from_options(options: argparse.Namespace) -> tuple[TrajectoryRequest, str, Path]:
    for name in ("trajectory", "to", "output"):
        if not getattr(options, name):
            what = "TRAJECTORY" if name == "trajectory" else f"--{name}"
            raise ParameterError(f"{what} is not given; see {PROGRAM} --help")
    return TrajectoryRequest.from_options(options), options.to, Path(options.output)


def _from_file(options: argparse.Namespace) -> tuple[TrajectoryRequest, str, Path]:
    if options.trajectory or options.to or options.output:
        raise ParameterError("--job takes the trajectory, the format and the output from its file; give no others")
    path = Path(options.job)
    return read_job(
        path,
        lambda content: (
            TrajectoryRequest.from_job(content["trajectory"], path),
            str(content["to"]),
            Path(content["output"]),
        ),
    )


if __name__ == "__main__":
    main()
