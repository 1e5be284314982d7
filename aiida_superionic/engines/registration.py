"""AiiDA's side of the engines: a profile, this machine as a computer with a cap on running jobs, and codes."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.manage.configuration import create_profile, get_config, load_profile
from aiida.plugins import BrokerFactory

from aiida_superionic.engines.catalogue import Engine, EngineError, engines
from aiida_superionic.engines.installation import Installation
from aiida_superionic.engines.services import Broker, Database

COMPUTER = "superionic-local"
SLURM_COMPUTER = "superionic-slurm"
DEFAULT_PROFILE = "superionic"
# Each look at the running jobs costs what a core could give to them, and a cluster's controller an answer.
_POLL_SECONDS = 10.0
_VERSION_EXTRA = "version"
_DATA_EXTRA = "data_folder"

# The local scheduler of AiiDA starts every job at once. Jobs take turns here instead: a slot is a lock on a file, and
# the kernel gives it back when the job ends, however it ends. One job at a time looks for a free slot; the others
# sleep in the kernel until it is their turn.
_SLOTS = """\
superionic_slots={folder}
mkdir -p "$superionic_slots"
exec 8> "$superionic_slots/queue"
flock 8
superionic_slot=
while [ -z "$superionic_slot" ]; do
    for superionic_slot in $(seq 1 {count}); do
        exec 9> "$superionic_slots/$superionic_slot"
        flock --nonblock 9 && break
        superionic_slot=
    done
    [ -n "$superionic_slot" ] || sleep 0.1
done
exec 8>&-
export OMP_NUM_THREADS=1"""


def ensure_profile(name: str | None = None, services: tuple[Database, Broker] | None = None) -> tuple[str, bool]:
    """Load the profile of this name, or the default one, or make one.

    Parameters
    ----------
    name
        Of the profile; the default profile if absent, and ``superionic`` where there is none.
    services
        What a new profile keeps its nodes in and sends its tasks through; SQLite and ZeroMQ, which need no service,
        if absent.

    Returns
    -------
    name, created
        Of the profile that is now loaded, and whether it was made.
    """
    config = get_config(create=True)
    wanted = name or config.default_profile_name or DEFAULT_PROFILE
    created = wanted not in config.profile_names
    if created:
        if services is None:
            storage, storage_config = "core.sqlite_dos", {}
            broker = "core.zeromq"
            broker_config = BrokerFactory(broker).get_default_config()
        else:
            repository = Path(config.dirpath) / "repository" / wanted
            storage, storage_config = "core.psql_dos", services[0].storage_config(repository)
            broker, broker_config = "core.rabbitmq", services[1].config
        create_profile(
            config,
            name=wanted,
            email="aiida@localhost",
            storage_backend=storage,
            storage_config=storage_config,
            broker_backend=broker,
            broker_config=broker_config,
        )
        # On a busy machine the daemon's circus answers slower than the two seconds that AiiDA waits by default.
        config.set_option("daemon.timeout", 30, scope=wanted)
        # Workchains hear of their children by message; looking for them as well is only a safety net.
        config.set_option("runner.poll.interval", 10, scope=wanted)
        if services is not None:
            # Every command would warn of the consumer timeout, which setup has told of.
            config.set_option("warnings.rabbitmq_version", False, scope=wanted)
        if config.default_profile_name is None:
            config.set_default_profile(wanted)
        config.store()
    load_profile(wanted, allow_switch=True)
    return wanted, created


def ensure_computer(slots: int | None = None) -> tuple[orm.Computer, bool]:
    """Return this machine as a computer that runs at most so many jobs at once, made if need be.

    Parameters
    ----------
    slots
        Jobs at once; if absent, what the computer has, and the number of cores for a new one.
    """
    try:
        computer = orm.load_computer(COMPUTER)
        created = False
    except NotExistent:
        profile = orm.User.collection.backend.profile.name
        computer = orm.Computer(
            label=COMPUTER,
            hostname="localhost",
            description="This machine, with a cap on the jobs that run at once",
            transport_type="core.local",
            scheduler_type="core.direct",
            workdir=str(Path(get_config().dirpath) / "scratch" / profile),
        )
        computer.set_default_mpiprocs_per_machine(1)
        computer.set_minimum_job_poll_interval(_POLL_SECONDS)
        created = True
        slots = slots or len(os.sched_getaffinity(0))
    if slots is not None:
        folder = shlex.quote(str(Path(computer.get_workdir()) / "slots"))
        computer.set_prepend_text(_SLOTS.format(folder=folder, count=int(slots)))
        computer.store()
    if created:
        computer.configure(safe_interval=0.0)
    return computer, created


def ensure_slurm() -> tuple[orm.Computer, bool]:
    """Return this machine as a computer whose jobs SLURM starts, made if need be; how many run at once is SLURM's."""
    try:
        return orm.load_computer(SLURM_COMPUTER), False
    except NotExistent:
        profile = orm.User.collection.backend.profile.name
        computer = orm.Computer(
            label=SLURM_COMPUTER,
            hostname="localhost",
            description="This machine, whose jobs SLURM starts",
            transport_type="core.local",
            scheduler_type="core.slurm",
            workdir=str(Path(get_config().dirpath) / "scratch" / profile),
        )
        computer.set_default_mpiprocs_per_machine(1)
        computer.set_minimum_job_poll_interval(_POLL_SECONDS)
        computer.set_prepend_text("export OMP_NUM_THREADS=1")
        computer.store()
        computer.configure(safe_interval=0.0)
        return computer, True


def found_on(engine: Engine, executable: Path, computer: orm.Computer, prepend: str = "") -> Installation:
    """Return the installation of an engine on a computer, which is asked for its version there.

    Parameters
    ----------
    engine, executable, computer
        What is asked, where.
    prepend
        Lines of the shell without which it does not start, such as ``module load lammps``.

    Raises
    ------
    EngineError
        If the computer does not answer, or the executable does not print its version.
    """
    command = shlex.join(engine.probe_of(executable))
    try:
        with computer.get_transport() as transport:
            _, output, errors = transport.exec_command_wait(f"{prepend}\n{command} < /dev/null")
    except Exception as error:  # each transport has errors of its own
        raise EngineError(
            f"the computer {computer.label} does not answer ({error}); try: verdi computer test"
        ) from error
    return Installation(engine, executable, engine.version_in(output, errors, executable), computer.label)


def ensure_code(
    installation: Installation, computer: orm.Computer, prepend: str = ""
) -> tuple[orm.InstalledCode, bool]:
    """Return the code that runs an engine's executable; a code of the same label that runs another is put aside."""
    engine = installation.engine
    try:
        code = orm.load_code(f"{engine.name}@{computer.label}")
    except NotExistent:
        pass
    else:
        if str(code.filepath_executable) == str(installation.executable):
            _note(code, installation)
            return code, False
        code.label = f"{engine.name}-{code.pk}"
        code.is_hidden = True
    code = orm.InstalledCode(
        label=engine.name,
        description=engine.description,
        computer=computer,
        filepath_executable=str(installation.executable),
        default_calc_job_plugin=engine.calculation,
        # An executable from an environment finds that environment's MPI first.
        prepend_text=f"{prepend}\nexport PATH={shlex.quote(str(installation.executable.parent))}:$PATH".lstrip(),
        with_mpi=False,
    ).store()
    _note(code, installation)
    return code, True


def registered_code(name: str, computer: str = COMPUTER) -> orm.InstalledCode:
    """Return the code of an engine on a computer, this machine if no other is named.

    Raises
    ------
    EngineError
        If it was not registered.
    """
    try:
        return orm.load_code(f"{name}@{computer}")
    except NotExistent:
        if computer != COMPUTER:
            raise EngineError(
                f"no code {name}@{computer} is registered; make one with: aiida-superionic engines register {name}"
                f" --computer {computer} --executable PATH"
            ) from None
        raise EngineError(
            f"no code {name}@{computer} is registered; run: {engines()[name].how_to_install}, and then"
            " aiida-superionic setup"
        ) from None


def _note(code: orm.InstalledCode, installation: Installation) -> None:
    folder = installation.data_folder
    code.base.extras.set_many({_VERSION_EXTRA: installation.version, _DATA_EXTRA: folder and str(folder)})


def code_version(code: orm.AbstractCode) -> str:
    """Return the version that a code had when it was registered; empty where it was registered by hand."""
    return str(code.base.extras.get(_VERSION_EXTRA, ""))


def code_data_folder(code: orm.AbstractCode) -> Path | None:
    """Return the folder of the data of a code on this machine; None where it has none or was registered by hand."""
    folder = code.base.extras.get(_DATA_EXTRA, None)
    return None if folder is None else Path(folder)
