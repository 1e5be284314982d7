"""Nodes that are known by their content: two people who bring the same file share one."""

from __future__ import annotations

from typing import TypeVar

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm.utils.loaders import NodeEntityLoader

from aiida_superionic.errors import SuperionicError

CONTENT_EXTRA = "superionic_content"

_Node = TypeVar("_Node", bound=orm.Data)


class NodeError(SuperionicError, ValueError):
    """A node that is not there, or that is not what it is meant for."""


def node_of(kind: type[_Node], name: str | int) -> _Node:
    """Return the node of a kind that has a PK, UUID or label.

    Raises
    ------
    NodeError
        If there is none, or several.
    """
    try:
        node: _Node = NodeEntityLoader.load_entity(str(name), sub_classes=(kind,))
    except NotExistent:
        raise NodeError(f"no {kind.__name__} has the PK, UUID or label {name!r}") from None
    except MultipleObjectsError:
        raise NodeError(f"several nodes {kind.__name__} are called {name!r}; give the UUID of one") from None
    except ValueError as error:
        raise NodeError(f"{name!r} is no PK, UUID or label: {error}") from None
    return node


def stored_with(kind: type[_Node], content: str) -> _Node | None:
    """Return the first node of a kind that is known to have a content; None where there is none."""
    query = orm.QueryBuilder().append(kind, filters={f"extras.{CONTENT_EXTRA}": content}, tag="node")
    found: _Node | None = query.order_by({"node": "id"}).first(flat=True)
    return found


def remember(node: _Node, content: str, label: str = "") -> _Node:
    """Store a node if need be, and let it be found by its content; a node that has a label keeps it."""
    if label and not node.label:
        node.label = label
    node.store()
    node.base.extras.set(CONTENT_EXTRA, content)
    return node
