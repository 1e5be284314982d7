"""``superionic-fit``: a potential from a dataset, by Bayesian linear regression on descriptors that LAMMPS computes.

This runs on compute nodes: it starts without AiiDA.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import aiida_superionic
from aiida_superionic.analysis.command_line import Parser, exit_status, exit_with_status_of
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.settings_file import checked, read_settings
from aiida_superionic.datasets import Dataset, DatasetError
from aiida_superionic.datasets.extxyz import read_extxyz
from aiida_superionic.learning.descriptors import DescriptorError
from aiida_superionic.learning.errors import UNITS, label_errors, numbers_by_subset
from aiida_superionic.learning.fit import Fit, FitSettings, fit_pod
from aiida_superionic.learning.model_file import write_model
from aiida_superionic.learning.regression import RegressionError
from aiida_superionic.learning.reliability import share_within

PROGRAM = "superionic-fit"
BAD_DATASET = 3
NOT_LEARNED = 4
NO_DESCRIPTORS = 5

POTENTIAL_FILE = "potential.yaml"
COMMITTEE_FILE = "committee_{number}.yaml"
REPORT_FILE = "report.json"
MODEL_FILE = "model.npz"
FORCE_ERRORS_FILE = "force_errors.npy"

_NOISE_UNITS = {"energy": "eV/atom", "force": "eV/Å", "stress": "eV/Å³"}
"""Of what is learned, in the order of the posterior's noises; the last where a stress is."""


def main() -> None:
    """Run the command line, and exit with its status."""
    exit_with_status_of(run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    0: done; 2: the request is wrong; 3: the dataset is missing, damaged or not divided into subsets; 4: nothing can be
    learned from it; 5: LAMMPS does not compute the descriptors. What goes wrong is one sentence on the standard error,
    which begins with ``superionic-fit: input:``, ``dataset:``, ``regression:`` or ``lammps:`` after the name.
    """
    others: Mapping[type[Exception], tuple[int, str]] = {
        DatasetError: (BAD_DATASET, "dataset"),
        RegressionError: (NOT_LEARNED, "regression"),
        DescriptorError: (NO_DESCRIPTORS, "lammps"),
    }
    return exit_status(PROGRAM, lambda: _run(arguments), others)


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.committee < 0 or options.seed < 0:
        raise ParameterError("the size of the committee and the seed are not negative")
    dataset = read_dataset(Path(options.dataset))
    settings = _settings(Path(options.settings) if options.settings else None, dataset)
    lammps = executable(options.lammps)
    output = Path(options.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        # The working directory of a batch job is on a large disk, and /tmp often in memory.
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR") or ".") as scratch:
            rows = Path(scratch) / "descriptors"
            fit = fit_pod(dataset, settings.basis, lammps, rows, learn_stress=settings.learn_stress)
        report = _report(fit, dataset)
        texts = {POTENTIAL_FILE: fit.model.potential.text()}
        for number, member in enumerate(fit.model.committee(options.committee, options.seed)):
            texts[COMMITTEE_FILE.format(number=number)] = member.text()
        texts[REPORT_FILE] = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        for name, text in texts.items():
            (output / name).write_text(text, encoding="utf-8")
        write_model(output / MODEL_FILE, fit.model, fit.error)
        np.save(output / FORCE_ERRORS_FILE, np.concatenate(fit.force_errors))
    except OSError as error:
        raise ParameterError(f"the results cannot be written to {output}: {error.strerror}") from error
    _print_table(report)
    written = ", ".join([*texts, MODEL_FILE, FORCE_ERRORS_FILE])
    print(f"{written} written to {output} by {PROGRAM} {aiida_superionic.__version__}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROGRAM,
        description="Learn a linear potential in proper orthogonal descriptors (LAMMPS' pair_style pod) from frames.",
        epilog="exit status: 0 done, 2 wrong request, 3 dataset missing, damaged or not divided, 4 nothing learned,"
        " 5 LAMMPS failed",
    )
    parser.add_argument("dataset", metavar="DATASET", help="extended XYZ, labelled and divided into subsets")
    parser.add_argument("--version", action="version", version=aiida_superionic.__version__)
    parser.add_argument("--settings", metavar="FILE", help="the descriptors, as YAML or JSON (default: a good choice)")
    parser.add_argument("--lammps", metavar="PROGRAM", default="lmp", help="LAMMPS (default: lmp)")
    parser.add_argument("--committee", type=int, default=0, metavar="N", help="draw N potentials from the posterior")
    parser.add_argument("--seed", type=int, default=1, help="of the committee (default: 1)")
    parser.add_argument("--output", metavar="FOLDER", default=".", help="folder of the results (default: here)")
    return parser


def executable(name: str) -> Path:
    """Return where a program is.

    Raises
    ------
    ParameterError
        If there is none of this name that can be run.
    """
    found = shutil.which(name)
    if found is None:
        raise ParameterError(f"{name} is no program that can be run")
    return Path(found)


def read_dataset(path: Path) -> Dataset:
    """Return the dataset of a file of extended XYZ.

    Raises
    ------
    DatasetError
        If the file cannot be read, or its frames cannot be trusted.
    """
    try:
        return read_extxyz(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeError) as error:
        raise DatasetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error


def _settings(path: Path | None, dataset: Dataset) -> FitSettings:
    """Return what a file asks for; without one, what is good for most."""
    settings = read_settings(path) if path else {}
    return checked(FitSettings, {"species": dataset.species, **settings}, str(path or "the settings"))


def _report(fit: Fit, dataset: Dataset) -> dict[str, Any]:
    noises = fit.model.posterior.noises
    return {
        "version": aiida_superionic.__version__,
        "level_of_theory": dataset.level_of_theory,
        "basis": fit.model.basis.model_dump(mode="json"),
        "n_coefficients": fit.model.basis.n_coefficients,
        "noise": dict(zip(_NOISE_UNITS, noises, strict=False)),
        "log_evidence": fit.model.posterior.log_evidence,
        "force_error": {"floor": fit.error.floor, "factor": fit.error.factor},
        "errors": errors_of(fit, dataset),
        "units": {
            "noise": dict(list(_NOISE_UNITS.items())[: len(noises)]),
            "force_error": {"floor": "eV/Å", "factor": "1"},
            "errors": {name: UNITS[name] for name in ("energy", "forces")},
        },
    }


def errors_of(fit: Fit, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Return the errors of a fit on each subset of the dataset that it was made from.

    Returns
    -------
    dict
        For each subset that has frames: their number ``frames``; the root mean square errors of
        :func:`aiida_superionic.learning.errors.label_errors`; and the shares ``within_one_error`` and
        ``within_two_errors`` of the force components that are no further off than once and twice the predicted error.
    """
    predicted = fit.labelled(dataset.frames)
    errors = {}
    for name, numbers in numbers_by_subset(dataset).items():
        true, theirs = [dataset.frames[k] for k in numbers], [predicted[k] for k in numbers]
        mistakes = [b.labels[1] - a.labels[1] for a, b in zip(true, theirs, strict=True)]
        force_errors = [fit.force_errors[k] for k in numbers]
        errors[name] = {
            "frames": len(numbers),
            **label_errors(true, theirs),
            "within_one_error": share_within(mistakes, force_errors, 1.0).value,
            "within_two_errors": share_within(mistakes, force_errors, 2.0).value,
        }
    return errors


def _print_table(report: Mapping[str, Any]) -> None:
    kinds = ["all", *report["basis"]["species"]]
    heads = ["frames", "E meV/atom", *(f"F {kind} meV/Å" for kind in kinds), "within 1σ", "within 2σ"]
    print(f"{'':<11}" + "".join(f"{head:>15}" for head in heads))
    for name, errors in report["errors"].items():
        forces = [f"{errors['forces'][kind]:.1f}" if kind in errors["forces"] else "-" for kind in kinds]
        shares = [f"{100.0 * errors[key]:.1f} %" for key in ("within_one_error", "within_two_errors")]
        cells = [str(errors["frames"]), f"{errors['energy']:.2f}", *forces, *shares]
        print(f"{name:<11}" + "".join(f"{cell:>15}" for cell in cells))


if __name__ == "__main__":
    main()
