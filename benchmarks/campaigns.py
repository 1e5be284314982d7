"""What the commands of a campaign cost with ten thousand points on the graph, in SQLite and in PostgreSQL.

Run by ``make bench-campaigns``. One point is run for real; the others are copies of its graph in which the numbers
scatter. A command is timed twice: as a person waits for it, from the shell to the prompt, and within a process that has
imported everything and done it once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from verdicts import Verdicts

TEMPERATURES, REPLICAS = 500, 20
CAMPAIGN = """\
campaign: {name}
structure: {{material: alpha-AgI, supercell: [3, 3, 3]}}
potentials: [vashishta-rahman]
temperatures: {temperatures}
constraints: [UC]
replicas: {replicas}
md: {{equilibration: 1 ps, production: 20 ps, timestep: 2 fs, sampling_interval: 10 fs}}
observables: [{{diffusion: {{fit_start: 1.0, fit_end: 3.0}}}}, host_lattice, jumps, temperature]
"""
QUERY = "D < 1e-5 cm^2/s and temperature < 600 K and constraint = UC"
WANTED = {"plan": 10.0, "status": 2.0, "results": 2.0, "query": 2.0}
REPEATS = 3
STORAGES = ("sqlite", "postgresql")


@contextmanager
def postgresql(folder: Path) -> Iterator[dict[str, Any]]:
    """Start PostgreSQL from the system's packages, with a database of its own; root does so as the user postgres."""
    tools = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    own: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "user": user if os.geteuid() == 0 else None}
    if not data.exists():
        subprocess.run([tools / "initdb", "--auth=trust", "--username=postgres", "-D", data], check=True, **own)
    options = f"-p {port} -h 127.0.0.1 -k {folder}"
    subprocess.run(
        [tools / "pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", options], check=True, **own
    )
    try:
        yield {
            "database_engine": "postgresql_psycopg",
            "database_hostname": "127.0.0.1",
            "database_port": port,
            "database_username": "postgres",
            "database_password": "none",
            "database_name": "postgres",
            "repository_uri": (folder.parent / "repository").as_uri(),
        }
    finally:
        subprocess.run([tools / "pg_ctl", "stop", "-m", "fast", "-D", data], check=True, **own)


def make_profile(name: str, storage: dict[str, Any]) -> None:
    """Make a profile without a broker, which runs processes here, and load it."""
    from aiida.manage.configuration import create_profile, get_config, load_profile

    backend = "core.psql_dos" if storage else "core.sqlite_dos"
    config = get_config(create=True)
    create_profile(config, name=name, email="aiida@localhost", storage_backend=backend, storage_config=storage)
    config.store()
    load_profile(name, allow_switch=True)


def run_one(file: Path) -> Any:
    """Run the first point of a campaign in this process and return the attempt."""
    from aiida_superionic.campaigns.builders import Machine, attempt_builder
    from aiida_superionic.campaigns.points import expand
    from aiida_superionic.campaigns.spec import load_campaign
    from aiida_superionic.data.point import PointData
    from aiida_superionic.engines.catalogue import engines
    from aiida_superionic.engines.installation import default_prefix, find
    from aiida_superionic.engines.registration import ensure_code, ensure_computer
    from aiida_superionic.workchains.foreground import run_together

    specification = expand(load_campaign(file))[0]
    computer, _ = ensure_computer()
    computer.set_minimum_job_poll_interval(0.5)
    codes = {
        name: ensure_code(find(engines()[name], default_prefix())[0], computer)[0] for name in ("lammps", "analysis")
    }
    builder = attempt_builder(specification, Machine(codes))
    builder.point = PointData(json.loads(specification.canonical_json), specification.hash)
    return run_together(builder)[0]


def commands(file: Path) -> dict[str, list[str]]:
    """Return the arguments of each command that is timed."""
    return {name: ["campaign", name, str(file)] for name in ("plan", "status", "results")} | {"query": ["query", QUERY]}


def seconds_of_command(profile: str, arguments: list[str]) -> float:
    """Return how long a person waits for a command: the least of a few times."""
    program = [Path(sys.executable).parent / "aiida-superionic", "-p", profile, *arguments]
    return min(_seconds(lambda: subprocess.run(program, check=True, stdout=subprocess.DEVNULL)) for _ in range(REPEATS))


def seconds_within(profile: str, arguments: list[str]) -> float:
    """Return how long a command takes in this process, which has done it before."""
    from click.testing import CliRunner

    from aiida_superionic.cli import cmd_root

    def invoke() -> None:
        result = CliRunner().invoke(cmd_root, ["-p", profile, *arguments], catch_exceptions=False)
        if result.exit_code:
            raise SystemExit(result.output)

    return min(_seconds(invoke) for _ in range(REPEATS))


def _seconds(action: Any) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def write(folder: Path, name: str, temperatures: int, replicas: int, first: int = 301) -> Path:
    """Write a campaign file."""
    file = folder / f"{name}.yaml"
    kelvins = [first + number for number in range(temperatures)]
    file.write_text(CAMPAIGN.format(name=name, temperatures=kelvins, replicas=replicas))
    return file


def main() -> None:
    """Fabricate, measure, and print what was wanted beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--temperatures", type=int, default=TEMPERATURES)
    parser.add_argument("--replicas", type=int, default=REPLICAS)
    parser.add_argument("--storage", choices=STORAGES, nargs="+", default=STORAGES)
    parser.add_argument("--folder", type=Path, help="Where profiles stay and are found again; removed if not given.")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="superionic-bench-")))
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # PostgreSQL's own user enters it
        os.environ["AIIDA_PATH"] = str(folder)
        server = stack.enter_context(postgresql(folder / "postgresql")) if "postgresql" in given.storage else {}
        measure(folder, given.storage, server, write(folder, "bench", given.temperatures, given.replicas))


def measure(folder: Path, storages: list[str], server: dict[str, Any], file: Path) -> None:
    """Fabricate the campaign in each profile that is not there yet, and time the commands side by side."""
    from aiida import orm
    from aiida.common.log import override_log_level
    from aiida.manage.configuration import get_config, load_profile
    from aiida.tools.archive import create_archive, import_archive
    from fabrication import fabricate, template_of

    from aiida_superionic.campaigns.points import expand
    from aiida_superionic.campaigns.spec import load_campaign
    from aiida_superionic.workchains.transport import TransportWorkChain

    archive, times = folder / "template.aiida", {}
    specifications = expand(load_campaign(file))
    for storage in storages:
        config = get_config(create=True)
        connection = server if storage == "postgresql" else {}
        if storage not in config.profile_names:
            make_profile(storage, connection)
            if archive.exists():
                with override_log_level(logging.WARNING):
                    import_archive(archive)
                attempt = orm.QueryBuilder().append(TransportWorkChain).first(flat=True)
            else:
                attempt = run_one(write(folder, "template", 1, 1, first=300))
                with override_log_level(logging.WARNING):
                    create_archive([attempt], filename=archive)
            began = time.perf_counter()
            nodes, links = fabricate(load_campaign(file).campaign, specifications, template_of(attempt))
            print(
                f"{storage}: {nodes} nodes and {links} links written in {time.perf_counter() - began:.0f} s", flush=True
            )
        elif connection:
            config.get_profile(storage).set_storage("core.psql_dos", connection)
            config.store()
        load_profile(storage, allow_switch=True)
        for name, arguments in commands(file).items():
            times[storage, name] = seconds_of_command(storage, arguments), seconds_within(storage, arguments)
            print(f"  {storage} {name}: {times[storage, name][0]:.2f} s", file=sys.stderr, flush=True)
    show(len(specifications), storages, times)


def show(number: int, storages: list[str], times: dict[tuple[str, str], tuple[float, float]]) -> None:
    """Print the times side by side."""
    verdicts = Verdicts()
    print(f"\n{number} points; seconds as a command, and within a process that has done it before")
    print(f"{'':10}" + "".join(f"{storage:>24}" for storage in storages))
    for name, wanted in WANTED.items():
        cells = (f"{command:14.2f}{within:10.2f}" for command, within in (times[storage, name] for storage in storages))
        slowest = max(times[storage, name][0] for storage in storages)
        print(f"{name:10}{''.join(cells)}  {verdicts.at_most(slowest, wanted, 's')}")
    print(verdicts.summary())


if __name__ == "__main__":
    main()
