"""Submit what a campaign lacks: exactly once, however often, and by however many at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiida import orm
from aiida.common.exceptions import InvalidOperation
from aiida.engine import ProcessBuilder, submit
from aiida.engine.daemon.client import DaemonException

from aiida_superionic.calculations.analyse import names_that_take_the_crystal
from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.calculations.functions import make_sites, make_structure
from aiida_superionic.campaigns.attempts import IDS_PER_QUERY, PointStatus, State, point_statuses
from aiida_superionic.campaigns.keys import LATTICE_MODELS
from aiida_superionic.campaigns.lattice_spec import LatticeCampaign
from aiida_superionic.campaigns.lock import submission_lock
from aiida_superionic.campaigns.points import PointSpecification, expand
from aiida_superionic.campaigns.reconcile import (
    await_broker,
    await_delivery,
    await_workers,
    daemon_lives,
    revive,
)
from aiida_superionic.campaigns.spec import Campaign
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import code_version, registered_code
from aiida_superionic.errors import SuperionicError
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.lattice_base import LatticeBaseWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

LATTICE_CODE = "lattice"


class ApplyError(SuperionicError):
    """A campaign that cannot be submitted as things stand."""


@dataclass(frozen=True)
class Applied:
    """What one ``apply`` did."""

    submitted: int
    revived: int
    statuses: list[PointStatus]


def apply(
    campaign: Campaign | LatticeCampaign,
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
        If there is something to run and the daemon does not run or does not answer.
    EngineError
        If a code is not registered.
    """
    specifications = expand(campaign)
    with submission_lock() as assert_locked:
        statuses = point_statuses(specifications)
        wanted = {State.MISSING, State.FAILED} if retry_failed else {State.MISSING}
        lacking = [status for status in statuses if status.state in wanted]
        revived = 0
        if lacking or any(status.state is State.RUNNING for status in statuses):
            if not daemon_lives():
                raise ApplyError("the daemon is not running; start it with: verdi daemon start")
            needed = dict.fromkeys(name for specification in specifications for name in _codes_of(specification))
            codes = {name: registered_code(name) for name in needed}
            try:
                await_broker()
                revived = revive(statuses)
                _submit_all(lacking, _group(campaign.campaign, statuses), codes, assert_locked, progress)
                await_delivery()
                if await_workers():
                    await_broker()
                    revived += revive(point_statuses(specifications))
            except (InvalidOperation, DaemonException, ConnectionError, TimeoutError) as error:
                raise ApplyError(
                    f"the daemon does not answer ({error}); nothing is lost: restart it with: verdi daemon restart, and"
                    " apply once more"
                ) from error
        else:
            _group(campaign.campaign, statuses)
    return Applied(len(lacking), revived, point_statuses(specifications))


def _group(name: str, statuses: Sequence[PointStatus]) -> CampaignGroup:
    """Return the group of a campaign with all of its points that have a node."""
    group: CampaignGroup = CampaignGroup.collection.get_or_create(name)[0]
    members = orm.QueryBuilder().append(CampaignGroup, filters={"id": group.pk}, tag="group")
    members.append(PointData, with_group="group", project="id")
    absent = sorted(
        {status.node_pk for status in statuses if status.node_pk is not None} - {pk for (pk,) in members.iterall()}
    )
    for start in range(0, len(absent), IDS_PER_QUERY):
        chunk = {"id": {"in": absent[start : start + IDS_PER_QUERY]}}
        group.add_nodes(orm.QueryBuilder().append(PointData, filters=chunk).all(flat=True))
    return group


def _submit_all(
    lacking: Sequence[PointStatus],
    group: CampaignGroup,
    codes: dict[str, orm.AbstractCode],
    assert_locked: Callable[[], None],
    progress: Callable[[int, int], None],
) -> None:
    for done, status in enumerate(lacking):
        progress(done, len(lacking))
        assert_locked()
        _submit(status, group, codes)
    progress(len(lacking), len(lacking))


def _submit(status: PointStatus, group: CampaignGroup, codes: dict[str, orm.AbstractCode]) -> None:
    specification = status.specification
    if status.node_pk is None:
        node = PointData(json.loads(specification.canonical_json), specification.hash)
        node.label = specification.label
        node.store()
        group.add_nodes([node])
    else:
        node = orm.load_node(status.node_pk)
    builder = _builder(specification, codes)
    builder.point = node
    builder.metadata.label = specification.label
    submit(builder)


def _codes_of(specification: PointSpecification) -> tuple[str, ...]:
    """Return the names of the codes that an attempt at a point runs."""
    return (LATTICE_CODE,) if specification.engine in LATTICE_MODELS else (specification.engine, "analysis")


def _builder(specification: PointSpecification, codes: dict[str, orm.AbstractCode]) -> ProcessBuilder:
    return (_lattice_builder if specification.engine in LATTICE_MODELS else _dynamics_builder)(specification, codes)


def _lattice_builder(specification: PointSpecification, codes: dict[str, orm.AbstractCode]) -> ProcessBuilder:
    model = lattice_models()[specification.material]
    given = {
        **specification.md,
        "ions": int(specification.md["ions"]),
        "cells": list(specification.supercell),
        "equations": LATTICE_MODELS[specification.engine],
        "statistics": specification.statistics,
    }
    return LatticeBaseWorkChain.get_builder_from_protocol(
        codes[LATTICE_CODE],
        model.request(specification.potential).model_dump(mode="json", exclude_none=True),
        temperature=specification.temperature,
        seed=specification.seed,
        species=model.mobile,
        version=code_version(codes[LATTICE_CODE]),
        overrides=given,
    )


def _dynamics_builder(specification: PointSpecification, codes: dict[str, orm.AbstractCode]) -> ProcessBuilder:
    material = materials()[specification.material]
    structure = _structure(specification)
    return TransportWorkChain.get_builder_from_protocol(
        codes[specification.engine],
        codes["analysis"],
        structure,
        _forces(specification),
        temperature=specification.temperature,
        mobile=list(material.mobile),
        formal_charges=material.charges_of_atoms,
        seed=specification.seed,
        constraint=specification.held,
        sites=_sites(structure) if names_that_take_the_crystal(specification.observables) else None,
        ensemble=specification.ensemble,
        observables=specification.observables,
        version=code_version(codes["analysis"]),
        overrides=dict(specification.md),
    )


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
    lengths = specification.lattice_constants and list(specification.lattice_constants)
    for structure in query.all(flat=True):
        inputs = structure.creator.inputs
        if lengths == (inputs.lattice_constants.get_list() if "lattice_constants" in inputs else None):
            return structure
    return make_structure(
        orm.Str(specification.material),
        orm.List(list(specification.supercell)),
        orm.Int(specification.seed),
        **({"lattice_constants": orm.List(lengths)} if lengths else {}),
    )


def _sites(structure: orm.StructureData) -> orm.StructureData:
    """Return the sites of the mobile ions in a structure, one node for all points that share it."""
    query = orm.QueryBuilder().append(orm.StructureData, filters={"id": structure.pk}, tag="structure")
    query.append(
        orm.CalcFunctionNode,
        with_incoming="structure",
        filters={"attributes.process_label": make_sites.__name__, "attributes.exit_status": 0},
        tag="made",
    )
    found = query.append(orm.StructureData, with_incoming="made").first(flat=True)
    made = structure.creator.inputs
    return found or make_sites(structure, made.material, made.supercell)


def _forces(specification: PointSpecification) -> PotentialData | LevelOfTheory:
    if specification.engine == "cp2k":
        return level_of_theory(specification.potential)
    return _potential(specification.potential)


def _potential(name: str) -> PotentialData:
    """Return the node of a potential that ships with the package; one node for one content."""
    potential = PotentialData(potentials()[name])
    potential.label = name
    same = orm.QueryBuilder().append(PotentialData, filters={"label": name}).all(flat=True)
    node: PotentialData = next((node for node in same if node.text == potential.text), potential)
    node.store()
    return node
