"""Two submitters at the same instant: no point twice, none lost."""

import pytest
from laboratory import ROUNDS


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_at_once_fifty_times_and_half_of_them_killed(laboratory, record_property):
    attempts, killed = laboratory.race()
    record_property("submitters killed at work", killed)
    assert killed > 0
    assert [point["nodes"] for point in attempts["points"]] == [1] * ROUNDS
    succeeded = [[attempt["exit_status"] for attempt in point["attempts"]].count(0) for point in attempts["points"]]
    assert succeeded == [1] * ROUNDS
    # Any other attempt is one that a killed submitter left before a worker could begin it.
    others = [attempt for point in attempts["points"] for attempt in point["attempts"] if attempt["exit_status"] != 0]
    assert {(attempt["state"], attempt["jobs"]) for attempt in others} <= {("created", 0), (None, 0)}
