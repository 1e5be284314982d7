"""One file of a run, as read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.readers.stored import StoredVectors
from aiida_superionic.analysis.trajectory import Array, Field, TrajectoryError


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

        def all_frames(fields: list[Field | None]) -> Field | None:
            present = [field for field in fields if field is not None]
            stored = [field for field in present if isinstance(field, StoredVectors)]
            if stored and len(stored) == len(present):
                return StoredVectors.join(stored)
            return np.concatenate([np.asarray(field) for field in present]) if present else None

        positions = all_frames([part.positions for part in parts])
        assert positions is not None  # noqa: S101 - every part has them
        return Part(
            parts[-1].path,
            first.species,
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.cell for part in parts]),
            positions,
            all_frames([part.velocities for part in parts]),
            all_frames([part.forces for part in parts]),
        )
