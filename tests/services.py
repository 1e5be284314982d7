"""PostgreSQL, RabbitMQ and a SLURM of one node, from Debian's packages, for tests of what a group would run.

A server that answers on its usual port is used as it is, and never stopped. Where there is none, root starts one with
all of its files in a folder of its own.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 300.0  # s; a server starts in ten where the machine has time for it
LOCALHOST = "127.0.0.1"
PACKAGES = "postgresql rabbitmq-server slurm-wlm munge"
_POSTGRES = Path("/usr/lib/postgresql")
_RABBITMQ = Path("/usr/lib/rabbitmq/bin")


def _program(name):
    """Return where a server's program is; PATH need not hold root's folders."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


def missing():
    """Return why the services cannot be had here; nothing if they can."""
    if os.geteuid() != 0:
        return "only root starts PostgreSQL, RabbitMQ and SLURM"
    lacking = [
        name
        for name, there in (
            ("postgresql", any(_POSTGRES.glob("*/bin/initdb"))),
            ("rabbitmq-server", (_RABBITMQ / "rabbitmq-server").exists()),
            ("slurm-wlm", _program("slurmctld")),
            ("munge", _program("munged")),
        )
        if not there
    ]
    return f"not installed: {', '.join(lacking)}; as root: apt-get install {PACKAGES}" if lacking else ""


def answers(port):
    """Return whether a server listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(2.0)
        return probe.connect_ex((LOCALHOST, port)) == 0


def free_port():
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return probe.getsockname()[1]


def wait_until(true, what):
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"{what} within {PATIENCE:.0f} s"
        time.sleep(0.1)


class Service:
    """A server with its files in a folder of its own."""

    port = None

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.ours = False

    def launch(self, *command, user=None, environment=None):
        """Start a process in a session of its own."""
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
                user=user,
                group=user and pwd.getpwnam(user).pw_gid,
                extra_groups=[] if user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def kill(self):
        """Kill what was launched, with -9, and wait for its end."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()
        if self.port:
            # What the process began may hold the port a moment longer.
            wait_until(lambda: not answers(self.port), "a killed server still answers")

    def stop(self):
        """Stop what was launched, in the reverse order."""
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()


class Postgres(Service):
    """PostgreSQL; ``kill`` and ``start`` are a crash and the recovery from it."""

    port = 5432
    user = "postgres"

    def __init__(self, folder):
        super().__init__(folder)
        self.bin = max(_POSTGRES.glob("*/bin"), key=lambda path: float(path.parent.name))
        self.socket = folder

    def start(self):
        """Start the server, or use the one that answers."""
        if not self.ours and answers(self.port):
            self.socket = Path("/var/run/postgresql")
            return
        self.ours = True
        data = self.folder / "data"
        if not data.exists():
            shutil.chown(self.folder, self.user)
            subprocess.run(
                [self.bin / "initdb", "--no-sync", "--auth-local=peer", "--auth-host=scram-sha-256", "-D", data],
                user=self.user,
                cwd=self.folder,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        self.launch(
            self.bin / "postgres",
            *("-D", data, "-p", self.port, "-h", LOCALHOST, "-k", self.folder, "-c", "max_connections=200"),
            user=self.user,
        )
        wait_until(lambda: self._run("SELECT 1", check=False) == 0, "PostgreSQL did not answer")

    def stop(self):
        """Stop the server without waiting for its clients."""
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        for process in self.processes:
            process.wait(PATIENCE)
        self.processes.clear()

    def create(self, name, password):
        """Make a database and a role of this name that owns it."""
        self._run(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        self._run(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0 ENCODING 'UTF8'")

    def drop(self, name):
        """Remove a database and its role."""
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._run(f"DROP ROLE IF EXISTS {name}")

    def _run(self, statement, check=True):
        return subprocess.run(
            [self.bin / "psql", "-h", self.socket, "-p", str(self.port), "-d", "postgres", "-qc", statement],
            user=self.user,
            cwd="/",
            check=check,
            stdout=subprocess.DEVNULL,
            stderr=None if check else subprocess.DEVNULL,
        ).returncode


class RabbitMQ(Service):
    """RabbitMQ; it keeps its queues through ``kill`` and ``start``."""

    port = 5672

    def __init__(self, folder):
        super().__init__(folder)
        self.names = free_port()

    def start(self):
        """Start the server, or use the one that answers."""
        if not self.ours and answers(self.port):
            return
        self.ours = True
        # A task is given back to the queue after half an hour by default, and run a second time.
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = {LOCALHOST}:{self.port}\nlog.console = true\n"
        )
        (self.folder / "advanced.config").write_text("[{rabbit, [{consumer_timeout, undefined}]}].\n")
        (self.folder / "enabled_plugins").write_text("[].\n")
        self.launch(_RABBITMQ / "rabbitmq-server", environment=self.environment)
        wait_until(lambda: answers(self.port), "RabbitMQ did not answer")

    @property
    def environment(self):
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": "superionic@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self.names + 1),
            "ERL_EPMD_PORT": str(self.names),
            "ERL_EPMD_ADDRESS": LOCALHOST,
        }

    def stop(self):
        """Stop the server, and the daemon of names that Erlang began for it."""
        super().stop()
        if self.ours:
            subprocess.run(["epmd", "-port", str(self.names), "-kill"], check=False, capture_output=True)


class Slurm(Service):
    """SLURM of one node, whose jobs share its cores."""

    def start(self):
        """Start munge, the controller and the node's daemon, or use the SLURM that answers."""
        if shutil.which("sinfo") and subprocess.run(["sinfo"], capture_output=True, check=False).returncode == 0:
            return
        self.ours = True
        host = socket.gethostname().split(".")[0]
        for name in ("munge", "state", "spool", "log"):
            (self.folder / name).mkdir(exist_ok=True)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        for path in (key, key.parent):
            shutil.chown(path, "munge", "munge")
        (self.folder / "munge").chmod(0o711)
        munge_socket = self.folder / "munge" / "socket"
        (self.folder / "slurm.conf").write_text(
            _SLURM.format(
                folder=self.folder,
                host=host,
                socket=munge_socket,
                cpus=os.cpu_count(),
                ports=[free_port(), free_port()],
            )
        )
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        self.launch(
            _program("munged"),
            "--foreground",
            *(f"--key-file={key}", f"--socket={munge_socket}", f"--pid-file={key.parent / 'pid'}"),
            *(f"--log-file={key.parent / 'log'}", f"--seed-file={key.parent / 'seed'}"),
            user="munge",
        )
        wait_until(munge_socket.exists, "munged did not start")
        self.launch(_program("slurmctld"), "-D")
        self.launch(_program("slurmd"), "-D", "-N", host)
        wait_until(self._idle, "SLURM had no idle node")

    @staticmethod
    def _idle():
        found = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False)
        return found.returncode == 0 and found.stdout.strip() in {"idle", "mixed", "allocated"}

    def stop(self):
        """Cancel the jobs and stop the daemons."""
        if self.ours:
            subprocess.run(["scancel", "--me"], check=False, capture_output=True)
        super().stop()


# Jobs share the node by cores. What they ask for of the memory is not counted, and every job may start at once.
_SLURM = """\
ClusterName=superionic
SlurmctldHost={host}({host_address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={socket}
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd
MinJobAge=300
KillWait=2
NodeName={host} NodeAddr={host_address} CPUs={cpus} State=UNKNOWN
PartitionName=small Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
""".replace("{host_address}", LOCALHOST)


class Services:
    """All of them."""

    def __init__(self):
        # Users of their own run the servers, and enter no folder of pytest's.
        self.folder = Path(tempfile.mkdtemp(prefix="superionic-services-"))
        self.folder.chmod(0o755)
        for name in ("postgres", "rabbitmq", "slurm"):
            (self.folder / name).mkdir()
        self.postgres = Postgres(self.folder / "postgres")
        self.rabbitmq = RabbitMQ(self.folder / "rabbitmq")
        self.slurm = Slurm(self.folder / "slurm")

    def __enter__(self):
        try:
            for service in (self.postgres, self.rabbitmq, self.slurm):
                service.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for service in (self.slurm, self.rabbitmq, self.postgres):
            service.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
