"""``show``, ``plot`` and ``trace``: single nodes, whatever they are."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.loading import load_a_profile
from aiida_superionic.cli.root import cmd_root


@cmd_root.command("show")
@click.argument("node")
@tells_user_errors
def cmd_show(node: str) -> None:
    """Show what NODE is: its PK, UUID or label.

    A workchain or a job of ours, a point, a dataset, a potential, a trajectory, a structure or a preparation. Of a
    process it is what was asked for, where it stands, and its numbers with their errors.
    """
    load_a_profile()
    from rich.console import Console

    from aiida_superionic.nodes.lookup import find_node
    from aiida_superionic.nodes.show import tables_of

    console = Console(markup=False)
    for table in tables_of(find_node(node)):
        console.print(table)


@cmd_root.command("plot")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@click.option(
    "--observable", metavar="NAME", help="What to draw: a curve, all of its kind, or all that an observable gave."
)
@click.option("--list", "list_", is_flag=True, help="List the curves that there are.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The figure: .png, .pdf or .svg.  [default: NAME.png]",
)
@tells_user_errors
def cmd_plot(nodes: tuple[str, ...], observable: str | None, list_: bool, output: Path | None) -> None:
    """Draw an observable of one or several nodes in one figure.

    NODEs are points, workchains or analyses, by their PK, UUID or label. The lines are named by what sets the nodes
    apart; bands are one standard error.
    """
    if observable is None and not list_:
        raise click.UsageError("Missing option '--observable'; --list shows what there is to draw")
    load_a_profile()
    from rich.console import Console

    from aiida_superionic.nodes.lookup import find_node
    from aiida_superionic.nodes.plot import list_of_curves, write_figure

    found = [find_node(node) for node in nodes]
    if observable is None or list_:
        Console(markup=False).print(list_of_curves(found))
        return
    path = (output or Path(f"{observable}.png")).absolute()
    write_figure(path, found, observable)
    click.echo(f"written to {path}")


@cmd_root.command("trace")
@click.argument("node")
@click.option(
    "--quantity",
    metavar="NAME",
    help="One number, such as diffusion_coefficient_Ag or D; all that there are if absent.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["tree", "json"]),
    default="tree",
    show_default=True,
    help="For people, or for a program.",
)
@tells_user_errors
def cmd_trace(node: str, quantity: str | None, format_: str) -> None:
    """Show where the numbers of NODE come from: its PK, UUID or label.

    From each step to those that made what it took: the analysis, the dynamics, the potential, the training and its
    dataset, the labels and what gave them, the runs from which the frames are, and the structure. Nodes that are alike
    are one line, and each is told once.
    """
    load_a_profile()
    from rich.console import Console

    from aiida_superionic.nodes.lookup import find_node
    from aiida_superionic.nodes.trace import trace

    found = trace(find_node(node), quantity)
    if format_ == "json":
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        Console(markup=False).print(found)
