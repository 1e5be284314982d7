"""H5MD, through h5py where it is installed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.readers.part import Part
from aiida_superionic.analysis.readers.unwrapping import Unwrapping
from aiida_superionic.analysis.trajectory import Array, TrajectoryError, frame_batches

_UNITS = {
    "position": {"Angstrom": 1.0, "angstrom": 1.0, "nm": 10.0},
    "velocity": {"Angstrom ps-1": 1.0, "Angstrom/ps": 1.0, "nm ps-1": 10.0, "Angstrom fs-1": 1000.0},
    "force": {"eV Angstrom-1": 1.0, "eV/Angstrom": 1.0},
}
"""What a dataset's attribute ``unit`` may be, and what its numbers are times to be in Å, ps and eV."""


def read(path: Path, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    """Read the one group of particles of an H5MD file (version 1).

    Species are chemical symbols, atomic numbers, or the numbers 1, 2 ... of ``kinds`` where these are given. Positions
    are unwrapped by ``image`` where the file has it, else an atom is taken to move by less than half the cell between
    two frames. Without an attribute ``unit`` numbers are in Å, Å/ps and eV/Å.

    Raises
    ------
    TrajectoryError
        If h5py is not installed, the file is missing, no such file, or damaged, or its units are not known.
    """
    try:
        import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - optional
    except ImportError:
        raise TrajectoryError(f"{path} is an H5MD file, which needs h5py: pip install h5py") from None
    if not path.is_file():
        raise TrajectoryError(f"{path} cannot be read: no such file")
    try:
        with h5py.File(path, "r") as file:
            groups = list(file["particles"].values())
            if len(groups) != 1:
                raise ValueError(f"{len(groups)} groups of particles are there where one is expected")
            yield from _parts(path, groups[0], kinds, fields)
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, TrajectoryError):
            raise
        raise TrajectoryError(f"{path} is no H5MD file or damaged: {error}") from error


def _parts(path: Path, group: Any, kinds: Sequence[str] | None, fields: Collection[str]) -> Iterator[Part]:
    n_frames, n_atoms = group["position/value"].shape[:2]
    optional = {"velocities": "velocity", "forces": "force"}
    names = [optional[field] for field in fields if optional[field] in group]
    if any(len(group[name]["value"]) != n_frames for name in names):
        raise ValueError("velocities or forces have not as many frames as positions")
    species = _species(group, kinds)
    steps = _steps(group["position"], n_frames)
    cells = _cells(_dataset(group["box/edges"]), n_frames)
    unwrapped = Unwrapping()
    for part in frame_batches(n_frames, n_atoms):
        positions = _vectors(group, "position", part)
        if "image" in group:
            images = np.asarray(group["image/value"][part], np.float64)
            positions = positions + np.einsum("tnk,tkx->tnx", images, cells[part])
        else:
            positions = unwrapped(positions, cells[part])
        velocities, forces = (_vectors(group, name, part) if name in names else None for name in optional.values())
        yield Part(path, species, steps[part], cells[part], positions, velocities, forces)


def _cells(edges: Any, n_frames: int) -> Array:
    cells = np.asarray(edges, np.float64) * _factor(edges, "position")
    # An edge vector has three lengths in an orthorhombic box.
    if cells.shape[-1] == 3 and cells.ndim in {1, 2} and cells.shape != (3, 3):
        cells = cells[..., np.newaxis] * np.eye(3)
    return np.broadcast_to(cells, (n_frames, 3, 3))


def _dataset(element: Any) -> Any:
    """Return the numbers of an element, which is a group where it depends on time and a dataset where it does not."""
    return element["value"] if hasattr(element, "keys") else element


def _vectors(group: Any, name: str, frames: slice) -> Array:
    dataset = group[name]["value"]
    values = np.asarray(dataset[frames], np.float64) * _factor(dataset, name)
    if not np.isfinite(values).all():
        raise ValueError(f"a {name} is not a finite number")
    return values


def _factor(dataset: Any, name: str) -> float:
    unit = dataset.attrs.get("unit", b"")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit and unit not in _UNITS[name]:
        raise ValueError(f"{name} is in {unit!r} where one of {', '.join(_UNITS[name])} is expected")
    return _UNITS[name][unit] if unit else 1.0


def _steps(element: Any, n_frames: int) -> NDArray[Any]:
    """Return MD steps: one for each frame, or the distance of two frames with an optional offset."""
    steps = np.asarray(element["step"])
    if steps.ndim:
        return steps.astype(np.int64)
    return int(element["step"].attrs.get("offset", 0)) + int(steps) * np.arange(n_frames, dtype=np.int64)


def _species(group: Any, kinds: Sequence[str] | None) -> tuple[str, ...]:
    numbers = np.asarray(_dataset(group["species"]))
    numbers = numbers[0] if numbers.ndim == 2 else numbers
    if numbers.dtype.kind in "SO":
        return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in numbers)
    if kinds is not None:
        if not np.all((numbers >= 1) & (numbers <= len(kinds))):
            raise ValueError(f"a species is numbered {numbers.max()} where {len(kinds)} are named")
        return tuple(kinds[int(i) - 1] for i in numbers)
    from ase.data import chemical_symbols  # noqa: PLC0415 - lists and help need no ASE

    return tuple(chemical_symbols[int(i)] for i in numbers)
