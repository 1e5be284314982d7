"""``campaign``: from a file to runs, and from the graph to tables and a page."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_superionic.cli.campaign_tables import (
    MANY,
    counted,
    estimate_in_words,
    failure_text,
    lacking_in_words,
    status_tables,
)
from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.loading import load_a_profile, statuses_of
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from aiida_superionic.campaigns.apply import Applied
    from aiida_superionic.campaigns.attempts import PointStatus

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
ALL_POINTS = click.option("--all", "all_", is_flag=True, help="Every point, however many there are.")
_REFRESH_SECONDS = 4.0
_LINE_SECONDS = 10.0
_SAME_LINE_SECONDS = 60.0
_STANDSTILL_SECONDS = 60.0
_LONGEST_LIST = 4


@cmd_root.group("campaign")
def cmd_campaign() -> None:
    """Run the study that a campaign file describes."""


@cmd_campaign.command("plan")
@FILE
@ALL_POINTS
@tells_user_errors
def cmd_plan(file: Path, all_: bool) -> None:
    """Show what FILE asks for and what the graph already holds; nothing is stored."""
    from aiida_superionic.campaigns.spec import load_campaign

    campaign = load_campaign(file)
    load_a_profile()
    from aiida_superionic.campaigns.apply import due
    from aiida_superionic.campaigns.attempts import State, point_statuses
    from aiida_superionic.campaigns.durations import too_short
    from aiida_superionic.campaigns.estimate import estimate
    from aiida_superionic.campaigns.points import expansion

    asked = expansion(campaign)
    statuses = point_statuses(asked.points)
    now = due(campaign, asked, statuses)
    console = _console()
    for table in status_tables(statuses, all_):
        console.print(table)
    click.echo(f"{len(statuses)} points: {counted(statuses)}; apply would submit {len(now.points)}")
    if now.held_back:
        click.echo(f"{now.held_back} more would wait for the limit of {campaign.study.limit}")
    for preparation in now.preparations:
        click.echo(f"apply would begin first: {preparation.label}")
    lacking = [status.specification for status in statuses if status.state in {State.MISSING, State.WAITING}]
    if lacking:
        click.echo(estimate_in_words(estimate(lacking)))
        for sentence in too_short(lacking):
            click.echo(sentence)


@cmd_campaign.command("apply")
@FILE
@click.option("--watch", is_flag=True, help="Stay and show where the points stand until all are done.")
@tells_user_errors
def cmd_apply(file: Path, watch: bool) -> None:
    """Submit what is missing from the graph; safe to repeat, to interrupt and to run twice at once."""
    _apply(file, watch)


@cmd_campaign.command("retry")
@FILE
@click.option("--failed", is_flag=True, required=True, help="Those whose attempts failed.")
@click.option("--watch", is_flag=True, help="Stay and show where the points stand until all are done.")
@tells_user_errors
def cmd_retry(file: Path, failed: bool, watch: bool) -> None:
    """Show why points of FILE failed and submit them once more, with what is missing as apply does."""
    _apply(file, watch, retry_failed=failed)


def _apply(file: Path, watch: bool, retry_failed: bool = False) -> None:
    from rich.progress import Progress

    from aiida_superionic.campaigns.spec import load_campaign

    campaign = load_campaign(file)
    load_a_profile()
    from aiida_superionic.campaigns.apply import apply
    from aiida_superionic.campaigns.durations import too_short

    console = _console()
    if retry_failed:
        console.print(failure_text(statuses_of(file), examples=None), soft_wrap=True)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("submitting", total=None)
        applied = apply(
            campaign,
            retry_failed=retry_failed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    click.echo(f"submitted {applied.submitted}, revived {applied.revived}, of {len(applied.statuses)} points")
    if applied.prepared:
        click.echo(f"began {applied.prepared} of what points wait for")
    for sentence in too_short(status.specification for status in applied.statuses if status.state == "running"):
        click.echo(sentence)
    if watch:
        _watch(file, console, top_up=lambda: apply(campaign))
    failed = sum(status.state == "failed" for status in applied.statuses)
    if failed and not watch:
        click.echo(f"{failed} points failed earlier; campaign retry {file} --failed submits them once more")


@cmd_campaign.command("schema")
@click.option("--model", help="Of campaigns of this model alone.  [default: of all]")
@tells_user_errors
def cmd_schema(model: str | None) -> None:
    """Print the JSON schema of campaign files, by which editors complete and check them."""
    import json

    from aiida_superionic.campaigns.keys import MODELS
    from aiida_superionic.campaigns.spec import campaign_schema
    from aiida_superionic.campaigns.wording import unknown

    if model is not None and model not in MODELS:
        raise UserError(unknown("model", model, MODELS))
    click.echo(json.dumps(campaign_schema(model), indent=1))


@cmd_campaign.command("status")
@FILE
@click.option("--watch", is_flag=True, help="Stay and show where the points stand until all are done.")
@click.option("--done", is_flag=True, help="Print nothing; exit with status 1 unless every point has finished.")
@ALL_POINTS
@click.pass_context
@tells_user_errors
def cmd_status(context: click.Context, file: Path, watch: bool, done: bool, all_: bool) -> None:
    """Show where the points of FILE stand: each, or of many the conditions, the failures and what runs."""
    if watch:
        _watch(file, _console())
        return
    statuses = statuses_of(file)
    if done:
        context.exit(int(any(status.state != "finished" for status in statuses)))
    console = _console()
    for table in status_tables(statuses, all_):
        console.print(table)
    _print_summary(statuses, with_cost=all_ or len(statuses) <= MANY)


@cmd_campaign.command("results")
@FILE
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="For people, for a spreadsheet, or for a program.",
)
@click.option("--all", "all_", is_flag=True, help="Every quantity, not only those with published values.")
@tells_user_errors
def cmd_results(file: Path, format_: str, all_: bool) -> None:
    """Print the numbers that FILE asked for, averaged over replicas, beside the literature's."""
    statuses = statuses_of(file)
    from aiida_superionic.campaigns.collect import collect_results
    from aiida_superionic.campaigns.coupling import couplings
    from aiida_superionic.campaigns.results import conditions
    from aiida_superionic.report import arrhenius, table
    from aiida_superionic.report.coupling import coupling_table

    found = conditions(collect_results(statuses, with_curves=False))
    rows = table.rows(found, table.quantities(found) if all_ else None)
    if format_ == "csv":
        click.echo(table.csv_text(rows), nl=False)
    elif format_ == "json":
        click.echo(table.json_text(rows), nl=False)
    else:
        console = _console()
        for results in table.quantity_tables(found) if all_ else (table.terminal_table(rows),):
            console.print(results)
        if coupled := couplings(found):
            console.print(coupling_table(coupled))
        console.print(table.temperature_table(found))
        if scans := arrhenius.scans(found):
            console.print(arrhenius.arrhenius_table(scans))
        if lacking := lacking_in_words(statuses):
            console.print(lacking, markup=False, soft_wrap=True)


@cmd_campaign.command("report")
@FILE
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write.  [default: CAMPAIGN.html]",
)
@tells_user_errors
def cmd_report(file: Path, output: Path | None) -> None:
    """Write an HTML page with the table, the figures, and what is behind each number, and one to explore the points."""
    from aiida_superionic.campaigns.spec import load_campaign

    campaign = load_campaign(file)
    statuses = statuses_of(file)
    from aiida_superionic.campaigns.results import conditions
    from aiida_superionic.report.explore import render_explore
    from aiida_superionic.report.page import write_report, write_whole
    from aiida_superionic.report.selection import collect_for_page

    path = (output or Path(f"{campaign.campaign}.html")).absolute()
    explore = path.with_name(f"{path.stem}-explore.html")
    points = collect_for_page(statuses)
    found = conditions(points)
    try:
        write_whole(explore, render_explore(campaign.campaign, found, points, report=path.name))
        write_report(path, campaign.campaign, found, points, explore=explore.name)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"report: {path}\nto sort, filter and plot: {explore}")


def _console() -> Console:
    from rich.console import Console

    return Console()


@contextmanager
def _display(console: Console) -> Iterator[Callable[[Sequence[PointStatus]], None]]:
    """Yield what shows the points: a table that is redrawn, or a line now and then where nothing can be redrawn."""
    from rich.console import Group
    from rich.live import Live

    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda statuses: live.update(Group(*status_tables(statuses)), refresh=True)
    else:
        yield _LinePrinter(console)


class _LinePrinter:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.looked = self.printed = 0.0
        self.said = ""

    def __call__(self, statuses: Sequence[PointStatus]) -> None:
        from aiida_superionic.campaigns.progress import progress_of

        now = time.monotonic()
        if now - self.looked < _LINE_SECONDS:
            return
        self.looked = now
        running = [status for status in statuses if status.state == "running"]
        doing = [", ".join(progress_of(running[:_LONGEST_LIST])) + (" ..." if len(running) > _LONGEST_LIST else "")]
        doing += dict.fromkeys(status.awaits for status in statuses if status.state == "waiting")
        said = f"{counted(statuses)}: {'; '.join(filter(None, doing))}"
        if said == self.said and now - self.printed < _SAME_LINE_SECONDS:
            return
        self.said, self.printed = said, now
        self.console.print(f"{time.strftime('%H:%M:%S')} {said}", markup=False, highlight=False, soft_wrap=True)


def _watch(file: Path, console: Console, top_up: Callable[[], Applied] | None = None) -> None:
    """Show the points until none runs; what ``top_up`` submits where some wait or are missing is awaited too."""
    statuses = statuses_of(file)
    from aiida_superionic.campaigns.apply import ApplyError
    from aiida_superionic.campaigns.attempts import point_statuses
    from aiida_superionic.campaigns.reconcile import daemon_lives

    held_back, seen, since = 0, Counter[str](), time.monotonic()
    try:
        with _display(console) as show:
            while True:
                show(statuses)
                counts = Counter(str(status.state) for status in statuses)
                changed, stands_still = counts != seen, time.monotonic() - since > _STANDSTILL_SECONDS
                # More can be submitted where something has changed, or where other campaigns hold the room. Where
                # nothing does for a while, tasks may be lost: each worker drops one when its database was restarted.
                lacking = counts["missing"] and (changed or not counts["running"])
                if top_up and (lacking or stands_still):
                    try:
                        applied = top_up()
                    except ApplyError as error:  # a busy daemon: the next look asks again
                        console.print(str(error), markup=False)
                        counts = Counter()
                    else:
                        statuses, held_back = applied.statuses, applied.held_back
                        counts = Counter(str(status.state) for status in statuses)
                if changed or stands_still:
                    since = time.monotonic()
                seen = counts
                if not held_back and not _is_busy(statuses):
                    break
                if not daemon_lives():
                    raise UserError("the daemon is not running; start it with verdi daemon start, and apply once more")
                time.sleep(_REFRESH_SECONDS)
                statuses = point_statuses([status.specification for status in statuses])
    except KeyboardInterrupt:
        click.echo("no longer watching; the daemon goes on with the runs")
        raise click.exceptions.Exit(130) from None
    _print_summary(statuses)
    for awaited in dict.fromkeys(status.awaits for status in statuses if status.state == "waiting"):
        console.print(awaited, markup=False, style="red")
    failed = sum(status.state == "failed" for status in statuses)
    if failed:
        console.print(failure_text(statuses), soft_wrap=True)
        raise UserError(f"{failed} of {len(statuses)} points failed")


def _is_busy(statuses: Sequence[PointStatus]) -> bool:
    """Return whether a point runs, or waits for what somebody is at work on."""
    from aiida_superionic.campaigns.preparations import Stage, preparation_statuses

    if any(status.state == "running" for status in statuses):
        return True
    awaited = {one for status in statuses if status.state == "waiting" for one in status.specification.preparations}
    known = preparation_statuses(awaited)
    # One that is ready by now is so since the points were looked at.
    return any(status.stage in {Stage.RUNNING, Stage.READY} for status in known.values())


def _print_summary(statuses: Sequence[PointStatus], with_cost: bool = True) -> None:
    from aiida_superionic.campaigns.cost import cost_of

    click.echo(f"{len(statuses)} points: {counted(statuses)}")
    if lacking := lacking_in_words(statuses):
        click.echo(lacking)
    cost = cost_of(statuses) if with_cost else None
    if cost is not None:
        cores = len(os.sched_getaffinity(0))
        click.echo(
            f"{cost.jobs} engine jobs: {cost.cpu:.0f} s of CPU time in the {cost.wall:.0f} s from the first start to"
            f" the last end: {cost.load(cores):.0%} of {cores} cores"
        )
