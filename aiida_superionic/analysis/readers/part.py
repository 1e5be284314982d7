"""One file of a run, as read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.readers.scratch import ScratchFile
from aiida_superionic.analysis.readers.stored import StoredVectors
from aiida_superionic.analysis.trajectory import Array, Field, TrajectoryError

MEMORY_BYTES = 256 * 2**20
"""What the vectors of a run take of memory at most; those of a longer one are put into a temporary file."""

_BATCH_ATOMS = 2**17
"""The atoms of frames that are read before they are handed on."""

_Frame = TypeVar("_Frame")


class CutOffError(Exception):
    """A file ends inside the frame after those that were read; or what its text says instead."""


@dataclass(frozen=True, eq=False)
class Part:
    """The complete frames of one file of a run.

    Parameters
    ----------
    path
        The file.
    species
        Chemical symbol of each atom, shape (N,).
    steps
        MD step of each frame, shape (T,).
    cell, positions, velocities, forces
        In Å, Å/ps, eV/Å, shapes (T, 3, 3) and (T, N, 3).
    damage
        One sentence where the file is cut off after its last complete frame, else empty.
    """

    path: Path
    species: tuple[str, ...]
    steps: NDArray[np.int64]
    cell: Array
    positions: Field
    velocities: Field | None
    forces: Field | None
    damage: str = ""

    def frames(self, stop: int) -> Part:
        """Return the frames before ``stop`` as a view."""
        return Part(
            self.path,
            self.species,
            self.steps[:stop],
            self.cell[:stop],
            self.positions[:stop],
            None if self.velocities is None else self.velocities[:stop],
            None if self.forces is None else self.forces[:stop],
        )

    @staticmethod
    def empty(path: Path, damage: str) -> Part:
        """Return the part that a file without a complete frame is."""
        return Part(path, (), np.zeros(0, np.int64), np.zeros((0, 3, 3)), np.zeros((0, 0, 3)), None, None, damage)

    @staticmethod
    def join(parts: Sequence[Part]) -> Part:
        """Return all frames of several parts.

        Raises
        ------
        TrajectoryError
            If their atoms or fields differ.
        """
        first = parts[0]
        for part in parts[1:]:
            if part.species != first.species:
                raise TrajectoryError(f"{part.path} holds other atoms than {first.path}")
            if (part.velocities is None, part.forces is None) != (first.velocities is None, first.forces is None):
                raise TrajectoryError(f"{part.path} and {first.path} do not hold the same fields")
        return collect(parts[-1].path, parts)


def batched(frames: Iterable[_Frame], n_atoms: Callable[[_Frame], int]) -> Iterator[list[_Frame]]:
    """Yield frames in lists of a few megabytes, the complete ones of a file that is cut off before its error."""
    batch: list[_Frame] = []
    count = 0
    try:
        for frame in frames:
            batch.append(frame)
            count += n_atoms(frame)
            if count >= _BATCH_ATOMS:
                yield batch
                batch, count = [], 0
    except CutOffError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def collect(path: Path, batches: Iterable[Part], n_files: int = 1) -> Part:
    """Return the part that batches of frames make, with the fields that all of them have.

    Parameters
    ----------
    path
        The file that they come from.
    batches
        Of the same atoms. :class:`CutOffError` after the last one is the damage of the part.
    n_files
        The number of files that share :data:`MEMORY_BYTES`.

    Raises
    ------
    TrajectoryError
        If that does not hold them.
    """
    species: tuple[str, ...] | None = None
    steps: list[NDArray[np.int64]] = []
    cells: list[Array] = []
    fields: dict[str, _Pieces] = {name: _Pieces() for name in ("positions", "velocities", "forces")}
    damage = ""
    n_bytes = 0
    try:
        for batch in batches:
            species, damage = batch.species, batch.damage
            steps.append(batch.steps)
            cells.append(batch.cell)
            present = {name: getattr(batch, name) for name in fields}
            fields = {name: pieces for name, pieces in fields.items() if present[name] is not None}
            for name, pieces in fields.items():
                n_bytes += pieces.append(present[name])
            if n_bytes > MEMORY_BYTES // n_files:
                for pieces in fields.values():
                    pieces.store()
    except CutOffError as error:
        damage = str(error) or f"{path} is cut off inside frame {sum(map(len, steps))}"
    if species is None:
        return Part.empty(path, damage or f"{path} holds no frame")
    vectors: dict[str, Field] = {name: pieces.joined() for name, pieces in fields.items()}
    return Part(
        path,
        species,
        np.concatenate(steps),
        np.concatenate(cells),
        vectors["positions"],
        vectors.get("velocities"),
        vectors.get("forces"),
        damage,
    )


class _Pieces:
    """A field that comes in pieces, which are arrays or lie in files."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._stored: list[StoredVectors] = []
        self._scratch: ScratchFile | None = None

    def append(self, piece: Array | StoredVectors) -> int:
        """Add the next piece, and return what it takes of memory in bytes."""
        if isinstance(piece, StoredVectors):
            self.store()
            self._stored.append(piece)
            return 0
        self._arrays.append(piece)
        return piece.nbytes

    def store(self) -> None:
        """Put the arrays into a temporary file."""
        self._stored += [self._put(array) for array in self._arrays]
        self._arrays = []

    def joined(self) -> Field:
        """Return the whole field; the pieces are gone."""
        if self._stored:
            self.store()
            if len({piece.layout for piece in self._stored}) > 1:
                self._stored = [self._put(piece) for piece in self._stored]
            return StoredVectors.join(self._stored)
        if len(self._arrays) == 1:
            return self._arrays.pop()
        whole = np.empty((sum(map(len, self._arrays)), *self._arrays[0].shape[1:]))
        stop = len(whole)
        while self._arrays:
            piece = self._arrays.pop()
            whole[stop - len(piece) : stop] = piece
            stop -= len(piece)
        return whole

    def _put(self, field: Field) -> StoredVectors:
        self._scratch = self._scratch or ScratchFile()
        return self._scratch.store(field)
