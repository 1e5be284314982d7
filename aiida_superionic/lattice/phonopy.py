"""Force constants as phonopy leaves them: its YAML file with the cells, and ``FORCE_CONSTANTS`` or an entry in it.

Phonopy itself is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml.error import YAMLError

from aiida_superionic.datafiles import load_yaml
from aiida_superionic.lattice import Array, IntArray, LatticeError
from aiida_superionic.lattice.force_constants import SITE, Supercell
from aiida_superionic.units import ENERGY_UNITS, LENGTH_UNITS

FILES = ("phonopy.yaml", "phonopy_params.yaml", "phonopy_disp.yaml")
"""Where phonopy writes cells, the one that a run ends with first."""

_TEXT = "FORCE_CONSTANTS"
_CELLS = ("primitive_cell", "unit_cell", "supercell", "physical_unit")
_LENGTHS = {"angstrom": 1.0, "au": LENGTH_UNITS["Bohr"]}
_FORCE_CONSTANTS = {
    "eV/angstrom^2": 1.0,
    "eV/angstrom.au": 1.0 / LENGTH_UNITS["Bohr"],
    "Ry/au^2": ENERGY_UNITS["Rydberg"] / LENGTH_UNITS["Bohr"] ** 2,
    "mRy/au^2": 1e-3 * ENERGY_UNITS["Rydberg"] / LENGTH_UNITS["Bohr"] ** 2,
    "hartree/au^2": ENERGY_UNITS["Hartree"] / LENGTH_UNITS["Bohr"] ** 2,
    "hartree/angstrom.au": ENERGY_UNITS["Hartree"] / LENGTH_UNITS["Bohr"],
}


def read_phonopy(folder: Path) -> Supercell:
    """Return the force constants of a folder in which phonopy ran.

    Parameters
    ----------
    folder
        With ``phonopy.yaml``, ``phonopy_params.yaml`` or ``phonopy_disp.yaml``, and ``FORCE_CONSTANTS``, full or
        compact, unless the YAML file holds force constants.

    Raises
    ------
    LatticeError
        If a file is missing, cannot be read, or is cut.
    """
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise LatticeError(f"{folder} holds none of {', '.join(FILES)}")
    blocks = _blocks(_text(path))
    try:
        about = load_yaml("".join(blocks.get(name, "") for name in _CELLS)) or {}
        lattice, points, masses = _cell(about["primitive_cell" if "primitive_cell" in about else "unit_cell"])
        box, places, _ = _cell(about["supercell"])
        units = about.get("physical_unit") or {}
        length = _LENGTHS[units.get("length", "angstrom")]
        scale = _FORCE_CONSTANTS[units.get("force_constants", "eV/angstrom^2")]
    except (YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LatticeError(f"{path} does not say what phonopy's cells are, in units that are known") from error
    if (folder / _TEXT).is_file():
        rows, values = _read_text(folder / _TEXT, len(places))
    elif "force_constants" in blocks:
        values = _read_elements(blocks["force_constants"], path, len(places))
        rows = np.arange(len(places)) if len(values) == len(places) else _first_atoms(points, lattice, places @ box)
        if len(rows) != len(values):
            raise LatticeError(f"the force constants of {path} are neither of all atoms nor of those of the cell")
    else:
        raise LatticeError(
            f"{folder} holds no {_TEXT}, and {path.name} no force constants: phonopy --writefc writes them"
        )
    return Supercell(
        length * lattice,
        length * points @ lattice,
        masses,
        length * box,
        length * places @ box,
        rows,
        scale * values,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise LatticeError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error


def _blocks(text: str) -> dict[str, str]:
    """Return the text of each entry of the outermost level: displacements and forces may be too long to be parsed."""
    parts = re.split(r"^(?=[A-Za-z_]\w*:)", text, flags=re.MULTILINE)
    return {part.partition(":")[0]: part for part in parts}


def _cell(about: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """Return vectors, fractional coordinates, and masses in amu."""
    points = about["points"]
    lattice = np.array(about["lattice"], np.float64).reshape(3, 3)
    places = np.array([point["coordinates"] for point in points], np.float64).reshape(-1, 3)
    masses = np.array([point["mass"] for point in points], np.float64)
    return lattice, places, masses


def _first_atoms(points: Array, lattice: Array, positions: Array) -> IntArray:
    """Return which atom of the supercell is the first of each atom of the cell: what a compact list has rows of."""
    apart = positions @ np.linalg.inv(lattice) - points[:, None]
    near = np.linalg.norm((apart - np.rint(apart)) @ lattice, axis=-1) < SITE
    return np.asarray(np.argmax(near, axis=1), np.int64)


def _read_text(path: Path, atoms: int) -> tuple[IntArray, Array]:
    """Return which atoms the rows of ``FORCE_CONSTANTS`` are of, and the rows."""
    lines = _text(path).split("\n", 1)
    try:
        header = [int(word) for word in lines[0].split()]
        numbers = np.array(lines[-1].split(), np.float64)
    except ValueError as error:
        raise LatticeError(f"{path} holds what is no number") from error
    rows = header[0] if header else 0
    if header not in ([atoms], [rows, atoms]):
        raise LatticeError(f"{path} is not of the {atoms} atoms of the supercell")
    if len(numbers) != rows * atoms * 11:
        raise LatticeError(
            f"{path} is cut or has too much: {rows} × {atoms} force constants are {rows * atoms * 11} numbers, and it"
            f" has {len(numbers)}"
        )
    blocks = numbers.reshape(rows, atoms, 11)
    first = np.asarray(blocks[:, 0, 0], np.int64)
    expected = np.broadcast_to(np.arange(1, atoms + 1), (rows, atoms))
    if (
        np.any(blocks[:, :, 0] != first[:, None])
        or np.any(blocks[:, :, 1] != expected)
        or not (rows and first.min() >= 1 and first.max() <= atoms)
    ):
        raise LatticeError(f"{path} does not name its pairs of atoms in order")
    return first - 1, blocks[:, :, 2:].reshape(rows, atoms, 3, 3)


def _read_elements(block: str, path: Path, atoms: int) -> Array:
    """Return the rows of force constants in a YAML file: a list of rows of three numbers."""
    head, _, elements = re.sub(r"#.*", "", block).partition("elements:")
    shape = re.search(r"shape:\s*\[\s*(\d+)\s*,\s*(\d+)", head)
    try:
        numbers = np.array(
            [x for row in re.findall(r"\[([^\[\]]*)\]", elements) for x in row.split(",")], dtype=np.float64
        )
    except ValueError as error:
        raise LatticeError(f"the force constants of {path} hold what is no number") from error
    count = int(shape[1]) if shape else 0
    if not shape or int(shape[2]) != atoms or len(numbers) != count * atoms * 9:
        raise LatticeError(f"the force constants of {path} are cut, or not those of its supercell of {atoms} atoms")
    return numbers.reshape(count, atoms, 3, 3)
