"""What the files of ``nequip-train`` and ``nequip-compile`` mean."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.analysis.results import Curve
from aiida_superionic.calculations import full_disk, usage
from aiida_superionic.calculations.nequip import COMPILATION_FILE, EARLIER_METRICS_FILE
from aiida_superionic.learning.nequip import BEST_CHECKPOINT, LAST_CHECKPOINT, METRICS_FILE, NequipSettings
from aiida_superionic.parsers.files import exception_of
from aiida_superionic.parsers.training import TrainingOutput, TrainingParser
from aiida_superionic.potentials import FilePotential
from aiida_superionic.potentials.nequip import MODEL_FILE, Nequip
from aiida_superionic.units import ENERGY_UNITS, PRESSURE_UNITS

_VERSION = re.compile(r"\[INFO\] - (?:\[rank: 0\] )?nequip (?P<version>\S+)$", re.MULTILINE)
_TRAINED = "TRAIN RUN END"
_COMPILED = "Exported model saved"
_QUANTITIES = {
    "energy": ("per_atom_energy_rmse", "meV/atom", ENERGY_UNITS["meV"]),
    "forces": ("forces_rmse", "meV/Å", ENERGY_UNITS["meV"]),
    "stress": ("stress_rmse", "GPa", PRESSURE_UNITS["GPa"]),
}
"""NequIP's name of an error, and the unit that we give it in."""
_SUBSETS = {"train": "train_metric_epoch", "validation": "val0_epoch"}
_JUDGED_BY = "val0_epoch/forces_rmse"
_AT_THE_END_OF_AN_EPOCH = "train_loss_epoch/weighted_sum"


class NequipParser(TrainingParser):
    """Makes nodes of the potential, the weights, the learning curves and the report, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **kwargs: Any) -> ExitCode | None:
        """Store what the job left, the best weights too, and return the exit code that says how it ended."""
        weights = Path(retrieved_temporary_folder or "") / BEST_CHECKPOINT
        if weights.is_file():
            self.out("weights", orm.SinglefileData(str(weights)))
        return super().parse(retrieved_temporary_folder=retrieved_temporary_folder, **kwargs)

    def read(self, folder: Path) -> TrainingOutput:
        """Return the facts of the training; see :meth:`TrainingParser.read`."""
        inputs = self.node.inputs
        settings = NequipSettings.model_validate(inputs.settings.get_dict())
        begun = inputs.start["step"] if "start" in inputs else 0
        earlier = [row for row in _rows(folder / EARLIER_METRICS_FILE) if row["step"] <= begun]
        own = _rows(folder / METRICS_FILE)
        rows = [*earlier, *own]
        judged = [row for row in rows if _JUDGED_BY in row]
        # The last checkpoint is written before the row that ends an epoch.
        saved = [int(row["step"]) for row in own if _AT_THE_END_OF_AN_EPOCH in row]
        checkpoint = max(saved, default=begun)
        broken = next((int(row["epoch"]) for row in judged if not np.isfinite(row[_JUDGED_BY])), None)
        printed = self.text(self.node.get_option("output_filename"))
        printed += self.text(self.node.get_option("scheduler_stderr"))
        version = _VERSION.search(printed)
        first = next((line.strip() for line in printed.splitlines() if line.strip()), None)
        return TrainingOutput(
            version=version["version"] if version else None,
            complete=_TRAINED in printed and self._compilation_ended(),
            reached=f"epoch {int(rows[-1]['epoch']) if rows else 0} of {settings.epochs}",
            error=exception_of(printed) or (first if version is None else None),
            non_numeric=None if broken is None else f"epoch {broken}",
            checkpoint={"step": checkpoint} if checkpoint else None,
            curves=_curves(rows),
            report=_report(judged, inputs.dataset.base.attributes.get("species")),
        )

    def model(self, folder: Path) -> FilePotential | str:
        """Return what was learned; see :meth:`TrainingParser.model`."""
        printed = self.text(COMPILATION_FILE)
        if _COMPILED not in printed or not (folder / MODEL_FILE).is_file():
            last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "it printed nothing")
            return f"nequip-compile: {exception_of(printed) or last[:500]}"
        inputs = self.node.inputs
        about = inputs.dataset.base.attributes
        return Nequip.of(
            (folder / MODEL_FILE).read_bytes(),
            about.get("species"),
            description=f"equivariant network, seed {inputs.seed.value}",
            source=f"learned from frames labelled with {about.get('level_of_theory')}",
            target=NequipSettings.model_validate(inputs.settings.get_dict()).target,
        )

    def _compilation_ended(self) -> bool:
        # The lines after it were reached, if not it itself.
        return _COMPILED in self.text(COMPILATION_FILE) or usage.parse_usage(self.text(usage.FILE)) is not None

    def _full_disk(self) -> ExitCode | None:
        told = super()._full_disk()
        if told is None and self.has(full_disk.FILE):
            return self.exit_codes.ERROR_DISK_FULL.format(error="nothing more could be written when the job ended")
        return told

    def _failure(self, output: TrainingOutput) -> ExitCode | None:
        if not output.complete and output.error and "No such file" in output.error and LAST_CHECKPOINT in output.error:
            return self.exit_codes.ERROR_CHECKPOINT_MISSING.format(error=output.error)
        return super()._failure(output)


def _rows(path: Path) -> list[dict[str, float]]:
    """Return the numbers of each row of metrics by their headings; a row that breaks off does not count.

    The metrics of several jobs are below one another, each with headings of its own.
    """
    if not path.is_file():
        return []
    headings: list[str] = []
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for words in csv.reader(line for line in file if line.endswith("\n")):
            if "step" in words:
                headings = words
            elif headings and len(words) == len(headings):
                rows.append({name: float(word) for name, word in zip(headings, words, strict=True) if word})
    return rows


def _curves(rows: list[dict[str, float]]) -> dict[str, Curve]:
    curves = {}
    for quantity, (metric, unit, factor) in _QUANTITIES.items():
        for subset, prefix in _SUBSETS.items():
            name = f"{prefix}/{metric}"
            known = [(row["step"], row[name] / factor) for row in rows if np.isfinite(row.get(name, np.nan))]
            if known:
                steps, errors = np.array(known).T
                curves[f"learning_curve_{quantity}_{subset}"] = Curve(
                    x=steps, y=errors, x_label="step", x_unit="1", y_label=f"error of {quantity}, {subset}", y_unit=unit
                )
    return curves


def _report(judged: list[dict[str, float]], species: list[str]) -> dict[str, Any]:
    """Return how long the training took, and the errors of the model, which is that of its best epoch."""
    finite = [row for row in judged if np.isfinite(row[_JUDGED_BY])]
    if not finite:
        return {"type_names": species}
    best: Mapping[str, float] = min(finite, key=lambda row: row[_JUDGED_BY])
    errors = {
        quantity: best[f"val0_epoch/{metric}"] / factor
        for quantity, (metric, _, factor) in _QUANTITIES.items()
        if f"val0_epoch/{metric}" in best
    }
    return {
        "type_names": species,
        "epochs": int(judged[-1]["epoch"]) + 1,
        "steps": int(judged[-1]["step"]) + 1,
        "best": {"epoch": int(best["epoch"]), "validation": errors},
        "units": {quantity: _QUANTITIES[quantity][1] for quantity in errors},
    }
