"""Why points failed."""

from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.campaigns.failures import failures
from aiida_superionic.cli.campaign_tables import failure_text, lacking_in_words


def test_the_same_reasons_are_counted_together_the_most_frequent_first(specification, store_point, store_attempt):
    ends = {
        1: ("killed", {"process_status": "Killed through `verdi process kill`"}),
        2: ("finished", {"exit_message": "production failed: Lost atoms"}),
        3: ("finished", {"exit_message": "production failed: Lost atoms"}),
        4: ("excepted", {"exception": "Traceback\n  in step\nOSError: disk full\n"}),
        5: ("killed", {}),
    }
    for seed, (state, attributes) in ends.items():
        store_attempt(store_point(specification(seed)), state, 401, **attributes)
    store_attempt(store_point(specification(6)))
    statuses = point_statuses([specification(seed) for seed in range(1, 8)])
    found = {failure.reason: [one.specification.seed for one in failure.points] for failure in failures(statuses)}
    assert found == {
        "401: production failed: Lost atoms": [2, 3],
        "killed: Killed through `verdi process kill`": [1],
        "excepted: OSError: disk full": [4],
        "killed": [5],
    }
    assert next(iter(found)).startswith("401")
    shown = failure_text(statuses, examples=1).plain
    assert shown.startswith("2 failed: 401: production failed: Lost atoms\n  alpha-AgI 2x2x2")
    assert "seed 2" in shown
    assert "seed 3" not in shown
    assert "and 1 more points" in shown
    assert "seed 3" in failure_text(statuses, examples=None).plain


def test_points_that_lack_results_are_told_with_what_one_lacks(specification, store_point, store_attempt):
    statuses = point_statuses([specification(1)])
    assert lacking_in_words(statuses) == ""
    store_attempt(store_point(specification(1)))
    store_attempt(store_point(specification(2)), exit_status=410, exit_message="the run is too short")
    store_attempt(store_point(specification(3)), exit_status=401, exit_message="molten")
    told = lacking_in_words(point_statuses([specification(seed) for seed in (1, 2, 3)]))
    assert told == "1 finished without all that was asked for; the run is too short"
