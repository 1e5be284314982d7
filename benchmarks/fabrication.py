"""Campaigns of thousands of points as they are on the graph, without running them: copies of one real attempt.

Every node and every link of the attempt that is not shared between points is copied, straight into the tables of the
database, so that profiles of SQLite and PostgreSQL hold what a real campaign would leave in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType
from aiida.common.utils import batch_iter, get_new_uuid
from aiida.manage import get_manager

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
NODES, LINKS, MEMBERS = "db_dbnode", "db_dblink", "db_dbgroup_dbnodes"
NODE_COLUMNS = (
    *("id", "uuid", "label", "attributes", "node_type", "process_type", "description", "ctime", "mtime"),
    *("extras", "repository_metadata", "dbcomputer_id", "user_id"),
)
LINK_COLUMNS = ("id", "input_id", "output_id", "label", "type")
MEMBER_COLUMNS = ("id", "dbgroup_id", "dbnode_id")


@dataclass
class Template:
    """What belongs to one attempt, and the links between that and to what is shared."""

    point: int
    attempt: int
    nodes: list[int]
    links: list[tuple[int, int, str, str]]
    unfinished: set[int]
    """The processes that still run while the production does."""
    not_yet: set[int]
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
    (md,) = (process for process in attempt.called if isinstance(process, orm.WorkChainNode))
    production = md.base.links.get_outgoing(link_label_filter="production").one().node
    unfinished = {attempt.pk, md.pk, production.pk, *(process.pk for process in production.called)}
    later = {process.pk for process in attempt.called} - {md.pk} | unfinished
    not_yet = {target for source, target, _, kind in links if source in later and kind in ("create", "return")}
    not_yet |= later - unfinished
    return Template(attempt.inputs.point.pk, attempt.pk, sorted(own), sorted(set(links)), unfinished, not_yet)


class Database:
    """The tables of a profile, read and written in the database's own words, which takes the least time."""

    def __init__(self) -> None:
        engine = get_manager().get_profile_storage().get_session().get_bind()
        self.is_postgresql = engine.dialect.name == "postgresql"
        self.borrowed = engine.raw_connection()
        self.connection = self.borrowed.driver_connection
        if self.is_postgresql:
            # Links of copies lead where those of the original do: to check two million of them takes longest of all.
            self.connection.execute("SET session_replication_role = replica")

    def rows(self, table: str, columns: Sequence[str], pks: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return rows as they are written."""
        cast = "::text" if self.is_postgresql else ""
        chosen = ", ".join(f"{column}{cast}" for column in columns)
        numbers = ", ".join(str(pk) for pk in pks)
        return self.connection.execute(f"SELECT {chosen} FROM {table} WHERE id IN ({numbers})").fetchall()  # noqa: S608

    def write(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows."""
        names = ", ".join(columns)
        if self.is_postgresql:
            with self.connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join("?" for _ in columns)
            self.connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608

    def last(self, table: str) -> int:
        """Return the largest id of a table."""
        return self.connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0  # noqa: S608

    def finish(self) -> None:
        """Let others see what was written."""
        if self.is_postgresql:
            for table in (NODES, LINKS, MEMBERS):
                self.connection.execute(f"SELECT setval('{table}_id_seq', {self.last(table)})")
        self.connection.commit()
        if self.is_postgresql:
            self.connection.execute("SET session_replication_role = DEFAULT")
            self.connection.commit()
            self.connection.autocommit = True
            self.connection.execute("VACUUM ANALYZE")  # which PostgreSQL does by itself, some time later
            # AiiDA takes the connection next, and wants transactions.
            self.connection.autocommit = False


def fabricate(name: str, specifications: Sequence[PointSpecification], template: Template) -> tuple[int, int]:
    """Write the points of a campaign and an attempt at nearly each; return how many nodes and links that took."""
    group = CampaignGroup.collection.get_or_create(name)[0]
    database = Database()
    rng = np.random.default_rng(1)
    states = _states(len(specifications), rng)
    rows = {int(row[0]): row for row in database.rows(NODES, NODE_COLUMNS, template.nodes)}
    free = {table: database.last(table) + 1 for table in (NODES, LINKS, MEMBERS)}
    first = dict(free)
    present = [pair for pair in zip(specifications, states, strict=True) if pair[1] != "missing"]
    for _, batch in batch_iter(present, POINTS_AT_ONCE):
        nodes: list[tuple[Any, ...]] = []
        links: list[tuple[Any, ...]] = []
        members = []
        for specification, state in batch:
            chosen = [pk for pk in template.nodes if state != "running" or pk not in template.not_yet]
            pks = dict(zip(chosen, count(free[NODES] + len(nodes))))
            nodes += _nodes(specification, state, template, rows, pks, rng)
            links += _links(template, pks, count(free[LINKS] + len(links)))
            members.append((free[MEMBERS] + len(members), group.pk, pks[template.point]))
        for table, columns, written in (
            (NODES, NODE_COLUMNS, nodes),
            (LINKS, LINK_COLUMNS, links),
            (MEMBERS, MEMBER_COLUMNS, members),
        ):
            database.write(table, columns, written)
            free[table] += len(written)
    database.finish()
    return free[NODES] - first[NODES], free[LINKS] - first[LINKS]


def _states(number: int, rng: np.random.Generator) -> list[str]:
    scale = number / 10_000
    rare = {"missing": MISSING, "running": RUNNING, "failed": FAILED}
    states = [state for state, wanted in rare.items() for _ in range(math.ceil(wanted * scale))]
    states += ["finished"] * (number - len(states))
    return [str(state) for state in rng.permutation(states)]


def _nodes(
    specification: PointSpecification,
    state: str,
    template: Template,
    rows: dict[int, tuple[Any, ...]],
    pks: dict[int, int],
    rng: np.random.Generator,
) -> Iterator[tuple[Any, ...]]:
    for old, new in pks.items():
        _, _, label, attributes, *rest = rows[old]
        if old == template.point:
            given = {"specification": json.loads(specification.canonical_json), "hash": specification.hash}
            label, attributes = specification.label, json.dumps(given)
        elif old == template.attempt and state == "failed":
            attributes = json.dumps(_without_end(attributes) | _FAILURES[new % len(_FAILURES)])
        elif old in template.unfinished and state == "running":
            running = {"process_state": "waiting", "checkpoints": "there"}
            attributes = json.dumps(_without_end(attributes) | running)
        elif '"error"' in attributes:
            scalars = json.loads(attributes)
            attributes = json.dumps({key: _varied(key, value, specification, rng) for key, value in scalars.items()})
        yield (new, get_new_uuid(), label, attributes, *rest)


def _without_end(text: str) -> dict[str, Any]:
    attributes = json.loads(text)
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


def _links(template: Template, pks: dict[int, int], free: Iterator[int]) -> Iterator[tuple[Any, ...]]:
    left_out = set(template.nodes) - pks.keys()
    for source, target, label, kind in template.links:
        if source not in left_out and target not in left_out:
            yield next(free), pks.get(source, source), pks.get(target, target), label, kind
