"""``potential``: force fields of your own as nodes that campaigns name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from aiida_superionic.potentials import Potential


@cmd_root.group("potential")
def cmd_potential() -> None:
    """Bring in potentials of your own."""


@cmd_potential.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--species", help="Chemical symbols in the order of the potential, such as Li,P,S; checked.")
@click.option("--units", help="Of the files, as LAMMPS calls them: metal.")
@click.option("--source", default="", help="DOI of the potential, or another reference.")
@click.option("--description", default="", help="For people.")
@click.option(
    "--compiled-for", "target", default="ase", show_default=True, help="A model of NequIP: ase or pair_nequip."
)
@click.option("--label", required=True, help="What campaigns call it.")
@tells_user_errors
def cmd_import(
    files: tuple[Path, ...],
    species: str | None,
    units: str | None,
    source: str,
    description: str,
    target: str,
    label: str,
) -> None:
    """Make a node of the potential in FILES.

    FILES are a parameter file (.yaml) and those that it names, a model of DeePMD-kit (.pb) or NequIP (.pt2), or the
    basis and the coefficients of LAMMPS' pair_style pod.
    """
    from aiida_superionic.potentials.files import read_potential

    potential = read_potential(
        files,
        species=(species or "").replace(",", " ").split(),
        units=units,
        source=source,
        description=description,
        target=target,
    )
    for line in _summary(potential):
        click.echo(line)
    from aiida_superionic.data.contents import remember, stored_with
    from aiida_superionic.data.potential import PotentialData
    from aiida_superionic.potentials import FilePotential

    known = stored_with(PotentialData, potential.content)
    if known is not None:
        click.echo(f"potential {known.pk} {known.label} is the same; nothing is stored")
        return
    contents = potential.contents if isinstance(potential, FilePotential) else {}
    node = remember(PotentialData(potential.text(), contents), potential.content, label)
    click.echo(f"potential {node.pk}: in a campaign, potentials: [{{node: {label}}}]")


def _summary(potential: Potential) -> list[str]:
    """Return what was understood, for people to look at."""
    return [
        f"{'family':10} {potential.family}",
        f"{'species':10} {', '.join(potential.species)} (in this order)",
        f"{'units':10} eV, Å",
        f"{'source':10} {potential.source}",
        f"{'content':10} {potential.content[:8]}",
    ]
