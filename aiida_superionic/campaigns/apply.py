"""Submit what a campaign lacks: exactly once, however often, and by however many at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiida import orm
from aiida.common.exceptions import InvalidOperation
from aiida.engine import submit
from aiida.engine.daemon.client import DaemonException

from aiida_superionic.campaigns.attempts import ACTIVE_STATES, PointStatus, State, point_statuses
from aiida_superionic.campaigns.builders import Machine, attempt_builder, codes_of
from aiida_superionic.campaigns.execution import Resources
from aiida_superionic.campaigns.graph_structures import ensure_structure
from aiida_superionic.campaigns.keys import Study
from aiida_superionic.campaigns.lattice_spec import LatticeCampaign
from aiida_superionic.campaigns.lock import submission_lock
from aiida_superionic.campaigns.points import Expansion, expansion
from aiida_superionic.campaigns.preparation_builders import codes_of_preparation, preparation_builder
from aiida_superionic.campaigns.preparation_spec import PreparationSpecification
from aiida_superionic.campaigns.preparations import Stage, preparation_statuses
from aiida_superionic.campaigns.reconcile import (
    await_broker,
    await_delivery,
    await_workers,
    daemon_lives,
    revive,
)
from aiida_superionic.campaigns.spec import Campaign, CampaignFile
from aiida_superionic.campaigns.wording import unknown
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.contents import remember
from aiida_superionic.data.point import PointData
from aiida_superionic.data.preparation import PreparationData
from aiida_superionic.engines.registration import COMPUTER, registered_code
from aiida_superionic.errors import SuperionicError


class ApplyError(SuperionicError):
    """A campaign that cannot be submitted as things stand."""


@dataclass(frozen=True)
class Applied:
    """What one ``apply`` did.

    Parameters
    ----------
    submitted
        Attempts at points.
    revived
        Processes that a killed submitter or broker left without a task.
    statuses
        Where the points stand now.
    prepared
        Attempts at what points wait for.
    held_back
        Points that the limit lets wait.
    """

    submitted: int
    revived: int
    statuses: list[PointStatus]
    prepared: int = 0
    held_back: int = 0


@dataclass(frozen=True)
class Due:
    """What an ``apply`` would submit now.

    Parameters
    ----------
    points
        In the order of the file.
    held_back
        How many more there are that the limit lets wait.
    preparations
        What points wait for and nobody is at work on.
    """

    points: list[PointStatus]
    held_back: int
    preparations: list[PreparationSpecification]


def due(
    campaign: CampaignFile | Campaign | LatticeCampaign,
    asked: Expansion,
    statuses: Sequence[PointStatus],
    retry_failed: bool = False,
) -> Due:
    """Return what an ``apply`` would submit now.

    Parameters
    ----------
    campaign
        Whose limit counts.
    asked
        What it asks for.
    statuses
        Where its points stand.
    retry_failed
        Whether points and preparations that failed are submitted once more.
    """
    wanted = {State.MISSING, State.FAILED} if retry_failed else {State.MISSING}
    lacking = [status for status in statuses if status.state in wanted]
    limit = study_of(campaign).limit
    room = len(lacking) if limit is None else max(0, limit - running_on(study_of(campaign).computer))
    awaited = {one for status in statuses if status.state is State.WAITING for one in status.specification.preparations}
    stages = {Stage.MISSING, Stage.FAILED} if retry_failed else {Stage.MISSING}
    known = preparation_statuses(awaited)
    preparations = [asked.preparations[digest] for digest, status in known.items() if status.stage in stages]
    return Due(lacking[:room], max(0, len(lacking) - room), preparations)


def apply(
    campaign: CampaignFile | Campaign | LatticeCampaign,
    *,
    retry_failed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Applied:
    """Submit every point of a campaign that the graph has no running or finished attempt at.

    Under the submission lock: attempts that a killed submitter left without a task are revived, points without a
    node get one, and each point that is missing - or failed, where ``retry_failed`` says so - gets a new attempt, as
    far as the campaign's limit goes. What points wait for is submitted before them.

    Raises
    ------
    ApplyError
        If there is something to run and the daemon does not run or does not answer, or if the computer is not known.
    CampaignFileError
        If a file or a node that the campaign names cannot be used.
    EngineError
        If a code is not registered.
    """
    asked = expansion(campaign)
    specifications = asked.points
    with submission_lock() as assert_locked:
        statuses = point_statuses(specifications)
        now = due(campaign, asked, statuses, retry_failed)
        running = _running(statuses)
        revived = 0
        if now.points or now.preparations or running:
            if not daemon_lives():
                raise ApplyError("the daemon is not running; start it with: verdi daemon start")
            machine = _machine(study_of(campaign), now)
            _store_sources(asked)
            try:
                await_broker()
                revived = revive(running)
                for preparation in now.preparations:
                    _prepare(preparation, machine)
                _submit_all(now.points, _group(campaign.campaign, statuses), machine, assert_locked, progress)
                await_delivery()
                if await_workers():
                    await_broker()
                    revived += revive(_running(point_statuses(specifications)))
            except (InvalidOperation, DaemonException, ConnectionError, TimeoutError) as error:
                raise ApplyError(
                    f"the daemon does not answer ({error}); nothing is lost: restart it with: verdi daemon restart, and"
                    " apply once more"
                ) from error
        else:
            _group(campaign.campaign, statuses)
    return Applied(len(now.points), revived, point_statuses(specifications), len(now.preparations), now.held_back)


def study_of(campaign: CampaignFile | Campaign | LatticeCampaign) -> Campaign | LatticeCampaign:
    """Return what says where a campaign runs."""
    return campaign.study if isinstance(campaign, CampaignFile) else campaign


def running_on(computer: str) -> int:
    """Return how many attempts at points, of whatever campaign, run on a computer."""
    alive = {"attributes.process_state": {"in": list(ACTIVE_STATES)}}
    query = orm.QueryBuilder().append(PointData, tag="point")
    query.append(
        orm.WorkChainNode,
        with_incoming="point",
        edge_filters={"label": "point"},
        filters={**alive, "attributes": {"has_key": orm.ProcessNode.CHECKPOINT_KEY}},
        tag="attempt",
        project="id",
    )
    query.append(orm.InstalledCode, with_outgoing="attempt", tag="code")
    query.append(orm.Computer, with_node="code", filters={"label": computer})
    return len(set(query.all(flat=True)))


def _running(statuses: Sequence[PointStatus]) -> list[int]:
    """Return the processes that the points wait for: attempts at them, and at their preparations."""
    attempts = [status.attempt.pk for status in statuses if status.attempt and status.state is State.RUNNING]
    awaited = {one for status in statuses if status.state is State.WAITING for one in status.specification.preparations}
    known = preparation_statuses(awaited).values()
    return attempts + [
        status.attempt_pk for status in known if status.stage is Stage.RUNNING and status.attempt_pk is not None
    ]


def _machine(study: Study, now: Due) -> Machine:
    """Return the codes that are needed now, and what their jobs may take."""
    computers = orm.QueryBuilder().append(orm.Computer, project="label").all(flat=True)
    # Of this machine what is lacking is a setup, and its codes say so.
    if study.computer not in {COMPUTER, *computers}:
        raise ApplyError(unknown("computer", study.computer, computers))
    needed = [name for status in now.points for name in codes_of(status.specification)]
    needed += [name for preparation in now.preparations for name in codes_of_preparation(preparation)]
    codes = {name: registered_code(name, study.computer) for name in dict.fromkeys(needed)}
    return Machine(codes, study.resources.get(study.computer, Resources()))


def _store_sources(asked: Expansion) -> None:
    """Let the structures and potentials that a campaign brings be found by their content."""
    for crystal in asked.crystals.values():
        ensure_structure(crystal)
    for content, potential in asked.potentials.items():
        remember(potential, content)


def _prepare(specification: PreparationSpecification, machine: Machine) -> None:
    status = preparation_statuses([specification.hash])[specification.hash]
    if status.node_pk is None:
        node = PreparationData(json.loads(specification.canonical_json), specification.hash)
        node.label = specification.label
        node.store()
    else:
        node = orm.load_node(status.node_pk)
    builder = preparation_builder(specification, machine)
    builder.preparation = node
    builder.metadata.label = specification.label
    submit(builder)


def _group(name: str, statuses: Sequence[PointStatus]) -> CampaignGroup:
    """Return the group of a campaign with all of its points that have a node."""
    group: CampaignGroup = CampaignGroup.collection.get_or_create(name)[0]
    members = orm.QueryBuilder().append(CampaignGroup, filters={"id": group.pk}, tag="group")
    members.append(PointData, with_group="group", project="id")
    absent = sorted(
        {status.node_pk for status in statuses if status.node_pk is not None} - {pk for (pk,) in members.iterall()}
    )
    if absent:
        group.add_nodes(orm.QueryBuilder().append(PointData, filters={"id": {"in": absent}}).all(flat=True))
    return group


def _submit_all(
    lacking: Sequence[PointStatus],
    group: CampaignGroup,
    machine: Machine,
    assert_locked: Callable[[], None],
    progress: Callable[[int, int], None],
) -> None:
    for done, status in enumerate(lacking):
        progress(done, len(lacking))
        assert_locked()
        _submit(status, group, machine)
    progress(len(lacking), len(lacking))


def _submit(status: PointStatus, group: CampaignGroup, machine: Machine) -> None:
    specification = status.specification
    if status.node_pk is None:
        node = PointData(json.loads(specification.canonical_json), specification.hash)
        node.label = specification.label
        node.store()
        group.add_nodes([node])
    else:
        node = orm.load_node(status.node_pk)
    builder = attempt_builder(specification, machine)
    builder.point = node
    builder.metadata.label = specification.label
    submit(builder)
