"""The submission lock in PostgreSQL: it ends with the process that holds it, and its loss is noticed."""

import subprocess

import pytest
from laboratory import BIN

HOLDER = """
from aiida import load_profile
from sqlalchemy.exc import OperationalError
from aiida_superionic.campaigns.lock import submission_lock
load_profile()
print("ready", flush=True)
with submission_lock() as assert_locked:
    print("held", flush=True)
    while True:
        input()
        try:
            assert_locked()
            print("kept", flush=True)
        except OperationalError:
            print("lost", flush=True)
            break
"""


@pytest.fixture
def holder(production):
    """Return a starter of processes that take the lock, and tell on every line that they are sent if they have it."""
    started = []

    def start():
        process = subprocess.Popen(
            [BIN / "python", "-c", HOLDER],
            env=production.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.mark.usefixtures("services")
def test_lock_ends_with_the_process_that_holds_it(holder):
    first = holder()
    assert first.stdout.readline() == "held\n"
    second = holder()
    assert ask(first) == "kept"
    first.kill()
    assert second.stdout.readline() == "held\n"
    assert ask(second) == "kept"


def test_submitter_notices_that_a_restarted_database_has_no_lock(holder, services):
    if not services.postgres.ours:
        pytest.skip("the PostgreSQL that answers was not started here, and is not restarted")
    process = holder()
    assert process.stdout.readline() == "held\n"
    services.postgres.kill()
    services.postgres.start()
    assert ask(process) == "lost"
