"""``structures``: the reference crystals, and files of their supercells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from ase import Atoms

    from aiida_superionic.structures import Material

_G_PER_CM3 = 1.66053906892
"""Of one amu/Å³."""
NAME = click.argument("name", metavar="NAME")


@cmd_root.group("structures")
def cmd_structures() -> None:
    """Look at the reference crystals, write supercells of them, and bring in structures of your own."""


cmd_root.add_command(cmd_structures, "structure")  # so that `structure import` reads as `potential import`


@cmd_structures.command("list")
@tells_user_errors
def cmd_list() -> None:
    """Show the reference crystals."""
    from rich.console import Console
    from rich.table import Column, Table

    from aiida_superionic.structures import materials

    fixed = [Column(header, no_wrap=True) for header in ("name", "formula", "group", "mobile")]
    table = Table(*fixed, Column("source", overflow="fold"), box=None)
    for name, material in materials().items():
        table.add_row(name, material.formula, material.symbol, ", ".join(material.mobile), material.source)
    Console().print(table)


@cmd_structures.command("show")
@NAME
@tells_user_errors
def cmd_show(name: str) -> None:
    """Show the cell, sites, ions and source of the reference crystal NAME."""
    from ase.geometry import cell_to_cellpar
    from rich.console import Console
    from rich.table import Table

    from aiida_superionic.structures import molecules

    material = _material(name)
    console = Console()
    lengths = cell_to_cellpar(material.cell)
    facts = Table(show_header=False, box=None)
    facts.add_row("formula", f"{material.formula}: {material.description}")
    facts.add_row("space group", f"{material.symbol} ({material.space_group})")
    facts.add_row("cell", "{:g} {:g} {:g} Å, {:g} {:g} {:g}°".format(*lengths.round(5)))
    facts.add_row("ions", ", ".join(f"{ion} {charge:+d}" for ion, charge in material.formal_charges.items()))
    rigid = [ion for ion in material.formal_charges if ion in molecules()]
    facts.add_row("polyanions in any orientation", ", ".join(rigid) or "none")
    facts.add_row("mobile", ", ".join(material.mobile))
    facts.add_row("source", material.source)
    if material.md:
        facts.add_row("MD", ", ".join(f"{key} {1000 * value:g} fs" for key, value in material.md.items()))
    if study := material.study:
        size = "x".join(str(repeat) for repeat in study.supercell)
        temperatures = ", ".join(f"{temperature:g}" for temperature in study.temperatures)
        facts.add_row(
            "study",
            f"{size}, {temperatures} K, {1000 * study.timestep:g} fs,"
            f" {study.equilibration:g} + {study.production:g} ps: {study.source}",
        )
    console.print(facts)
    sites = Table("species", "x y z", "positions", "filled per cell", "minimum distance / Å", box=None)
    for site in material.sites:
        positions = material.positions(site)
        sites.add_row(
            site.species,
            "{:.4f} {:.4f} {:.4f}".format(*positions[0]),
            str(len(positions)),
            f"{len(positions) if site.per_cell is None else site.per_cell:g}",
            f"{site.minimum_distance:g}" if site.minimum_distance else "-",
        )
    console.print(sites)


@cmd_structures.command("make")
@NAME
@click.option(
    "--supercell", type=int, nargs=3, default=(1, 1, 1), show_default=True, help="Repeats along each cell vector."
)
@click.option("--lattice-constants", type=float, nargs=3, help="Of the cell, Å; the measured ones if not given.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the draw of disorder.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write; its suffix gives the format: cif, xyz, vasp and others that ASE writes.",
)
@tells_user_errors
def cmd_make(
    name: str,
    supercell: tuple[int, int, int],
    lattice_constants: tuple[float, float, float] | None,
    seed: int,
    output: Path,
) -> None:
    """Write a supercell of the reference crystal NAME."""
    from ase.io import write
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    from aiida_superionic.structures.supercell import make_supercell

    material = _material(name)
    suffix = output.suffix.removeprefix(".")
    try:
        writable = ioformats[filetype(str(output), read=False)].can_write
    except (UnknownFileTypeError, KeyError):
        writable = False
    if not writable:
        raise UserError(f"{output} has no suffix of a format that can be written; write .cif, .xyz or .vasp")
    atoms = make_supercell(material, supercell, seed, lattice_constants)
    try:
        write(str(output), atoms, format="extxyz" if suffix == "xyz" else None)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{len(atoms)} atoms, {atoms.get_chemical_formula()}: {output}")


@cmd_structures.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--label", required=True, help="What campaigns call it.")
@tells_user_errors
def cmd_import(file: Path, label: str) -> None:
    """Make a node of the one ordered crystal in FILE, of any format that ASE reads."""
    from aiida_superionic.structures.files import content_of, read_structure

    atoms = read_structure(file)
    counts = ", ".join(f"{count} {symbol}" for symbol, count in atoms.symbols.formula.count().items())
    lengths = atoms.cell.cellpar().round(5)
    click.echo(f"{'atoms':10} {len(atoms)}: {counts}")
    click.echo("{:10} {:g} {:g} {:g} Å, {:g} {:g} {:g}°".format("cell", *lengths))
    click.echo(f"{'density':10} {_density(atoms):.3f} g/cm³")
    click.echo(f"{'content':10} {content_of(atoms)[:8]}")
    from aiida import orm

    from aiida_superionic.data.contents import remember, stored_with

    known = stored_with(orm.StructureData, content_of(atoms))
    if known is not None:
        click.echo(f"structure {known.pk} {known.label} is the same; nothing is stored")
        return
    node = remember(orm.StructureData(ase=atoms), content_of(atoms), label)
    click.echo(f"structure {node.pk}: in a campaign, structure: {{node: {label}, mobile: [...]}}")


@cmd_structures.command("study")
@NAME
@click.option("--potential", required=True, help="Name of the potential to put in place of the study's own.")
@tells_user_errors
def cmd_study(name: str, potential: str) -> None:
    """Print the campaign file of the published study of the reference crystal NAME."""
    from aiida_superionic.campaigns.study import study_campaign
    from aiida_superionic.campaigns.wording import unknown
    from aiida_superionic.potentials import potentials

    material = _material(name)
    if potential not in potentials():
        raise UserError(unknown("potential", potential, potentials()))
    try:
        click.echo(study_campaign(name, material, potential), nl=False)
    except ValueError as error:
        raise UserError(str(error)) from None


def _density(atoms: Atoms) -> float:
    """Return the mass over the volume in g/cm³."""
    return float(atoms.get_masses().sum() / atoms.get_volume() * _G_PER_CM3)


def _material(name: str) -> Material:
    from aiida_superionic.campaigns.wording import unknown
    from aiida_superionic.structures import materials

    if name not in materials():
        raise UserError(unknown("material", name, materials()))
    return materials()[name]
