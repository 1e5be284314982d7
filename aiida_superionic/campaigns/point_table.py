"""Points and all of their numbers as one table, a row for each: for spreadsheets, programs and data frames."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_superionic.campaigns.results import PointResult
from aiida_superionic.errors import SuperionicError

if TYPE_CHECKING:
    import pandas as pd

_SAID = ("material", "potential", "engine", "temperature", "constraint", "seed", "ensemble")
_ENTRIES = ("error", "upper_bound", "lower_bound")
MEASURED = "measured_"
"""What an observable is called beside the key of a campaign that has its name."""
_HOW_TO_INSTALL = "pip install 'aiida-superionic[tables]'"


class MissingPackageError(SuperionicError):
    """A package that is not installed, and that only some need."""


def scalar_units(points: Sequence[PointResult]) -> dict[str, str]:
    """Return the unit of every scalar that any of the points has, by name in alphabetical order."""
    units = {name: scalar["unit"] for point in points for name, scalar in point.observables.items()}
    return dict(sorted(units.items()))


def columns(points: Sequence[PointResult], quantities: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Return the table by column: what each point was asked for, where it stands, and its numbers in full precision.

    Parameters
    ----------
    points
        The points, one row each.
    quantities
        The scalars to show; all that any of the points has if absent. Each has columns for its value, its standard
        error and its bounds; what there is not is None.
    """
    table: dict[str, list[Any]] = {"point": [point.label for point in points]}
    for key in _SAID:
        table[key] = [point.specification.get(key) for point in points]
    table |= {key: [getattr(point, key) for point in points] for key in ("state", "message", "uuid")}
    for name in scalar_units(points) if quantities is None else quantities:
        scalars = [point.observables.get(name) or {} for point in points]
        title = column_title(name)
        table[title] = [scalar.get("value") for scalar in scalars]
        table |= {f"{title} {entry}": [scalar.get(entry) for scalar in scalars] for entry in _ENTRIES}
    return table


def column_title(name: str) -> str:
    """Return the title of the column of a scalar."""
    return f"{MEASURED}{name}" if name in _SAID else name


def column_units(points: Sequence[PointResult]) -> dict[str, str]:
    """Return the units of the columns that have one."""
    return {"temperature": "K"} | {column_title(name): unit for name, unit in scalar_units(points).items()}


def csv_text(points: Sequence[PointResult], quantities: Sequence[str] | None = None) -> str:
    """Return the table as CSV, with the units in the first line."""
    table, units = columns(points, quantities), column_units(points)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([f"{name} [{units[name]}]" if name in units else name for name in table])
    writer.writerows(zip(*table.values(), strict=True))
    return stream.getvalue()


def json_text(points: Sequence[PointResult], quantities: Sequence[str] | None = None) -> str:
    """Return the points as JSON: each with its whole specification and its scalars, with value, error and unit."""
    data = [
        {
            "point": point.label,
            "specification": point.specification,
            "state": point.state,
            "message": point.message,
            "uuid": point.uuid,
            "observables": {
                name: scalar for name, scalar in point.observables.items() if quantities is None or name in quantities
            },
        }
        for point in points
    ]
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def data_frame(points: Sequence[PointResult], quantities: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the table as a data frame, with the units by column in its ``attrs["units"]``.

    Raises
    ------
    MissingPackageError
        If pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - not everybody has it
    except ModuleNotFoundError:
        raise MissingPackageError(f"pandas is not installed; run: {_HOW_TO_INSTALL}") from None
    table = columns(points, quantities)
    numbers = table.keys() - columns(points, []).keys()
    frame = pd.DataFrame(table).astype(dict.fromkeys(numbers, float))
    frame.attrs["units"] = {title: unit for title, unit in column_units(points).items() if title in table}
    return frame


def write_parquet(path: Path, points: Sequence[PointResult]) -> None:
    """Write the table with all quantities as Parquet, the unit of each column in its metadata.

    Raises
    ------
    MissingPackageError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - not everybody has it
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError:
        raise MissingPackageError(f"pyarrow is not installed; run: {_HOW_TO_INSTALL}") from None
    said, units = columns(points, []), column_units(points)
    kinds = {"seed": pa.int64(), "temperature": pa.float64()}
    fields, arrays = [], []
    for name, values in columns(points).items():
        kind = kinds.get(name, pa.string() if name in said else pa.float64())
        unit = units.get(name.partition(" ")[0])
        fields.append(pa.field(name, kind, metadata={"unit": unit} if unit else None))
        arrays.append(pa.array(values, kind))
    parquet.write_table(pa.table(arrays, schema=pa.schema(fields)), path)
