"""Vectors of atoms that stay in their files and are read when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.trajectory import Array, TrajectoryError, frame_batches

_SLAB_BYTES = 256 * 2**20
"""What is kept of what was read: as many neighbouring atoms as fit with all frames. A correlation goes through the
atoms a few at a time, and through the frames in segments; slabs spare it from reading a few bytes at each of many
places of a disk."""


class Source(Protocol):
    """What numbers are read from: a path, or a file without one."""

    def open(self, mode: Any, buffering: int) -> IO[bytes]:
        """Return the file, opened."""


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """A field of shape (T, N, 3) whose numbers are rows of doubles at known places of some files.

    ``field[frames, atoms]`` is an array that is read; ``field[frames]`` is a field again.

    Parameters
    ----------
    sources
        The files.
    files
        Number of the file of each frame, shape (T,).
    offsets
        Byte at which the frame begins, shape (T,).
    chunks
        The runs of rows of a frame: byte from its beginning, and number of rows.
    n_columns
        Doubles in a row.
    columns
        The three of them that are x, y and z.
    order
        Of the bytes, ``<``, ``>`` or, for this machine's, ``=``.
    """

    sources: tuple[Source, ...]
    files: NDArray[np.intp]
    offsets: NDArray[np.int64]
    chunks: tuple[tuple[int, int], ...]
    n_columns: int
    columns: tuple[int, ...]
    order: str
    _slab: dict[tuple[int, bytes], Array] = field(default_factory=dict, repr=False)

    @property
    def n_atoms(self) -> int:
        """Number of rows of a frame."""
        return sum(n_rows for _, n_rows in self.chunks)

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, N, 3)."""
        return (len(self.offsets), self.n_atoms, 3)

    @property
    def ndim(self) -> int:
        """Three."""
        return 3

    def __len__(self) -> int:
        return len(self.offsets)

    def __iter__(self) -> Iterator[Array]:
        for part in frame_batches(len(self), self.n_atoms):
            yield from self[part, :]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:, :], dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return replace(self, files=self.files[key], offsets=self.offsets[key], _slab={})
        if not isinstance(key, tuple):
            return self[key : key + 1, :][0] if key != -1 else self[-1:, :][0]
        frames, atoms = key[:2]
        chosen = np.arange(self.n_atoms)[atoms]
        result = self._read(np.arange(len(self))[frames], np.atleast_1d(chosen))
        if np.ndim(chosen) == 0:
            result = result[:, 0]
        return result[(..., *key[2:])] if len(key) > 2 else result

    @property
    def layout(self) -> tuple[object, ...]:
        """What the frames of all files have in common."""
        return (self.chunks, self.n_columns, self.columns, self.order)

    @classmethod
    def join(cls, parts: Sequence[StoredVectors]) -> StoredVectors:
        """Return all frames of several fields of the same layout."""
        sources = list(dict.fromkeys(source for part in parts for source in part.sources))
        numbers = [np.array([sources.index(source) for source in part.sources], np.intp) for part in parts]
        return replace(
            parts[0],
            sources=tuple(sources),
            files=np.concatenate([number[part.files] for number, part in zip(numbers, parts, strict=True)]),
            offsets=np.concatenate([part.offsets for part in parts]),
            _slab={},
        )

    def _read(self, frames: NDArray[np.intp], atoms: NDArray[np.intp]) -> Array:
        size = max(1, _SLAB_BYTES // (24 * max(len(self), 1)))
        if len(atoms) and np.ptp(atoms) >= size:
            return self._far_apart(frames, atoms)
        result = np.empty((len(frames), len(atoms), 3))
        slabs = atoms // size
        for slab in np.unique(slabs):
            inside = slabs == slab
            rows = self._slab_of(frames, int(slab) * size, min((int(slab) + 1) * size, self.n_atoms))
            result[:, inside] = rows[:, atoms[inside] - slab * size]
        return result

    def _far_apart(self, frames: NDArray[np.intp], atoms: NDArray[np.intp]) -> Array:
        """Read atoms with all that lie between them, no more frames at a time than memory is to hold."""
        first, last = int(atoms.min()), int(atoms.max()) + 1
        result = np.empty((len(frames), len(atoms), 3))
        size = max(1, _SLAB_BYTES // (24 * (last - first)))
        for start in range(0, len(frames), size):
            rows = self._rows(frames[start : start + size], first, last)
            result[start : start + size] = rows[:, atoms - first]
        return result

    def _slab_of(self, frames: NDArray[np.intp], start: int, stop: int) -> Array:
        span = (start, frames.tobytes())
        if span not in self._slab:
            n_bytes = 24 * len(frames) * (stop - start) + sum(rows.nbytes for rows in self._slab.values())
            if n_bytes > _SLAB_BYTES or any(other != start for other, _ in self._slab):
                self._slab.clear()
            self._slab[span] = self._rows(frames, start, stop)
        return self._slab[span]

    def _rows(self, frames: NDArray[np.intp], start: int, stop: int) -> Array:
        result = np.empty((len(frames), stop - start, 3))
        with ExitStack() as stack:
            try:
                files = [stack.enter_context(source.open("rb", buffering=0)) for source in self.sources]
            except OSError as error:
                raise TrajectoryError(f"{error.filename} cannot be read: {error.strerror}") from error
            for place, first, last in self._pieces(start, stop):
                buffer = np.empty((last - first, self.n_columns), dtype=f"{self.order}f8")
                target = result[:, first - start : last - start]
                for i, frame in enumerate(frames):
                    file = files[self.files[frame]]
                    n_read = os.preadv(file.fileno(), [buffer.data.cast("B")], int(self.offsets[frame]) + place)
                    if n_read != buffer.nbytes:
                        raise TrajectoryError(f"{file.name} has become shorter since it was opened")
                    target[i] = buffer[:, list(self.columns)]
        return result

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield the byte in the frame, first row and the one after the last, of each run of these rows."""
        begin = 0
        for place, n_rows in self.chunks:
            first, last = max(start, begin), min(stop, begin + n_rows)
            if first < last:
                yield place + (first - begin) * 8 * self.n_columns, first, last
            begin += n_rows
