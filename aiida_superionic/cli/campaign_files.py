"""``campaign export`` and ``campaign diff``: campaigns as files, and beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_superionic.cli.campaign import FILE, cmd_campaign
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.loading import statuses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from aiida_superionic.campaigns.attempts import PointStatus

ALL = click.option("--all", "all_", is_flag=True, help="Every point and number, however many there are.")
_LONGEST = 20


@cmd_campaign.command("export")
@FILE
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What to write: it ends in .aiida, .csv, .json or .parquet.  [default: CAMPAIGN.aiida]",
)
@tells_user_errors
def cmd_export(file: Path, output: Path | None) -> None:
    """Write FILE's points with all of their provenance, or every number of every point, to another file."""
    from aiida_superionic.campaigns.spec import load_campaign

    name = load_campaign(file).campaign
    statuses = statuses_of(file)
    from aiida_superionic.campaigns.export import ARCHIVE, export_campaign

    path = output or Path(f"{name}{ARCHIVE}")
    number = export_campaign(path, name, statuses)
    click.echo(f"{path}: {number} points")


@cmd_campaign.command("diff")
@click.argument("first", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("second", type=click.Path(dir_okay=False, path_type=Path), required=False)
@ALL
@tells_user_errors
def cmd_diff(first: Path, second: Path | None, all_: bool) -> None:
    """Show in what two campaign files differ, points and results, or FIRST and what the graph holds of it."""
    from rich.console import Console

    statuses = statuses_of(first)
    longest = None if all_ else _LONGEST
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if second is None:
        _against_the_graph(console, first, statuses, longest)
    else:
        _against_another(console, (first, second), (statuses, statuses_of(second)), longest)


def _against_the_graph(console: Console, file: Path, statuses: Sequence[PointStatus], longest: int | None) -> None:
    from aiida_superionic.campaigns.comparison import no_longer_asked_for
    from aiida_superionic.campaigns.spec import load_campaign

    name = load_campaign(file).campaign
    specifications = [status.specification for status in statuses]
    held = no_longer_asked_for(name, specifications)
    lacking = [status.specification.label for status in statuses if status.node_pk is None]
    _print_points(console, f"in the group {name} and not asked for by {file}", held, longest)
    _print_points(console, f"asked for by {file} and not on the graph", lacking, longest)
    console.print(f"{len(statuses) - len(lacking)} points asked for and on the graph")


def _against_another(
    console: Console,
    files: tuple[Path, Path],
    statuses: tuple[Sequence[PointStatus], Sequence[PointStatus]],
    longest: int | None,
) -> None:
    from aiida_superionic.campaigns.collect import collect_results
    from aiida_superionic.campaigns.comparison import SIGNIFICANT, differences, set_apart
    from aiida_superionic.campaigns.results import conditions
    from aiida_superionic.report.formatting import measurement, plain
    from aiida_superionic.report.table import column_title

    asked = [{status.specification.hash: status.specification.label for status in side} for side in statuses]
    for mine, theirs, file in zip(asked, reversed(asked), files, strict=True):
        own = [label for digest, label in mine.items() if digest not in theirs]
        _print_points(console, f"only in {file}", own, longest)
    console.print(f"{len(asked[0].keys() & asked[1].keys())} points in both")
    first, second = (conditions(collect_results(side, with_curves=False)) for side in statuses)
    for key, values in set_apart(first, second).items():
        console.print(f"set apart by {key}: {plain(values[0])} | {plain(values[1])}")
    compared, found = differences(first, second)
    console.print(f"{len(found)} of {compared} numbers differ by more than {SIGNIFICANT:g} standard errors")
    for one in found[:longest]:
        numbers = " | ".join(measurement(scalar) for scalar in one.scalars)
        title = column_title(one.quantity, one.scalars[0].unit)
        console.print(f"  {one.labels[0]} · {title}: {numbers}, {one.sigmas:.1f} standard errors")
    if longest is not None and len(found) > longest:
        console.print(f"  and {len(found) - longest} more; --all shows them")


def _print_points(console: Console, what: str, labels: Iterable[str], longest: int | None) -> None:
    labels = list(labels)
    console.print(f"{len(labels)} points {what}{':' if labels else ''}")
    for label in labels[:longest]:
        console.print(f"  {label}")
    if longest is not None and len(labels) > longest:
        console.print(f"  and {len(labels) - longest} more; --all shows them")
