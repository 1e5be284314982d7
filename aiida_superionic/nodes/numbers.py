"""The numbers and curves of a node, whichever process of ours it is, and the words by which they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from aiida import orm

from aiida_superionic.analysis.results import Curve, Scalar, Surface
from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.campaigns.query_words import called
from aiida_superionic.campaigns.wording import unknown
from aiida_superionic.data.contents import NodeError
from aiida_superionic.report.formatting import split_species

_FIRST = ("observables", "curves", "report")
_FIELDS = {field.name for field in fields(Scalar)}


@dataclass(frozen=True)
class Number:
    """One scalar, and the node that holds it."""

    name: str
    scalar: Scalar
    node: orm.Dict


def numbers_of(node: orm.Node) -> dict[str, Number]:
    """Return the scalars of a node by name: of results themselves, or of what a process put out."""
    held = [node] if isinstance(node, orm.Dict) else [one for one in _outputs(node) if isinstance(one, orm.Dict)]
    found: dict[str, Number] = {}
    for results in held:
        entries = results.get_dict()
        if entries and all(
            isinstance(entry, dict) and {"value", "error", "unit"} <= entry.keys() <= _FIELDS
            for entry in entries.values()
        ):
            for name, entry in entries.items():
                found.setdefault(name, Number(name, Scalar(**entry), results))
    return found


def number_called(node: orm.Node, word: str) -> Number:
    """Return the scalar of a node that a word means.

    Parameters
    ----------
    node
        A process of ours, or results.
    word
        Its name (``diffusion_coefficient_Ag``), the same without the species, or the letter of papers (``D``).

    Raises
    ------
    NodeError
        If the node has none of that name, or several.
    """
    there = numbers_of(node)
    if not there:
        raise NodeError(
            f"{title_of(node)} has no quantities; name a workchain, an analysis or a training that has ended"
        )
    names = called(word, there)
    if not names:
        kinds = {split_species(name)[0] for name in there}
        raise NodeError(f"{title_of(node)}: {unknown('quantity', word, kinds)}")
    if len(names) > 1:
        raise NodeError(f"{title_of(node)} has {' and '.join(names)}; name one of them in place of {word!r}")
    return there[names[0]]


def curves_and_surfaces(node: orm.Node) -> tuple[dict[str, Curve], dict[str, Surface]]:
    """Return the curves and the surfaces of a node, by name."""
    curves: dict[str, Curve] = {}
    surfaces: dict[str, Surface] = {}
    for one in [node] if isinstance(node, orm.ArrayData) else _outputs(node):
        if isinstance(one, orm.ArrayData) and "axes" in one.base.attributes.all:
            curves = {**curves_of(one), **curves}
            surfaces = {**surfaces_of(one), **surfaces}
    return curves, surfaces


def names_of_observables(node: orm.Node) -> dict[str, list[str]]:
    """Return the names of the scalars, curves and surfaces that each observable of an analysis gave, by observable."""
    told: Mapping[str, Any] = {}
    for one in _outputs(node):
        if isinstance(one, orm.Dict):
            told = one.get_dict().get("names", {}) or told
    return {name: list(names) for name, names in told.items()}


def title_of(node: orm.Node) -> str:
    """Return what a node is and its pk: ``TransportWorkChain 59``."""
    kind = node.process_label if isinstance(node, orm.ProcessNode) else type(node).__name__
    return f"{kind} {node.pk}"


def _outputs(node: orm.Node) -> Iterator[orm.Data]:
    """Yield what a process put out, what tells most first."""
    if not isinstance(node, orm.ProcessNode):
        return
    links: Iterable[Any] = node.base.links.get_outgoing(node_class=orm.Data).all()
    yield from (link.node for link in sorted(links, key=lambda link: (link.link_label not in _FIRST, link.link_label)))
