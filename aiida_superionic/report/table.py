"""The results of a campaign as rows: for the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.campaigns.coupling import Coupling
from aiida_superionic.campaigns.results import FINISHED, Condition, PointResult
from aiida_superionic.campaigns.wording import unknown
from aiida_superionic.report.formatting import heading, measurement, percent, plain, split_species, unit_label
from aiida_superionic.report.literature import Reference, literature, references

TEMPERATURE = "temperature"
_MOST_BESIDE = 4
"""Conditions beside each other on a line of a terminal of 80 columns: with more, words are broken."""
_MANY_REPLICAS = 100
_OFF = 0.05
"""Part of the temperature by which a replica of many is worth a line."""
_TRANSPORT = {
    "diffusion_coefficient",
    "conductivity",
    "haven_ratio",
    "cage_residence_time",
    "friction_coefficient",
    "jump_frequency",
    "reorientation_frequency",
}


@dataclass(frozen=True)
class Comparison:
    """A published number beside ours, and by how many per cent ours differs from it."""

    reference: Reference
    deviation: float | None
    same_potential: bool

    @property
    def text(self) -> str:
        """The published number for the terminal: ``3.3e-12 (−6 %)``, after its method where that is another."""
        number = measurement(self.reference.scalar)
        deviation = "" if self.deviation is None else f" ({percent(self.deviation)})"
        return f"{number}{deviation}" if self.same_potential else f"{self.reference.method} {number}{deviation}"


@dataclass(frozen=True)
class Cell:
    """One quantity under one condition; the scalar is None where no finished replica has it."""

    quantity: str
    scalar: Scalar | None
    n_replicas: int
    comparisons: tuple[Comparison, ...]

    @property
    def closest(self) -> Comparison | None:
        """The published number that was made with the same potential."""
        return next((comparison for comparison in self.comparisons if comparison.same_potential), None)


@dataclass(frozen=True)
class Row:
    """One condition and the quantities chosen."""

    condition: Condition
    cells: tuple[Cell, ...]


def quantities(conditions: Iterable[Condition]) -> list[str]:
    """Return the names of all scalars that any of the conditions has, in alphabetical order."""
    return sorted({name for condition in conditions for name in condition.observables})


def headline_quantities(conditions: Iterable[Condition]) -> list[str]:
    """Return the scalars that are first asked for: those published for some condition, else those of the transport.

    Where there is neither, all but the temperature.
    """
    present = quantities(conditions)
    published = [name for name in dict.fromkeys(entry.quantity for entry in literature()) if name in present]
    transport = [name for name in present if split_species(name)[0] in _TRANSPORT]
    return published or transport or [name for name in present if name != TEMPERATURE]


def rows(conditions: Sequence[Condition], columns: Sequence[str] | None = None) -> list[Row]:
    """Put the results beside published ones.

    Parameters
    ----------
    conditions
        The conditions, one row each.
    columns
        The names of the scalars; the headline quantities where not given.

    Returns
    -------
    list of Row
        In the order of the conditions and of the columns.

    Raises
    ------
    ValueError
        If no condition has one of the columns.
    """
    present = quantities(conditions)
    for name in columns or ():
        if name not in present:
            raise ValueError(unknown("quantity", name, present))
    chosen = headline_quantities(conditions) if columns is None else columns
    return [Row(condition, tuple(_cell(condition, name) for name in chosen)) for condition in conditions]


def _cell(condition: Condition, name: str) -> Cell:
    scalar = condition.observables.get(name)
    published = [] if scalar is None else references(condition.specification)
    comparisons = tuple(
        Comparison(
            reference,
            deviation=None if scalar is None else reference.deviation(scalar),
            same_potential=reference.potential == condition.specification["potential"],
        )
        for reference in published
        if reference.quantity == name
    )
    measured = [replica.scalar(name) for replica in condition.finished]
    n_replicas = sum(one is not None and (one.value, one.estimate) != (None, None) for one in measured)
    return Cell(name, scalar, n_replicas, comparisons)


def split_labels(conditions: Sequence[Condition] | Sequence[Coupling]) -> tuple[str, list[str]]:
    """Return what the labels of the conditions share, and what each has of its own: nothing for a single condition."""
    parts = [condition.label.split(" · ") for condition in conditions]
    if len({len(words) for words in parts}) > 1:
        return "", [condition.label for condition in conditions]
    columns = list(zip(*parts, strict=True))
    shared = " · ".join(column[0] for column in columns if len(set(column)) == 1)
    return shared, [
        " · ".join(w for w, column in zip(words, columns, strict=True) if len(set(column)) > 1) for words in parts
    ]


def units(conditions: Iterable[Condition]) -> dict[str, str]:
    """Return the unit of every scalar."""
    return {name: scalar.unit for condition in conditions for name, scalar in condition.observables.items()}


def column_title(name: str, unit: str) -> str:
    """Return the heading of a column of numbers: ``Friction coefficient (Ag), kg/s``."""
    label = unit_label(unit)
    return f"{heading(name)}, {label}" if label else heading(name)


def terminal_table(table: Sequence[Row]) -> Table:
    """Return the results for the terminal: value ± error, and below it what has been published.

    A narrow terminal breaks the numbers into lines; it never cuts them.
    """
    unit_of = units(row.condition for row in table)
    terminal, labels = _labelled_table("Results", [row.condition for row in table])
    terminal.caption = "mean ± standard error; below: published (deviation of ours)"
    terminal.add_column("replicas", justify="right", overflow="fold")
    for cell in table[0].cells if table else ():
        terminal.add_column(column_title(cell.quantity, unit_of[cell.quantity]), justify="right", overflow="fold")
    for row, label in zip(table, labels, strict=True):
        finished = f"{len(row.condition.finished)}/{len(row.condition.replicas)}"
        terminal.add_row(*label, finished, *(_terminal_cell(cell) for cell in row.cells))
    return terminal


def _terminal_cell(cell: Cell) -> Text:
    text = Text(measurement(cell.scalar), style="bold")
    for comparison in cell.comparisons if cell.closest is None else (cell.closest,):
        text.append(f"\n{comparison.text}", style="not bold dim")
    return text


def quantity_tables(conditions: Sequence[Condition]) -> Iterator[Table]:
    """Yield every quantity for the terminal, one to a line, with a column for each of a few conditions.

    A table leaves out what none of its conditions has measured.
    """
    shared, own = split_labels(conditions)
    unit_of = units(conditions)
    names = quantities(conditions)
    table = rows(conditions, names)
    for start in range(0, max(len(conditions), 1), _MOST_BESIDE):
        stop = start + _MOST_BESIDE
        terminal = Table(title=Text(f"Every quantity: {shared}" if shared else "Every quantity"))
        terminal.add_column("quantity", overflow="fold")
        for label in own[start:stop]:
            terminal.add_column(Text(label or "value"), justify="right", overflow="fold")
        measured = set(quantities(conditions[start:stop]))
        for index, name in enumerate(names):
            if name in measured:
                cells = (_terminal_cell(row.cells[index]) for row in table[start:stop])
                terminal.add_row(column_title(name, unit_of[name]), *cells)
        if stop >= len(conditions):
            terminal.caption = "mean ± standard error; below: published (deviation of ours)"
        yield terminal


def temperature_table(conditions: Sequence[Condition]) -> Table:
    """Return the measured temperature of every replica for the terminal, beside the one that was set.

    Of many replicas those are left out whose temperature is as it was set.
    """
    every = [(condition, replica) for condition in conditions for replica in condition.replicas]
    few = len(every) <= _MANY_REPLICAS
    shown = every if few else [pair for pair in every if _is_off(pair[1])]
    terminal, labels = _labelled_table("Measured temperatures", conditions)
    if not few:
        left_out = len(every) - len(shown)
        terminal.caption = f"{left_out} others are within {_OFF:.0%} of what was set, or have not been measured"
    for title in ("seed", "measured, K", "set, K"):
        terminal.add_column(title, justify="right", overflow="fold")
    terminal.add_column("state", overflow="fold")
    label_of = dict(zip((condition.label for condition in conditions), labels, strict=True))
    for condition, replica in shown:
        terminal.add_row(
            *label_of[condition.label],
            plain(replica.specification["seed"]),
            measurement(replica.scalar(TEMPERATURE)),
            plain(condition.specification["temperature"]),
            Text(state_text(replica)),
        )
    return terminal


def _is_off(replica: PointResult) -> bool:
    measured = replica.scalar(TEMPERATURE)
    wanted = replica.specification["temperature"]
    return measured is not None and measured.value is not None and abs(measured.value - wanted) > _OFF * wanted


def _labelled_table(title: str, conditions: Sequence[Condition]) -> tuple[Table, list[tuple[Text, ...]]]:
    """Return a table titled by what the conditions share, and the first cell of each one's rows, if it needs one."""
    shared, own = split_labels(conditions)
    terminal = Table(title=Text(f"{title}: {shared}" if shared else title))
    if not any(own):
        return terminal, [() for _ in own]
    terminal.add_column("condition", overflow="fold")
    return terminal, [(Text(label),) for label in own]


def state_text(replica: PointResult) -> str:
    """Return the state of a point and, where it failed, its exit message."""
    return replica.state if replica.state == FINISHED or not replica.message else f"{replica.state}: {replica.message}"


def csv_text(table: Sequence[Row]) -> str:
    """Return the results as CSV, in full precision.

    One row per condition; of each quantity the value, the standard error, the upper bound, the number of
    replicas, the number published for the same potential and the deviation from it in per cent. What there is not is
    left empty.
    """
    unit_of = units(row.condition for row in table)
    entries = ("error", "upper_bound", "replicas", "published", "deviation_percent")
    header = ["condition", "material", "potential", "temperature [K]", "constraint", "finished", "points"]
    for cell in table[0].cells if table else ():
        header += [f"{cell.quantity} [{unit_of[cell.quantity]}]", *(f"{cell.quantity} {entry}" for entry in entries)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for row in table:
        specification = row.condition.specification
        line: list[Any] = [row.condition.label]
        line += [specification.get(key) for key in ("material", "potential", "temperature", "constraint")]
        line += [len(row.condition.finished), len(row.condition.replicas)]
        for cell in row.cells:
            scalar, closest = cell.scalar, cell.closest
            line += [scalar.value, scalar.error, scalar.upper_bound] if scalar else [None, None, None]
            line += [cell.n_replicas, *((closest.reference.value, closest.deviation) if closest else (None, None))]
        writer.writerow(line)
    return stream.getvalue()


def json_text(table: Sequence[Row]) -> str:
    """Return the results as JSON, in full precision, with every published number and the points behind them."""
    data = [
        {
            "condition": row.condition.label,
            "specification": row.condition.specification,
            "points": [
                {
                    "label": replica.label,
                    "state": replica.state,
                    "message": replica.message,
                    "uuid": replica.uuid,
                    "pk": replica.pk,
                    "observables": {cell.quantity: replica.observables.get(cell.quantity) for cell in row.cells},
                }
                for replica in row.condition.replicas
            ],
            "observables": {
                cell.quantity: {
                    **(asdict(cell.scalar) if cell.scalar else {}),
                    "replicas": cell.n_replicas,
                    "published": [
                        comparison.reference.model_dump(exclude={"quantity", "material", "temperature"})
                        | {"deviation_percent": comparison.deviation}
                        for comparison in cell.comparisons
                    ],
                }
                for cell in row.cells
            },
        }
        for row in table
    ]
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
