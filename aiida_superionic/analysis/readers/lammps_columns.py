"""What the per-atom columns of a LAMMPS dump mean, whatever the encoding."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.readers.part import Part
from aiida_superionic.analysis.trajectory import Array, TrajectoryError

POSITIONS = ("xu", "yu", "zu")
"""The columns of unwrapped positions."""

FIELDS = {"velocities": ("vx", "vy", "vz"), "forces": ("fx", "fy", "fz")}
"""The columns of the fields that a dump need not hold."""


def wanted_columns(path: Path, columns: Sequence[str], fields: Collection[str]) -> list[str]:
    """Return the columns to read: id, type, xu yu zu, and those of the wanted fields that the file has.

    Raises
    ------
    TrajectoryError
        If one that every trajectory needs is missing.
    """
    needed = ["id", "type", *POSITIONS]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise TrajectoryError(
            f"{path} has no column {', '.join(missing)} among {' '.join(columns)}; dump id type xu yu zu at least"
        )
    optional = [name for field in fields for name in FIELDS[field] if set(FIELDS[field]) <= set(columns)]
    return needed + optional


def check_units(path: Path, units: str) -> None:
    """Raise TrajectoryError if a dump says that it is in other units than ``metal``; most say nothing."""
    if units not in {"", "metal"}:
        raise TrajectoryError(f"{path} is in LAMMPS units {units}, where metal is expected")


def box(low: Array, high: Array, tilt: Array) -> Array:
    """Return cell vectors as rows from the bounds that a dump prints, which enclose the tilted box.

    Parameters
    ----------
    low, high
        xlo ylo zlo and xhi yhi zhi, shape (..., 3).
    tilt
        xy xz yz, shape (..., 3).
    """
    xy, xz, yz = np.moveaxis(tilt, -1, 0)
    zero = np.zeros_like(xy)
    x_edges = np.stack([zero, xy, xz, xy + xz])
    lengths = high - low
    lengths = lengths - np.stack([x_edges.max(axis=0) - x_edges.min(axis=0), np.abs(yz), zero], axis=-1)
    cell = np.zeros((*low.shape, 3))
    cell[..., 0, 0], cell[..., 1, 1], cell[..., 2, 2] = np.moveaxis(lengths, -1, 0)
    cell[..., 1, 0], cell[..., 2, 0], cell[..., 2, 1] = xy, xz, yz
    return cell


class Assembly:
    """Makes parts of the columns of numbers of one dump, their atoms sorted by id.

    Parameters
    ----------
    path
        The file.
    kinds
        Species of the LAMMPS types 1, 2 ...
    names
        Names of the columns, shape (C,).
    fields
        Which of velocities and forces to take, where there are columns for them.

    Raises
    ------
    TrajectoryError
        If the types have no species.
    """

    def __init__(self, path: Path, kinds: Sequence[str] | None, names: Sequence[str], fields: Collection[str]) -> None:
        if kinds is None:
            raise TrajectoryError(f"{path} numbers its species; say which they are, in the order of the LAMMPS types")
        self._path = path
        self._kinds = kinds
        self._names = names
        self._fields = {
            field: components
            for field, components in FIELDS.items()
            if field in fields and set(components) <= set(names)
        }
        self._first: dict[str, Array] = {}  # ids and types of the first frame

    def part(self, steps: NDArray[np.int64], cell: Array, data: Array) -> Part:
        """Return the part that the next frames make.

        Parameters
        ----------
        steps, cell
            As in :class:`Part`.
        data
            Values of the columns, shape (T, N, C).

        Raises
        ------
        TrajectoryError
            If the atoms or their types are not those of the first frame, a type has no species, or a number is not
            finite.
        """
        ids = data[..., self._names.index("id")]
        if not np.all(ids[:, 1:] > ids[:, :-1]):
            data = np.take_along_axis(data, np.argsort(ids, axis=1)[..., np.newaxis], axis=1)
            ids = data[..., self._names.index("id")]
            twice = np.flatnonzero(~np.all(ids[:, 1:] > ids[:, :-1], axis=1))
            if len(twice):
                raise TrajectoryError(f"{self._path}, MD step {steps[twice[0]]}: an atom is there twice")
        for name in ("id", "type"):
            column = data[..., self._names.index(name)]
            changed = np.flatnonzero(np.any(column != self._first.setdefault(name, column[0].copy()), axis=1))
            if len(changed):
                raise TrajectoryError(
                    f"{self._path}, MD step {steps[changed[0]]}: the atoms' {name}s differ from the first frame's"
                )
        positions = self._vectors(steps, data, POSITIONS)
        optional = {field: self._vectors(steps, data, components) for field, components in self._fields.items()}
        return Part(
            self._path, self._species(), steps, cell, positions, optional.get("velocities"), optional.get("forces")
        )

    def _species(self) -> tuple[str, ...]:
        types = self._first["type"].astype(int)
        unknown = sorted({int(i) for i in types} - set(range(1, len(self._kinds) + 1)))
        if unknown:
            raise TrajectoryError(
                f"{self._path} has atoms of type {unknown[0]} where {len(self._kinds)} species are named"
            )
        return tuple(self._kinds[i - 1] for i in types)

    def _vectors(self, steps: NDArray[np.int64], data: Array, components: tuple[str, ...]) -> Array:
        columns = [self._names.index(name) for name in components]
        result = np.ascontiguousarray(data[..., columns], dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(result).all(axis=(1, 2)))
        if len(bad):
            raise TrajectoryError(
                f"{self._path}, MD step {steps[bad[0]]}: {' '.join(components)} are not finite numbers"
            )
        return result
