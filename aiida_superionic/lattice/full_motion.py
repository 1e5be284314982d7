"""Ions and every atom of a periodic crystal that move together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, IntArray, LatticeError, MotionError
from aiida_superionic.lattice.crystal import Crystal
from aiida_superionic.lattice.ion_trajectory import (
    IonTrajectory,
    Progress,
    broken_off,
    check_pace,
    record_times,
    starting_state,
)
from aiida_superionic.lattice.many_body import kernels_of
from aiida_superionic.lattice.model import Model
from aiida_superionic.lattice.thermal_motion import ThermalMotion, interpolation_for

_FULL_BLOCK = 500
"""Steps of the full equations between two reports."""


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
    interpolation_for(_highest(model.crystal, thermal), timestep)
    state = begin(model, shape, start, velocities, thermal)
    atoms = np.asarray(watched, np.int64).reshape(-1, 4)
    recorded, recorded_velocities = np.empty((2, steps // stride, *state.ions.shape))
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
            raise MotionError(broken_off((done + failed) * timestep))
        done += count
        check_pace(model.crystal, recorded_velocities[records], timestep, done * timestep)
        if progress is not None:
            progress(done, steps)
    times = record_times(timestep, steps, stride)
    places, rates = recorded_atoms[:, :, 0], recorded_atoms[:, :, 1]
    return IonTrajectory(times, recorded, recorded_velocities, places, rates), state


def begin(
    model: Model,
    shape: tuple[int, int, int],
    start: ArrayLike,
    velocities: ArrayLike,
    thermal: ThermalMotion | None = None,
) -> FullState:
    """Return ions in a periodic crystal that is at rest, or moves as at a temperature at time zero.

    Parameters
    ----------
    model, shape, start, velocities, thermal
        As for :func:`simulate_full`.

    Raises
    ------
    LatticeError
        If the crystal is too small for its couplings, thermal motion is that of another, or an ion starts on an atom.
    """
    margin = _margin(model.crystal)
    if min(shape) < max(2, margin):
        raise LatticeError(f"a crystal of {shape} cells is smaller than its couplings reach")
    if thermal is not None and thermal.modes.shape != shape:
        raise LatticeError(f"thermal motion of {thermal.modes.shape} cells does not fit a crystal of {shape}")
    ions, speeds = starting_state(start, velocities)
    model.check_start(ions)
    padded = (3 * len(model.crystal.masses), *(n + 2 * margin for n in shape))
    fields = [np.zeros(padded), np.zeros(padded)]
    if thermal is not None:
        inside = (slice(None), *(slice(margin, margin + n) for n in shape))
        fields[0][inside], fields[1][inside] = thermal.displacements(0.0), thermal.velocities(0.0)
    return FullState(model, shape, fields[0], fields[1], ions, speeds)


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
        crystal, surroundings = self.model.crystal, self.model.surroundings
        repulsion = self.model.repulsion
        failed: int = kernels_of(self.model.many_body).full_steps(
            self.field,
            self.field_velocities,
            self.ions,
            self.velocities,
            steps,
            timestep,
            _margin(crystal),
            self.model.inertias,
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

    def advance_by(self, timestep: float, steps: int) -> None:
        """Move on in place.

        Raises
        ------
        MotionError
            If the motion breaks off.
        """
        none = np.empty((0, *self.ions.shape))
        nowhere = np.empty((0, 4), np.int64)
        failed = self.advance(timestep, steps, steps + 1, none, none, nowhere, np.empty((0, 0, 2, 3)))
        if failed >= 0:
            raise MotionError(broken_off(failed * timestep))

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
        from aiida_superionic.lattice.full_kernels import harmonic_accelerations, wrap_edges  # noqa: PLC0415
        from aiida_superionic.lattice.pair_kernels import radial  # noqa: PLC0415

        crystal = self.model.crystal
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
            together += kernels_of(self.model.many_body).energy(
                self._atoms_around(self._cell_of(ion)), ion, self.model.interaction.parameters
            )
        box = np.diag(self.shape) @ crystal.lattice
        if self.model.repulsion is not None:
            for i in range(len(self.ions)):
                for j in range(i):
                    difference = (self.ions[i] - self.ions[j]) @ np.linalg.inv(box)
                    distance = float(np.linalg.norm((difference - np.round(difference)) @ box))
                    together += radial(distance, self.model.repulsion.parameters)[0]
        moving = 0.5 * self.model.inertia * float(np.sum(self.velocities**2))
        return float(elastic + kinetic + together), moving

    def in_cell(self, cell: Array) -> tuple[float, Array]:
        """Return the energy of the first ion with the atoms around a cell in eV, and its force in eV/Å, shape (3,)."""
        kernels = kernels_of(self.model.many_body)
        atoms, parameters, on_ion = self._atoms_around(cell), self.model.interaction.parameters, np.empty(3)
        kernels.slope(atoms, self.ions[0], parameters, on_ion)
        return float(kernels.energy(atoms, self.ions[0], parameters)), -on_ion

    def _cell_of(self, ion: Array) -> Array:
        """Return the cell whose surroundings an ion acts on."""
        if not self.model.surroundings.follows:
            return np.zeros(3)
        return np.asarray(np.floor(ion @ np.linalg.inv(self.model.crystal.lattice)))

    def _atoms_around(self, cell: Array) -> Array:
        """Return where the atoms around a cell are, shape (n, 3)."""
        crystal, surroundings = self.model.crystal, self.model.surroundings
        where = (cell.astype(np.int64) + surroundings.atoms[:, :3]) % self.shape + _margin(crystal)
        rows = 3 * surroundings.atoms[:, 3, None] + np.arange(3)
        moved = self.field[rows, where[:, 0, None], where[:, 1, None], where[:, 2, None]]
        return np.asarray(surroundings.sites(crystal) + cell @ crystal.lattice + moved)


def _margin(crystal: Crystal) -> int:
    return int(np.max(np.abs(crystal.cells), initial=0))


def _highest(crystal: Crystal, thermal: ThermalMotion | None) -> float:
    """Return the highest frequency, of a coarse grid where thermal motion does not know it."""
    if thermal is not None:
        return thermal.modes.highest
    axis = np.arange(8) / 8.0
    momenta = np.stack([g.ravel() for g in np.meshgrid(axis, axis, axis, indexing="ij")], axis=1)
    return float(crystal.frequencies(momenta).max())
