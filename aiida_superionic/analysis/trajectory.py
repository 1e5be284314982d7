"""The trajectory that every observable takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis import progress

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

CENTRE = "X"
"""The species under which a trajectory holds Wannier centres, as CP2K writes them. They are no atoms."""

_BATCH_BYTES = 8 * 2**20


class Field(Protocol):
    """Vectors of atoms in frames, in memory or not: an array of shape (T, N, 3), or what is read like one.

    ``field[frames, atoms]`` is an array; ``frames`` is a slice and ``atoms`` a slice or indices. ``field[frames]`` is
    an array or a field again.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, N, 3)."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def frame_batches(n_frames: int, n_atoms: int) -> Iterator[slice]:
    """Yield consecutive runs of frames whose vectors fill a few megabytes, and report each that is done."""
    size = max(1, _BATCH_BYTES // (24 * max(n_atoms, 1)))
    for start in range(0, n_frames, size):
        stop = min(start + size, n_frames)
        yield slice(start, stop)
        progress.report(stop, n_frames)


class TrajectoryError(ValueError):
    """A trajectory that is missing, damaged, or lacks what was asked of it."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Frames at equal distances in time, in Å, ps, eV and amu.

    Parameters
    ----------
    species
        Chemical symbol of each atom, ``X`` for a Wannier centre, shape (N,).
    positions
        Unwrapped positions in Å, shape (T, N, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3), or (T, 3, 3) where the cell changes.
    timestep
        Time between two frames in ps.
    masses
        Mass of each atom in amu, shape (N,). That of a Wannier centre is never used.
    velocities, forces
        In Å/ps and eV/Å, shape (T, N, 3); None where the file has none.
    mobile
        The species that are meant to diffuse. The others are the host lattice, in whose frame displacements are taken.
    formal_charges
        Formal charge of each species in elementary charges: +1 for Ag, whatever charge a force field gives it. Empty
        where they are not known.

    Raises
    ------
    TrajectoryError
        If the shapes do not fit one another, or the timestep is not positive.
    """

    species: tuple[str, ...]
    positions: Field
    cell: Array
    timestep: float
    masses: Array
    velocities: Field | None = None
    forces: Field | None = None
    mobile: tuple[str, ...] = field(default=())
    formal_charges: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.positions), len(self.species), 3)
        for name in ("positions", "velocities", "forces"):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise TrajectoryError(f"{name} has shape {array.shape} where {shape} is expected")
        if self.cell.shape not in {(3, 3), (len(self.positions), 3, 3)}:
            raise TrajectoryError(f"cell has shape {self.cell.shape} where (3, 3) or (T, 3, 3) is expected")
        if self.masses.shape != (len(self.species),):
            raise TrajectoryError(f"masses has shape {self.masses.shape} where {(len(self.species),)} is expected")
        if not self.timestep > 0.0:
            raise TrajectoryError(f"the timestep is {self.timestep} ps and must be positive")
        for what, names in (("mobile species", self.mobile), ("formal charges of", self.formal_charges)):
            absent = sorted(set(names) - set(self.kinds))
            if absent:
                raise TrajectoryError(f"{what} {', '.join(absent)} not among {', '.join(self.kinds)}")

    @property
    def n_frames(self) -> int:
        """Number of frames T."""
        return len(self.positions)

    @property
    def duration(self) -> float:
        """Time between the first and the last frame in ps."""
        return (self.n_frames - 1) * self.timestep

    @property
    def kinds(self) -> tuple[str, ...]:
        """The distinct species of atoms, in order of first appearance; Wannier centres are none."""
        return tuple(kind for kind in dict.fromkeys(self.species) if kind != CENTRE)

    @property
    def host(self) -> tuple[str, ...]:
        """The distinct species that are not mobile; empty where none is declared mobile."""
        return tuple(kind for kind in self.kinds if kind not in self.mobile) if self.mobile else ()

    @property
    def ions(self) -> NDArray[np.intp]:
        """The indices of the atoms, that is of all but the Wannier centres."""
        return np.flatnonzero(np.asarray(self.species) != CENTRE)

    @property
    def centres(self) -> NDArray[np.intp]:
        """The indices of the Wannier centres."""
        return np.flatnonzero(np.asarray(self.species) == CENTRE)

    def atoms_of(self, kind: str) -> NDArray[np.intp]:
        """Return the indices of the atoms of one species.

        Raises
        ------
        TrajectoryError
            If there is none.
        """
        indices = np.flatnonzero(np.asarray(self.species) == kind)
        if not len(indices):
            raise TrajectoryError(f"no {kind} among the species {', '.join(self.kinds)}")
        return indices

    def require(self, field: Literal["velocities", "forces"]) -> Field:
        """Return a field that a file need not hold.

        Raises
        ------
        TrajectoryError
            If this one does not.
        """
        array: Field | None = getattr(self, field)
        if array is None:
            raise TrajectoryError(f"the trajectory holds no {field}")
        return array

    def frames(self, start: int, stop: int) -> Trajectory:
        """Return the frames ``start`` to ``stop`` (exclusive) as a view."""
        return self._select(slice(start, stop), self.timestep)

    def every(self, stride: int) -> Trajectory:
        """Return every ``stride``-th frame as a view."""
        return self._select(slice(None, None, stride), self.timestep * stride)

    def _select(self, part: slice, timestep: float) -> Trajectory:
        return replace(
            self,
            timestep=timestep,
            positions=self.positions[part],
            cell=self.cell if self.cell.ndim == 2 else self.cell[part],
            velocities=None if self.velocities is None else self.velocities[part],
            forces=None if self.forces is None else self.forces[part],
        )


def one_frame(atoms: Atoms, mobile: Sequence[str]) -> Trajectory:
    """Return a structure as a trajectory of one frame.

    Parameters
    ----------
    atoms
        The structure, periodic, in Å.
    mobile
        The species meant to diffuse.
    """
    return Trajectory(
        species=tuple(atoms.get_chemical_symbols()),
        positions=atoms.positions[None],
        cell=np.asarray(atoms.cell),
        timestep=1.0,
        masses=atoms.get_masses(),
        mobile=tuple(mobile),
    )
