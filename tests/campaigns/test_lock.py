"""One submitter at a time."""

import os
import signal
import subprocess
import sys
import time

import pytest
from aiida.manage.configuration import get_config

from aiida_superionic.campaigns.lock import submission_lock

HOLDER = """
import time
from aiida import load_profile
from aiida_superionic.campaigns.lock import submission_lock
load_profile({profile!r})
print("ready", flush=True)
with submission_lock():
    print("held", time.monotonic(), flush=True)
    input()
    print("released", time.monotonic(), flush=True)
"""


@pytest.fixture
def holder(aiida_profile):
    """Return a starter of processes that take the lock and hold it until a line comes."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(profile=aiida_profile.name)],
            env={**os.environ, "AIIDA_PATH": get_config().dirpath},
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


def moment(process, word):
    said, when = process.stdout.readline().split()
    assert said == word
    return float(when)


def test_second_process_waits_for_the_first(holder):
    first, second = holder(), None
    moment(first, "held")
    second = holder()
    first.stdin.write("\n")
    first.stdin.flush()
    released = moment(first, "released")
    assert moment(second, "held") >= released


def test_lock_vanishes_with_a_killed_process(holder):
    process = holder()
    moment(process, "held")
    process.send_signal(signal.SIGKILL)
    with submission_lock():
        assert process.wait() == -signal.SIGKILL


def test_lock_is_given_back_after_an_error(holder):
    with pytest.raises(ZeroDivisionError), submission_lock():
        raise ZeroDivisionError
    asked = time.monotonic()
    assert moment(holder(), "held") > asked
