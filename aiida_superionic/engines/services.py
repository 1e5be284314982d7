"""The services of a production profile: whether each answers, and what AiiDA needs to know of it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import psycopg
from aiida.brokers.rabbitmq.utils import get_rmq_url
from aiormq.exceptions import AMQPError, ProbableAuthenticationError
from packaging.version import InvalidVersion, Version
from pamqp.exceptions import PAMQPException as PamqpError

from aiida_superionic.engines.catalogue import EngineError

_PATIENCE = 10.0  # s
_TIMEOUT_SINCE = Version("3.8.15")


@dataclass(frozen=True)
class Database:
    """A database of a PostgreSQL server and the role that owns it."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)

    def storage_config(self, repository: Path) -> dict[str, Any]:
        """Return how AiiDA finds it, and the folder of the files of nodes."""
        return {
            "database_engine": "postgresql_psycopg",
            "database_hostname": self.host,
            "database_port": self.port,
            "database_username": self.user,
            "database_password": self.password,
            "database_name": self.name,
            "repository_uri": repository.as_uri(),
            # A worker outlives the server: it looks whether a connection still holds before it uses it.
            "engine_kwargs": {"pool_pre_ping": True},
        }

    def check(self) -> str:
        """Return the version of the server.

        Raises
        ------
        EngineError
            If it does not answer, does not let us in, or lets us make no tables.
        """
        where = f"PostgreSQL at {self.host}:{self.port}"
        make = (
            f"""as its administrator: CREATE ROLE "{self.user}" LOGIN PASSWORD '...'; CREATE DATABASE "{self.name}" """
            f"""OWNER "{self.user}" TEMPLATE template0 ENCODING 'UTF8';"""
        )
        try:
            with psycopg.connect(
                host=self.host,
                port=self.port,
                dbname=self.name,
                user=self.user,
                password=self.password,
                connect_timeout=int(_PATIENCE),
            ) as connection:
                encoding = connection.info.parameter_status("server_encoding")
                may = connection.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone()
                number = connection.info.server_version
        except psycopg.OperationalError as error:
            said = str(error).strip().splitlines()[0]
            if "FATAL:" not in said:
                raise EngineError(
                    f"{where} does not answer ({said}); is it running, and are host and port right?"
                ) from None
            said = said.split("FATAL:", 1)[1].strip()
            raise EngineError(f"{where} does not let {self.user} into {self.name} ({said}); {make}") from None
        if not may or not may[0]:
            raise EngineError(f"{where} lets {self.user} make no tables in {self.name}; {make}")
        if encoding != "UTF8":
            raise EngineError(f"the database {self.name} of {where} is encoded in {encoding}, not in UTF8; {make}")
        return f"{number // 10000}.{number % 10000}"


@dataclass(frozen=True)
class Broker:
    """A virtual host of a RabbitMQ server and a user of it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str = ""
    protocol: str = "amqp"

    @property
    def config(self) -> dict[str, Any]:
        """How AiiDA finds it."""
        return {
            "broker_protocol": self.protocol,
            "broker_username": self.user,
            "broker_password": self.password,
            "broker_host": self.host,
            "broker_port": self.port,
            "broker_virtual_host": self.virtual_host,
        }

    def check(self) -> str:
        """Return the version of the server.

        Raises
        ------
        EngineError
            If it does not answer or does not let us in.
        """
        where = f"RabbitMQ at {self.host}:{self.port}"
        try:
            return asyncio.run(self._version())
        except ProbableAuthenticationError:
            raise EngineError(
                f"{where} does not let {self.user} in with this password; as its administrator: rabbitmqctl add_user"
                f" {self.user} (guest may come from the same machine only)"
            ) from None
        except PamqpError:
            # The server closes the connection when it is told the virtual host.
            host = self.virtual_host or "/"
            raise EngineError(
                f"{where} does not let {self.user} into the virtual host {host}; as its administrator: rabbitmqctl"
                f" add_vhost {host}; rabbitmqctl set_permissions -p {host} {self.user} '.*' '.*' '.*'"
            ) from None
        except (AMQPError, OSError, TimeoutError) as error:
            said = str(error) or f"silent for {_PATIENCE:.0f} s"
            raise EngineError(
                f"{where} does not answer ({said}); is it running, and are host and port right?"
            ) from None

    async def _version(self) -> str:
        # What is wrong is told once, in a sentence.
        logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
        parts = {key.removeprefix("broker_"): value for key, value in self.config.items()}
        async with asyncio.timeout(_PATIENCE), await aio_pika.connect(get_rmq_url(**parts)) as connection:
            said = connection.transport.connection.server_properties.get("version", "unknown")  # type: ignore[union-attr]
            return said.decode() if isinstance(said, bytes) else str(said)


def gives_tasks_back(version: str) -> bool:
    """Return whether a RabbitMQ takes a task from a worker that has held it for long, unless it is told otherwise."""
    try:
        return Version(version) >= _TIMEOUT_SINCE
    except InvalidVersion:
        return True


def check_slurm() -> str:
    """Return the version of the SLURM of this machine.

    Raises
    ------
    EngineError
        If there is none or it does not answer.
    """
    if shutil.which("sinfo") is None or shutil.which("sbatch") is None:
        raise EngineError("SLURM is not on this machine: neither sinfo nor sbatch is on PATH")
    try:
        result = subprocess.run(
            ["sinfo", "--noheader", "--format=%P"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=3 * _PATIENCE,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(
            "SLURM does not answer: sinfo says nothing; is slurmctld running, and is SLURM_CONF right?"
        ) from None
    if result.returncode:
        said = (result.stderr.strip().splitlines() or ["nothing"])[-1]
        raise EngineError(f"SLURM does not answer (sinfo: {said}); is slurmctld running, and is SLURM_CONF right?")
    if not result.stdout.strip():
        raise EngineError("SLURM has no partition that you may use (sinfo lists none)")
    version = subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
    return version.stdout.split()[-1]
