"""Finding a node of ours by what a person writes."""

from __future__ import annotations

import difflib

from aiida import orm
from aiida.manage import get_manager

from aiida_superionic.campaigns.attempts import deciding_attempts
from aiida_superionic.campaigns.preparations import preparation_statuses
from aiida_superionic.campaigns.wording import quote
from aiida_superionic.data.contents import NodeError, node_of
from aiida_superionic.data.point import PointData
from aiida_superionic.data.preparation import PreparationData


def find_node(name: str | int) -> orm.Node:
    """Return the node that has a PK, UUID or label.

    Raises
    ------
    NodeError
        If there is none, or several; the message says which label is nearest.
    """
    try:
        return node_of(orm.Node, name)
    except NodeError as error:
        if str(error).startswith("several"):
            raise
    labels = orm.QueryBuilder().append(orm.Node, filters={"label": {"!==": ""}}, project="label").distinct()
    nearest = difflib.get_close_matches(str(name), labels.all(flat=True), n=1)
    right = (
        f"; did you mean {nearest[0]}?"
        if nearest
        else "; aiida-superionic query and verdi process list tell those of processes"
    )
    profile = get_manager().get_profile()
    raise NodeError(f"no node of the profile {profile.name} has the PK, UUID or label {quote(str(name))}{right}")


def attempt_at(node: orm.Node) -> orm.Node:
    """Return the process that counts where a node is a point or a preparation, else the node itself.

    Raises
    ------
    NodeError
        If it was not tried yet.
    """
    if isinstance(node, PreparationData):
        pk = preparation_statuses([node.hash])[node.hash].attempt_pk
    elif isinstance(node, PointData):
        attempt = deciding_attempts([node.pk]).get(node.pk)
        pk = None if attempt is None else attempt.pk
    else:
        return node
    if pk is None:
        raise NodeError(
            f"{type(node).__name__} {node.pk} was not run yet; submit it with: aiida-superionic campaign apply"
        )
    return orm.load_node(pk)
