"""Why points failed."""

from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.campaigns.failures import failures
from aiida_superionic.cli.campaign_tables import failure_text


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
