"""``superionic-analyse``: observables of a trajectory, as files.

This runs on compute nodes: it starts without AiiDA, ASE or Numba.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiida_superionic
from aiida_superionic.analysis.command_line import (
    BAD_INPUT,
    Parser,
    complain,
    exit_status,
    exit_with_status_of,
    read_job,
)
from aiida_superionic.analysis.needs import needs_in_words, routine_observables, unmet
from aiida_superionic.analysis.progress import shown
from aiida_superionic.analysis.registry import Observable, ParameterError, observables, suggestion
from aiida_superionic.analysis.results import NotConverged, Result
from aiida_superionic.analysis.results_files import (
    CURVES_FILE,
    FILES_FOLDER,
    RESULTS_FILE,
    without_undefined_numbers,
    write_results,
)
from aiida_superionic.analysis.trajectory_request import TrajectoryRequest, add_trajectory_options

PROGRAM = "superionic-analyse"
NOT_CONVERGED = 4

HOST_CHECK = "host_lattice"
"""The observable that is computed whether it is asked for or not, where there is a host lattice."""


@dataclass(frozen=True)
class Job:
    """What one run of the script is asked to do.

    Parameters
    ----------
    trajectory
        What is read.
    observables
        The parameters given for each observable; None for every observable that the trajectory allows.
    output
        Folder of the results.
    """

    trajectory: TrajectoryRequest
    observables: Mapping[str, Mapping[str, object]] | None
    output: Path


def main() -> None:
    """Run the command line, and exit with its status."""
    exit_with_status_of(run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    0: done; 2: the request is wrong; 3: the trajectory is missing, changed or damaged; 4: an observable has not
    converged or is only bounded, or the host lattice is not intact; the others are written. What goes wrong is one
    sentence each on the standard error, which begins with ``superionic-analyse: input:``, ``superionic-analyse:
    trajectory:`` or ``superionic-analyse: <observable>:``.
    """
    return exit_status(PROGRAM, lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.list:
        _print_list()
        return 0
    return execute(_job_from_file(Path(options.job), options) if options.job else _job_from_options(options))


def execute(job: Job) -> int:
    """Compute the observables of a job, write them, print a table, and return the exit status.

    Raises
    ------
    ParameterError
        If an observable or a parameter does not exist, or the results cannot be written.
    TrajectoryError
        If the trajectory is missing, changed or damaged.
    """
    if job.observables is not None:
        for name, given in job.observables.items():
            _observable(name).with_defaults(given)
    trajectory = job.trajectory.read()
    chosen = job.observables
    if chosen is None:
        chosen = {name: {} for name in routine_observables(trajectory)}
    elif trajectory.host:
        # A molten run gives a beautiful diffusion coefficient: the check is not to be forgotten.
        chosen = {**chosen, HOST_CHECK: chosen.get(HOST_CHECK, {})}
    results: dict[str, Result] = {}
    parameters: dict[str, dict[str, object]] = {}
    failures: dict[str, str] = {}
    refusals: dict[str, str] = {}
    for number, (name, given) in enumerate(chosen.items(), start=1):
        entry = _observable(name)
        parameters[name] = entry.with_defaults(given)
        try:
            with shown(f"observable {number} of {len(chosen)}: {name}"):
                if lacking := unmet(entry.needs, trajectory):
                    raise ParameterError(f"it needs {needs_in_words(lacking)}, which the trajectory does not hold")
                result = entry.function(trajectory, **parameters[name])
            results[name], undefined = without_undefined_numbers(result)
            if undefined:
                raise NotConverged(f"no finite number came out for {', '.join(undefined)}")
            _check_resolved(results[name])
        except (NotConverged, ParameterError) as error:
            told = failures if isinstance(error, NotConverged) else refusals
            told[name] = str(error)
            complain(PROGRAM, f"{name}: {error}")
    run = {"n_frames": trajectory.n_frames, "timestep": trajectory.timestep}
    try:
        write_results(job.output, run, results, parameters, failures, refusals)
    except OSError as error:
        raise ParameterError(f"the results cannot be written to {job.output}: {error.strerror}") from error
    print_table(results)
    written = [RESULTS_FILE, CURVES_FILE, *(f"{FILES_FOLDER}/{name}" for one in results.values() for name in one.files)]
    print(f"{', '.join(written[:-1])} and {written[-1]} written to {job.output}")
    return BAD_INPUT if refusals else NOT_CONVERGED if failures else 0


def _check_resolved(result: Result) -> None:
    bounds = [
        f"{name} < {scalar.upper_bound:.2g} {scalar.unit}"
        for name, scalar in result.scalars.items()
        if scalar.value is None and scalar.upper_bound is not None
    ]
    if bounds:
        raise NotConverged(f"the run gives an upper bound only: {', '.join(bounds)}")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROGRAM,
        description="Compute observables of a molecular-dynamics trajectory.",
        epilog="exit status: 0 done, 2 wrong request, 3 trajectory missing, changed or damaged, 4 not converged",
    )
    add_trajectory_options(parser)
    parser.add_argument("--list", action="store_true", help="list the observables and their parameters")
    parser.add_argument("--version", action="version", version=aiida_superionic.__version__)
    parser.add_argument("--job", metavar="FILE", help="read everything from a JSON file instead")
    parser.add_argument(
        "-o",
        "--observable",
        action="append",
        metavar="NAME[:KEY=VALUE,...]",
        help="compute this one (may be given again); all that the trajectory allows where it is not given",
    )
    parser.add_argument("--output", metavar="FOLDER", default=".", help="folder of the results (default: here)")
    return parser


def _job_from_options(options: argparse.Namespace) -> Job:
    if not options.trajectory:
        raise ParameterError("no trajectory is given; see superionic-analyse --help")
    return Job(
        trajectory=TrajectoryRequest.from_options(options),
        observables=dict(map(_requested, options.observable)) if options.observable else None,
        output=Path(options.output),
    )


def _requested(text: str) -> tuple[str, dict[str, object]]:
    name, _, settings = text.partition(":")
    given: dict[str, object] = {}
    # A comma inside brackets belongs to a list.
    for setting in filter(None, map(str.strip, re.split(r",(?![^\[]*\])", settings))):
        key, equals, value = setting.partition("=")
        if not equals:
            raise ParameterError(f"{text!r}: {setting!r} is no key=value")
        try:
            given[key.strip()] = json.loads(value)
        except ValueError:
            given[key.strip()] = value.strip()
    return name.strip(), given


def _job_from_file(path: Path, options: argparse.Namespace) -> Job:
    if options.trajectory or options.observable:
        raise ParameterError("--job takes the trajectory and the observables from its file; give no others")
    return read_job(
        path,
        lambda content: Job(
            TrajectoryRequest.from_job(content["trajectory"], path),
            {str(name): dict(given) for name, given in content["observables"].items()},
            Path(options.output),
        ),
    )


def _observable(name: str) -> Observable:
    entries = observables()
    if name not in entries:
        raise ParameterError(f"unknown observable {name!r}{suggestion(name, entries)}")
    return entries[name]


def _print_list() -> None:
    for entry in observables().values():
        print(f"{entry.name}: {entry.summary}")
        print(f"    {entry.equation}")
        print(f"    needs {needs_in_words(entry.needs)}")
        for parameter in entry.parameters:
            print(f"    {parameter.name} = {parameter.default}")


def print_table(results: Mapping[str, Result]) -> None:
    """Print the scalars, a line each."""
    for result in results.values():
        for name, scalar in result.scalars.items():
            if scalar.value is not None:
                number = f"{scalar.value:.4g}"
            elif scalar.upper_bound is not None:
                number = f"< {scalar.upper_bound:.2g}"
            else:
                number = "none"
            error = "" if scalar.error is None or scalar.value is None else f" ± {scalar.error:.2g}"
            print(f"{name:<48} {number}{error} {scalar.unit}")


if __name__ == "__main__":
    main()
