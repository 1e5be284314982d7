"""What missing points will cost."""

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.campaigns.estimate import estimate

MD = {"equilibration": 1.0, "production": 9.0, "timestep": 0.001}
STEPS = 10_000
ATOMS = 4 * 8  # of α-AgI 2x2x2


@pytest.fixture
def ran(store_point, store_attempt, store_job):
    """Return a function that stores a finished run that took so many CPU seconds, in two jobs."""

    def store(specification, seconds):
        attempt = store_attempt(store_point(specification), observables={})
        md = store_job(attempt, "md", kind=orm.WorkChainNode)
        for job in (store_job(md, "production"), store_job(attempt, "analyse")):
            usage = orm.Dict({"started": 0.0, "ended": 1.0, "cpu_seconds": seconds / 2.0})
            usage.base.links.add_incoming(job, LinkType.CREATE, "usage")
            usage.store()

    return store


def test_cost_is_that_of_past_runs_by_atom_and_step(specification, ran):
    for seed, seconds in enumerate([90.0, 100.0, 120.0], 1):
        ran(specification(seed, md=MD), seconds)
    twice_as_long = specification(9, md={**MD, "production": 19.0})
    larger = specification(9, md=MD, supercell=(2, 2, 4), temperature=900.0)
    found = estimate([twice_as_long, larger])
    assert found.core_hours == pytest.approx((200.0 + 200.0) / 3600.0)
    assert (found.lowest, found.highest) == pytest.approx((360.0 / 3600.0, 480.0 / 3600.0))
    assert (found.runs, found.points, found.unknown) == (3, 2, 0)


def test_runs_of_like_size_say_more(specification, ran):
    ran(specification(1, md=MD), 100.0)
    ran(specification(1, md=MD, supercell=(8, 8, 8)), 64 * 50.0)
    assert estimate([specification(2, md=MD, supercell=(8, 8, 4))]).core_hours == pytest.approx(32 * 50.0 / 3600.0)
    assert estimate([specification(2, md=MD)]).core_hours == pytest.approx(100.0 / 3600.0)
    # Of neither size, both count: the median of 100 and 50.
    between = estimate([specification(2, md=MD, supercell=(20, 20, 20))])
    assert between.core_hours == pytest.approx(1000 * 75.0 / 3600.0)
    assert between.runs == 2


@pytest.mark.parametrize("change", [{"engine": "cp2k"}, {"potential": "other"}, {"constraint": "RC"}])
def test_cost_is_unknown_where_nothing_alike_has_run(specification, ran, change):
    ran(specification(1, md=MD, **change), 100.0)
    found = estimate([specification(2, md=MD), specification(3, md=MD)])
    assert (found.core_hours, found.runs, found.points, found.unknown) == (0.0, 0, 0, 2)
    assert estimate([specification(2, md=MD, **change)]).core_hours == pytest.approx(100.0 / 3600.0)


def test_failed_runs_tell_no_cost(specification, store_point, store_attempt):
    store_attempt(store_point(specification(1, md=MD)), exit_status=401)
    assert estimate([specification(2, md=MD)]).unknown == 1
