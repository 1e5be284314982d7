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


def assemble(
    path: Path,
    kinds: Sequence[str] | None,
    steps: NDArray[np.int64],
    cell: Array,
    names: Sequence[str],
    data: Array,
    *,
    fields: Collection[str],
    damage: str,
) -> Part:
    """Return the part that columns of numbers make, its atoms sorted by id.

    Parameters
    ----------
    path, steps, cell, damage
        As in :class:`Part`.
    kinds
        Species of the LAMMPS types 1, 2 ...
    names
        Names of the columns, shape (C,).
    data
        Their values, shape (T, N, C).
    fields
        Which of velocities and forces to take, where there are columns for them.

    Raises
    ------
    TrajectoryError
        If the atoms or their types change between frames, a type has no species, or a number is not finite.
    """
    if kinds is None:
        raise TrajectoryError(f"{path} numbers its species; say which they are, in the order of the LAMMPS types")
    ids = data[..., names.index("id")]
    if not np.all(ids[:, 1:] > ids[:, :-1]):
        data = np.take_along_axis(data, np.argsort(ids, axis=1)[..., np.newaxis], axis=1)
        ids = data[..., names.index("id")]
        twice = np.flatnonzero(~np.all(ids[:, 1:] > ids[:, :-1], axis=1))
        if len(twice):
            raise TrajectoryError(f"{path}, MD step {steps[twice[0]]}: an atom is there twice")
    for name in ("id", "type"):
        column = data[..., names.index(name)]
        changed = np.flatnonzero(np.any(column != column[:1], axis=1))
        if len(changed):
            raise TrajectoryError(
                f"{path}, MD step {steps[changed[0]]}: the atoms' {name}s differ from the first frame's"
            )
    types = data[:1, :, names.index("type")].astype(int).ravel()
    unknown = sorted({int(i) for i in types} - set(range(1, len(kinds) + 1)))
    if unknown:
        raise TrajectoryError(f"{path} has atoms of type {unknown[0]} where {len(kinds)} species are named")

    def vectors(components: tuple[str, ...]) -> Array:
        result = np.ascontiguousarray(data[..., [names.index(name) for name in components]], dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(result).all(axis=(1, 2)))
        if len(bad):
            raise TrajectoryError(f"{path}, MD step {steps[bad[0]]}: {' '.join(components)} are not finite numbers")
        return result

    optional = {
        field: vectors(components) if field in fields and set(components) <= set(names) else None
        for field, components in FIELDS.items()
    }
    species = tuple(kinds[i - 1] for i in types)
    return Part(path, species, steps, cell, vectors(POSITIONS), **optional, damage=damage)
