"""What a restart of RabbitMQ does to the processes that two workers run."""

import json
import time

from laboratory import PATIENCE

POINTS = 16
RESTARTS = 3
OF_TWO_WORKERS = ("duplicate label", "already has an outgoing", "cannot be represented", "sealed node")
"""What is raised where a second worker stores outputs once more, or writes to what the first has ended."""

RAISED = """
import json
raised = orm.QueryBuilder().append(orm.ProcessNode, filters={"attributes.process_state": "excepted"})
print(json.dumps([node.exception for node in raised.all(flat=True)]))
"""


def test_a_restarted_broker_lets_no_two_workers_run_one_process(production, services, record_property):
    """It gives out again the tasks of both workers, which go on with the processes that they have.

    What a process sends in the moment in which there is no broker fails it by name, and that of one above it.
    """
    before = set(json.loads(production.python(RAISED)))
    file = production.campaign("broker", [720], replicas=POINTS, production="2 ps")
    production.apply(file)
    for _ in range(RESTARTS):
        time.sleep(15.0)
        services.rabbitmq.kill()
        services.rabbitmq.start()
    production.start("aiida-superionic", "campaign", "apply", file, "--watch").communicate(timeout=PATIENCE)
    production.run("aiida-superionic", "campaign", "retry", file, "--failed", "--watch")
    attempts = [point["attempts"] for point in production.attempts(file)["points"]]
    done = [[attempt for attempt in one if attempt["exit_status"] == 0] for one in attempts]
    record_property("points that failed for want of a broker", sum(len(one) > 1 for one in attempts))
    assert [[attempt["jobs"] for attempt in one] for one in done] == [[3]] * POINTS
    raised = set(json.loads(production.python(RAISED))) - before
    assert not [exception for exception in raised if any(words in exception for words in OF_TWO_WORKERS)]
