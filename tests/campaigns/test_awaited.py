"""What a running attempt waits for."""

import pytest
from aiida import orm

from aiida_superionic.campaigns.awaited import Awaited, awaited


@pytest.fixture
def attempt(specification, store_point, store_attempt):
    return store_attempt(store_point(specification()), "waiting")


def test_chain_leads_from_the_attempt_to_its_job(attempt, store_job):
    md = store_job(attempt, "md", kind=orm.WorkChainNode)
    stage = store_job(md, "production", kind=orm.WorkChainNode)
    job = store_job(stage, "iteration_01")
    assert awaited([attempt.pk]) == {
        attempt.pk: [
            [
                Awaited(md.pk, "md", False),
                Awaited(stage.pk, "production", False),
                Awaited(job.pk, "iteration_01", True),
            ]
        ]
    }


def test_all_that_was_called_side_by_side_is_awaited_the_last_first(attempt, store_job):
    model = store_job(attempt, "ions__student", kind=orm.WorkChainNode)
    stage = store_job(model, "production")
    other = store_job(attempt, "ions__teacher", kind=orm.WorkChainNode)
    assert awaited([attempt.pk]) == {
        attempt.pk: [
            [Awaited(other.pk, "ions__teacher", False)],
            [Awaited(model.pk, "ions__student", False), Awaited(stage.pk, "production", True)],
        ]
    }


def test_leftover_of_a_step_that_was_done_again_is_not_awaited(attempt, store_job):
    store_job(attempt, "analyse", "created")
    again = store_job(attempt, "analyse")
    assert awaited([attempt.pk])[attempt.pk] == [[Awaited(again.pk, "analyse", True)]]


def test_ended_processes_and_those_of_a_running_step_are_not_awaited(attempt, store_job):
    store_job(attempt, "analyse", "finished")
    assert awaited([attempt.pk]) == {attempt.pk: []}
    store_job(attempt, "analyse", "created")
    attempt.set_process_state("running")
    assert awaited([attempt.pk]) == {attempt.pk: []}


def test_nothing_is_asked_of_nothing(queries, aiida_profile_clean):
    with queries() as statements:
        assert awaited([]) == {}
    assert statements == []
