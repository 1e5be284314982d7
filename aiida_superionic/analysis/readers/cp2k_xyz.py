"""CP2K's XYZ files: positions, and beside them velocities and forces in atomic units."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.readers.part import CutOffError, Part, batched
from aiida_superionic.analysis.trajectory import Array, TrajectoryError
from aiida_superionic.units import FORCE_FROM_ATOMIC, VELOCITY_FROM_ATOMIC

_FIELDS = {"velocities": ("vel", VELOCITY_FROM_ATOMIC), "forces": ("frc", FORCE_FROM_ATOMIC)}


_Frame = tuple[int, tuple[str, ...], Array]
"""MD step, species and vectors."""


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    """Read ``PROJECT-pos-1.xyz``, and ``PROJECT-vel-1.xyz`` and ``PROJECT-frc-1.xyz`` where they lie beside it.

    Positions are in Å and unwrapped, as CP2K writes them unless told otherwise; velocities and forces in atomic units.
    The cell is that of ``PROJECT-1.cell``.

    Raises
    ------
    TrajectoryError
        If a file is missing, no such file, or damaged, or the files are not of one run.
    CutOffError
        After the last frame that all files hold, if one of them ends before the others do or inside a frame.
    """
    if "-pos-" not in path.name:
        raise TrajectoryError(f"{path} is not named PROJECT-pos-1.xyz, by which CP2K's other files are found")
    named = {name: path.with_name(path.name.replace("-pos-", f"-{word}-")) for name, (word, _) in _FIELDS.items()}
    beside = {name: file for name, file in named.items() if name in fields and file.exists()}
    files = [path, *beside.values()]
    cells = None
    for batch in batched(_common_frames(files), lambda frames: len(files) * len(frames[0][1])):
        cells = cells or _Cells(path)
        steps = np.array([frames[0][0] for frames in batch], np.int64)
        positions, *others = (np.array([frames[i][2] for frames in batch]) for i in range(len(files)))
        optional = {name: _FIELDS[name][1] * vectors for name, vectors in zip(beside, others, strict=True)}
        yield Part(
            path, batch[0][0][1], steps, cells.at(steps), positions, optional.get("velocities"), optional.get("forces")
        )


def _common_frames(files: list[Path]) -> Iterator[list[_Frame]]:
    """Yield the frames that all of the files hold, the first of which is that of the positions."""
    positions, *others = map(_frames, files)
    species: tuple[str, ...] = ()
    for n_frames, frame in enumerate(positions):
        species = species or frame[1]
        if frame[1] != species:
            raise TrajectoryError(f"{files[0]}, frame {n_frames}: the atoms are not those of the first frame")
        frames = [frame]
        for file, other in zip(files[1:], others, strict=True):
            beside = next(other, None)
            if beside is None:
                n_all = n_frames + 1 + sum(1 for _ in positions)
                raise CutOffError(f"{files[0]} has {n_all} frames where the files beside it have {n_frames}")
            if beside[:2] != frame[:2]:
                raise TrajectoryError(f"{file} does not hold the atoms and MD steps of {files[0].name}")
            frames.append(beside)
        yield frames


def _frames(path: Path) -> Iterator[_Frame]:
    n_frames = 0
    try:
        with path.open(encoding="ascii") as lines:
            for first in lines:
                yield _frame(int(first), lines)
                n_frames += 1
    except OSError as error:
        raise TrajectoryError(f"{path} cannot be read: {error.strerror}") from error
    except CutOffError as error:
        raise CutOffError(f"{path} is cut off inside frame {n_frames}") from error
    except ValueError as error:
        raise TrajectoryError(f"{path}, frame {n_frames}: {error}") from error


def _frame(n_atoms: int, lines: Iterator[str]) -> _Frame:
    """Return the frame whose number of atoms was just read."""
    frame = []
    for _ in range(n_atoms + 1):
        line = next(lines, "")
        if not line.endswith("\n"):
            raise CutOffError
        frame.append(line.split())
    entries = " ".join(frame[0]).replace(",", " ").split()
    if entries[:2] != ["i", "="]:
        raise ValueError(f"{' '.join(frame[0])[:40]!r} is no comment line of CP2K, which begins with i =")
    if any(len(words) != 4 for words in frame[1:]):
        raise ValueError("an atom is not a name and three numbers")
    numbers = np.array([words[1:] for words in frame[1:]], dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    return int(entries[2]), tuple(words[0] for words in frame[1:]), numbers


class _Cells:
    """The cells of a run in Å; their file has a line for each MD step, or a single one for a fixed cell."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.with_name(path.name.replace("-pos-", "-")).with_suffix(".cell")
        try:
            rows = np.loadtxt(self._file, ndmin=2)
        except OSError as error:
            raise TrajectoryError(
                f"{self._file} cannot be read, which holds the cell of {path.name}; have CP2K print MOTION/PRINT/CELL"
            ) from error
        except ValueError as error:
            raise TrajectoryError(f"{self._file} is no cell file of CP2K: {error}") from error
        if rows.shape[1] < 11:
            raise TrajectoryError(
                f"{self._file} is no cell file of CP2K: it has {rows.shape[1]} columns where 12 are expected"
            )
        self._steps = rows[:, 0]
        self._cells = rows[:, 2:11].reshape(-1, 3, 3)

    def at(self, steps: NDArray[np.int64]) -> Array:
        """Return the cell at each MD step."""
        if len(self._cells) == 1:
            return np.repeat(self._cells, len(steps), axis=0)
        at = np.minimum(np.searchsorted(self._steps, steps), len(self._steps) - 1)
        if not np.array_equal(self._steps[at], steps):
            raise TrajectoryError(f"{self._file} does not hold the cell at every MD step of {self._path.name}")
        return np.asarray(self._cells[at])
