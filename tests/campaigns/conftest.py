"""Points and attempts as a campaign leaves them on the graph, without running anything."""

import json
from contextlib import contextmanager

import pytest
from aiida import orm
from aiida.common import timezone
from aiida.common.links import LinkType
from aiida.common.utils import get_new_uuid
from aiida.manage import get_manager
from aiida.orm.entities import EntityTypes
from sqlalchemy import event

from aiida_superionic.calculations.evaluate import level_of_theory_of
from aiida_superionic.campaigns.points import PointSpecification
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.point import PointData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.potentials import parse_potential, potentials


@pytest.fixture
def load(tmp_path):
    """Return a reader of campaign files, given as text."""

    def read(text):
        path = tmp_path / "campaign.yaml"
        path.write_text(text)
        return load_campaign(path)

    return read


@pytest.fixture
def specification():
    """Return a maker of points that differ in what is said, the seed if nothing is."""

    def make(seed=1, **changes):
        fields = {
            "material": "alpha-AgI",
            "supercell": (2, 2, 2),
            "potential": "vashishta-rahman",
            "temperature": 700.0,
            "constraint": "UC",
            "seed": seed,
            "md": {"production": 1.0},
            "observables": {"diffusion": {}},
        }
        return PointSpecification(**fields | changes)

    return make


@pytest.fixture
def store_point(aiida_profile_clean):
    def store(specification):
        return PointData(json.loads(specification.canonical_json), specification.hash).store()

    return store


@pytest.fixture
def store_attempt(aiida_profile_clean):
    """Return a maker of attempts at a stored point; a process that runs has a checkpoint unless said otherwise."""

    def store(point, state="finished", exit_status=0, observables=None, checkpoint=True, inputs=None, **attributes):
        node = orm.WorkChainNode()
        for label, data in (inputs or {}).items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_WORK, label)
        node.base.links.add_incoming(point, LinkType.INPUT_WORK, "point")
        node.store()
        if state is not None:
            node.set_process_state(state)
        if state == "finished":
            node.set_exit_status(exit_status)
        elif checkpoint:
            node.set_checkpoint("a checkpoint")
        node.base.attributes.set_many(attributes)
        if observables is not None:
            job = orm.CalcJobNode()
            job.base.links.add_incoming(node, LinkType.CALL_CALC, "analyse")
            job.store()
            result = orm.Dict(observables)
            result.base.links.add_incoming(job, LinkType.CREATE, "observables")
            result.store()
            result.base.links.add_incoming(node, LinkType.RETURN, "observables")
        return node

    return store


@pytest.fixture
def store_finished_points(aiida_profile_clean):
    """Return a maker of many finished points at once, written to the database in bulk."""

    def nodes(rows):
        defaults = {"label": "", "description": "", "extras": {}, "repository_metadata": {}, "process_type": None}
        owner = {"user_id": orm.User.collection.get_default().pk, "dbcomputer_id": None}
        now = timezone.now()
        filled = [{**defaults, **owner, "uuid": get_new_uuid(), "ctime": now, "mtime": now, **row} for row in rows]
        return storage.bulk_insert(EntityTypes.NODE, filled)

    def links(sources, targets, link, label):
        pairs = zip(sources, targets, strict=True)
        rows = [
            {"input_id": source, "output_id": target, "type": link.value, "label": label} for source, target in pairs
        ]
        storage.bulk_insert(EntityTypes.LINK, rows)

    def store(specifications, observables, usage):
        hashed = [{"specification": json.loads(one.canonical_json), "hash": one.hash} for one in specifications]
        points = nodes([{"node_type": PointData.class_node_type, "attributes": each} for each in hashed])
        ended = {"attributes": {"process_state": "finished", "exit_status": 0}}
        attempts = nodes([{"node_type": orm.WorkChainNode.class_node_type, **ended} for _ in points])
        jobs = nodes([{"node_type": orm.CalcJobNode.class_node_type, **ended} for _ in points])
        links(points, attempts, LinkType.INPUT_WORK, "point")
        links(attempts, jobs, LinkType.CALL_CALC, "analyse")
        # A real job has told its usage whole or not at all.
        outputs = {"observables": observables} | ({"usage": usage} if usage else {})
        for label, content in outputs.items():
            dicts = nodes([{"node_type": orm.Dict.class_node_type, "attributes": content} for _ in points])
            links(jobs, dicts, LinkType.CREATE, label)
            if label == "observables":
                links(attempts, dicts, LinkType.RETURN, label)
        return attempts

    storage = get_manager().get_profile_storage()
    return store


@pytest.fixture
def store_job(computer):
    """Return a maker of processes below a stored one, with the label of the call."""

    def store(caller, label, state="waiting", kind=orm.CalcJobNode, **attributes):
        node = kind(computer=computer) if kind is orm.CalcJobNode else kind()
        link = LinkType.CALL_WORK if kind is orm.WorkChainNode else LinkType.CALL_CALC
        node.base.links.add_incoming(caller, link, label)
        node.base.attributes.set_many(attributes)
        node.store()
        node.set_process_state(state)
        return node

    return store


@pytest.fixture
def queries():
    """Return a context that collects the statements that reach the database."""

    @contextmanager
    def collect():
        engine = get_manager().get_profile_storage().get_session().get_bind()
        statements = []

        def record(_connection, _cursor, statement, *_):
            statements.append(statement)

        event.listen(engine, "before_cursor_execute", record)
        try:
            yield statements
        finally:
            event.remove(engine, "before_cursor_execute", record)

    return collect


@pytest.fixture
def frames(agi, aiida_profile_clean):
    """Return a maker of datasets of α-AgI that a potential labelled."""

    def make(label="frames", subsets=("train", "validation"), level="vashishta-rahman"):
        atoms = agi((1, 1, 1))
        frames = tuple(
            Frame(
                species=tuple(atoms.get_chemical_symbols()),
                positions=atoms.positions,
                cell=atoms.cell[:],
                energy=-1.0,
                forces=0.1 * atoms.positions,
                subset=subset,
            )
            for subset in subsets
        )
        node = DatasetData(Dataset(frames, level_of_theory_of(parse_potential(potentials()[level]))))
        node.label = label
        return node.store()

    return make
