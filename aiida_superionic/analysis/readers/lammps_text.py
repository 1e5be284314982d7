"""LAMMPS text dumps (``dump custom``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from aiida_superionic.analysis.readers.lammps_columns import Assembly, box, check_units, wanted_columns
from aiida_superionic.analysis.readers.part import CutOffError, Part, batched
from aiida_superionic.analysis.trajectory import Array, TrajectoryError

_Frame = tuple[int, Array, list[str], Array]
"""Step, cell, names of the columns and their numbers."""


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    """Read one LAMMPS text dump.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such dump, or damaged.
    CutOffError
        After the last complete frame, if the file ends inside the next.
    """
    assembly = None
    for batch in batched(_frames(path, fields), lambda frame: len(frame[3])):
        steps, cells, names, data = zip(*batch, strict=True)
        assembly = assembly or Assembly(path, kinds, names[0], fields)
        yield assembly.part(np.array(steps, np.int64), np.array(cells), np.array(data))


def _frames(path: Path, fields: Collection[str]) -> Iterator[_Frame]:
    first: _Frame | None = None
    n_frames = 0
    try:
        with path.open("rb") as file:
            lines = _complete_lines(file)
            while (frame := _frame(path, lines, fields)) is not None:
                first = first or frame
                if frame[2] != first[2] or frame[3].shape != first[3].shape:
                    raise ValueError("the atoms or columns are not those of the first frame")
                yield frame
                n_frames += 1
    except OSError as error:
        raise TrajectoryError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, TrajectoryError):
            raise
        raise TrajectoryError(f"{path}, frame {n_frames}: {error}") from error


def _complete_lines(file: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines; one without its newline was cut off."""
    for line in file:
        if not line.endswith(b"\n"):
            raise CutOffError
        yield line


def _frame(path: Path, lines: Iterator[bytes], fields: Collection[str]) -> _Frame | None:
    """Return the next frame, None at the end of the file."""
    header = next(lines, None)
    if header is None:
        return None

    def following() -> bytes:
        line = next(lines, None)
        if line is None:
            raise CutOffError
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
