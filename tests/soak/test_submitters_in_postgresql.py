"""Two submitters at the same instant, on PostgreSQL and RabbitMQ: no point twice, none lost."""

import pytest
from laboratory import check_race


@pytest.mark.usefixtures("services")
@pytest.mark.timeout(3600)
def test_two_at_once_fifty_times_and_half_of_them_killed(production, record_property):
    attempts, killed = production.race()
    record_property("submitters killed at work", killed)
    check_race(attempts, killed)
