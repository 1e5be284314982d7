"""Submit what a campaign lacks: exactly once, however often, and by however many at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiida import orm
from aiida.brokers.zeromq.broker import ZeromqBroker
from aiida.common.exceptions import NotExistent
from aiida.engine import submit
from aiida.engine.daemon.client import get_daemon_client
from aiida.engine.processes.control import revive_processes
from aiida.manage import get_manager

from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.campaigns.attempts import PointStatus, State, point_statuses
from aiida_superionic.campaigns.lock import submission_lock
from aiida_superionic.campaigns.points import PointSpecification, expand
from aiida_superionic.campaigns.spec import Campaign
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import COMPUTER, code_version
from aiida_superionic.errors import SuperionicError
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.workchains.transport import TransportWorkChain


class ApplyError(SuperionicError):
    """A campaign that cannot be submitted as things stand."""


@dataclass(frozen=True)
class Applied:
    """What one ``apply`` did."""

    submitted: int
    revived: int
    statuses: list[PointStatus]


def apply(
    campaign: Campaign,
    *,
    retry_failed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Applied:
    """Submit every point of a campaign that the graph has no running or finished attempt at.

    Under the submission lock: attempts that a killed submitter left without a task are revived, points without a
    node get one, and each point that is missing - or failed, where ``retry_failed`` says so - gets a new attempt.

    Raises
    ------
    ApplyError
        If the daemon is not running or a code is not registered.
    """
    if not get_daemon_client().is_daemon_running:
        raise ApplyError("the daemon is not running; start it with: verdi daemon start")
    codes = {name: _code(name) for name in ("lammps", "analysis")}
    specifications = expand(campaign)
    with submission_lock():
        statuses = point_statuses(specifications)
        revived = _revive(statuses)
        wanted = {State.MISSING, State.FAILED} if retry_failed else {State.MISSING}
        lacking = [status for status in statuses if status.state in wanted]
        group, _ = CampaignGroup.collection.get_or_create(campaign.campaign)
        present = [orm.load_node(status.node_pk) for status in statuses if status.node_pk is not None]
        group.add_nodes(present)
        for done, status in enumerate(lacking):
            progress(done, len(lacking))
            _submit(status, group, codes)
        progress(len(lacking), len(lacking))
    return Applied(len(lacking), revived, point_statuses(specifications))


def _code(name: str) -> orm.AbstractCode:
    try:
        return orm.load_code(f"{name}@{COMPUTER}")
    except NotExistent:
        raise ApplyError(f"no code {name}@{COMPUTER} is registered; run: aiida-superionic setup") from None


def _submit(status: PointStatus, group: CampaignGroup, codes: dict[str, orm.AbstractCode]) -> None:
    specification = status.specification
    if status.node_pk is None:
        node = PointData(json.loads(specification.canonical_json), specification.hash)
        node.label = specification.label
        node.store()
        group.add_nodes([node])
    else:
        node = orm.load_node(status.node_pk)
    builder = TransportWorkChain.get_builder_from_protocol(
        codes["lammps"],
        codes["analysis"],
        _structure(specification),
        _potential(specification.potential),
        temperature=specification.temperature,
        mobile=list(materials()[specification.material].mobile),
        seed=specification.seed,
        observables=specification.observables,
        version=code_version(codes["analysis"]),
        overrides=dict(specification.md),
    )
    builder.point = node
    builder.metadata.label = specification.label
    submit(builder)


def _structure(specification: PointSpecification) -> orm.StructureData:
    """Return the structure of a point, shared by all points that differ only in what is done with it."""
    wanted = {
        "material": {"attributes.value": specification.material},
        "supercell": {"attributes.list": list(specification.supercell)},
        "seed": {"attributes.value": specification.seed},
    }
    query = orm.QueryBuilder().append(
        orm.CalcFunctionNode,
        filters={"attributes.process_label": make_structure.__name__, "attributes.exit_status": 0},
        tag="made",
    )
    for link, filters in wanted.items():
        query.append(orm.Data, with_outgoing="made", edge_filters={"label": link}, filters=filters)
    query.append(orm.StructureData, with_incoming="made")
    structure = query.first(flat=True)
    if structure is None:
        structure = make_structure(
            orm.Str(specification.material), orm.List(list(specification.supercell)), orm.Int(specification.seed)
        )
    return structure


def _potential(name: str) -> PotentialData:
    """Return the node of a potential that ships with the package; one node for one content."""
    potential = PotentialData(potentials()[name])
    potential.label = name
    same = orm.QueryBuilder().append(PotentialData, filters={"label": name}).all(flat=True)
    node: PotentialData = next((node for node in same if node.text == potential.text), potential)
    node.store()
    return node


def _revive(statuses: Sequence[PointStatus]) -> int:
    """Give a task to attempts that have none: a submitter was killed between storing one and sending its task.

    The order matters: attempts are read before tasks, so that none is taken for lost because it began in between.
    """
    running = {status.attempt.pk for status in statuses if status.attempt and status.state is State.RUNNING}
    if not running:
        return 0
    tasks = _tasks()
    if tasks is None:
        return 0
    lost = [orm.load_node(pk) for pk in sorted(running - tasks)]
    lost = [node for node in lost if not node.is_terminated]
    revive_processes(lost)
    return len(lost)


def _tasks() -> set[int] | None:
    """Return the processes that have a task, or None where the broker cannot tell while the daemon runs."""
    broker = get_manager().get_broker()
    if not isinstance(broker, ZeromqBroker):
        return None
    # AiiDA's own listing takes tasks away from the workers that hold them, so the files are read as they lie.
    found = set()
    for path in Path(broker._storage_path / "tasks").glob("*/*.json"):
        try:
            found.add(json.loads(path.read_text())["body"]["args"]["pid"])
        except (FileNotFoundError, ValueError, KeyError):
            continue  # acknowledged while we looked
    return found
