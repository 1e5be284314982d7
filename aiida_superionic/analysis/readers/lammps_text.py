"""LAMMPS text dumps (``dump custom``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from aiida_superionic.analysis.readers.lammps_columns import assemble, box, check_units, wanted_columns
from aiida_superionic.analysis.readers.part import Part
from aiida_superionic.analysis.trajectory import Array, TrajectoryError


class _CutOffError(Exception):
    """The file ends inside a frame."""


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Part:
    """Read one LAMMPS text dump; a frame that is cut off at its end is left out and told.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such dump, or damaged.
    """
    steps: list[int] = []
    cells: list[Array] = []
    data: list[Array] = []
    names: list[str] = []
    damage = ""
    try:
        with path.open("rb") as file:
            lines = _complete_lines(file)
            while (frame := _frame(path, lines, fields)) is not None:
                step, cell, columns, rows = frame
                if data and (columns != names or rows.shape != data[0].shape):
                    raise ValueError("the atoms or columns are not those of the first frame")
                names = columns
                steps.append(step)
                cells.append(cell)
                data.append(rows)
    except OSError as error:
        raise TrajectoryError(f"{path} cannot be read: {error.strerror}") from error
    except _CutOffError:
        damage = f"{path} is cut off inside frame {len(steps)}"
    except ValueError as error:
        if isinstance(error, TrajectoryError):
            raise
        raise TrajectoryError(f"{path}, frame {len(steps)}: {error}") from error
    if not data:
        return Part.empty(path, damage or f"{path} holds no frame")
    return assemble(
        path, kinds, np.array(steps, np.int64), np.array(cells), names, np.array(data), fields=fields, damage=damage
    )


def _complete_lines(file: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines; one without its newline was cut off."""
    for line in file:
        if not line.endswith(b"\n"):
            raise _CutOffError
        yield line


def _frame(path: Path, lines: Iterator[bytes], fields: Collection[str]) -> tuple[int, Array, list[str], Array] | None:
    """Return step, cell, columns and numbers of the next frame, None at the end of the file."""
    header = next(lines, None)
    if header is None:
        return None

    def following() -> bytes:
        line = next(lines, None)
        if line is None:
            raise _CutOffError
        return line

    step = n_atoms = None
    cell = None
    while not header.startswith(b"ITEM: ATOMS"):
        if header.startswith(b"ITEM: UNITS"):
            check_units(path, following().decode("ascii").strip())
        elif header.startswith(b"ITEM: TIMESTEP"):
            step = int(following())
        elif header.startswith(b"ITEM: NUMBER OF ATOMS"):
            n_atoms = int(following())
        elif header.startswith(b"ITEM: BOX BOUNDS"):
            cell = _cell(header, [following() for _ in range(3)])
        elif header.startswith(b"ITEM: TIME"):
            following()
        else:
            raise ValueError(f"{header[:40]!r} is no line of a LAMMPS dump")
        header = following()
    if step is None or n_atoms is None or cell is None:
        raise ValueError("the step, the number of atoms or the box is missing")
    names = header.decode("ascii").split()[2:]
    wanted = wanted_columns(path, names, fields)
    words = np.array(b"".join(following() for _ in range(n_atoms)).split())
    if len(words) != n_atoms * len(names):
        raise ValueError(f"{len(words)} values are there where {n_atoms} atoms of {len(names)} columns are announced")
    columns = words.reshape(n_atoms, len(names))[:, [names.index(name) for name in wanted]]
    return step, cell, wanted, columns.astype(np.float64)


def _cell(header: bytes, rows: list[bytes]) -> Array:
    numbers = np.array([row.split() for row in rows]).astype(np.float64)
    if b"abc origin" in header:
        return numbers[:, :3]
    tilt = numbers[:, 2] if b"xy xz yz" in header else np.zeros(3)
    return box(numbers[:, 0], numbers[:, 1], tilt)
