"""A crystal as a file: NumPy's compressed arrays, by the names of the crystal's fields."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.crystal import Crystal

_FIELDS = ("lattice", "basis", "masses", "cells", "force_constants")


def write_crystal(path: Path, crystal: Crystal) -> None:
    """Write a crystal.

    Raises
    ------
    LatticeError
        If the file cannot be written.
    """
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, **{name: getattr(crystal, name) for name in _FIELDS})
    except OSError as error:
        raise LatticeError(f"{path} cannot be written: {error.strerror}") from error


def read_crystal(path: Path) -> Crystal:
    """Return the crystal of a file.

    Raises
    ------
    LatticeError
        If the file cannot be read, or holds no crystal.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            lattice, basis, masses, cells, force_constants = (arrays[name] for name in _FIELDS)
    except OSError as error:
        raise LatticeError(f"{path} cannot be read: {error.strerror or 'it is no file of a crystal'}") from error
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LatticeError(f"{path} holds no crystal") from error
    if any(array.dtype.kind not in "fi" for array in (lattice, basis, masses, cells, force_constants)):
        raise LatticeError(f"{path} holds no crystal of numbers")
    lattice, basis, masses, force_constants = (
        array.astype(np.float64) for array in (lattice, basis, masses, force_constants)
    )
    return Crystal(lattice, basis, masses, cells.astype(np.int64), force_constants)
