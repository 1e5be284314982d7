"""CP2K's XYZ files: positions, and beside them velocities and forces in atomic units."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from aiida_superionic.analysis.readers.part import Part
from aiida_superionic.analysis.trajectory import Array, TrajectoryError
from aiida_superionic.units import FORCE_FROM_ATOMIC, VELOCITY_FROM_ATOMIC

_FIELDS = {"velocities": ("vel", VELOCITY_FROM_ATOMIC), "forces": ("frc", FORCE_FROM_ATOMIC)}


class CutOffError(Exception):
    """The file ends inside a frame."""


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Part:
    """Read ``PROJECT-pos-1.xyz``, and ``PROJECT-vel-1.xyz`` and ``PROJECT-frc-1.xyz`` where they lie beside it.

    Positions are in Å and unwrapped, as CP2K writes them unless told otherwise; velocities and forces in atomic units.
    The cell is that of ``PROJECT-1.cell``. A frame that one of the files lacks at its end is left out and told.

    Raises
    ------
    TrajectoryError
        If a file is missing, no such file, or damaged, or the files are not of one run.
    """
    if "-pos-" not in path.name:
        raise TrajectoryError(f"{path} is not named PROJECT-pos-1.xyz, by which CP2K's other files are found")
    species, steps, positions, damage = _read_xyz(path)
    arrays: dict[str, Array] = {}
    for name, (word, factor) in _FIELDS.items():
        beside = path.with_name(path.name.replace("-pos-", f"-{word}-"))
        if name not in fields or not beside.exists():
            continue
        other, other_steps, values, other_damage = _read_xyz(beside)
        n_common = min(len(steps), len(other_steps))
        if other != species or not np.array_equal(other_steps[:n_common], steps[:n_common]):
            raise TrajectoryError(f"{beside} does not hold the atoms and MD steps of {path.name}")
        damage = damage or other_damage
        arrays[name] = values * factor
    if not len(steps):
        return Part.empty(path, damage or f"{path} holds no frame")
    n_frames = min(len(steps), *(len(values) for values in arrays.values())) if arrays else len(steps)
    if n_frames < len(steps) and not damage:
        damage = f"{path} has {len(steps)} frames where the files beside it have {n_frames}"
    return Part(
        path,
        species,
        steps[:n_frames],
        _cells(path, steps[:n_frames]),
        positions[:n_frames],
        arrays["velocities"][:n_frames] if "velocities" in arrays else None,
        arrays["forces"][:n_frames] if "forces" in arrays else None,
        damage,
    )


def _read_xyz(path: Path) -> tuple[tuple[str, ...], np.ndarray, Array, str]:
    """Return species, MD steps, vectors and damage of one file."""
    species: tuple[str, ...] = ()
    steps: list[int] = []
    vectors: list[Array] = []
    damage = ""
    try:
        with path.open(encoding="ascii") as lines:
            for comment, names, numbers in xyz_frames(lines):
                entries = comment.replace(",", " ").split()
                if entries[:2] != ["i", "="] or len(entries) < 3:
                    raise ValueError(f"{comment[:40]!r} is no comment line of CP2K, which begins with i =")
                if not np.isfinite(numbers).all():
                    raise ValueError("a number is not finite")
                species = species or names
                if names != species:
                    raise ValueError("the atoms are not those of the first frame")
                steps.append(int(entries[2]))
                vectors.append(numbers)
    except OSError as error:
        raise TrajectoryError(f"{path} cannot be read: {error.strerror}") from error
    except CutOffError:
        damage = f"{path} is cut off inside frame {len(steps)}"
    except ValueError as error:
        raise TrajectoryError(f"{path}, frame {len(steps)}: {error}") from error
    return species, np.array(steps, np.int64), np.array(vectors).reshape(len(steps), len(species), 3), damage


def xyz_frames(lines: Iterator[str]) -> Iterator[tuple[str, tuple[str, ...], Array]]:
    """Yield comment, names of the atoms and their vectors, shape (N, 3), of each frame of an XYZ file.

    Raises
    ------
    CutOffError
        If the file ends inside a frame.
    ValueError
        If something else is in it than frames. Numbers need not be finite.
    """
    for first in lines:
        n_atoms = int(first)
        frame = []
        for _ in range(n_atoms + 1):
            line = next(lines, "")
            if not line.endswith("\n"):
                raise CutOffError
            frame.append(line)
        atoms = [line.split() for line in frame[1:]]
        if any(len(words) != 4 for words in atoms):
            raise ValueError("an atom is not a name and three numbers")
        vectors = np.array([words[1:] for words in atoms], dtype=np.float64).reshape(-1, 3)
        yield " ".join(frame[0].split()), tuple(words[0] for words in atoms), vectors


def _cells(path: Path, steps: np.ndarray) -> Array:
    """Return the cell at each MD step; the file has a line for each, or a single one for a fixed cell."""
    file = path.with_name(path.name.replace("-pos-", "-")).with_suffix(".cell")
    try:
        rows = np.loadtxt(file, ndmin=2)
    except OSError as error:
        raise TrajectoryError(
            f"{file} cannot be read, which holds the cell of {path.name}; have CP2K print MOTION/PRINT/CELL"
        ) from error
    except ValueError as error:
        raise TrajectoryError(f"{file} is no cell file of CP2K: {error}") from error
    if rows.shape[1] < 11:
        raise TrajectoryError(f"{file} is no cell file of CP2K: it has {rows.shape[1]} columns where 12 are expected")
    cells = rows[:, 2:11].reshape(-1, 3, 3)
    if len(cells) == 1:
        return np.repeat(cells, len(steps), axis=0)
    at = np.searchsorted(rows[:, 0], steps)
    if np.any(at >= len(rows)) or not np.array_equal(rows[np.minimum(at, len(rows) - 1), 0], steps):
        raise TrajectoryError(f"{file} does not hold the cell at every MD step of {path.name}")
    return np.asarray(cells[at])
