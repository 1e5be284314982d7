"""A campaign that is watched goes on by itself, whatever was broken before."""

import pytest


@pytest.mark.parametrize(("broken", "temperature"), [("postgres", 710), ("rabbitmq", 711)])
def test_idle_workers_are_restarted_under(production, services, broken, temperature):
    """Each worker drops the first task that it takes after its database was restarted."""
    production.apply(production.campaign("before", [temperature - 10]), "--watch")
    getattr(services, broken).kill()
    getattr(services, broken).start()
    file = production.campaign("after", [temperature], replicas=6)
    production.apply(file, "--watch")
    attempts = production.attempts(file)["points"]
    assert [[attempt["exit_status"] for attempt in point["attempts"]] for point in attempts] == [[0]] * 6
