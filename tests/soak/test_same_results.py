"""One campaign file, one binary, one rank, the same seeds: the same numbers, bit for bit, whatever runs it."""

import json

import pytest
from laboratory import Laboratory

FILE = """\
campaign: both
computer: {computer}
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials: [vashishta-rahman]
temperatures: [650, 750]
constraints: [UC]
replicas: 2
seed: 11
md: {equilibration: 1 ps, production: 2 ps}
observables: [temperature, radial_distribution, {diffusion: {fit_start: 0.2, fit_end: 0.5}}]
"""
READ = """
import hashlib, json
from aiida_superionic.campaigns.attempts import FINISHED_STATUSES
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData

found = {}
query = orm.QueryBuilder().append(CampaignGroup, filters={"label": "both"}, tag="campaign")
query.append(PointData, with_group="campaign", tag="point", project="attributes.hash")
ended = {"attributes.exit_status": {"in": FINISHED_STATUSES}}
query.append(orm.WorkChainNode, with_incoming="point", project="*", filters=ended)
for point, node in query.iterall():
    curves = {name: node.outputs.curves.get_array(name) for name in node.outputs.curves.get_arraynames()}
    found[point] = {
        "observables": node.outputs.observables.get_dict(),
        "curves": {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in curves.items()},
        "trajectory": node.outputs.trajectory.files,
        "scheduler": node.outputs.trajectory.computer.scheduler_type,
        "storage": type(node.backend).__name__,
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory, lammps_installation):
    laboratory = Laboratory(tmp_path_factory.mktemp("laptop"))
    try:
        laboratory.run("aiida-superionic", "setup", "--slots", "2")
        laboratory.run("verdi", "daemon", "start")
        yield laboratory
        laboratory.run("verdi", "daemon", "stop")
    finally:
        laboratory.kill()


def results(laboratory):
    (laboratory.folder / "both.yaml").write_text(FILE.replace("{computer}", laboratory.computer))
    laboratory.apply("both.yaml", "--watch")
    return json.loads(laboratory.python(READ))


@pytest.mark.usefixtures("services")
def test_a_laptop_and_a_cluster_give_the_same_numbers(laptop, production):
    ours, theirs = results(laptop), results(production)
    assert ours.keys() == theirs.keys()
    assert len(ours) == 4
    where = [{(found.pop("scheduler"), found.pop("storage")) for found in one.values()} for one in (ours, theirs)]
    assert where == [{("core.direct", "SqliteDosStorage")}, {("core.slurm", "PsqlDosBackend")}]
    for point in ours.values():
        assert {"temperature"} < set(point["observables"])
        assert point["curves"]
    assert ours == theirs
