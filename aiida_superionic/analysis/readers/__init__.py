"""Reading trajectories: the parts of one run, in any known format, become one :class:`Trajectory`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np

from aiida_superionic.analysis.readers.part import Part, collect
from aiida_superionic.analysis.trajectory import CENTRE, Array, Trajectory, TrajectoryError

Field = Literal["velocities", "forces"]

_Reader = Callable[[Path, Sequence[str] | None, Collection[Field]], Iterator[Part]]
"""Yields the frames of a file in batches, and raises CutOffError after the last complete one if it is cut off."""

FORMATS = {
    "lammps-binary": (".bin",),
    "lammps-text": (".lammpstrj", ".dump"),
    "cp2k-xyz": ("-pos-1.xyz",),
    "extxyz": (".xyz", ".extxyz"),
    "h5md": (".h5md", ".h5"),
    "vasp": ("XDATCAR", "vasprun.xml"),
}
"""The formats, each with the ends of a file's name that it is recognised by; the first that fits counts."""


def read_trajectory(
    files: Sequence[str | Path],
    *,
    format: str | None = None,  # noqa: A002 - the word that users know
    kinds: Sequence[str] | None = None,
    md_timestep: float | None = None,
    mobile: Sequence[str] = (),
    masses: Sequence[float] | None = None,
    charges: Mapping[str, float] | None = None,
    fields: Collection[Field] = ("velocities", "forces"),
) -> Trajectory:
    """Read the parts of one run.

    Files are read a few frames at a time. Positions, velocities and forces that memory is not to hold are put into a
    temporary file in ``TMPDIR``, or in the working directory where that is not set, which takes 24 bytes for each
    vector and goes with the trajectory. A LAMMPS binary dump of a gigabyte or more whose atoms are in order is read
    where it lies.

    Parameters
    ----------
    files
        The parts in the order in which they were written. A part overrides every earlier frame at or after its own
        first MD step, as an interrupted run that was continued from a checkpoint writes them twice. A last frame that
        was cut off is dropped where a later part follows.
    format
        One of :data:`FORMATS`; from the name of the first file where it is not given.
    kinds
        Species of the LAMMPS types 1, 2 ..., or of H5MD's numbers; other formats name their species themselves.
    md_timestep
        Time in ps of one MD step. The frames of VASP's files, and of an extended XYZ file without ``step`` in its
        comment lines, are one step apart.
    mobile
        The species that are meant to diffuse.
    masses
        Masses in amu of the species in ``kinds``, or in order of first appearance; the standard atomic weights where
        they are not given.
    charges
        Formal charges of species in elementary charges.
    fields
        Which of velocities and forces to read, where the files hold them.

    Raises
    ------
    TrajectoryError
        If a file is missing, damaged, of unknown format, or not a part of the same run as the one before, if the last
        one was cut off, if the frames are not evenly spaced, if something that the format does not say is not given, or
        if there is no room for a temporary file.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise TrajectoryError("no trajectory file is given")
    if md_timestep is None or not 0.0 < md_timestep < np.inf:
        raise TrajectoryError(f"the MD timestep is {md_timestep} where a positive time in ps is expected")
    read = _reader(format or _guess(paths[0]))
    parts = [collect(path, read(path, kinds, fields), len(paths)) for path in paths]
    merged = _merge(parts)
    return Trajectory(
        species=merged.species,
        positions=merged.positions,
        cell=merged.cell[0].copy() if np.all(merged.cell == merged.cell[0]) else merged.cell,
        timestep=md_timestep * _spacing(merged),
        masses=_masses(merged.species, kinds, masses),
        velocities=merged.velocities,
        forces=merged.forces,
        mobile=tuple(mobile),
        formal_charges=dict(charges or {}),
    )


def _guess(path: Path) -> str:
    for name, suffixes in FORMATS.items():
        if path.name.endswith(suffixes):
            return name
    raise TrajectoryError(f"the format of {path.name} is not told by its name; say which: {', '.join(FORMATS)}")


def _reader(name: str) -> _Reader:
    if name not in FORMATS:
        raise TrajectoryError(f"unknown trajectory format {name!r}; there are: {', '.join(FORMATS)}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    reader: _Reader = module.read
    return reader


def _merge(parts: list[Part]) -> Part:
    if parts[-1].damage:
        raise TrajectoryError(parts[-1].damage)
    # Back to front: what a part keeps ends where the next one that holds a frame begins.
    kept: list[Part] = []
    first_step = np.inf
    for part in reversed(parts):
        earlier = part.frames(int(np.searchsorted(part.steps, first_step)))
        if len(earlier.steps):
            kept.insert(0, earlier)
            first_step = earlier.steps[0]
    if not kept:
        raise TrajectoryError(f"{parts[-1].path} holds no frame")
    return kept[0] if len(kept) == 1 else Part.join(kept)


def _spacing(part: Part) -> int:
    if len(part.steps) < 2:
        raise TrajectoryError(f"{part.path} holds a single frame, where a trajectory has two at least")
    spacings = np.diff(part.steps)
    uneven = np.flatnonzero(spacings != spacings[0])
    if len(uneven) or spacings[0] <= 0:
        i = int(uneven[0]) if len(uneven) else 0
        raise TrajectoryError(
            f"the frames are not evenly spaced: MD step {part.steps[i]} is followed by {part.steps[i + 1]} "
            f"where the run began with every {spacings[0]} steps"
        )
    return int(spacings[0])


def _masses(species: tuple[str, ...], kinds: Sequence[str] | None, masses: Sequence[float] | None) -> Array:
    if masses is not None:
        names = tuple(kinds) if kinds else tuple(kind for kind in dict.fromkeys(species) if kind != CENTRE)
        if len(names) != len(masses):
            raise TrajectoryError(f"{len(masses)} masses are given for the species {', '.join(names)}")
        by_kind = {CENTRE: 0.0, **dict(zip(names, masses, strict=True))}
        return np.array([by_kind[kind] for kind in species], dtype=np.float64)
    from ase.data import atomic_masses, atomic_numbers  # noqa: PLC0415 - lists and help need no ASE

    unknown = sorted(set(species) - set(atomic_numbers))
    if unknown:
        raise TrajectoryError(f"no atomic weight is known of {', '.join(unknown)}; give masses or element symbols")
    return np.array([atomic_masses[atomic_numbers[kind]] if kind != CENTRE else 0.0 for kind in species])
