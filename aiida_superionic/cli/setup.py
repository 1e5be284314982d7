"""``setup``: everything that a new user needs."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_superionic.cli.engines import PREFIX
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.root import cmd_root


@cmd_root.command("setup")
@click.option("--name", "profile_name", help="Profile to use or make.  [default: the default profile, or superionic]")
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    help="Engine jobs that may run at once on this machine.  [default: as it is; the number of cores at first]",
)
@PREFIX
@tells_user_errors
def cmd_setup(profile_name: str | None, slots: int | None, prefix: Path | None) -> None:
    """Make what is missing: a profile, this machine as a computer, LAMMPS, and the codes; CP2K where it is.

    Asks nothing, needs no service and no root, and can be repeated: what is there stays.
    """
    from aiida_superionic.engines.catalogue import engines
    from aiida_superionic.engines.installation import default_prefix, find, install
    from aiida_superionic.engines.registration import ensure_code, ensure_computer, ensure_profile

    name, created = ensure_profile(profile_name)
    _say("profile", name, created)
    computer, created = ensure_computer(slots)
    _say("computer", computer.label, created)
    folder = prefix or default_prefix()
    for engine in engines().values():
        found = find(engine, folder)
        if not found and (engine.on_request or not engine.installs):
            click.echo(f"{'code':9} {engine.name} is not on this machine; if you need it: {engine.how_to_install}")
            continue
        if not found:
            click.echo(f"installing {engine.name} in {folder / engine.environment} ...")
        installation = found[0] if found else install(engine, folder)
        code, created = ensure_code(installation, computer)
        _say("code", f"{code.full_label} ({engine.name} {installation.version})", created)


def _say(what: str, name: str, created: bool) -> None:
    click.echo(f"{what:9} {name} {'made' if created else 'there already'}")
