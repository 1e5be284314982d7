"""``query``: points from the whole graph, by what was asked for and by what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.loading import load_a_profile
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from aiida_superionic.campaigns.results import PointResult

_LONGEST = 100


@cmd_root.command("query")
@click.argument("text", required=False)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="For people, for a spreadsheet, or for a program.",
)
@click.option("--also", help="Further quantities to show, separated by commas.")
@click.option("--explain", is_flag=True, help="Print the Python that does the same, and do not run it.")
@click.option("--list", "list_", is_flag=True, help="Print the words that a query may use.")
@tells_user_errors
def cmd_query(text: str | None, format_: str, also: str | None, explain: bool, list_: bool) -> None:
    """Find the points of all campaigns that fulfil TEXT.

    \b
    For example:
      aiida-superionic query "D > 1e-6 cm^2/s and temperature < 600 K and constraint = RC"
      aiida-superionic query "state = failed and campaign in (first, second)"
    """  # noqa: D301 - click reads the escaped character as: keep the lines
    if text is None and not list_:
        raise click.UsageError("Missing argument 'TEXT', such as: \"D > 1e-6 cm^2/s and temperature < 600 K\"")
    load_a_profile()
    from rich.console import Console

    from aiida_superionic.campaigns import point_table
    from aiida_superionic.campaigns.query import compile_query

    if text is None or list_:
        Console().print(_words())
        return
    compiled = compile_query(text, [word.strip() for word in also.split(",")] if also else [])
    if explain:
        click.echo(compiled.explain(), nl=False)
        return
    points = compiled.run()
    if format_ == "csv":
        click.echo(point_table.csv_text(points, compiled.quantities), nl=False)
    elif format_ == "json":
        click.echo(point_table.json_text(points, compiled.quantities), nl=False)
    else:
        console = Console()
        if points:
            console.print(_table(points[:_LONGEST], compiled.quantities))
        shown = f"; the first {_LONGEST} are shown, --format csv has all" if len(points) > _LONGEST else ""
        console.print(f"{len(points)} points{shown}", highlight=False)


def _table(points: Sequence[PointResult], quantities: Sequence[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from aiida_superionic.campaigns.point_table import scalar_units
    from aiida_superionic.report.formatting import measurement
    from aiida_superionic.report.table import column_title, state_text

    units = scalar_units(points)
    shown = [name for name in quantities if name in units]
    table = Table("point", "state", "process", box=None)
    for name in shown:
        table.add_column(column_title(name, units[name]), justify="right", overflow="fold")
    for point in points:
        numbers = (measurement(point.scalar(name)) for name in shown)
        table.add_row(Text(point.label), Text(state_text(point)), str(point.pk), *numbers)
    return table


def _words() -> Table:
    from rich.table import Table

    from aiida_superionic.campaigns.point_table import column_title
    from aiida_superionic.campaigns.query_words import KEYS, SHORT_NAMES, quantities_on_graph

    table = Table("word", "what it is", "unit", box=None)
    for name, key in KEYS.items():
        table.add_row(name, "asked for", "" if key.unit in (None, "1") else key.unit)
    table.add_row("campaign", "the name of a campaign that has the point", "")
    table.add_row("state", "finished, running or failed; finished where a query does not say", "")
    there = quantities_on_graph()
    for short, name in SHORT_NAMES.items():
        if any(one == name or one.startswith(f"{name}_") for one in there):
            table.add_row(short, name, "")
    for name, unit in there.items():
        table.add_row(column_title(name), "computed", "" if unit == "1" else unit)
    return table
