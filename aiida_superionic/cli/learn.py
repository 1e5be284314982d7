"""``learn``: potentials that are trained, and what they know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.params import arguments

from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiida import orm
    from rich.table import Table


@cmd_root.group("learn")
def cmd_learn() -> None:
    """Look at potentials that learn, and at what they learned."""


@cmd_learn.command("status")
@arguments.PROCESS("process")
@tells_user_errors
def cmd_status(process: orm.ProcessNode) -> None:
    """Show each iteration of the learning loop PROCESS, which may still run."""
    from rich.console import Console

    from aiida_superionic.calculations.learning import rows_of
    from aiida_superionic.workchains.learn import LearnWorkChain

    if process.process_label != LearnWorkChain.__name__:
        raise UserError(f"{process.pk} is no learning loop: it is a {process.process_label}")
    console = Console(markup=False)
    console.print(status_table(rows_of(process)))
    console.print(time_of(process))
    state = process.exit_message or ("finished" if process.is_finished_ok else process.process_state.value)
    console.print(f"{process.process_label} {process.pk}: {state}")


@cmd_learn.command("report")
@arguments.PROCESS("process")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write.  [default: training-PK.html or benchmark-PK.html]",
)
@tells_user_errors
def cmd_report(process: orm.ProcessNode, output: Path | None) -> None:
    """Show the numbers of the training or benchmark PROCESS, and write one HTML page with its figures too."""
    from rich.console import Console

    from aiida_superionic.report import benchmark, training
    from aiida_superionic.workchains.benchmark import BenchmarkWorkChain
    from aiida_superionic.workchains.reason import reason_of
    from aiida_superionic.workchains.train import TrainWorkChain

    kinds = {TrainWorkChain.__name__: "training", BenchmarkWorkChain.__name__: "benchmark"}
    kind = kinds.get(process.process_label)
    if kind is None:
        raise UserError(f"{process.pk} is neither a training nor a benchmark: it is a {process.process_label}")
    # A benchmark that lacks a run has the results of the others.
    if not process.is_finished_ok and (kind == "training" or "observables" not in process.outputs):
        reason = reason_of(process)
        raise UserError(f"the {kind} {process.pk} has no results: {reason}")
    path = (output or Path(f"{kind}-{process.pk}.html")).absolute()
    try:
        if kind == "training":
            trained = training.read_training(process)
            training.write_training_report(path, trained)
            tables = training.training_tables(trained)
        else:
            compared = benchmark.read_benchmark(process)
            benchmark.write_benchmark_report(path, compared)
            tables = benchmark.benchmark_tables(compared)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    console = Console(markup=False)
    for table in tables:
        console.print(table)
    console.print(f"report: {path}", soft_wrap=True)


def status_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of the iterations of a loop.

    Of each the rows say, as :func:`aiida_superionic.calculations.learning.rows_of` gives them, how many frames the
    potential was trained on, the error of its forces on those for validation, and what was explored with it.
    """
    from rich.table import Column, Table

    heads = ("", "structure", "steps", "train", "F meV/Å", "explored", "accurate", "candidates", "failed", "labelled")
    columns = [Column(head, justify="left" if head == "structure" else "right", no_wrap=True) for head in heads]
    table = Table(*columns, box=None, padding=(0, 1, 0, 0))
    for row in rows:
        share = 100.0 * row["accurate"] / row["explored"]
        table.add_row(
            str(row["iteration"]),
            row["structure"],
            str(row["steps"]),
            str(row["trained_on"]),
            f"{row['force_error']:.1f}",
            str(row["explored"]),
            f"{share:.1f} %",
            *(str(row[key]) for key in ("candidates", "failed", "labelled")),
        )
    return table


def time_of(process: orm.ProcessNode) -> str:
    """Say how long a loop took, and how much of that no job was at work."""
    from aiida import orm
    from aiida.common import timezone

    ended = process.mtime if process.is_terminated else timezone.now()
    wall = (ended - process.ctime).total_seconds()
    jobs = [called for called in process.called_descendants if isinstance(called, orm.CalcJobNode)]
    busy = until = 0.0
    # What was taken from the graph ran at another time.
    new = [job.outputs.usage for job in jobs if "usage" in job.outputs and not job.base.caching.is_created_from_cache]
    for usage in sorted(new, key=lambda usage: usage["started"]):
        busy += max(0.0, usage["ended"] - max(usage["started"], until))
        until = max(until, usage["ended"])
    if not new:
        return "no job was at work: their results were on the graph"
    own = 100.0 * (1.0 - busy / wall)
    return f"{len(new)} jobs were at work for {busy:.0f} of {wall:.0f} s; the loop itself took {own:.1f} %"
