"""``setup``: everything that a new user needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_superionic.cli.engines import PREFIX
from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from aiida_superionic.engines.services import Broker, Database

PORT = click.IntRange(1, 65535)


@cmd_root.command("setup")
@click.option("--name", "profile_name", help="Profile to use or make.  [default: the default profile, or superionic]")
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    help="Engine jobs that may run at once on this machine.  [default: as it is; the number of cores at first]",
)
@PREFIX
@click.option(
    "--production",
    is_flag=True,
    help="A new profile keeps its nodes in PostgreSQL and sends its tasks through RabbitMQ; both must answer.",
)
@click.option("--slurm", is_flag=True, help="Register this machine's SLURM as a computer too, with the same codes.")
@click.option("--database-host", default="localhost", show_default=True, help="Host of PostgreSQL.")
@click.option("--database-port", type=PORT, default=5432, show_default=True, help="Port of PostgreSQL.")
@click.option("--database-name", help="Database in PostgreSQL.  [default: the profile's name]")
@click.option("--database-user", help="Role in PostgreSQL that owns the database.  [default: the database's name]")
@click.option("--broker-host", default="localhost", show_default=True, help="Host of RabbitMQ.")
@click.option("--broker-port", type=PORT, default=5672, show_default=True, help="Port of RabbitMQ.")
@click.option("--broker-user", default="guest", show_default=True, help="User of RabbitMQ.")
@click.option("--broker-virtual-host", default="", help="Virtual host of RabbitMQ.  [default: /]")
@click.option(
    "--broker-protocol", type=click.Choice(["amqp", "amqps"]), default="amqp", show_default=True, help="Of RabbitMQ."
)
@tells_user_errors
def cmd_setup(
    profile_name: str | None, slots: int | None, prefix: Path | None, production: bool, slurm: bool, **services: Any
) -> None:
    """Make what is missing: a profile, this machine as a computer, LAMMPS, and the codes; CP2K where it is.

    Needs no service and no root unless told otherwise, and can be repeated: what is there stays. With --production
    the passwords come from the variables SUPERIONIC_DATABASE_PASSWORD and SUPERIONIC_BROKER_PASSWORD, or are asked for.
    """
    from aiida_superionic.engines.catalogue import engines
    from aiida_superionic.engines.installation import default_prefix, find, install
    from aiida_superionic.engines.registration import ensure_code, ensure_computer, ensure_profile, ensure_slurm
    from aiida_superionic.engines.services import check_slurm

    if slurm:
        click.echo(f"{'SLURM':9} {check_slurm()} answers")
    name, created = ensure_profile(profile_name, _answering(profile_name, services) if production else None)
    _say("profile", name, created)
    computers = []
    for made in (ensure_computer(slots), *([ensure_slurm()] if slurm else [])):
        _say("computer", made[0].label, made[1])
        computers.append(made[0])
    folder = prefix or default_prefix()
    for engine in engines().values():
        found = find(engine, folder)
        if not found and (engine.on_request or not engine.installs):
            click.echo(f"{'code':9} {engine.name} is not on this machine; if you need it: {engine.how_to_install}")
            continue
        if not found:
            click.echo(f"installing {engine.name} in {folder / engine.environment} ...")
        installation = found[0] if found else install(engine, folder)
        for computer in computers:
            code, created = ensure_code(installation, computer)
            _say("code", f"{code.full_label} ({engine.name} {installation.version})", created)


def _answering(profile_name: str | None, given: dict[str, Any]) -> tuple[Database, Broker] | None:
    """Return the services of a profile that is to be made, when both have answered; None where the profile is there."""
    from aiida.manage.configuration import get_config

    from aiida_superionic.engines.services import Broker, Database, gives_tasks_back

    if profile_name is None:
        raise UserError("a profile of production needs a name: --name NAME")
    config = get_config(create=True)
    if profile_name in config.profile_names:
        if config.get_profile(profile_name).storage_backend != "core.psql_dos":
            raise UserError(f"the profile {profile_name} is there, and not of production; give another name")
        return None
    name = given["database_name"] or profile_name
    database = Database(
        given["database_host"],
        given["database_port"],
        name,
        given["database_user"] or name,
        _password("SUPERIONIC_DATABASE_PASSWORD", "PostgreSQL"),
    )
    broker = Broker(
        given["broker_host"],
        given["broker_port"],
        given["broker_user"],
        _password("SUPERIONIC_BROKER_PASSWORD", "RabbitMQ"),
        given["broker_virtual_host"],
        given["broker_protocol"],
    )
    click.echo(f"{'database':9} PostgreSQL {database.check()} answers")
    version = broker.check()
    click.echo(f"{'broker':9} RabbitMQ {version} answers")
    if gives_tasks_back(version):
        click.echo(
            f"{'':9} it runs a task that takes over half an hour a second time, unless its consumer_timeout is longer:"
            " see docs/howto/production.md"
        )
    return database, broker


def _password(variable: str, service: str) -> str:
    given = os.environ.get(variable)
    if given is None:
        if not sys.stdin.isatty():
            raise UserError(f"the password for {service} is not known; set the variable {variable}")
        given = str(click.prompt(f"Password for {service}", hide_input=True))
    return given


def _say(what: str, name: str, created: bool) -> None:
    click.echo(f"{what:9} {name} {'made' if created else 'there already'}")
