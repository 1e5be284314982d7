"""A campaign of real points through daemon, RabbitMQ, PostgreSQL and SLURM, while all of them are broken in turn.

``SOAK_POINTS`` says how many points, ``SOAK_SEED`` where the order of what is broken begins.
"""

import json
import os
import random
import subprocess
import time
from collections import Counter

import pytest

POINTS = int(os.environ.get("SOAK_POINTS", "30"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
PATIENCE = 300.0 + 60.0 * POINTS  # s, for the points to be submitted, and to come to an end
AT_ONCE = 50  # points that run beside each other
JOBS_PER_POINT = 3  # equilibration, production, analysis
FAULTS = 10 + POINTS // 10
FULL_DISK = 20.0  # s for which the scratch disk is too small
UNTIL_ONE_RUNS = 60.0  # s to wait for a job that can be cancelled
STATES = "\n".join(
    (
        "import json, sys",
        "from pathlib import Path",
        "from aiida_superionic.campaigns.attempts import point_statuses",
        "from aiida_superionic.campaigns.points import expand",
        "from aiida_superionic.campaigns.progress import progress_of",
        "from aiida_superionic.campaigns.spec import load_campaign",
        "statuses = point_statuses(expand(load_campaign(Path({file!r}))))",
        "print(json.dumps([[str(s.state), now] for s, now in zip(statuses, progress_of(statuses))]))",
    )
)


def squeue(state):
    """Return the identifiers of our jobs in ``state``."""
    listed = subprocess.run(
        ["squeue", "--noheader", "--me", "--states", state, "--format", "%i"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.split()


class Faults:
    """What goes wrong, and how often it did."""

    def __init__(self, laboratory, services, folder):
        self.laboratory, self.services, self.folder = laboratory, services, folder
        self.random = random.Random(SEED)
        self.done = Counter()
        self.cancelled = 0

    def kill_workers(self):
        self.laboratory.kill("daemon", "worker")

    def restart_broker(self):
        self.services.rabbitmq.kill()
        self.services.rabbitmq.start()

    def restart_database(self):
        self.services.postgres.kill()
        self.services.postgres.start()

    def cancel_jobs(self):
        """Cancel the jobs that run, and count those that did not end by themselves before."""
        deadline = time.monotonic() + UNTIL_ONE_RUNS
        while not (running := squeue("RUNNING")) and time.monotonic() < deadline:
            time.sleep(0.05)  # a job of this campaign runs for less than a second
        for job in running:
            subprocess.run(["scancel", job], check=False)
        time.sleep(1.0)  # until SLURM has noted it
        self.cancelled += len(set(running) & set(squeue("CANCELLED")))

    def fill_disk(self):
        """Let the jobs that begin now lie on a disk that holds what they read and not what they write."""
        scratch = self.folder / f"small-{self.done['fill_disk']}"
        scratch.mkdir()
        usual = self.laboratory.python('print(orm.load_computer("superionic-slurm").get_workdir())').strip()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=384k", "tmpfs", scratch], check=True)
        try:
            self._work_in(scratch)
            time.sleep(FULL_DISK)
        finally:
            self._work_in(usual)
        # The disk is cleared; what a person does then is to let the paused jobs go on.
        subprocess.run(["mount", "-o", "remount,size=1g", scratch], check=True)

    def _work_in(self, folder):
        self.laboratory.python(f'orm.load_computer("superionic-slurm").set_workdir({str(folder)!r})')

    def next(self):
        """Do what was done least often, the first of them by chance."""
        every = [self.kill_workers, self.fill_disk]
        # What was there before the tests is not ours to break.
        every += [self.cancel_jobs] if self.services.slurm.ours else []
        every += [self.restart_broker] if self.services.rabbitmq.ours else []
        every += [self.restart_database] if self.services.postgres.ours else []
        least = min(self.done[fault.__name__] for fault in every)
        fault = self.random.choice([fault for fault in every if self.done[fault.__name__] == least])
        print(f"{time.strftime('%H:%M:%S')} {fault.__name__}", flush=True)
        fault()
        self.done[fault.__name__] += 1


@pytest.fixture
def small_disks(tmp_path):
    """Let go at the end of the disks that were mounted."""
    yield
    for folder in tmp_path.glob("small-*"):
        subprocess.run(["umount", "--lazy", folder], check=False)


@pytest.fixture
def starts(production, tmp_path):
    """Return the file to which every job writes its folder when it starts."""
    file = tmp_path / "starts"
    production.python(
        f"""
        computer = orm.load_computer("superionic-slurm")
        computer.set_prepend_text(computer.get_prepend_text() + "\\necho $PWD >> {file}")
        """
    )
    return file


def apply(laboratory, file):
    return laboratory.run("aiida-superionic", "campaign", "apply", file, patience=PATIENCE)[0]


def look(laboratory, file):
    """Do what a person does now and then: apply once more, and let go on what is paused.

    Returns
    -------
    found, revived
        State of each point with what it does now, and how many tasks were lost.
    """
    out = apply(laboratory, file)
    found = json.loads(laboratory.python(STATES.format(file=file)))
    print(f"{time.strftime('%H:%M:%S')} {out.strip()}: {dict(Counter(state for state, _ in found))}", flush=True)
    if any("is paused" in now for _, now in found):
        laboratory.run("verdi", "process", "play", "--all")
    return found, int(out.split("revived ")[1].split(",")[0])


@pytest.mark.timeout(600.0 + 2.0 * PATIENCE)
@pytest.mark.usefixtures("small_disks")
def test_soak(production, services, starts, tmp_path, record_property, capfd):
    with capfd.disabled():
        soak(production, services, tmp_path, starts, record_property)


def soak(laboratory, services, folder, starts, record_property):
    faults = Faults(laboratory, services, folder)
    file = laboratory.campaign("soak", [700], replicas=POINTS, limit=AT_ONCE)
    print(f"\n{apply(laboratory, file).strip()}", flush=True)
    revived = 0
    deadline = time.monotonic() + PATIENCE
    while True:
        found, lost = look(laboratory, file)
        revived += lost
        ended = sum(state in {"finished", "failed"} for state, _ in found)
        # As far as points have come, so that no part of a long campaign is left in peace.
        if sum(faults.done.values()) < FAULTS * min(1.0, (ended + AT_ONCE) / POINTS):
            faults.next()
        elif not {"running", "missing"} & {state for state, _ in found}:
            break
        assert time.monotonic() < deadline, "points never end"
        time.sleep(faults.random.uniform(4.0, 12.0))

    attempts = laboratory.attempts(file)
    succeeded = [sum(attempt["exit_status"] == 0 for attempt in point["attempts"]) for point in attempts["points"]]
    folders = Counter(starts.read_text().split())
    jobs = sum(attempt["jobs"] for point in attempts["points"] for attempt in point["attempts"])
    twice = sum(count - 1 for count in folders.values())
    print(
        f"{POINTS} points; {dict(faults.done)}, {faults.cancelled} jobs cancelled; {sum(succeeded)} succeeded at once,"
        f" {revived} tasks revived\n{sum(folders.values())} engine starts of {len(folders)} jobs: {twice} ran twice;"
        f" {jobs - JOBS_PER_POINT * POINTS} jobs more than the points need"
    )
    for state, reason in found:
        if state == "failed":
            print(f"failed: {reason}")
    record_property("engine jobs that ran twice", twice)
    assert [point["nodes"] for point in attempts["points"]] == [1] * POINTS
    assert max(succeeded) <= 1
    for count, (state, reason) in zip(succeeded, found, strict=True):
        assert (state, count) == ("finished", 1) or (state == "failed" and count == 0 and reason), (state, reason)

    # What failed by what was broken goes through when nothing is.
    out, _ = laboratory.run("aiida-superionic", "campaign", "retry", file, "--failed", "--watch", patience=PATIENCE)
    print(out.strip())
    attempts = laboratory.attempts(file)
    assert [sum(attempt["exit_status"] == 0 for attempt in point["attempts"]) for point in attempts["points"]] == [
        1
    ] * POINTS
