"""Which attempt at a point counts."""

import pytest

from aiida_superionic.campaigns.attempts import State, point_statuses
from aiida_superionic.workchains.transport import TransportWorkChain

NOT_CONVERGED = TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status
IMPOSSIBLE = TransportWorkChain.exit_codes.ERROR_IMPOSSIBLE_REQUEST.status


def test_point_without_node_or_attempt_is_missing(specification, store_point):
    unknown, known = specification(1), specification(2)
    node = store_point(known)
    first, second = point_statuses([unknown, known])
    assert (first.state, first.node_pk, first.attempt) == (State.MISSING, None, None)
    assert (second.state, second.node_pk, second.attempt) == (State.MISSING, node.pk, None)


def test_latest_success_counts(specification, store_point, store_attempt):
    point = store_point(specification())
    store_attempt(point)
    latest = store_attempt(point)
    store_attempt(point, exit_status=401)
    store_attempt(point, "waiting")
    [status] = point_statuses([specification()])
    assert (status.state, status.attempt.pk, status.attempt.uuid) == (State.FINISHED, latest.pk, latest.uuid)


def test_running_attempt_counts_before_failed_ones(specification, store_point, store_attempt):
    point = store_point(specification())
    running = store_attempt(point, "waiting")
    store_attempt(point, exit_status=401)
    [status] = point_statuses([specification()])
    assert (status.state, status.attempt.pk) == (State.RUNNING, running.pk)


@pytest.mark.parametrize(
    ("state", "exit_status", "expected"),
    [
        ("created", None, State.RUNNING),
        ("running", None, State.RUNNING),
        ("waiting", None, State.RUNNING),
        ("finished", 0, State.FINISHED),
        ("finished", NOT_CONVERGED, State.FINISHED),
        ("finished", IMPOSSIBLE, State.FINISHED),
        ("finished", 401, State.FAILED),
        ("excepted", None, State.FAILED),
        ("killed", None, State.FAILED),
        (None, None, State.MISSING),
    ],
)
def test_state_of_an_attempt(specification, store_point, store_attempt, state, exit_status, expected):
    store_attempt(store_point(specification()), state, exit_status)
    [status] = point_statuses([specification()])
    assert status.state is expected


def test_attempt_without_checkpoint_cannot_run_and_is_missing(specification, store_point, store_attempt):
    store_attempt(store_point(specification()), "created", checkpoint=False)
    [status] = point_statuses([specification()])
    assert status.state is State.MISSING


@pytest.mark.parametrize(
    ("state", "attributes", "message"),
    [
        (
            "finished",
            {"exit_message": "The production failed: Atoms were lost"},
            "The production failed: Atoms were lost",
        ),
        ("excepted", {"exception": "Traceback\n  in step\nValueError: no such cell\n"}, "ValueError: no such cell"),
        ("killed", {"process_status": "Killed through `verdi process kill`"}, "Killed through `verdi process kill`"),
        ("killed", {}, "killed"),
    ],
)
def test_failed_attempt_says_why(specification, store_point, store_attempt, state, attributes, message):
    store_attempt(store_point(specification()), state, 401, **attributes)
    [status] = point_statuses([specification()])
    assert (status.state, status.attempt.message) == (State.FAILED, message)


def test_of_two_nodes_for_one_point_the_first_counts(specification, store_point, store_attempt):
    first, second = store_point(specification()), store_point(specification())
    store_attempt(second)
    [status] = point_statuses([specification()])
    assert (status.node_pk, status.state) == (first.pk, State.MISSING)


def test_other_links_to_a_point_are_no_attempts(specification, store_point):
    from aiida import orm
    from aiida.common.links import LinkType

    node = orm.WorkChainNode()
    node.base.links.add_incoming(store_point(specification()), LinkType.INPUT_WORK, "reference")
    node.store()
    node.set_process_state("finished")
    node.set_exit_status(0)
    assert point_statuses([specification()])[0].state is State.MISSING


def test_number_of_queries_does_not_grow_with_the_points(specification, store_finished_points, queries):
    many = [specification(seed) for seed in range(1, 1001)]
    store_finished_points(many, {}, {})
    with queries() as for_few:
        point_statuses(many[:5])
    with queries() as for_many:
        statuses = point_statuses(many)
    assert [status.state for status in statuses] == [State.FINISHED] * len(many)
    assert [status.specification for status in statuses] == many
    assert 0 < len(for_many) == len(for_few)
