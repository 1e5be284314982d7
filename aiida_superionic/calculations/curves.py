"""Curves on the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from aiida import orm

from aiida_superionic.analysis.results import Curve


def curves_node(curves: Mapping[str, Curve]) -> orm.ArrayData:
    """Return curves as one node: arrays ``NAME__x``, ``__y`` and, where known, ``__error``; the axes an attribute."""
    node = orm.ArrayData()
    for name, curve in curves.items():
        arrays = {"x": curve.x, "y": curve.y, "error": curve.error}
        for part, array in arrays.items():
            if array is not None:
                node.set_array(f"{name}__{part}", array)
    axes = {
        name: {key: value for key, value in asdict(curve).items() if isinstance(value, str)}
        for name, curve in curves.items()
    }
    node.base.attributes.set("axes", axes)
    return node
