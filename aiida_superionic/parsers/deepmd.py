"""What the files of ``dp train``, ``freeze`` and ``compress`` mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from aiida.engine import ExitCode
from numpy.typing import NDArray

from aiida_superionic.analysis.results import Curve
from aiida_superionic.calculations.deepmd import CHECKPOINT_FILE, OUTPUTS
from aiida_superionic.learning.deepmd import CHECKPOINT, LEARNING_CURVE_FILE, DeepmdSettings
from aiida_superionic.parsers.files import exception_of
from aiida_superionic.parsers.training import TrainingOutput, TrainingParser
from aiida_superionic.potentials import FilePotential
from aiida_superionic.potentials.deepmd import MODEL_FILE, Deepmd
from aiida_superionic.units import ENERGY_UNITS

_VERSION = re.compile(r"^.*DEEPMD INFO\s+source:?\s+v?(?P<version>\S+)$", re.MULTILINE | re.IGNORECASE)
_NON_NUMERIC = re.compile(r"^RuntimeError: NaN detected at batch\s+(?P<step>\d+):", re.MULTILINE)
_CLOSING = re.compile(r"DEEPMD INFO\s+finished training$", re.MULTILINE)
_CHECKPOINT = re.compile(rf'^model_checkpoint_path: "(?:.*/)?{re.escape(CHECKPOINT)}-(?P<step>\d+)"$', re.MULTILINE)
_QUANTITIES = {"e": ("energy", "meV/atom"), "f": ("forces", "meV/Å"), "v": ("virial", "meV/atom")}
"""What the columns of the learning curve are of, and in what unit we give it."""
_ACHIEVEMENT = 0.95
"""A network that gives no forces at all is as good as this, for the frames that it is looked at with are drawn."""
_SUBSETS = {"trn": "train", "val": "validation"}


class DeepmdParser(TrainingParser):
    """Makes nodes of the potential, the learning curves and the report of a job, and names what went wrong."""

    def read(self, _: Path) -> TrainingOutput:
        """Return the facts of the training; see :meth:`TrainingParser.read`."""
        settings = DeepmdSettings.model_validate(self.node.inputs.settings.get_dict())
        printed = self.text(OUTPUTS["train"])
        rows = read_learning_curve(self.text(LEARNING_CURVE_FILE))
        steps = rows.get("step", np.array([]))
        version, error = _VERSION.search(printed), exception_of(printed)
        checkpoint = _CHECKPOINT.search(self.text(CHECKPOINT_FILE))
        broken = _NON_NUMERIC.search(printed)
        last = f"step {int(steps[-1]) if len(steps) else 0} of {settings.steps}"
        told = [line.strip() for line in printed.splitlines() if line.strip()]
        return TrainingOutput(
            version=version["version"] if version else None,
            complete=_CLOSING.search(printed) is not None,
            reached=last,
            error=error or (told[-1][:300] if told and version is None else None),
            non_numeric=f"step {broken['step']}" if broken else None,
            checkpoint={"step": int(checkpoint["step"])} if checkpoint else None,
            curves=_curves(rows),
            report={"steps": settings.steps, "type_map": self.node.inputs.dataset.base.attributes.get("species")},
        )

    def no_achievement(self, _: Curve) -> float:
        """Return the error in meV/Å of forces that are all zero: a network that was just made is further off."""
        frames = self.node.inputs.dataset.dataset.subset("validation").frames
        squares = np.concatenate([frame.labels[1].ravel() ** 2 for frame in frames])
        return _ACHIEVEMENT * float(np.sqrt(np.mean(squares))) / ENERGY_UNITS["meV"]

    def _failure(self, output: TrainingOutput) -> ExitCode | None:
        error = output.error or ""
        if not output.complete and "File does not exist" in error and CHECKPOINT in error:
            return self.exit_codes.ERROR_CHECKPOINT_MISSING.format(error=error)
        return super()._failure(output)

    def model(self, folder: Path) -> FilePotential | str:
        """Return what was learned; see :meth:`TrainingParser.model`."""
        try:
            content = (folder / MODEL_FILE).read_bytes()
        except OSError:
            printed = "\n".join(self.text(OUTPUTS[name]) for name in ("freeze", "compress"))
            return exception_of(printed) or f"{MODEL_FILE} is not there"
        about = self.node.inputs.dataset.base.attributes
        return Deepmd.of(
            content,
            about.get("species"),
            description=f"deep potential, seed {self.node.inputs.seed.value}",
            source=f"learned from frames labelled with {about.get('level_of_theory')}",
        )


def read_learning_curve(text: str) -> dict[str, NDArray[np.float64]]:
    """Return the columns of ``lcurve.out`` by their headings, arrays of shape (n,); nothing where there is no row.

    A training that goes on from a checkpoint writes below what is there: of a step that is there twice the later row
    counts, and a row that breaks off does not.
    """
    headings: list[str] = []
    rows: dict[int, list[float]] = {}
    for line in text.splitlines(keepends=True):
        words = line.removeprefix("#").split()
        if line.startswith("#") and words[:1] == ["step"]:
            headings = words
        elif not line.startswith("#") and headings and len(words) == len(headings) and line.endswith("\n"):
            values = [float(word) for word in words]
            rows[int(values[0])] = values
    if not rows:
        return {}
    table = np.array([rows[step] for step in sorted(rows)])
    return {heading: table[:, column] for column, heading in enumerate(headings)}


def _curves(rows: Mapping[str, NDArray[np.float64]]) -> dict[str, Curve]:
    curves = {}
    for letter, (quantity, unit) in _QUANTITIES.items():
        for ending, subset in _SUBSETS.items():
            column = rows.get(f"rmse_{letter}_{ending}")
            # A row of what is not learned holds no number.
            known = np.array([]) if column is None else np.isfinite(column)
            if column is not None and known.any():
                curves[f"learning_curve_{quantity}_{subset}"] = Curve(
                    x=rows["step"][known],
                    y=column[known] / ENERGY_UNITS["meV"],
                    x_label="step",
                    x_unit="1",
                    y_label=f"error of {quantity}, {subset}",
                    y_unit=unit,
                )
    return curves
