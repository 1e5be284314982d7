"""What the jobs of a campaign took."""

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.campaigns.cost import Cost, cost_of


def used(job, started, ended, cpu):
    usage = orm.Dict({"started": started, "ended": ended, "cpu_seconds": cpu})
    usage.base.links.add_incoming(job, LinkType.CREATE, "usage")
    usage.store()


def test_jobs_at_every_depth_count_once(specification, store_point, store_attempt, store_job):
    attempt = store_attempt(store_point(specification()))
    md = store_job(attempt, "md", kind=orm.WorkChainNode)
    stage = store_job(md, "production", kind=orm.WorkChainNode)
    used(store_job(stage, "iteration_01"), 100.0, 110.0, 9.0)
    used(store_job(stage, "iteration_02"), 112.0, 130.0, 17.0)
    used(store_job(attempt, "analyse"), 131.0, 140.0, 4.0)
    store_job(attempt, "killed_before_it_wrote_its_usage")
    cost = cost_of(point_statuses([specification()]))
    assert cost == Cost(jobs=3, cpu=30.0, wall=40.0)
    assert cost.load(cores=2) == pytest.approx(30.0 / 80.0)


def test_nothing_that_ended_is_no_cost(specification, store_point, store_attempt):
    assert cost_of(point_statuses([specification()])) is None
    store_attempt(store_point(specification()), "waiting")
    assert cost_of(point_statuses([specification()])) is None


def test_number_of_queries_does_not_grow_with_the_points(specification, store_finished_points, queries):
    many = [specification(seed) for seed in range(1, 1001)]
    store_finished_points(many, {}, {"started": 0.0, "ended": 2.0, "cpu_seconds": 1.5})
    statuses = point_statuses(many)
    with queries() as for_few:
        cost_of(statuses[:5])
    with queries() as for_many:
        cost = cost_of(statuses)
    assert cost == Cost(jobs=1000, cpu=1500.0, wall=2.0)
    assert 0 < len(for_many) == len(for_few)
