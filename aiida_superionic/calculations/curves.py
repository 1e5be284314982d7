"""Curves and surfaces on the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from aiida import orm

from aiida_superionic.analysis.results import Curve, Surface

_PARTS = ("x", "y", "z", "error")


def curves_node(curves: Mapping[str, Curve | Surface]) -> orm.ArrayData:
    """Return curves as one node: arrays ``NAME__x``, ``__y`` and, where known, ``__error``; the axes an attribute.

    Surfaces have ``NAME__z`` too.
    """
    node = orm.ArrayData()
    for name, curve in curves.items():
        for part in _PARTS:
            if (array := getattr(curve, part, None)) is not None:
                node.set_array(f"{name}__{part}", array)
    axes = {
        name: {key: value for key, value in asdict(curve).items() if isinstance(value, str)}
        for name, curve in curves.items()
    }
    node.base.attributes.set("axes", axes)
    return node


def curves_of(node: orm.ArrayData) -> dict[str, Curve]:
    """Return the curves of an analysis by name."""
    return {name: Curve(**fields) for name, fields in _fields(node) if "z_label" not in fields}


def surfaces_of(node: orm.ArrayData) -> dict[str, Surface]:
    """Return the surfaces of an analysis by name."""
    return {name: Surface(**fields) for name, fields in _fields(node) if "z_label" in fields}


def _fields(node: orm.ArrayData) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the arrays, labels and units of each curve and surface, by the name of their field."""
    names = set(node.get_arraynames())
    for name, axes in sorted(node.base.attributes.get("axes").items()):
        keys = [key for key in _PARTS if f"{name}__{key}" in names]
        yield name, {**{key: node.get_array(f"{name}__{key}") for key in keys}, **axes}
