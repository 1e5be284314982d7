"""What a restart of RabbitMQ does to the processes that two workers run."""

import time

POINTS = 16
RESTARTS = 3


def test_a_restarted_broker_lets_no_two_workers_run_one_process(production, services, record_property):
    """It gives out again the tasks of both workers, which go on with the processes that they have."""
    file = production.campaign("broker", [720], replicas=POINTS, production="2 ps")
    production.apply(file)
    for _ in range(RESTARTS):
        time.sleep(15.0)
        services.rabbitmq.kill()
        services.rabbitmq.start()
    out, _ = production.apply(file, "--watch")
    record_property("revived", int(out.split("revived ")[1].split(",")[0]))
    attempts = [point["attempts"] for point in production.attempts(file)["points"]]
    assert [[attempt["exit_status"] for attempt in one] for one in attempts] == [[0]] * POINTS
    assert [attempt["jobs"] for one in attempts for attempt in one] == [3] * POINTS
