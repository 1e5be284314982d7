"""Ions that move through a crystal: with every atom of it, or with it as a bath in time-local form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, IntArray, LatticeError, MotionError
from aiida_superionic.lattice.crystal import Crystal
from aiida_superionic.lattice.interactions import PairInteraction
from aiida_superionic.lattice.modes import static_recoil
from aiida_superionic.lattice.thermal_motion import Interpolation, ThermalMotion, interpolation_for
from aiida_superionic.units import KINETIC_ENERGY

Progress = Callable[[int, int], None]
"""Told how many steps are done, and of how many."""

_NEAREST = 0.05
"""Å between an ion's start and an atom, below which the start is refused."""
_SAMPLES = 64
"""Samples of thermal motion computed at once."""
_FULL_BLOCK = 500
"""Steps of the full equations between two reports."""
_FURTHEST_STEP = 0.25
"""Of the shortest cell vector, by which an ion may move in one step: it is not followed over what lies between."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The atoms that an ion acts on.

    Parameters
    ----------
    atoms
        Cell and number of each, shape (n, 4); cells count from that which the ion is in, where it ``follows``.
    follows
        Whether the atoms change with the cell that the ion is in. A cell's corners do, and forces jump where they
        change.
    """

    atoms: IntArray
    follows: bool

    def sites(self, crystal: Crystal) -> Array:
        """Return where the atoms rest, in Å, shape (n, 3)."""
        return np.asarray(self.atoms[:, :3] @ crystal.lattice + crystal.basis[self.atoms[:, 3]])

    def recoil(self, crystal: Crystal) -> Array:
        """Return W(0) between the atoms, in an endless crystal, in Å²/eV, shape (3n, 3n)."""
        cells = self.atoms[:, :3]
        reach = int(np.max(np.ptp(cells, axis=0)))
        table = static_recoil(crystal, max(reach, 1))
        between = cells[None, :] - cells[:, None] + (table.shape[0] // 2)
        blocks = table[between[..., 0], between[..., 1], between[..., 2]]
        n = len(cells)
        numbers = self.atoms[:, 3]
        matrix = np.empty((n, 3, n, 3))
        for i, j in product(range(n), repeat=2):
            a, b = 3 * numbers[i], 3 * numbers[j]
            matrix[i, :, j] = blocks[i, j, a : a + 3, b : b + 3]
        return matrix.reshape(3 * n, 3 * n)


def corners(crystal: Crystal, extent: int = 1) -> Surroundings:
    """Return the atoms of the cells around an ion: with one atom per cell and an extent of 1, its cell's corners."""
    cells = product(range(1 - extent, extent + 1), repeat=3)
    atoms = [(*cell, number) for cell in cells for number in range(len(crystal.masses))]
    return Surroundings(np.array(atoms), follows=True)


def fixed_atoms(atoms: ArrayLike) -> Surroundings:
    """Return the same atoms wherever the ion is: cell and number of each, shape (n, 4)."""
    return Surroundings(np.asarray(atoms, np.int64).reshape(-1, 4), follows=False)


@dataclass(frozen=True, eq=False)
class Model:
    """A crystal and the ions in it.

    Parameters
    ----------
    crystal
        What vibrates and gives way.
    interaction
        Between an ion and an atom.
    ion_mass
        In amu.
    surroundings
        The atoms that an ion acts on.
    repulsion
        Between ions; without it they do not know of each other in the time-local form, and through the crystal alone in
        the full one.

    Raises
    ------
    LatticeError
        If the mass is not above zero.
    """

    crystal: Crystal
    interaction: PairInteraction
    ion_mass: float
    surroundings: Surroundings
    repulsion: PairInteraction | None = None

    def __post_init__(self) -> None:
        if not self.ion_mass > 0.0:
            raise LatticeError(f"a mobile ion of {self.ion_mass} amu has no mass above zero")

    @property
    def inertia(self) -> float:
        """Mass of an ion in eV ps²/Å²."""
        return self.ion_mass * KINETIC_ENERGY

    def check_start(self, ions: Array) -> None:
        """Refuse ions that start on an atom.

        Raises
        ------
        LatticeError
            If one does.
        """
        crystal = self.crystal
        for number, ion in enumerate(ions):
            cell = np.floor(ion @ np.linalg.inv(crystal.lattice)) if self.surroundings.follows else np.zeros(3)
            distances = np.linalg.norm(self.surroundings.sites(crystal) + cell @ crystal.lattice - ion, axis=1)
            if distances.min() < _NEAREST:
                raise LatticeError(f"ion {number} starts {distances.min():.2g} Å from an atom of the crystal")


@dataclass(frozen=True, eq=False)
class IonTrajectory:
    """Where ions were.

    Parameters
    ----------
    times
        In ps, shape (T,).
    positions, velocities
        In Å and Å/ps, shape (T, W, 3).
    atom_displacements, atom_velocities
        Of the atoms that were watched, in Å and Å/ps, shape (T, K, 3).
    """

    times: Array
    positions: Array
    velocities: Array
    atom_displacements: Array = field(default_factory=lambda: np.empty((0, 0, 3)))
    atom_velocities: Array = field(default_factory=lambda: np.empty((0, 0, 3)))


def simulate_time_local(
    model: Model,
    start: ArrayLike,
    velocities: ArrayLike,
    timestep: float,
    steps: int,
    *,
    thermal: ThermalMotion | None = None,
    stride: int = 1,
    passes: int = 1,
    tolerance: float = 1e-9,
    progress: Progress | None = None,
) -> IonTrajectory:
    """Move ions by the time-local equations 18 to 20.

    Parameters
    ----------
    model
        Crystal and ions.
    start, velocities
        Of W ions, in Å and Å/ps, shape (W, 3). They share one bath.
    timestep, steps
        In ps, and how many.
    thermal
        Thermal motion of the crystal; none: it is at rest where no ion pushes it.
    stride
        Steps between records.
    passes
        1: the right side is taken at thermal positions (equation 17); more: the atoms' places are found from equation
        16 by so many repetitions at most.
    tolerance
        In Å, to which they are found.
    progress
        Told of the steps that are done.

    Raises
    ------
    LatticeError
        If the step is too long for the crystal, or an ion starts on an atom.
    MotionError
        If an ion comes to lie on an atom or runs away, or no place is found.
    """
    # Importing Numba takes a second that a wrong request must not wait for.
    from aiida_superionic.lattice.motion_kernels import time_local_steps  # noqa: PLC0415

    crystal, surroundings = model.crystal, model.surroundings
    ions, speeds = _state(start, velocities)
    model.check_start(ions)
    weights = thermal_weights(thermal, timestep) if thermal is not None else None
    shape = thermal.modes.shape if thermal is not None else (1, 1, 1)
    if model.repulsion is not None and thermal is None:
        raise LatticeError("ions repel each other at their nearest images: they need the cells of thermal motion")
    recoil, loss = surroundings.recoil(crystal), crystal.loss_matrix()
    recorded, recorded_velocities = np.empty((2, steps // stride, *ions.shape))
    block = stride * max(1, (weights.steps_per_sample if weights else 1) * _SAMPLES // stride)
    done = 0
    buffer = _SampleBuffer(thermal, weights)
    while done < steps:
        count = min(block, steps - done)
        samples, first = buffer.around(done, count)
        records = slice(done // stride, (done + count) // stride)
        failed = time_local_steps(
            ions,
            speeds,
            done,
            count,
            timestep,
            model.inertia,
            samples,
            first,
            weights.steps_per_sample if weights else 1,
            weights.weights if weights else np.empty((5, 0)),
            weights.rates if weights else np.empty((5, 0)),
            surroundings.atoms,
            surroundings.sites(crystal),
            crystal.lattice,
            np.linalg.inv(crystal.lattice),
            np.diag(shape) @ crystal.lattice,
            recoil,
            loss,
            passes,
            tolerance,
            model.interaction.parameters,
            model.repulsion.parameters if model.repulsion else np.empty(0),
            surroundings.follows,
            stride,
            recorded[records],
            recorded_velocities[records],
        )
        if failed >= 0:
            raise MotionError(_broken(failed * timestep))
        done += count
        _check_pace(crystal, recorded_velocities[records], timestep, done * timestep)
        if progress is not None:
            progress(done, steps)
    return IonTrajectory(_record_times(timestep, steps, stride), recorded, recorded_velocities)


def simulate_full(
    model: Model,
    shape: tuple[int, int, int],
    start: ArrayLike,
    velocities: ArrayLike,
    timestep: float,
    steps: int,
    *,
    thermal: ThermalMotion | None = None,
    stride: int = 1,
    watched: ArrayLike = (),
    progress: Progress | None = None,
) -> tuple[IonTrajectory, FullState]:
    """Move ions and every atom of a periodic crystal by equations 2 and 3.

    Parameters
    ----------
    model
        Crystal and ions.
    shape
        Cells along each cell vector.
    start, velocities, timestep, steps, stride, progress
        As for :func:`simulate_time_local`.
    thermal
        Thermal motion that the atoms start with; none: they start at rest.
    watched
        Atoms whose motion is recorded: cell and number of each, shape (K, 4).

    Returns
    -------
    tuple
        The trajectory, and the state that it ends in.

    Raises
    ------
    LatticeError
        If the step is too long for the crystal, or an ion starts on an atom.
    MotionError
        If an ion comes to lie on an atom or runs away.
    """
    state = FullState.starting(model, shape, thermal)
    interpolation_for(_highest(model.crystal, thermal), timestep)
    ions, speeds = _state(start, velocities)
    model.check_start(ions)
    state = FullState(model, shape, state.field, state.field_velocities, ions, speeds)
    atoms = np.asarray(watched, np.int64).reshape(-1, 4)
    recorded, recorded_velocities = np.empty((2, steps // stride, *ions.shape))
    recorded_atoms = np.empty((steps // stride, len(atoms), 2, 3))
    block = stride * max(1, _FULL_BLOCK // stride)
    done = 0
    while done < steps:
        count = min(block, steps - done)
        records = slice(done // stride, (done + count) // stride)
        failed = state.advance(
            timestep, count, stride, recorded[records], recorded_velocities[records], atoms, recorded_atoms[records]
        )
        if failed >= 0:
            raise MotionError(_broken((done + failed) * timestep))
        done += count
        _check_pace(model.crystal, recorded_velocities[records], timestep, done * timestep)
        if progress is not None:
            progress(done, steps)
    times = _record_times(timestep, steps, stride)
    places, rates = recorded_atoms[:, :, 0], recorded_atoms[:, :, 1]
    return IonTrajectory(times, recorded, recorded_velocities, places, rates), state


@dataclass(frozen=True, eq=False)
class FullState:
    """A periodic crystal with ions in it, every atom of which moves.

    Parameters
    ----------
    model
        Crystal and ions.
    shape
        Cells along each cell vector.
    field, field_velocities
        Displacements and velocities of atoms in Å and Å/ps, shape (3A, n₁ + 2m, n₂ + 2m, n₃ + 2m), with margins of m
        cells that repeat the other side.
    ions, velocities
        In Å and Å/ps, shape (W, 3).
    """

    model: Model
    shape: tuple[int, int, int]
    field: Array
    field_velocities: Array
    ions: Array
    velocities: Array

    @classmethod
    def starting(cls, model: Model, shape: tuple[int, int, int], thermal: ThermalMotion | None) -> FullState:
        """Return the crystal at rest, or as it moves at a temperature at time zero, without ions.

        Raises
        ------
        LatticeError
            If the crystal is too small for its couplings, or thermal motion is that of another.
        """
        margin = _margin(model.crystal)
        if min(shape) < max(2, margin):
            raise LatticeError(f"a crystal of {shape} cells is smaller than its couplings reach")
        if thermal is not None and thermal.modes.shape != shape:
            raise LatticeError(f"thermal motion of {thermal.modes.shape} cells does not fit a crystal of {shape}")
        padded = (3 * len(model.crystal.masses), *(n + 2 * margin for n in shape))
        fields = [np.zeros(padded), np.zeros(padded)]
        if thermal is not None:
            inside = (slice(None), *(slice(margin, margin + n) for n in shape))
            fields[0][inside], fields[1][inside] = thermal.displacements(0.0), thermal.velocities(0.0)
        return cls(model, shape, fields[0], fields[1], np.empty((0, 3)), np.empty((0, 3)))

    def advance(
        self,
        timestep: float,
        steps: int,
        stride: int,
        recorded: Array,
        recorded_velocities: Array,
        watched: IntArray,
        recorded_atoms: Array,
    ) -> int:
        """Move on in place, fill in the records, and return the step that failed, or −1."""
        from aiida_superionic.lattice.motion_kernels import full_steps  # noqa: PLC0415

        crystal, surroundings = self.model.crystal, self.model.surroundings
        repulsion = self.model.repulsion
        failed: int = full_steps(
            self.field,
            self.field_velocities,
            self.ions,
            self.velocities,
            steps,
            timestep,
            _margin(crystal),
            self.model.inertia,
            crystal.inertia,
            *self._couplings(),
            surroundings.atoms,
            surroundings.sites(crystal),
            crystal.lattice,
            np.linalg.inv(crystal.lattice),
            np.diag(self.shape) @ crystal.lattice,
            self.model.interaction.parameters,
            repulsion.parameters if repulsion else np.empty(0),
            surroundings.follows,
            stride,
            recorded,
            recorded_velocities,
            watched,
            recorded_atoms,
        )
        return failed

    def _couplings(self) -> tuple[IntArray, IntArray, IntArray, Array]:
        """Return components, distances in memory and force constants over masses, those that are not zero."""
        crystal = self.model.crystal
        size = 3 * len(crystal.masses)
        blocks = crystal.force_constants.reshape(-1, size, size) / np.repeat(crystal.inertia, 3)[:, None]
        which, first, second = np.nonzero(blocks)
        _, n2, n3 = self.field.shape[1:]
        offsets = crystal.cells[which] @ [n2 * n3, n3, 1]
        stiffness = np.asarray(blocks[which, first, second])
        return first.astype(np.int64), second.astype(np.int64), offsets.astype(np.int64), stiffness

    def energy(self) -> tuple[float, float]:
        """Return the energy of crystal and interactions, and the kinetic energy of the ions, in eV."""
        from aiida_superionic.lattice.motion_kernels import harmonic_accelerations, wrap_edges  # noqa: PLC0415
        from aiida_superionic.lattice.pair_kernels import energy, radial  # noqa: PLC0415

        crystal, surroundings = self.model.crystal, self.model.surroundings
        margin = _margin(crystal)
        inside = (slice(None), *(slice(margin, margin + n) for n in self.shape))
        masses = np.repeat(crystal.inertia, 3)[:, None, None, None]
        wrap_edges(self.field, margin)
        accelerations = np.zeros_like(self.field)
        harmonic_accelerations(self.field, margin, *self._couplings(), accelerations)
        elastic = -0.5 * np.sum(masses * self.field[inside] * accelerations[inside])
        kinetic = 0.5 * np.sum(masses * self.field_velocities[inside] ** 2)
        together = 0.0
        for ion in self.ions:
            cell = (
                np.floor(ion @ np.linalg.inv(crystal.lattice)).astype(int) if surroundings.follows else np.zeros(3, int)
            )
            where = (cell + surroundings.atoms[:, :3]) % self.shape + margin
            rows = 3 * surroundings.atoms[:, 3, None] + np.arange(3)
            moved = self.field[rows, where[:, 0, None], where[:, 1, None], where[:, 2, None]]
            atoms = surroundings.sites(crystal) + cell @ crystal.lattice + moved
            together += energy(atoms, ion, self.model.interaction.parameters)
        box = np.diag(self.shape) @ crystal.lattice
        if self.model.repulsion is not None:
            for i in range(len(self.ions)):
                for j in range(i):
                    difference = (self.ions[i] - self.ions[j]) @ np.linalg.inv(box)
                    distance = float(np.linalg.norm((difference - np.round(difference)) @ box))
                    together += radial(distance, self.model.repulsion.parameters)[0]
        moving = 0.5 * self.model.inertia * float(np.sum(self.velocities**2))
        return float(elastic + kinetic + together), moving


def thermal_weights(thermal: ThermalMotion, timestep: float) -> Interpolation:
    """Return how thermal motion is interpolated for an integrator's step.

    Raises
    ------
    LatticeError
        If the step is too long for the crystal.
    """
    return interpolation_for(thermal.modes.highest, timestep)


class _SampleBuffer:
    """The samples of thermal motion around a stretch of steps: each is computed once, in ascending order."""

    def __init__(self, thermal: ThermalMotion | None, weights: Interpolation | None) -> None:
        self._thermal, self._weights = thermal, weights
        self._first, self._samples = 0, np.empty((0, 1, 1, 1, 1))

    def around(self, step: int, count: int) -> tuple[Array, int]:
        """Return the samples that steps need, shape (samples, 3A, n₁, n₂, n₃), and the number of the first."""
        if self._thermal is None or self._weights is None:
            return np.empty((1, 1, 1, 1, 1)), 0
        per, taps = self._weights.steps_per_sample, self._weights.taps
        first = step // per - taps // 2 + 1
        end = (step + count - 1) // per + taps // 2 + 1
        known = self._samples[first - self._first :] if len(self._samples) else self._samples
        start = first + len(known)
        new = self._thermal.samples(start, end - start, self._weights.interval)
        self._first, self._samples = first, np.concatenate([known, new]) if len(known) else new
        return self._samples, first


def _state(start: ArrayLike, velocities: ArrayLike) -> tuple[Array, Array]:
    ions = np.array(start, np.float64).reshape(-1, 3)
    speeds = np.broadcast_to(np.asarray(velocities, np.float64), ions.shape).copy()
    return ions, speeds


def _record_times(timestep: float, steps: int, stride: int) -> Array:
    return timestep * stride * np.arange(1, steps // stride + 1)


def _margin(crystal: Crystal) -> int:
    return int(np.max(np.abs(crystal.cells), initial=0))


def _highest(crystal: Crystal, thermal: ThermalMotion | None) -> float:
    """Return the highest frequency, of a coarse grid where thermal motion does not know it."""
    if thermal is not None:
        return thermal.modes.highest
    axis = np.arange(8) / 8.0
    momenta = np.stack([g.ravel() for g in np.meshgrid(axis, axis, axis, indexing="ij")], axis=1)
    return float(crystal.frequencies(momenta).max())


def _check_pace(crystal: Crystal, velocities: Array, timestep: float, time: float) -> None:
    """Raise where an ion is too fast for its steps to follow what it passes: it has run away, and its D looks good."""
    furthest = timestep * float(np.sqrt(np.max(np.sum(velocities**2, axis=-1), initial=0.0)))
    if not furthest <= _FURTHEST_STEP * float(np.linalg.norm(crystal.lattice, axis=1).min()):
        raise MotionError(
            f"the motion broke off before {time:.4g} ps: an ion ran away and moves by {furthest:.2g} Å in one step; a"
            " shorter step may help"
        )


def _broken(time: float) -> str:
    return (
        f"the motion broke off after {time:.4g} ps: an ion ran onto an atom or beyond its interaction's table, or the"
        " atoms' places were not found; a shorter step may help"
    )
