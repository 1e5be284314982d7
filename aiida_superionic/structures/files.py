"""Structures from files, and the content by which two that are the same are known."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from ase.io.formats import UnknownFileTypeError
from ase.neighborlist import neighbor_list

from aiida_superionic.structures.orientations import StructureError

_LARGEST_FILE = 20_000_000
_DIGITS = 8
"""Of an Å, that are read from a file: two machines agree on them, and no two atoms on what they leave out."""
_SAME_PLACE = 0.3  # Å
_SMALLEST_VOLUME = 0.5  # Å³ per atom
_MOST_ATOMS = 1_000_000


def read_structure(path: Path) -> Atoms:
    """Return the one periodic structure that a file of any format of ASE holds.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ase.Atoms
        In Å, the atoms in the order of the file.

    Raises
    ------
    StructureError
        If the file cannot be read, holds several structures, or holds none that molecular dynamics can start from.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise StructureError(f"{path} is larger than {_LARGEST_FILE // 1_000_000} MB")
        if not path.is_file():
            raise StructureError(f"{path} is no file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frames = read(path, index=slice(None), do_not_split_by_at_sign=True)
    except StructureError:
        raise
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or _one_line(error)
        raise StructureError(f"{path} cannot be read: {reason}") from None
    except UnknownFileTypeError:
        raise StructureError(f"{path} has no format that ASE reads, such as .cif, .xyz or .vasp") from None
    except Exception as error:
        raise StructureError(f"{path} cannot be read: {_one_line(error)}") from None
    if len(frames) != 1:
        raise StructureError(f"{path} holds {len(frames)} structures and not one")
    (atoms,) = frames
    for filled in (atoms.info.get("occupancy") or {}).values():
        for species, share in filled.items():
            if not np.isclose(share, 1.0):
                raise StructureError(f"{path} fills a site with {share:g} {species}; it must be ordered")
    plain = Atoms(
        atoms.get_chemical_symbols(),
        positions=atoms.positions.round(_DIGITS),
        cell=atoms.cell[:].round(_DIGITS),
        pbc=atoms.pbc,
    )
    try:
        check_structure(plain)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    return plain


def check_structure(atoms: Atoms) -> None:
    """Check that molecular dynamics can start from a structure.

    Raises
    ------
    StructureError
        If it cannot.
    """
    if not 0 < len(atoms) <= _MOST_ATOMS:
        raise StructureError(f"a structure of {len(atoms)} atoms; it needs 1 to {_MOST_ATOMS}")
    if "X" in atoms.get_chemical_symbols():
        raise StructureError("an atom is of no chemical element")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell[:]).all()):
        raise StructureError("a position or a cell vector is not a number")
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise StructureError("it has no cell that repeats along three vectors")
    if atoms.get_volume() < _SMALLEST_VOLUME * len(atoms):
        raise StructureError(f"{len(atoms)} atoms in {atoms.get_volume():.3g} Å³ are too dense")
    first, second, distances = neighbor_list("ijd", atoms, _SAME_PLACE)
    if len(distances):
        raise StructureError(
            f"the atoms {first[0] + 1} and {second[0] + 1} are {distances[0]:.2g} Å apart; one of them is too many"
        )


def formula_of(atoms: Atoms) -> str:
    """Return the reduced formula of a structure, cations first."""
    return f"{atoms.symbols.formula.reduce()[0]:metal}"


def content_of(atoms: Atoms) -> str:
    """Return the SHA-256 of the cell, species and positions of a structure, as 64 hexadecimal digits.

    It is the same before a structure is stored on the graph, which keeps 14 digits of a number, and after.
    """
    numbers = [[f"{value + 0.0:.14g}" for value in row] for row in (*atoms.cell[:], *atoms.positions)]
    plain = json.dumps([atoms.get_chemical_symbols(), numbers], separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
