"""A profile, engines and a daemon of its own, used as a person does: by commands, in processes of their own."""

import json
import os
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import psutil

from aiida_superionic.campaigns.attempts import FINISHED_STATUSES

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CAMPAIGN = """\
campaign: {name}
computer: {computer}
limit: {limit}
structure: {{material: alpha-AgI, supercell: [2, 2, 2]}}
potentials: [vashishta-rahman]
temperatures: {temperatures}
constraints: [UC]
replicas: {replicas}
md: {{equilibration: 1 ps, production: {production}}}
observables: [temperature]
"""
RACE = """\
campaign: race
computer: {computer}
model: time-local
structure: {{material: simple-cubic, supercell: [6, 6, 6]}}
potentials: [yukawa-4eV]
temperatures: [580]
replicas: {rounds}
lattice: {{protocol: fast, ions: 2, production: 60 ps}}
"""
ROUNDS = 50
PATIENCE = 300.0  # s, for what takes at most a minute on two busy cores


class Laboratory:
    """An ``AIIDA_PATH`` with a profile and a daemon, whose campaigns run on one computer."""

    def __init__(self, folder, computer="superionic-local"):
        self.folder, self.computer = folder, computer
        self.scripts = HERE / "daemon"
        self.path = folder / "aiida"
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "AIIDA_PATH": str(self.path), "PATH": path, "OMP_NUM_THREADS": "1"}

    def start(self, *command):
        """Start a command and leave it running."""
        return subprocess.Popen(
            [BIN / command[0], *(str(word) for word in command[1:])],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command, status=0, patience=PATIENCE):
        """Run a command to its end, check its exit status, and return what it printed."""
        process = self.start(*command)
        try:
            out, err = process.communicate(timeout=patience)
        finally:
            process.kill()
        assert process.returncode == status, f"{command} ended with {process.returncode}: {out}{err}"
        return out, err

    def campaign(self, name, temperatures, replicas=1, production="1 ps", limit=1000):
        """Write a campaign file and return its name."""
        text = CAMPAIGN.format(
            name=name,
            computer=self.computer,
            limit=limit,
            temperatures=temperatures,
            replicas=replicas,
            production=production,
        )
        (self.folder / f"{name}.yaml").write_text(text)
        return f"{name}.yaml"

    def apply(self, file, *options, status=0):
        return self.run("aiida-superionic", "campaign", "apply", file, *options, status=status)

    def attempts(self, file):
        """Return the attempts at each point of a campaign, and how many nodes of which kind the database holds."""
        return json.loads(self.run("python", str(self.scripts / "attempts.py"), file)[0])

    def race(self):
        """Let two submitters apply one more point at the same instant, again and again; half the time one is killed.

        Returns
        -------
        attempts, killed
            What the graph holds of the points when all have ended, and how many submitters were killed at work.
        """
        file = self.folder / "race.yaml"
        file.write_text(RACE.format(rounds=ROUNDS, computer=self.computer))
        killed = int(self.run("python", self.scripts / "racing_apply.py", ROUNDS, 1, file, patience=1800.0)[0])
        self.run("aiida-superionic", "campaign", "apply", file, "--watch", patience=1800.0)
        return self.attempts(file), killed

    def processes(self, *words):
        """Return our processes - nobody else has our ``AIIDA_PATH`` - that have these words in their command line."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get("AIIDA_PATH", "").startswith(str(self.path))
                if ours and all(any(word in part for part in process.cmdline()) for word in words):
                    found.append(process)
        return found

    def kill(self, *words):
        """``kill -9`` our processes with these words in their command line, all at once, and wait for their end."""
        found = self.processes(*words)
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=PATIENCE)
        return len(found)

    def wait_for(self, *words):
        """Wait until a process with these words in its command line runs."""
        deadline = time.monotonic() + PATIENCE
        while not self.processes(*words):
            assert time.monotonic() < deadline, f"no process with {words} came up"
            time.sleep(0.05)

    def python(self, code):
        """Run lines of Python in the profile, and return what they printed."""
        lines = f"from aiida import load_profile, orm\nload_profile()\n{textwrap.dedent(code)}"
        return self.run("python", "-c", lines)[0]


def check_race(attempts, killed):
    """Check that a race ran each point once, though submitters were killed."""
    assert killed > 0
    assert [point["nodes"] for point in attempts["points"]] == [1] * ROUNDS
    whole = [[attempt for attempt in point["attempts"] if _finished(attempt)] for point in attempts["points"]]
    assert [len(finished) for finished in whole] == [1] * ROUNDS
    # Any other attempt is one that a killed submitter left before a worker could begin it.
    others = [attempt for point in attempts["points"] for attempt in point["attempts"] if not _finished(attempt)]
    assert {(attempt["state"], attempt["jobs"]) for attempt in others} <= {("created", 0), (None, 0)}


def _finished(attempt):
    """Return whether an attempt came to its end; so short a run may only bound what diffuses."""
    return attempt["exit_status"] in FINISHED_STATUSES
