"""``superionic-electrons``: where the electrons of ions are, learned from Wannier centres, along any trajectory.

This runs on compute nodes: it starts without AiiDA.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiida_superionic
from aiida_superionic.analysis.command_line import Parser, exit_status, exit_with_status_of, read_job
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.settings_file import checked, read_settings
from aiida_superionic.analysis.trajectory import CENTRE
from aiida_superionic.analysis.trajectory_request import TrajectoryRequest, add_trajectory_options
from aiida_superionic.analysis.writers import WRITERS
from aiida_superionic.learning.electron_errors import UNITS, errors_of_electrons
from aiida_superionic.learning.electron_trajectory import with_learned_centres
from aiida_superionic.learning.electrons import fit_electrons
from aiida_superionic.learning.electrons_file import read_electrons, write_electrons
from aiida_superionic.learning.environments import EnvironmentBasis
from aiida_superionic.learning.model_file import ModelFileError
from aiida_superionic.learning.regression import RegressionError

PROGRAM = "superionic-electrons"
NOT_LEARNED = 4
BAD_MODEL = 5

MODEL_FILE = "electrons.npz"
REPORT_FILE = "report.json"


@dataclass(frozen=True)
class _Request:
    """What is read, which settings or which model, and where the results go."""

    trajectory: TrajectoryRequest
    output: Path
    settings: Mapping[str, Any]
    settings_from: str
    model: Path
    format: str
    every: int


def main() -> None:
    """Run the command line, and exit with its status."""
    exit_with_status_of(run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    0: done; 2: the request is wrong; 3: the trajectory is missing, changed, damaged or without centres; 4: nothing can
    be learned from it; 5: the model is no readable one. What goes wrong is one sentence on the standard error, which
    begins with ``superionic-electrons: input:``, ``trajectory:``, ``regression:`` or ``model:`` after the name.
    """
    others: Mapping[type[Exception], tuple[int, str]] = {
        RegressionError: (NOT_LEARNED, "regression"),
        ModelFileError: (BAD_MODEL, "model"),
    }
    return exit_status(PROGRAM, lambda: _run(arguments), others)


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    request = _from_file(options) if options.job else _from_options(options)
    (_fit if options.command == "fit" else _predict)(request)
    return 0


def _fit(request: _Request) -> None:
    basis = checked(EnvironmentBasis, request.settings, request.settings_from)
    trajectory = request.trajectory.read()
    model = fit_electrons(trajectory, basis)
    errors = errors_of_electrons(model, trajectory)
    report = {
        "version": aiida_superionic.__version__,
        "basis": basis.model_dump(mode="json"),
        "frames": trajectory.n_frames,
        "centres_per_ion": dict(model.centres_per_ion),
        "n_descriptors": {
            str(degree): len(one.posterior.mean)
            for of_kind in model.moments.values()
            for degree, one in of_kind.items()
        },
        "moment_error": {
            kind: {
                str(degree): {"floor": one.error.floor, "factor": one.error.factor} for degree, one in of_kind.items()
            }
            for kind, of_kind in model.moments.items()
        },
        "errors": errors,
        "units": {"moment_error": {"0": "Å^2", "1": "Å", "2": "Å^2", "3": "Å^3"}, "errors": UNITS},
    }
    try:
        request.output.mkdir(parents=True, exist_ok=True)
        write_electrons(request.output / MODEL_FILE, model)
        _write_report(request.output / REPORT_FILE, report)
    except OSError as error:
        raise ParameterError(f"the results cannot be written to {request.output}: {error.strerror}") from error
    _print_errors(errors)
    _print_end(f"{MODEL_FILE}, {REPORT_FILE} written to {request.output}")


def _predict(request: _Request) -> None:
    if request.format not in WRITERS:
        raise ParameterError(f"the format is {request.format!r} where one of {', '.join(WRITERS)} is expected")
    if request.output.exists():
        raise ParameterError(f"{request.output} is there already")
    if request.every < 1:
        raise ParameterError(f"every is {request.every} where 1 or more is expected")
    model = read_electrons(request.model)
    trajectory = request.trajectory.read().every(request.every)
    predicted, errors = with_learned_centres(trajectory, model)
    md_timestep = request.trajectory.reading["md_timestep"]
    report = {
        "version": aiida_superionic.__version__,
        "frames": predicted.n_frames,
        "kinds": predicted.kinds,
        "md_timestep": md_timestep,
        "sampling_interval": predicted.timestep,
        "predicted": errors.report,
        "units": {"md_timestep": "ps", "sampling_interval": "ps", "predicted": {"dipole_error": "D", "largest": "D"}},
    }
    try:
        kinds, spacing = [*predicted.kinds, CENTRE], round(predicted.timestep / md_timestep)
        WRITERS[request.format](request.output, predicted, kinds, spacing)
        _write_report(request.output.with_name(f"{request.output.name}.json"), report)
    except OSError as error:
        raise ParameterError(f"{request.output} cannot be written: {error.strerror or error}") from error
    for kind, one in errors.report.items():
        print(
            f"dipole of {kind}: predicted error {one['dipole_error']:.3f} D, at most {one['largest']:.3f} D;"
            f" {100.0 * one['unlike']:.1f} % of the ions in surroundings unlike all that is known"
        )
    what = f"{predicted.n_frames} frames of {len(predicted.ions)} ions and {len(predicted.centres)} centres"
    _print_end(f"{what} written to {request.output}")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROGRAM,
        description="Learn where the Wannier centres of ions are, and say it along trajectories without any.",
        epilog="exit status: 0 done, 2 wrong request, 3 trajectory missing, changed, damaged or without centres,"
        " 4 nothing learned, 5 no readable model",
    )
    parser.add_argument("--version", action="version", version=aiida_superionic.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fit = commands.add_parser("fit", help="learn from a trajectory of ions and centres")
    add_trajectory_options(fit)
    fit.add_argument("--settings", metavar="FILE", help="the descriptors, as YAML or JSON (default: a good choice)")
    fit.add_argument("--output", metavar="FOLDER", default=".", help="folder of the results (default: here)")
    predict = commands.add_parser("predict", help="give the ions of a trajectory their centres")
    add_trajectory_options(predict)
    predict.add_argument("--model", metavar="FILE", default=MODEL_FILE, help=f"of fit (default: {MODEL_FILE})")
    predict.add_argument("--to", choices=WRITERS, default="extxyz", help="the format that is written (default: extxyz)")
    predict.add_argument("--every", type=int, default=1, metavar="N", help="take one of N frames, from the first on")
    predict.add_argument("--output", metavar="FILE", help="the file that is written")
    for command in (fit, predict):
        command.add_argument("--job", metavar="FILE", help="read everything from a JSON file instead")
    return parser


def _from_options(options: argparse.Namespace) -> _Request:
    for name in ("trajectory", "output"):
        if not getattr(options, name):
            what = "TRAJECTORY" if name == "trajectory" else f"--{name}"
            raise ParameterError(f"{what} is not given; see {PROGRAM} {options.command} --help")
    settings = getattr(options, "settings", None)
    return _Request(
        trajectory=TrajectoryRequest.from_options(options),
        output=Path(options.output),
        settings=read_settings(Path(settings)) if settings else {},
        settings_from=settings or "the settings",
        model=Path(getattr(options, "model", MODEL_FILE)),
        format=getattr(options, "to", "extxyz"),
        every=getattr(options, "every", 1),
    )


def _from_file(options: argparse.Namespace) -> _Request:
    if options.trajectory:
        raise ParameterError("--job takes the trajectory and all else from its file; give no others")
    path = Path(options.job)
    return read_job(
        path,
        lambda content: _Request(
            trajectory=TrajectoryRequest.from_job(content["trajectory"], path),
            output=Path(content["output"]),
            settings=dict(content.get("settings", {})),
            settings_from=str(path),
            model=Path(content.get("model", MODEL_FILE)),
            format=str(content.get("to", "extxyz")),
            every=int(content.get("every", 1)),
        ),
    )


def _write_report(path: Path, report: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _print_errors(errors: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    columns = {
        "dipole D": ("dipole", 1.0, "{:.3f}"),
        "error D": ("dipole_error", 1.0, "{:.3f}"),
        "angle °": ("dipole_angle", 1.0, "{:.1f}"),
        "within 1σ": ("within_one_error", 100.0, "{:.1f} %"),
        "within 2σ": ("within_two_errors", 100.0, "{:.1f} %"),
        "centres °": ("centre_angle", 1.0, "{:.1f}"),
        "rotor": ("rotor_correlation", 1.0, "{:.3f}"),
    }
    print(f"{'':<15}" + "".join(f"{head:>11}" for head in ("frames", *columns)))
    for kind, of_kind in errors.items():
        for name, of_subset in of_kind.items():
            cells = [
                text.format(scale * of_subset[key]) if key in of_subset else "-"
                for key, scale, text in columns.values()
            ]
            print(f"{kind} {name:<{14 - len(kind)}}" + "".join(f"{cell:>11}" for cell in (of_subset["frames"], *cells)))


def _print_end(what: str) -> None:
    print(f"{what} by {PROGRAM} {aiida_superionic.__version__}")


if __name__ == "__main__":
    main()
