"""``engines``: what runs the jobs."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.root import cmd_root

PREFIX = click.option(
    "--prefix",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SUPERIONIC_ENGINES",
    show_envvar=True,
    help="Folder of the environments that we install.  [default: ~/.local/share/aiida-superionic/engines]",
)


@cmd_root.group("engines")
def cmd_engines() -> None:
    """Find, install and register the programs that run the jobs."""


@cmd_engines.command("list")
@PREFIX
@tells_user_errors
def cmd_list(prefix: Path | None) -> None:
    """Show the engines that are on this machine, and how to get the others."""
    from rich.console import Console
    from rich.table import Column, Table

    from aiida_superionic.engines.catalogue import engines
    from aiida_superionic.engines.installation import default_prefix, find

    table = Table("engine", "for", "version", "where", Column("executable", overflow="fold"))
    for engine in engines().values():
        found = find(engine, prefix or default_prefix())
        for installation in found:
            executable = str(installation.executable)
            if engine.data_file is not None:
                folder = installation.data_folder
                executable += f"\ndata in {folder}" if folder else f"\nno data: set {engine.name.upper()}_DATA_DIR"
            table.add_row(engine.name, engine.description, installation.version, installation.origin, executable)
        if not found:
            table.add_row(engine.name, engine.description, "-", engine.how_to_install, "-")
    Console().print(table)


@cmd_engines.command("install")
@click.argument("name", metavar="ENGINE")
@PREFIX
@click.option(
    "--register/--no-register", default=True, help="Register it as a code in the profile.  [default: register]"
)
@tells_user_errors
def cmd_install(name: str, prefix: Path | None, register: bool) -> None:
    """Install ENGINE into an environment of its own and register it as a code.

    lammps and analysis are installed by setup too; learning brings DeePMD-kit, NequIP and a LAMMPS that runs what they
    train (some gigabytes), and registers all of them.
    """
    from aiida_superionic.campaigns.wording import unknown
    from aiida_superionic.engines.catalogue import engines
    from aiida_superionic.engines.installation import default_prefix, install, installed

    known = engines()
    asked = [engine for engine in known.values() if name == engine.environment] or [
        engine for engine in known.values() if name == engine.name
    ]
    if not asked:
        raise UserError(unknown("engine", name, [*known, *(engine.environment for engine in known.values())]))
    folder = prefix or default_prefix()
    installations = [install(asked[0], folder), *(installed(engine, folder) for engine in asked[1:])]
    for installation in installations:
        click.echo(f"{installation.engine.name} {installation.version} is installed: {installation.executable}")
    if register:
        from aiida_superionic.engines.registration import ensure_code, ensure_computer, ensure_profile

        ensure_profile()
        computer, _ = ensure_computer()
        for installation in installations:
            click.echo(f"it is registered as the code {ensure_code(installation, computer)[0].full_label}")


@cmd_engines.command("register")
@click.argument("name", metavar="ENGINE")
@click.option("--computer", "label", required=True, help="Label of a computer that AiiDA knows (verdi computer list).")
@click.option(
    "--executable", required=True, type=click.Path(path_type=Path), help="Absolute path of the executable there."
)
@click.option("--prepend-text", default="", help="Lines of the shell that make it start, such as 'module load lammps'.")
@tells_user_errors
def cmd_register(name: str, label: str, executable: Path, prepend_text: str) -> None:
    """Register an executable of ENGINE on a computer, such as a cluster, as a code; it is asked for its version."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_computer

    from aiida_superionic.campaigns.wording import unknown
    from aiida_superionic.engines.catalogue import engines
    from aiida_superionic.engines.registration import ensure_code, ensure_profile, found_on

    known = engines()
    if name not in known:
        raise UserError(unknown("engine", name, known))
    if not executable.is_absolute():
        raise UserError(f"{executable} is no absolute path; give the one that it has on {label}")
    ensure_profile()
    try:
        computer = load_computer(label)
    except NotExistent:
        raise UserError(f"no computer {label} is registered; make one with: verdi computer setup") from None
    installation = found_on(known[name], executable, computer, prepend_text)
    code, created = ensure_code(installation, computer, prepend_text)
    click.echo(f"{code.full_label} ({name} {installation.version}) {'made' if created else 'there already'}")
