"""The curves of one or several nodes in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from aiida import orm
from matplotlib.figure import Figure
from rich.table import Column, Table

from aiida_superionic.analysis.results import Curve, Surface
from aiida_superionic.campaigns.results import FINISHED, Condition, PointResult
from aiida_superionic.campaigns.wording import unknown
from aiida_superionic.data.contents import NodeError
from aiida_superionic.nodes.asked import labels_of
from aiida_superionic.nodes.lookup import attempt_at
from aiida_superionic.nodes.numbers import curves_and_surfaces, names_of_observables, numbers_of, title_of
from aiida_superionic.report.curves import draw_curves, draw_surfaces
from aiida_superionic.report.figures import MOST_PANELS, style, with_unit
from aiida_superionic.report.looks import families, family_title

SUFFIXES = (".png", ".pdf", ".svg")
_DOTS_PER_INCH = 200


def figure_of(nodes: Sequence[orm.Node], observable: str) -> Figure:
    """Draw an observable of some nodes, a line for each, with a band of one standard error where it is known.

    Parameters
    ----------
    nodes
        Processes with curves, or points of a campaign.
    observable
        The name of a curve or a surface (``mean_squared_displacement_Ag``), of all that are of one kind
        (``mean_squared_displacement``), or of the observable that gave them (``diffusion``).

    Raises
    ------
    NodeError
        If a node has no curves, none of them has what is asked for, or it cannot be drawn as one figure.
    """
    conditions, gave = _read(nodes)
    curves = list(dict.fromkeys(name for condition in conditions for name in condition.curves))
    surfaces = list(dict.fromkeys(name for condition in conditions for name in condition.surfaces))
    chosen = _chosen(observable, [*curves, *surfaces], gave)
    if not chosen:
        known = {
            *curves,
            *surfaces,
            *families([*curves, *surfaces]),
            *(name for name in gave if _of(gave[name], [*curves, *surfaces])),
        }
        raise NodeError(f"{', '.join(map(title_of, nodes))}: {unknown('observable', observable, known)}")
    drawn = [name for name in chosen if name in curves] or chosen
    pairs = [
        name for name in drawn for one in conditions if name in one.curves and np.any(np.diff(one.curves[name].x) < 0.0)
    ]
    if pairs:
        raise NodeError(
            f"{pairs[0]} are pairs of numbers and no curve; aiida-superionic learn report {nodes[0].pk} draws them"
        )
    if len(drawn) > MOST_PANELS:
        raise NodeError(f"{observable} are {len(drawn)} curves, too many for a figure; name one, such as {drawn[0]}")
    return draw_curves(conditions, drawn) if drawn[0] in curves else draw_surfaces(conditions, drawn)


def write_figure(path: Path, nodes: Sequence[orm.Node], observable: str) -> Figure:
    """Write :func:`figure_of` to a file of the kind that its suffix says, and return it.

    Raises
    ------
    NodeError
        As :func:`figure_of`, and if the suffix is none of :data:`SUFFIXES` or the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise NodeError(
            f"{path.name} does not say what to draw; let it end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )
    figure = figure_of(nodes, observable)
    try:
        with style():
            figure.savefig(path, dpi=_DOTS_PER_INCH)
    except OSError as error:
        raise NodeError(f"{path} cannot be written: {error.strerror}") from None
    return figure


def list_of_curves(nodes: Sequence[orm.Node]) -> Table:
    """Return a table of the curves and surfaces of some nodes."""
    conditions, gave = _read(nodes)
    of_observable = {name: observable for observable, names in gave.items() for name in names}
    table = Table(Column("name", overflow="fold"), "observable", "what", "against", "nodes", box=None)
    everything: dict[str, Curve | Surface] = {}
    for condition in reversed(conditions):
        everything |= {**condition.surfaces, **condition.curves}
    for family, names in families(everything).items():
        for name in names:
            one = everything[name]
            axes = [with_unit(one.x_label, one.x_unit)]
            axes += [with_unit(one.y_label, one.y_unit)] if isinstance(one, Surface) else []
            having = [
                str(node.pk)
                for node, condition in zip(nodes, conditions, strict=True)
                if name in condition.curves or name in condition.surfaces
            ]
            table.add_row(
                name, of_observable.get(name, ""), family_title(family), " and ".join(axes), ", ".join(having)
            )
    return table


def _read(nodes: Sequence[orm.Node]) -> tuple[list[Condition], dict[str, list[str]]]:
    """Return the nodes as what the report draws, and the names that each observable gave in any of them."""
    attempts = [attempt_at(node) for node in nodes]
    conditions, gave = [], dict[str, list[str]]()
    for node, label in zip(attempts, labels_of(attempts) if len(nodes) > 1 else [""], strict=True):
        curves, surfaces = curves_and_surfaces(node)
        if not curves and not surfaces:
            raise NodeError(
                f"{title_of(node)} has no curves; name a workchain, an analysis or a training that has ended"
            )
        scalars = {name: number.scalar for name, number in numbers_of(node).items()}
        point = PointResult(label, {}, node.uuid, node.pk, FINISHED, "", {}, curves, {}, surfaces)
        conditions.append(Condition(label, {}, (point,), scalars, curves, surfaces))
        for observable, names in names_of_observables(node).items():
            gave.setdefault(observable, []).extend(names)
    return conditions, gave


def _chosen(word: str, names: Sequence[str], gave: dict[str, list[str]]) -> list[str]:
    if word in names:
        return [word]
    return families(names).get(word) or _of(gave.get(word, []), names)


def _of(some: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for name in names if name in some]
