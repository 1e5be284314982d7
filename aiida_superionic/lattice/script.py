"""``superionic-lattice``: experiments on ions in a harmonic crystal, as files.

This runs on compute nodes: it starts without AiiDA.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiida_superionic
from aiida_superionic.analysis.command_line import Parser, complain, exit_status, exit_with_status_of
from aiida_superionic.analysis.progress import report, shown
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.results_files import CURVES_FILE, RESULTS_FILE, without_undefined_numbers, write_results
from aiida_superionic.analysis.script import print_table
from aiida_superionic.analysis.settings_file import checked, read_settings
from aiida_superionic.lattice import LatticeError, MotionError
from aiida_superionic.lattice.request import REQUESTS
from aiida_superionic.lattice.run import run as run_request

PROGRAM = "superionic-lattice"
NO_MOTION = 3
NOT_CONVERGED = 4


def main() -> None:
    """Run the command line, and exit with its status."""
    exit_with_status_of(run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    0: done; 2: the request is wrong; 3: there is no such crystal or motion, or it broke off; 4: a number is only
    bounded, or none came out. What goes wrong is one sentence on the standard error, which begins with
    ``superionic-lattice: input:``, with ``superionic-lattice: motion:`` where a motion broke off, or with
    ``superionic-lattice: model:`` where no motion can be computed of what was asked for.
    """
    # The motion first: it is a LatticeError too.
    others: Mapping[type[Exception], tuple[int, str]] = {
        MotionError: (NO_MOTION, "motion"),
        LatticeError: (NO_MOTION, "model"),
    }
    return exit_status(PROGRAM, lambda: _run(arguments), others)


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    path = Path(options.request)
    settings = read_settings(path)
    request = checked(REQUESTS[options.experiment], settings, str(path))
    failures: dict[str, str] = {}
    results = {}
    try:
        with shown(options.experiment, "step"):
            result, undefined = without_undefined_numbers(run_request(request, report))
        results[options.experiment] = result
        if undefined:
            raise NotConverged(f"no finite number came out for {', '.join(undefined)}")
        bounds = [f"{name} < {s.upper_bound:.2g} {s.unit}" for name, s in result.scalars.items() if s.upper_bound]
        if bounds:
            raise NotConverged(f"the run gives an upper bound only: {', '.join(bounds)}")
    except NotConverged as error:
        failures[options.experiment] = str(error)
        complain(PROGRAM, f"{options.experiment}: {error}")
    output = Path(options.output)
    parameters = {options.experiment: request.model_dump(mode="json")}
    try:
        write_results(output, {}, results, parameters, failures, {})
    except OSError as error:
        raise ParameterError(f"the results cannot be written to {output}: {error.strerror}") from error
    print_table(results)
    print(f"{RESULTS_FILE} and {CURVES_FILE} written to {output} by {PROGRAM} {aiida_superionic.__version__}")
    return NOT_CONVERGED if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROGRAM,
        description="Experiments on ions in a harmonic crystal that vibrates and gives way.",
        epilog="exit status: 0 done, 2 wrong request, 3 no such motion, 4 not converged",
    )
    parser.add_argument("experiment", choices=sorted(REQUESTS), help="what is done")
    parser.add_argument("request", metavar="FILE", help="the crystal, the ion and the run, as YAML or JSON")
    parser.add_argument("--version", action="version", version=aiida_superionic.__version__)
    parser.add_argument("--output", metavar="FOLDER", default=".", help="folder of the results (default: here)")
    return parser


if __name__ == "__main__":
    main()
