"""Campaigns of thousands of points as they are on the graph, without running them: copies of one real attempt.

Every node and every link of the attempt that is not shared between points is copied, straight into the tables of the
database, so that profiles of SQLite and PostgreSQL hold what a real campaign would leave in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from aiida import orm
from aiida.common import timezone
from aiida.common.links import LinkType
from aiida.common.utils import batch_iter, get_new_uuid
from aiida.manage import get_manager
from aiida.orm.entities import EntityTypes
from sqlalchemy import func, select, text

from aiida_superionic.campaigns.points import PointSpecification
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.units import BOLTZMANN

POINTS_AT_ONCE = 500
MISSING, RUNNING, FAILED = 300, 100, 200
"""How many of the points are not on the graph, run, and failed; the others have finished."""
_FAILURES = (
    {"process_state": "finished", "exit_status": 401, "exit_message": "production failed: Lost atoms"},
    {"process_state": "finished", "exit_status": 401, "exit_message": "equilibration failed: no restart was written"},
    {"process_state": "killed", "process_status": "Killed through `verdi process kill`"},
    {"process_state": "excepted", "exception": "Traceback\n  in step\nOSError: no space left on device"},
)
_ACTIVATION_ENERGY = 0.1  # eV, of the diffusion coefficients that are made up
_COLUMNS = (
    "id", "node_type", "process_type", "label", "description", "attributes", "extras", "repository_metadata", "user_id",
    "dbcomputer_id",
)  # fmt: skip


@dataclass
class Template:
    """The rows of what belongs to one attempt, and the links between them and to what is shared."""

    point: int
    attempt: int
    rows: dict[int, dict[str, Any]]
    links: list[tuple[int, int, str, str]]
    unfinished: set[int] = field(default_factory=set)
    """The processes that still run while the production does."""
    not_yet: set[int] = field(default_factory=set)
    """The nodes that there are not before the production has ended."""


def template_of(attempt: orm.WorkChainNode) -> Template:
    """Return the part of the graph that belongs to one attempt at a point alone."""
    processes = [attempt, *attempt.called_descendants]
    own, links = set(), []
    for process in processes:
        own.add(process.pk)
        for link in process.base.links.get_incoming().all():
            links.append((link.node.pk, process.pk, link.link_label, link.link_type.value))
            if isinstance(link.node, orm.Data) and (link.node.creator is None or link.node.creator in processes):
                own.add(link.node.pk)
        for link in process.base.links.get_outgoing().all():
            if link.link_type in (LinkType.CREATE, LinkType.RETURN):
                links.append((process.pk, link.node.pk, link.link_label, link.link_type.value))
                own.add(link.node.pk)
    shared = {attempt.inputs.md.structure.pk, attempt.inputs.md.potential.pk}
    own -= shared | {node.pk for node in map(orm.load_node, own) if isinstance(node, orm.AbstractCode)}
    query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": list(own)}}, project=list(_COLUMNS))
    rows = {values[0]: dict(zip(_COLUMNS, values, strict=True)) for values in query.iterall()}
    (md,) = (process for process in attempt.called if isinstance(process, orm.WorkChainNode))
    production = md.base.links.get_outgoing(link_label_filter="production").one().node
    unfinished = {attempt.pk, md.pk, production.pk, *(process.pk for process in production.called)}
    later = {process.pk for process in attempt.called} - {md.pk} | unfinished
    not_yet = {target for source, target, _, kind in links if source in later and kind in ("create", "return")}
    return Template(
        attempt.inputs.point.pk, attempt.pk, rows, sorted(set(links)), unfinished, not_yet | later - unfinished
    )


def fabricate(name: str, specifications: Sequence[PointSpecification], template: Template) -> tuple[int, int]:
    """Write the points of a campaign and an attempt at nearly each; return how many nodes and links that took."""
    storage = get_manager().get_profile_storage()
    tables = {
        kind: storage._get_mapper_from_entity(kind, True)[0].local_table
        for kind in (EntityTypes.NODE, EntityTypes.LINK, EntityTypes.GROUP_NODE)
    }
    group = CampaignGroup.collection.get_or_create(name)[0]
    session = storage.get_session()
    first = [session.execute(select(func.max(table.c.id))).scalar() or 0 for table in tables.values()]
    free = [count(number + 1) for number in first]
    rng = np.random.default_rng(1)
    states = _states(len(specifications), rng)
    chosen = [pair for pair in zip(specifications, states, strict=True) if pair[1] != "missing"]
    for _, batch in batch_iter(chosen, POINTS_AT_ONCE):
        nodes: list[dict[str, Any]] = []
        links: list[dict[str, Any]] = []
        members = []
        for specification, state in batch:
            pks = {pk: next(free[0]) for pk in template.rows if state != "running" or pk not in template.not_yet}
            nodes += _nodes(specification, state, template, pks, rng)
            links += _links(template, pks, free[1])
            members.append({"id": next(free[2]), "dbgroup_id": group.pk, "dbnode_id": pks[template.point]})
        with storage.transaction():
            for table, rows in zip(tables.values(), (nodes, links, members), strict=True):
                session.connection().execute(table.insert(), rows)
    if session.get_bind().dialect.name == "postgresql":
        for table in tables.values():
            session.execute(select(func.setval(f"{table.name}_id_seq", select(func.max(table.c.id)).scalar_subquery())))
        session.execute(text("ANALYZE"))  # which PostgreSQL does by itself, some time later
        session.commit()
    return tuple(next(numbers) - start - 1 for numbers, start in zip(free[:2], first[:2], strict=True))


def _states(number: int, rng: np.random.Generator) -> list[str]:
    scale = number / 10_000
    rare = {"missing": MISSING, "running": RUNNING, "failed": FAILED}
    states = [state for state, wanted in rare.items() for _ in range(math.ceil(wanted * scale))]
    states += ["finished"] * (number - len(states))
    return [str(state) for state in rng.permutation(states)]


def _nodes(
    specification: PointSpecification, state: str, template: Template, pks: dict[int, int], rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    now = timezone.now()
    for old, new in pks.items():
        row = {**template.rows[old], "id": new, "uuid": get_new_uuid(), "ctime": now, "mtime": now}
        if old == template.point:
            given = {"specification": json.loads(specification.canonical_json), "hash": specification.hash}
            row |= {"attributes": given, "label": specification.label}
        elif old == template.attempt and state == "failed":
            row["attributes"] = _without_end(row["attributes"]) | _FAILURES[new % len(_FAILURES)]
        elif old in template.unfinished and state == "running":
            row["attributes"] = _without_end(row["attributes"]) | {"process_state": "waiting", "checkpoints": "there"}
        elif row["node_type"] == orm.Dict.class_node_type:
            row["attributes"] = {
                key: _varied(key, value, specification, rng) for key, value in row["attributes"].items()
            }
        yield row


def _without_end(attributes: dict[str, Any]) -> dict[str, Any]:
    ended = {"process_state", "exit_status", "exit_message", "sealed"}
    return {key: value for key, value in attributes.items() if key not in ended}


def _varied(key: str, value: Any, specification: PointSpecification, rng: np.random.Generator) -> Any:
    """Return a scalar that scatters as its error says; a diffusion coefficient follows Arrhenius."""
    if not isinstance(value, dict) or value.get("value") is None or not value.get("error"):
        return value
    centre = value["value"]
    if key.startswith("diffusion_coefficient"):
        centre *= math.exp(_ACTIVATION_ENERGY / BOLTZMANN * (1.0 / 700.0 - 1.0 / specification.temperature))
    elif key == "temperature":
        centre = specification.temperature
    return {**value, "value": float(rng.normal(centre, value["error"]))}


def _links(template: Template, pks: dict[int, int], free: Iterable[int]) -> Iterator[dict[str, Any]]:
    left_out = template.rows.keys() - pks.keys()
    for (source, target, label, kind), pk in zip(
        (link for link in template.links if not left_out & {*link[:2]}), free, strict=False
    ):
        ends = {"input_id": pks.get(source, source), "output_id": pks.get(target, target)}
        yield {"id": pk, **ends, "label": label, "type": kind}
