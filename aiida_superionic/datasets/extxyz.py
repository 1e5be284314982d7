"""Datasets as extended XYZ, which declares in each comment line what its numbers are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase.io.extxyz import key_val_str_to_dict

from aiida_superionic.datasets.dataset import Dataset, ordered
from aiida_superionic.datasets.declared_units import OURS, factor, parse_units, write_units
from aiida_superionic.datasets.frame import Array, DatasetError, Frame

_NUMBER = " %.17g"
"""A double that is written and read again is the same one."""

_TEXTS = ("source", "licence", "origin", "subset")


@dataclass(frozen=True)
class Declared:
    """What a person says of a file that does not say it itself.

    Parameters
    ----------
    level_of_theory, source, licence, temperature
        As :class:`Dataset` and :class:`Frame` have them.
    origin
        Of all frames together: the number of each is added.
    units
        By quantity: length, energy, force and stress.
    keys
        What the file calls ``energy``, ``forces`` and ``stress``, where it calls them otherwise.
    unlabelled
        Whether energies, forces and stresses are left out.
    """

    level_of_theory: str | None = None
    source: str = ""
    licence: str = ""
    origin: str = ""
    temperature: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    unlabelled: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.keys) - {"energy", "forces", "stress"})
        if unknown:
            raise DatasetError(f"a key for {', '.join(unknown)} where energy, forces and stress may have one")
        parse_units(write_units(self.units))


def write_extxyz(dataset: Dataset) -> str:
    """Return a dataset as extended XYZ that :func:`read_extxyz` reads back bit for bit.

    The comment line of each frame holds ``units``, ``level_of_theory``, ``energy``, ``stress`` (positive under
    tension), ``temperature``, ``source``, ``licence``, ``origin`` and ``subset``, those that it has.

    Raises
    ------
    DatasetError
        If a text would not be read back as it is.
    """
    return "".join(_written(frame, dataset.level_of_theory) for frame in dataset.frames)


def read_extxyz(text: str, name: str, declared: Declared | None = None) -> Dataset:
    """Return the dataset that a file of extended XYZ holds.

    Atoms are put into the order of the first frame of their composition. Columns and keys that are not known are left
    out. A ``virial`` is taken as minus the stress times the volume, in the unit of energy.

    Parameters
    ----------
    text
        What the file holds.
    name
        Of the file, for messages.
    declared
        What the file does not say itself.

    Raises
    ------
    DatasetError
        If the file is damaged or cut, a frame is not periodic or cannot be trusted, or something that must be known is
        neither in the file nor declared, or declared otherwise.
    """
    declared = declared or Declared()
    if not text.endswith("\n"):
        raise DatasetError(f"{name} does not end with a whole line: it was cut; if it was not, end its last line")
    frames, levels = [], set()
    for number, (comment, rows) in enumerate(_blocks(text, name)):
        where = f"{name}, frame {number}"
        try:
            origin = declared.origin and f"{declared.origin}, frame {number}"
            frame, level = _frame(comment, rows, replace(declared, origin=origin))
        except DatasetError as error:
            raise DatasetError(f"{where}: {error}") from None
        frames.append(frame)
        levels.add(level)
    if len(levels) > 1:
        named = " and ".join(sorted(level or "none" for level in levels))
        raise DatasetError(f"{name} mixes levels of theory, whose energies cannot be compared: {named}")
    try:
        return Dataset(ordered(frames), levels.pop() if levels else None)
    except DatasetError as error:
        raise DatasetError(f"{name}: {error}") from None


def _written(frame: Frame, level_of_theory: str | None) -> str:
    said: dict[str, str | None] = {
        "units": write_units(OURS),
        "level_of_theory": level_of_theory,
        **{key: getattr(frame, key) for key in _TEXTS},
    }
    comment = [f'Lattice="{_numbers(frame.cell)}"']
    comment.append("Properties=species:S:1:pos:R:3" + ":forces:R:3" * frame.labelled + ' pbc="T T T"')
    comment += [f"{key}={_quoted(key, text)}" for key, text in said.items() if text]
    for key in ("energy", "temperature"):
        value = getattr(frame, key)
        comment += [f"{key}={value:.17g}"] if value is not None else []
    if frame.stress is not None:
        comment.append(f'stress="{_numbers((frame.stress + frame.stress.T) / 2.0)}"')
    columns = frame.positions if frame.forces is None else np.hstack((frame.positions, frame.forces))
    atoms = "".join(f"{kind}{_NUMBER * columns.shape[1]}\n" for kind in frame.species)
    return f"{len(frame.species)}\n{' '.join(comment)}\n" + atoms % tuple(columns.ravel().tolist())


def _numbers(array: Array) -> str:
    return " ".join(f"{x:.17g}" for x in array.ravel())


def _quoted(key: str, text: str) -> str:
    quoted = f'"{text}"'
    # A number, a list or a truth value would come back as one; quotes and line ends would break the line.
    read = _comment(f"{key}={quoted}")
    if not text.isprintable() or list(read) != [key] or not isinstance(read[key], str) or read[key] != text:
        raise DatasetError(f"the {key.replace('_', ' ')} {text!r} cannot be written in a line of extended XYZ")
    return quoted


def _comment(line: str) -> dict[str, Any]:
    try:
        return dict(key_val_str_to_dict(line))
    except ValueError as error:
        raise DatasetError(f"its comment line is damaged: {error}") from None


def _blocks(text: str, name: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the comment line and the columns of the atoms of each frame."""
    lines = text.rstrip().split("\n")
    at = 0
    while at < len(lines):
        count = lines[at].strip()
        if not count.isdecimal() or int(count) == 0:
            raise DatasetError(f"{name}, line {at + 1}: {count[:40]!r} where the number of atoms is expected")
        end = at + 2 + int(count)
        if end > len(lines):
            raise DatasetError(f"{name} was cut: it ends within the frame that begins in line {at + 1}")
        yield lines[at + 1], [line.split() for line in lines[at + 2 : end]]
        at = end


def _frame(line: str, rows: list[list[str]], declared: Declared) -> tuple[Frame, str | None]:
    """Return one frame in Å and eV, and its level of theory."""
    comment = _comment(line)
    columns = _columns(str(comment.get("Properties", "species:S:1:pos:R:3")), rows)
    units = dict(parse_units(str(comment["units"]))) if "units" in comment else {}
    for quantity, unit in declared.units.items():
        if units.setdefault(quantity, unit) != unit:
            raise DatasetError(f"{unit} is declared and the file says {units[quantity]}")
    if "Lattice" not in comment or not _is_periodic(comment.get("pbc", True)):
        raise DatasetError("it has no cell, or is not periodic in all directions")
    length = factor(units, "length")
    # ASE reads the vectors as columns.
    cell = np.asarray(comment["Lattice"], dtype=np.float64).T * length
    defaults = {"origin": declared.origin}
    if "source" not in comment:
        defaults |= {"source": declared.source, "licence": declared.licence}
    texts = {key: str(comment.get(key, defaults.get(key, ""))) for key in _TEXTS}
    frame = Frame(
        species=tuple(kind.capitalize() for kind in _column(columns, "species").ravel().tolist()),
        positions=_floats(_column(columns, "pos")) * length,
        cell=cell,
        temperature=_number(comment, "temperature") if "temperature" in comment else declared.temperature,
        source=texts["source"],
        licence=texts["licence"],
        origin=texts["origin"],
        subset=texts["subset"] or None,
        **({} if declared.unlabelled else _labels(comment, columns, declared.keys, units, cell)),
    )
    if declared.unlabelled:
        return frame, None
    level = comment.get("level_of_theory", declared.level_of_theory)
    if declared.level_of_theory not in {None, level}:
        raise DatasetError(f"{declared.level_of_theory} is declared and the file says {level}")
    return frame, None if level is None else str(level)


def _labels(
    comment: dict[str, Any],
    columns: dict[str, np.ndarray[Any, Any]],
    keys: Mapping[str, str],
    units: Mapping[str, str],
    cell: Array,
) -> dict[str, Any]:
    energy, forces, stress = (keys.get(key, key) for key in ("energy", "forces", "stress"))
    labels: dict[str, Any] = {}
    if energy in comment:
        labels["energy"] = _number(comment, energy) * factor(units, "energy")
    if forces in columns:
        labels["forces"] = _floats(columns[forces]) * factor(units, "force")
    if stress in comment:
        labels["stress"] = _matrix(comment, stress) * factor(units, "stress")
    elif "virial" in comment:
        labels["stress"] = -_matrix(comment, "virial") * factor(units, "energy") / abs(np.linalg.det(cell))
    return labels


def _columns(properties: str, rows: list[list[str]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the columns of the atoms as text, by name, each of shape (N, its width)."""
    words = properties.split(":")
    names, widths = words[::3], words[2::3]
    if len(words) % 3 or not all(width.isdecimal() for width in widths):
        raise DatasetError(f"{properties!r} says no columns")
    ends = np.cumsum([int(width) for width in widths])
    for row in rows:
        if len(row) != ends[-1]:
            raise DatasetError(f"{len(row)} columns in the line {' '.join(row)[:40]!r}, where {ends[-1]} are expected")
    return dict(zip(names, np.split(np.array(rows, dtype=np.str_), ends[:-1], axis=1), strict=True))


def _column(columns: dict[str, np.ndarray[Any, Any]], name: str) -> np.ndarray[Any, Any]:
    if name not in columns:
        raise DatasetError(f"it has no column {name!r}")
    return columns[name]


def _floats(column: np.ndarray[Any, Any]) -> Array:
    try:
        return np.array(column.tolist(), dtype=np.float64)
    except ValueError as error:
        raise DatasetError(f"{error}, where a number is expected") from None


def _is_periodic(pbc: Any) -> bool:
    said = np.asarray(pbc)
    return said.size in {1, 3} and said.dtype.kind in "bi" and bool(said.all())


def _number(comment: dict[str, Any], key: str) -> float:
    value = comment[key]
    if isinstance(value, bool) or not np.isscalar(value) or isinstance(value, str):
        raise DatasetError(f"{key} is {value!r} where a number is expected")
    return float(value)  # type: ignore[arg-type]


def _matrix(comment: dict[str, Any], key: str) -> Array:
    value = np.asarray(comment[key])
    if value.dtype.kind not in "fi" or value.size != 9:
        raise DatasetError(f"{key} is not nine numbers")
    return value.astype(np.float64).reshape(3, 3)
