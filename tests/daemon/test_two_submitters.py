"""Two submitters at the same instant: no point twice, none lost."""

import pytest
from laboratory import check_race


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_at_once_fifty_times_and_half_of_them_killed(laboratory, record_property):
    attempts, killed = laboratory.race()
    record_property("submitters killed at work", killed)
    check_race(attempts, killed)
