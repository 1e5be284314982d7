"""``lattice``: crystals that vibrate, from the force constants of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from aiida_superionic.lattice.crystal import Crystal
    from aiida_superionic.lattice.force_constants import Restored, Supercell
    from aiida_superionic.lattice.lammps import Style, Units

KM_PER_S = 0.1
"""km/s per Å/ps."""


@cmd_root.group("lattice")
def cmd_lattice() -> None:
    """Make crystals for the time-local model of ions in a vibrating crystal."""


@cmd_lattice.command("import")
@click.option(
    "--phonopy",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with phonopy.yaml (or phonopy_params.yaml) and FORCE_CONSTANTS.",
)
@click.option(
    "--lammps",
    type=click.Path(path_type=Path),
    help="What LAMMPS' dynamical_matrix wrote of all atoms of a supercell, as text.",
)
@click.option(
    "--structure",
    type=click.Path(path_type=Path),
    help="That supercell: a data file of LAMMPS, or any file that ASE reads.",
)
@click.option(
    "--supercell",
    type=(click.IntRange(min=1),) * 3,
    metavar="N N N",
    help="How often that repeats the crystal's cell along each of its vectors.",
)
@click.option(
    "--style",
    type=click.Choice(["eskm", "regular"]),
    default="eskm",
    help="Of dynamical_matrix: eskm keeps more digits.  [default: eskm]",
)
@click.option(
    "--units", type=click.Choice(["metal", "real"]), default="metal", help="Of LAMMPS' run.  [default: metal]"
)
@click.option("--cutoff", type=click.FloatRange(min=0.0, min_open=True), help="Å, beyond which atoms are not coupled.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0),
    default=0.01,
    help="Share of the largest force constant by which symmetries may be missed, and are restored.  [default: 0.01]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("crystal.npz"),
    help="File of the crystal.  [default: crystal.npz]",
)
@tells_user_errors
def cmd_import(
    phonopy: Path | None,
    lammps: Path | None,
    structure: Path | None,
    supercell: tuple[int, int, int] | None,
    style: Style,
    units: Units,
    cutoff: float | None,
    tolerance: float,
    output: Path,
) -> None:
    """Make a crystal of the force constants that phonopy or LAMMPS found.

    Name the file in a request to superionic-lattice: crystal: {file: crystal.npz}. Couplings are those of atoms and
    their nearest images. A crystal that is not stable is refused.
    """
    from aiida_superionic.lattice.crystal_file import write_crystal
    from aiida_superionic.lattice.force_constants import crystal_of

    if output.exists():
        raise UserError(f"{output} is there already")
    given = _read(phonopy, lammps, structure, supercell, style, units)
    crystal, restored = crystal_of(given, tolerance, cutoff)
    rows = _facts(crystal, restored, cutoff)
    write_crystal(output, crystal)
    _print(rows)
    click.echo(f"written to {output}")


def _read(
    phonopy: Path | None,
    lammps: Path | None,
    structure: Path | None,
    shape: tuple[int, int, int] | None,
    style: Style,
    units: Units,
) -> Supercell:
    from aiida_superionic.lattice.lammps import read_lammps
    from aiida_superionic.lattice.phonopy import read_phonopy

    if phonopy is not None and lammps is None and structure is None and shape is None:
        return read_phonopy(phonopy)
    if phonopy is None and lammps is not None and structure is not None and shape is not None:
        return read_lammps(lammps, structure, shape, style, units)
    raise UserError("give either --phonopy FOLDER, or --lammps FILE --structure FILE --supercell N N N")


def _facts(crystal: Crystal, restored: Restored, cutoff: float | None) -> dict[str, str]:
    """Return what is told of a crystal, or refuse one that is not stable."""
    import numpy as np

    from aiida_superionic.lattice.modes import cells_a_side, modes_of

    atoms = len(crystal.masses)
    a, b, c = np.linalg.norm(crystal.lattice, axis=1)
    pairs = np.any(crystal.force_constants != 0.0, axis=(2, 4))
    # As many momenta for a small cell as for a large one, and its boundary among them.
    highest = modes_of(crystal, (2 * cells_a_side(crystal, 8),) * 3).highest
    crystal.loss_matrix()
    vectors = crystal.lattice / np.array([a, b, c])[:, None]
    sound = crystal.speeds_of_sound(vectors) * KM_PER_S
    facts = {
        "cell": f"{a:.6g} {b:.6g} {c:.6g} Å",
        "atoms": str(atoms),
        "couplings": f"{np.count_nonzero(pairs)} pairs of atoms, to {len(crystal.cells)} cells",
        "highest frequency": f"{highest / (2.0 * np.pi):.5g} THz",
        **{
            f"sound along {name}": ", ".join(f"{speed:.4g}" for speed in speeds) + " km/s"
            for name, speeds in zip("abc", sound, strict=True)
        },
        "missed and restored": "",
        "  same in each cell": f"{restored.translation:.2g}",
        "  action and reaction": f"{restored.third_law:.2g}",
        "  acoustic sum rule": f"{restored.sum_rule:.2g}",
    }
    return facts | ({} if cutoff is None else {"left out beyond cutoff": f"{restored.cut:.2g}"})


def _print(rows: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column(style="bold"), Column(overflow="fold"), show_header=False, box=None)
    for row in rows.items():
        table.add_row(*row)
    table.caption = "shares are of the largest force constant"
    Console(markup=False).print(table)
