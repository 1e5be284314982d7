"""LAMMPS binary dumps (``dump custom ... file.bin``), as LAMMPS has written them since 2020.

A frame is a header and one chunk of doubles per MPI rank. As a rule the frames of a file are laid out alike, and then
their numbers are a strided view of the mapped file: no frame but the first is parsed. A large file of that kind whose
atoms are in order is looked through once and stays on disk.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.readers.lammps_columns import (
    FIELDS,
    POSITIONS,
    Assembly,
    box,
    check_units,
    wanted_columns,
)
from aiida_superionic.analysis.readers.part import CutOffError, Part
from aiida_superionic.analysis.readers.stored import StoredVectors
from aiida_superionic.analysis.trajectory import Array, TrajectoryError

_MAGIC = b"DUMPCUSTOM"
_START = (-len(_MAGIC), _MAGIC, 1, 2)  # the last two: byte order and revision
_STORED_FROM = 2**30
"""Size in bytes from which a file is read where it lies, if it can be."""

_FIRST_BYTES = 2**27
"""Size in bytes that the first frame of a file that stays on disk has at most."""

_BATCH_BYTES = 32 * 2**20

_N_BOX = {0: 6, 1: 9, 2: 12}  # bounds; bounds and tilts; three vectors and the origin


@dataclass(frozen=True)
class _Layout:
    """Where things lie in a frame, in bytes from its beginning."""

    order: str  # of the bytes, "<" or ">"
    names: tuple[str, ...]  # of the columns
    units: str
    n_box: int
    varying: tuple[tuple[int, int], ...]  # (offset, length) of step, box and time
    chunks: tuple[tuple[int, int], ...]  # (offset, number of doubles) of each rank
    size: int

    @property
    def fixed(self) -> list[slice]:
        """The bytes that are the same in every frame of this layout."""
        start, fixed = 0, []
        for offset, length in sorted((*self.varying, *((offset, 8 * count) for offset, count in self.chunks))):
            fixed.append(slice(start, offset))
            start = offset + length
        return fixed

    @property
    def n_atoms(self) -> int:
        """The atoms of a frame."""
        return sum(count for _, count in self.chunks) // len(self.names)

    def batches(self, n_frames: int) -> Iterator[slice]:
        """Yield runs of frames that are read at once."""
        size = max(1, _BATCH_BYTES // self.size)
        for start in range(0, n_frames, size):
            yield slice(start, min(start + size, n_frames))

    def numbers(self, frames: NDArray[np.uint8], offset: int, count: int, kind: str = "f8") -> Array:
        """View ``count`` numbers at an offset of each frame; frames has shape (T, size)."""
        return frames[:, offset : offset + 8 * count].view(self.order + kind)

    def rows(self, frames: NDArray[np.uint8]) -> Array:
        """Return the rows of all atoms, shape (T, N, number of columns): a view where one rank wrote them."""
        chunks = [
            self.numbers(frames, offset, count).reshape(len(frames), -1, len(self.names))
            for offset, count in self.chunks
        ]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=1)


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    """Read one LAMMPS binary dump.

    Raises
    ------
    TrajectoryError
        If the file is missing, no such dump, or damaged.
    CutOffError
        After the last complete frame, if the file ends inside the next.
    """
    try:
        size = path.stat().st_size
        if size >= _STORED_FROM and (stored := _stored(path, kinds, fields)) is not None:
            yield stored
            return
        content = np.asarray(np.memmap(path, np.uint8, mode="r")) if size else np.zeros(0, np.uint8)
    except OSError as error:
        raise TrajectoryError(f"{path} cannot be read: {error.strerror}") from error
    first: _Layout | None = None
    n_frames = 0
    try:
        for layout, frames in _blocks(content):
            if first is None:
                first = layout
                wanted_columns(path, layout.names, fields)
                check_units(path, layout.units)
                assembly = Assembly(path, kinds, layout.names, fields)
            if (layout.names, layout.n_atoms) != (first.names, first.n_atoms):
                raise ValueError("the atoms or columns are not those of the first frame")
            for batch in layout.batches(len(frames)):
                yield _part(assembly, layout, frames[batch])
            n_frames += len(frames)
    except ValueError as error:
        if isinstance(error, TrajectoryError):
            raise
        raise TrajectoryError(f"{path}, frame {n_frames}: {error}") from error


def _part(assembly: Assembly, layout: _Layout, frames: NDArray[np.uint8]) -> Part:
    steps = layout.numbers(frames, layout.varying[0][0], 1, "i8")[:, 0].astype(np.int64)
    cells = _cells(layout.numbers(frames, layout.varying[1][0], layout.n_box))
    return assembly.part(steps, cells, layout.rows(frames))


def _stored(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Part | None:
    """Return a part that stays on disk, None where the frames are not laid out alike with their atoms in order.

    Every frame is read once, a few at a time, for its step and cell and to be checked.
    """
    try:
        layout = _parse(np.fromfile(path, np.uint8, count=_FIRST_BYTES))
    except (ValueError, CutOffError):
        return None
    names = layout.names
    wanted_columns(path, names, fields)
    check_units(path, layout.units)
    n_frames, rest = divmod(path.stat().st_size, layout.size)
    assembly = Assembly(path, kinds, names, fields)
    first: NDArray[np.uint8] | None = None
    ids = None
    parts = []
    for batch in layout.batches(n_frames):
        count = (batch.stop - batch.start) * layout.size
        frames = np.fromfile(path, np.uint8, count=count, offset=batch.start * layout.size).reshape(-1, layout.size)
        first = frames[0].copy() if first is None else first
        numbers = layout.rows(frames)[..., names.index("id")]
        ids = numbers[0].copy() if ids is None else ids
        alike = all(np.all(frames[:, part] == first[part]) for part in layout.fixed)
        if not alike or not np.all(numbers == ids) or np.any(np.diff(ids) <= 0.0):
            return None
        part = _part(assembly, layout, frames)
        parts.append((part.steps, part.cell))
    steps, cells = zip(*parts, strict=True)

    def vectors(components: tuple[str, ...]) -> StoredVectors:
        return StoredVectors(
            (path,),
            np.zeros(n_frames, np.intp),
            layout.size * np.arange(n_frames, dtype=np.int64),
            tuple((offset, count // len(names)) for offset, count in layout.chunks),
            len(names),
            tuple(names.index(name) for name in components),
            layout.order,
        )

    optional = {
        field: vectors(components) if field in fields and set(components) <= set(names) else None
        for field, components in FIELDS.items()
    }
    return Part(
        path,
        part.species,
        np.concatenate(steps),
        np.concatenate(cells),
        vectors(POSITIONS),
        **optional,
        damage=f"{path} is cut off inside frame {n_frames}" if rest else "",
    )


def _blocks(content: NDArray[np.uint8]) -> Iterator[tuple[_Layout, NDArray[np.uint8]]]:
    """Yield the longest runs of frames of one layout, as rows of bytes."""
    while len(content):
        layout = _parse(content)
        rows = content[: len(content) // layout.size * layout.size].reshape(-1, layout.size)
        # Where layouts change from frame to frame, comparing each with all that follow would take forever.
        n_alike = 1
        while n_alike < len(rows):
            further = rows[n_alike : 2 * n_alike]
            alike = np.all([np.all(further[:, part] == rows[0, part], axis=1) for part in layout.fixed], axis=0)
            n_alike += len(further) if alike.all() else int(np.argmin(alike))
            if not alike.all():
                break
        rows = rows[:n_alike]
        yield layout, rows
        content = content[rows.size :]


def _parse(content: NDArray[np.uint8]) -> _Layout:
    """Return the layout of the frame at the beginning of some bytes.

    Raises
    ------
    ValueError
        If this is no frame of a LAMMPS binary dump.
    CutOffError
        If the bytes end inside the frame.
    """
    position = 0

    def take(length: int) -> bytes:
        nonlocal position
        if position + length > len(content):
            raise CutOffError
        position += length
        return content[position - length : position].tobytes()

    def integer(length: int = 4) -> int:
        return int.from_bytes(take(length), "big" if order == ">" else "little", signed=True)

    def text() -> str:
        length = integer()
        if not 0 <= length < 2**16:
            raise ValueError(f"a text of {length} bytes is announced")
        return take(length).decode("ascii")

    start = take(8 + len(_MAGIC) + 8)
    order = next((order for order in "<>" if start == struct.pack(f"{order}q10s2i", *_START)), None)
    if order is None:
        raise ValueError("no frame of a LAMMPS binary dump of the current format begins here")
    step = (position, 8)
    take(8)
    n_atoms = integer(8)
    shape = integer()
    if shape not in _N_BOX:
        raise ValueError(f"the box is of unknown kind {shape}")
    take(24)
    bounds = (position, 8 * _N_BOX[shape])
    take(bounds[1])
    n_columns = integer()
    units = text()
    times = []
    if take(1) != b"\x00":
        times = [(position, 8)]
        take(8)
    names = tuple(text().split())
    n_ranks = integer()
    if len(names) != n_columns or n_columns < 1:
        raise ValueError(f"{n_columns} columns are announced and {len(names)} named")
    chunks = []
    for _ in range(n_ranks):
        count = integer()
        if count < 0:
            raise ValueError(f"a chunk of {count} numbers is announced")
        chunks.append((position, count))
        take(8 * count)
    if sum(count for _, count in chunks) != n_atoms * n_columns:
        raise ValueError(f"the chunks of {n_ranks} ranks do not add up to {n_atoms} atoms")
    return _Layout(order, names, units, _N_BOX[shape], (step, bounds, *times), tuple(chunks), position)


def _cells(numbers: Array) -> Array:
    if numbers.shape[1] == 12:
        return numbers[:, :9].reshape(-1, 3, 3).astype(np.float64)
    tilt = numbers[:, 6:] if numbers.shape[1] == 9 else np.zeros((len(numbers), 3))
    return box(numbers[:, 0:6:2], numbers[:, 1:6:2], tilt)
