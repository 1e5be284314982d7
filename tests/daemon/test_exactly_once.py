"""Every point is run exactly once, whatever is killed and however often it is asked for; nothing here is mocked.

The tests share one profile and one daemon, and each asks for temperatures of its own.
"""

import signal

import pytest


def succeeded(attempts):
    return [sum(attempt["exit_status"] == 0 for attempt in point["attempts"]) for point in attempts["points"]]


def number_of_attempts(attempts):
    return [len(point["attempts"]) for point in attempts["points"]]


def jobs(attempts):
    return sum(attempt["jobs"] for point in attempts["points"] for attempt in point["attempts"])


def results(laboratory, file):
    return laboratory.run("aiida-superionic", "campaign", "results", file, "--format", "json")[0]


@pytest.fixture(scope="module")
def finished(laboratory):
    """Return a campaign of three points that five applied at once, and what they printed."""
    file = laboratory.campaign("finished", [700, 750, 800])
    five = [laboratory.start("aiida-superionic", "campaign", "apply", file) for _ in range(5)]
    said = []
    for process in five:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        said.append(out)
    laboratory.apply(file, "--watch")
    return file, said


def test_five_at_once_submit_each_point_once(laboratory, finished):
    file, said = finished
    submitted = sorted(text.split("submitted ")[1].split(",")[0] for text in said)
    assert submitted == ["0", "0", "0", "0", "3"]
    found = laboratory.attempts(file)
    assert succeeded(found) == number_of_attempts(found) == [1, 1, 1]
    assert [point["nodes"] for point in found["points"]] == [1, 1, 1]
    assert [attempt["jobs"] for point in found["points"] for attempt in point["attempts"]] == [3, 3, 3]
    assert found["group"] == 3


def test_finished_campaign_applied_again_stores_nothing(laboratory, finished):
    file, _ = finished
    before, table = laboratory.attempts(file), results(laboratory, file)
    assert "temperature" in table
    out, _ = laboratory.apply(file, "--watch")
    assert "submitted 0, revived 0, of 3 points" in out
    assert laboratory.attempts(file) == before
    assert results(laboratory, file) == table


def test_submitter_killed_at_any_instant_leaves_each_point_to_be_run_once(laboratory):
    instants = {"no point": 610, "point": 620, "no checkpoint": 640, "no task": 650, "task": 660}
    for instant, temperature in instants.items():
        file = laboratory.campaign(f"killed-{temperature}", [temperature])
        script = str(laboratory.scripts / "killed_apply.py")
        laboratory.run("python", script, instant, file, status=-signal.SIGKILL)
    everything = laboratory.campaign("killed", list(instants.values()))
    out, _ = laboratory.apply(everything, "--watch")
    found = laboratory.attempts(everything)
    assert succeeded(found) == [1] * len(instants), out
    # The attempt that no worker could have continued stays as what it is.
    assert number_of_attempts(found) == [1, 1, 2, 1, 1]
    assert [point["nodes"] for point in found["points"]] == [1] * len(instants)
    assert found["group"] == len(instants)


def test_killed_worker_costs_no_point(laboratory, record_property):
    file = laboratory.campaign("worker", [900], replicas=2, production="40 ps")
    laboratory.apply(file)
    laboratory.wait_for("lmp")
    assert laboratory.kill("daemon", "worker") == 1
    out, _ = laboratory.apply(file, "--watch")
    assert "submitted 0" in out
    found = laboratory.attempts(file)
    record_property("engine jobs that ran twice", jobs(found) - 3 * len(found["points"]))
    assert succeeded(found) == number_of_attempts(found) == [1, 1]


def test_killed_daemon_costs_no_point(laboratory, record_property):
    file = laboratory.campaign("daemon", [950], replicas=2, production="40 ps")
    laboratory.apply(file)
    laboratory.wait_for("lmp")
    laboratory.kill("verdi", "daemon")
    before = laboratory.attempts(file)["nodes"]
    _, err = laboratory.apply(laboratory.campaign("larger", [950, 960]), status=2)
    assert err == "Error: the daemon is not running; start it with: verdi daemon start\n"
    assert laboratory.attempts(file)["nodes"] == before
    laboratory.run("verdi", "daemon", "start")
    out, _ = laboratory.apply(file, "--watch")
    assert "submitted 0" in out
    found = laboratory.attempts(file)
    record_property("engine jobs that ran twice", jobs(found) - 3 * len(found["points"]))
    assert succeeded(found) == number_of_attempts(found) == [1, 1]


def test_workers_that_outlive_the_broker_are_brought_back(laboratory):
    """Circus starts another broker, but the worker listens to the socket of the one that was killed."""
    file = laboratory.campaign("broker", [980])
    laboratory.apply(file)
    assert laboratory.kill("daemon", "broker") == 1
    laboratory.wait_for("daemon", "broker")
    laboratory.apply(file, "--watch")
    found = laboratory.attempts(file)
    assert succeeded(found) == number_of_attempts(found) == [1]


STILL_RUNNING = """
filters = {{"attributes.specification.temperature": {temperature}}}
found = orm.QueryBuilder().append(orm.Node, filters=filters, tag="point")
for attempt in found.append(orm.WorkChainNode, with_incoming="point", edge_filters={{"label": "point"}}).all(flat=True):
    assert attempt.is_sealed and attempt.checkpoint is None
    attempt.backend_entity.set_attribute("process_state", "running")
    if {excepted}:
        attempt.backend_entity.delete_attribute("exit_status")
        attempt.backend_entity.set_attribute("exception", "Traceback\\nKeyError: two of a kind")
"""
"""What the slower of two workers leaves that run one process: it writes that it runs when the other has ended it."""


def test_process_that_ended_and_is_said_to_run_ends(laboratory, finished):
    file, _ = finished
    before, table = laboratory.attempts(file), results(laboratory, file)
    laboratory.python(STILL_RUNNING.format(temperature=750, excepted=False))
    assert "1 running" in laboratory.run("aiida-superionic", "campaign", "status", file)[0]
    out, _ = laboratory.apply(file)
    assert "submitted 0, revived 0, of 3 points" in out
    assert laboratory.attempts(file) == before
    assert results(laboratory, file) == table


def test_process_that_raised_and_is_said_to_run_fails_by_name(laboratory):
    file = laboratory.campaign("raised", [990])
    laboratory.apply(file, "--watch")
    laboratory.python(STILL_RUNNING.format(temperature=990, excepted=True))
    out, _ = laboratory.apply(file)
    assert "submitted 0, revived 0, of 1 points" in out
    out, _ = laboratory.run("aiida-superionic", "campaign", "retry", file, "--failed", "--watch")
    assert "excepted: KeyError: two of a kind" in out
    found = laboratory.attempts(file)
    assert number_of_attempts(found) == [2]
    assert succeeded(found) == [1]


def test_failed_point_is_told_and_run_again_only_when_asked(laboratory):
    file = laboratory.campaign("molten", [6000])
    _, err = laboratory.apply(file, "--watch", status=2)
    assert err == "Error: 1 of 1 points failed\n"
    out, _ = laboratory.apply(file)
    assert "submitted 0, revived 0, of 1 points" in out
    assert f"1 points failed earlier; campaign retry {file} --failed submits them once more" in out
    out, _ = laboratory.run("aiida-superionic", "campaign", "retry", file, "--failed", "--watch", status=2)
    assert "submitted 1" in out
    assert "host lattice" in out
    found = laboratory.attempts(file)
    assert number_of_attempts(found) == [2]
    assert succeeded(found) == [0]
