"""A profile, engines and a daemon of its own, used as a person does: by commands, in processes of their own."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CAMPAIGN = """\
campaign: {name}
structure: {{material: alpha-AgI, supercell: [2, 2, 2]}}
potentials: [vashishta-rahman]
temperatures: {temperatures}
constraints: [UC]
replicas: {replicas}
md: {{equilibration: 1 ps, production: {production}}}
observables: [temperature]
"""
PATIENCE = 300.0  # s, for what takes at most a minute on two busy cores


def pytest_collection_modifyitems(items):
    for item in items:
        if "laboratory" in getattr(item, "fixturenames", ()):
            item.add_marker("daemon")


class Laboratory:
    """An ``AIIDA_PATH`` with a profile and a daemon."""

    def __init__(self, folder):
        self.folder = folder
        self.scripts = HERE
        self.path = folder / "aiida"
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "AIIDA_PATH": str(self.path), "PATH": path, "OMP_NUM_THREADS": "1"}

    def start(self, *command):
        """Start a command and leave it running."""
        return subprocess.Popen(
            [BIN / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command, status=0):
        """Run a command to its end, check its exit status, and return what it printed."""
        process = self.start(*command)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == status, f"{command} ended with {process.returncode}: {out}{err}"
        return out, err

    def campaign(self, name, temperatures, replicas=1, production="1 ps"):
        """Write a campaign file and return its name."""
        text = CAMPAIGN.format(name=name, temperatures=temperatures, replicas=replicas, production=production)
        (self.folder / f"{name}.yaml").write_text(text)
        return f"{name}.yaml"

    def apply(self, file, *options, status=0):
        return self.run("aiida-superionic", "campaign", "apply", file, *options, status=status)

    def attempts(self, file):
        """Return the attempts at each point of a campaign, and how many nodes of which kind the database holds."""
        return json.loads(self.run("python", str(HERE / "attempts.py"), file)[0])

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


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory, lammps_installation):
    laboratory = Laboratory(tmp_path_factory.mktemp("laboratory"))
    try:
        laboratory.run("aiida-superionic", "setup", "--slots", "2")
        laboratory.run("verdi", "daemon", "start")
        yield laboratory
        laboratory.run("verdi", "daemon", "stop")
    finally:
        laboratory.kill()
