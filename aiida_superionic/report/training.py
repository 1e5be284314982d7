"""The page of a training: its errors, figures that show them, and what is behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Column, Table

from aiida_superionic.analysis.results import Curve, Scalar
from aiida_superionic.calculations.curves import curves_of
from aiida_superionic.report.formatting import measurement, species_label, unit_label
from aiida_superionic.report.page import page, write_whole
from aiida_superionic.report.training_plots import training_plots

if TYPE_CHECKING:
    from aiida import orm

_HELD = re.compile(r"within_one_error_(.+)")
_TOLD_APART = "unseen_temperatures_told_apart"


@dataclass(frozen=True)
class Training:
    """What a training came to.

    Parameters
    ----------
    title
        Of the page.
    setup
        What was trained, and on what, in words.
    report
        Errors by subset, as :func:`aiida_superionic.calculations.training_results.summarise_training` returns them.
    observables, curves
        By name.
    provenance
        Identifiers of the nodes behind the numbers, by what they are.
    """

    title: str
    setup: tuple[tuple[str, str], ...]
    report: Mapping[str, Any]
    observables: Mapping[str, Scalar]
    curves: Mapping[str, Curve]
    provenance: tuple[tuple[str, str], ...]


def read_training(node: orm.WorkChainNode) -> Training:
    """Return what a finished ``superionic.train`` came to."""
    inputs, outputs = node.inputs, node.outputs
    report = outputs.report.get_dict()
    about = inputs.dataset.base.attributes.all
    split = ", ".join(f"{number} {subset}" for subset, number in about["split"].items() if number)
    setup = (
        ("Family", report["family"]),
        ("Committee", f"{report['committee']} members" if report["committee"] else "none"),
        ("Seed", str(inputs.seed.value)),
        ("Frames", f"{split} of {', '.join(about['formulas'])}"),
        ("Level of theory", about["level_of_theory"]),
    )
    named = ("potential", "model", "report", "observables", "curves")
    nodes = {"workchain": node, "dataset": inputs.dataset, **{name: outputs[name] for name in named if name in outputs}}
    return Training(
        title=node.label or f"Training {node.pk}",
        setup=setup,
        report=report,
        observables={name: Scalar(**entry) for name, entry in outputs.observables.get_dict().items()},
        curves=curves_of(outputs.curves),
        provenance=tuple((what, one.uuid) for what, one in nodes.items()),
    )


def write_training_report(path: Path, training: Training, *, written: datetime | None = None) -> None:
    """Write the page; a reader of the file sees the old one or the new one, never a part.

    Parameters
    ----------
    path
        The HTML file.
    training
        What the page is of.
    written
        The date on the page; now where not given.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    text = page(
        "training.html",
        training.title,
        written,
        setup=training.setup,
        error_headings=error_headings(training),
        error_rows=error_rows(training),
        held_rows=held_rows(training),
        told_apart=training.observables.get(_TOLD_APART),
        plots=training_plots(training.curves),
        provenance=training.provenance,
    )
    write_whole(path, text)


def error_headings(training: Training) -> list[str]:
    """Return the headings of the cells of :func:`error_rows`."""
    units = training.report["units"]
    heads = ["frames"]
    for what, species in _quantities(training):
        of = f" {species_label((species,))}" if species not in {"", "all"} else ""
        heads.append(f"{what}{of}, {unit_label(units[what])}")
    return heads


def error_rows(training: Training) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the table of the errors: by subset, the number of the potential and that of the committee in each cell."""
    found = []
    for subset, entry in training.report["errors"].items():
        cells = [(str(entry["frames"]), "")]
        for what, species in _quantities(training):
            number = entry.get(what)
            cells.append(_cell(number.get(species) if number and species else number))
        found.append((subset, cells))
    return found


def held_rows(training: Training) -> list[tuple[str, Scalar, Scalar]]:
    """Return by held-out frames how many force components are within once and twice their predicted error."""
    names = [match[1] for name in training.observables if (match := _HELD.fullmatch(name))]
    return [
        (
            re.sub(r"_(\d+)K$", r", \1 K", name),
            training.observables[f"within_one_error_{name}"],
            training.observables[f"within_two_errors_{name}"],
        )
        for name in names
    ]


def training_tables(training: Training) -> list[Table]:
    """Return the tables of the page for the terminal."""
    subsets = error_rows(training)
    heads = [Column(subset, justify="right") for subset, _ in subsets]
    errors = Table("", *heads, title="Root mean square errors", box=SIMPLE)
    for index, quantity in enumerate(error_headings(training)):
        cells = [of_subset[index] for _, of_subset in subsets]
        errors.add_row(quantity, *(own for own, _ in cells))
        if any(committee for _, committee in cells):
            errors.add_row("  committee", *(committee for _, committee in cells))
    tables = [errors]
    if rows := held_rows(training):
        shares = [Column(head, justify="right") for head in ("within 1σ", "within 2σ")]
        held = Table("", *shares, title="Predicted force errors", box=SIMPLE)
        for name, one, two in rows:
            held.add_row(name, *(measurement(_percent(share)) + " %" for share in (one, two)))
        told = training.observables.get(_TOLD_APART)
        if told is not None:
            held.caption = f"unseen temperatures are told apart: AUROC {measurement(told)}"
        tables.append(held)
    return tables


def _quantities(training: Training) -> list[tuple[str, str]]:
    """Return what there are errors of: its name in the report, and the species where it has some."""
    entries: Sequence[Mapping[str, Any]] = list(training.report["errors"].values())
    kinds = sorted({kind for entry in entries for kind in entry["forces"]} - {"all"})
    stress = [("stress", "")] if any("stress" in entry for entry in entries) else []
    return [("energy", ""), *(("forces", kind) for kind in ("all", *kinds)), *stress]


def _cell(number: Mapping[str, float | None] | None) -> tuple[str, str]:
    if number is None:
        return "—", ""
    if number["mean"] is None:
        return measurement(Scalar(number["potential"], None, "")), ""
    committee = measurement(Scalar(number["mean"], number["spread"], ""))
    return measurement(Scalar(number["potential"], None, "")), committee


def _percent(share: Scalar) -> Scalar:
    value, error = ((None if x is None else 100.0 * x) for x in (share.value, share.error))
    return Scalar(value, error, "%")
