"""A harmonic crystal: its atoms, and the force constants between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, ComplexArray, IntArray, LatticeError
from aiida_superionic.units import KINETIC_ENERGY

_SYMMETRY = 1e-8
"""Share of the largest force constant by which Newton's third law and the acoustic sum rule may be missed."""
_ANGLES = 48
"""Points of the quadrature over the polar angle, and half of those over the azimuth."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """Atoms of a cell, and the force constants that tie them to those of all cells.

    Parameters
    ----------
    lattice
        Cell vectors as rows in Å, shape (3, 3).
    basis
        Positions of the cell's A atoms in Å, shape (A, 3).
    masses
        In amu, shape (A,).
    cells
        Displacements L of cells that are coupled, in cell vectors, whole numbers, shape (C, 3).
    force_constants
        ∂²V/∂r∂r' in eV/Å² between atom a of a cell and atom b of the cell displaced by L, shape (C, A, 3, A, 3).

    Raises
    ------
    LatticeError
        If shapes do not fit, a mass is not above zero, the cell has no volume, a force constant lacks its counterpart
        (Φ(L) = Φ(−L)ᵀ), or moving all atoms alike would cost energy.
    """

    lattice: Array
    basis: Array
    masses: Array
    cells: IntArray
    force_constants: Array

    def __post_init__(self) -> None:
        atoms, coupled = len(self.masses), len(self.cells)
        shapes = {
            "lattice": (self.lattice, (3, 3)),
            "basis": (self.basis, (atoms, 3)),
            "cells": (self.cells, (coupled, 3)),
            "force constants": (self.force_constants, (coupled, atoms, 3, atoms, 3)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape:
                raise LatticeError(f"the {name} of a crystal have the shape {array.shape} and not {shape}")
            if not np.all(np.isfinite(array)):
                raise LatticeError(f"the {name} of a crystal hold what is no number")
        if not np.all(self.masses > 0.0):
            raise LatticeError("the masses of a crystal must be above zero")
        if abs(np.linalg.det(self.lattice)) < 1e-6:
            raise LatticeError("the cell vectors of a crystal span no volume")
        self._check_symmetry()

    def _check_symmetry(self) -> None:
        tolerance = _SYMMETRY * float(np.max(np.abs(self.force_constants), initial=0.0))
        by_cell = {tuple(cell): matrix for cell, matrix in zip(self.cells.tolist(), self._blocks, strict=True)}
        if len(by_cell) != len(self.cells):
            raise LatticeError("the couplings of a crystal name the same pair of cells twice")
        for cell, matrix in by_cell.items():
            back = by_cell.get((-cell[0], -cell[1], -cell[2]))
            if back is None or np.max(np.abs(back.T - matrix)) > tolerance:
                raise LatticeError(
                    f"the coupling to the cell {list(cell)} is not that of the opposite cell, transposed"
                )
        if np.max(np.abs(self.force_constants.sum(axis=(0, 3))), initial=0.0) > tolerance * len(self.cells):
            raise LatticeError("the couplings of a crystal make it cost energy to move all atoms alike")

    def scaled(self, stiffness: float, density: float) -> Crystal:
        """Return the crystal with all force constants and all masses times a factor each."""
        return replace(self, masses=density * self.masses, force_constants=stiffness * self.force_constants)

    @property
    def _blocks(self) -> Array:
        """Return the force constants as matrices, shape (C, 3A, 3A)."""
        size = 3 * len(self.masses)
        return self.force_constants.reshape(len(self.cells), size, size)

    @property
    def inertia(self) -> Array:
        """Masses in eV ps²/Å², shape (A,)."""
        return self.masses * KINETIC_ENERGY

    @property
    def density(self) -> float:
        """Mass density in eV ps²/Å⁵."""
        return float(self.inertia.sum() / abs(np.linalg.det(self.lattice)))

    def dynamical_matrices(self, momenta: ArrayLike) -> ComplexArray:
        """Return the dynamical matrix at momenta (equation 13), in 1/ps².

        Parameters
        ----------
        momenta
            q in units of the reciprocal cell vectors, shape (n, 3): the phase of a cell at L is 2π q·L.

        Returns
        -------
        numpy.ndarray
            Shape (n, 3A, 3A), complex, Hermitian.
        """
        phases = np.exp(2j * np.pi * (np.asarray(momenta, np.float64) @ self.cells.T))
        scale = np.repeat(self.inertia, 3) ** -0.5
        weighted = scale[:, None] * self._blocks * scale
        matrices: ComplexArray = np.tensordot(phases, weighted, axes=1)
        return matrices

    def frequencies(self, momenta: ArrayLike) -> Array:
        """Return the dispersion Ω(q) in rad/ps, shape (n, 3A), for momenta as in :meth:`dynamical_matrices`.

        Raises
        ------
        LatticeError
            If the crystal is not stable at one of them.
        """
        momenta = np.asarray(momenta, np.float64)
        squares = np.asarray(np.linalg.eigvalsh(self.dynamical_matrices(momenta)), np.float64)
        return frequencies_of(squares, momenta)

    def long_wave_matrices(self, directions: ArrayLike) -> Array:
        """Return what the dynamical matrix of sound is for q → 0, over q².

        Its eigenvalues are the squared speeds of sound, its eigenvectors the polarisations ψ of equation 14. Internal
        strain, by which atoms of a cell move against each other, is relaxed (M. Born and K. Huang, "Dynamical Theory of
        Crystal Lattices", 1954, section 26).

        Parameters
        ----------
        directions
            Of q, unit vectors, shape (n, 3).

        Returns
        -------
        numpy.ndarray
            In Å²/ps², shape (n, 3, 3), real and symmetric.
        """
        directions = np.asarray(directions, np.float64)
        scale = np.repeat(self.inertia, 3) ** -0.5
        weighted = scale[:, None] * self._blocks * scale
        along = directions @ (self.cells @ self.lattice).T
        uniform = self.uniform
        first = 1j * np.tensordot(along, weighted, axes=1) @ uniform
        second = -0.5 * np.tensordot(along**2, weighted, axes=1) @ uniform
        relaxed = self.invert_internal(weighted.sum(axis=0))
        matrices = uniform.T @ second - np.conj(np.swapaxes(first, 1, 2)) @ relaxed @ first
        return np.asarray(np.real(matrices), np.float64)

    @property
    def uniform(self) -> Array:
        """The three motions of the crystal as a whole, as unit vectors in mass-weighted coordinates, shape (3A, 3)."""
        return np.asarray(np.kron(np.sqrt(self.inertia / self.inertia.sum())[:, None], np.eye(3)))

    def invert_internal(self, matrix: Array) -> Array:
        """Return the inverse of the dynamical matrix at q = 0 among motions that leave the centre of mass in place."""
        whole = self.uniform @ self.uniform.T
        scale = max(float(np.trace(matrix).real), 1.0)
        return np.asarray(np.linalg.inv(matrix + scale * whole) - whole / scale)

    def speeds_of_sound(self, directions: ArrayLike) -> Array:
        """Return the three speeds of sound in Å/ps along directions, shape (n, 3), slowest first.

        Raises
        ------
        LatticeError
            If the crystal does not resist a shear or a compression.
        """
        squares = np.linalg.eigvalsh(self.long_wave_matrices(directions))
        if np.min(squares) <= 0.0:
            raise LatticeError("the crystal is not stable: it does not resist every shear and compression")
        return np.asarray(np.sqrt(squares))

    def loss_matrix(self) -> Array:
        """Return the loss matrix of equation 15, in Å² ps/eV, shape (3, 3).

        The integrand Σ ψψᵀ/v³ is the power −3/2 of the long-wave matrix and thus smooth, also where speeds of sound
        coincide: Gauss and Legendre's points over the polar angle and even ones over the azimuth converge fast.

        Raises
        ------
        LatticeError
            If the crystal does not resist a shear or a compression.
        """
        heights, weights = np.polynomial.legendre.leggauss(_ANGLES)
        azimuths = np.arange(2 * _ANGLES) * np.pi / _ANGLES
        radii = np.sqrt(1.0 - heights**2)
        directions = np.stack(
            [
                np.outer(radii, np.cos(azimuths)),
                np.outer(radii, np.sin(azimuths)),
                np.tile(heights[:, None], 2 * _ANGLES),
            ],
            axis=-1,
        ).reshape(-1, 3)
        self.speeds_of_sound(directions)
        squares, polarisations = np.linalg.eigh(self.long_wave_matrices(directions))
        solid_angles = np.repeat(weights * np.pi / _ANGLES, 2 * _ANGLES)
        total = np.einsum("n,nij,nj,nkj->ik", solid_angles, polarisations, squares**-1.5, polarisations)
        return np.asarray(total / (16.0 * np.pi**2 * self.density))


def frequencies_of(squares: Array, momenta: Array) -> Array:
    """Return frequencies from eigenvalues of dynamical matrices, with sound at q = 0 exactly zero.

    Raises
    ------
    LatticeError
        If an eigenvalue is negative: the crystal would fall apart.
    """
    tolerance = _SYMMETRY * float(np.max(np.abs(squares), initial=1e-300))
    lowest = int(np.argmin(squares.min(axis=1)))
    if squares[lowest].min() < -tolerance:
        where = ", ".join(f"{x:.3g}" for x in momenta[lowest])
        raise LatticeError(
            f"the crystal is not stable: at the momentum ({where}) of the reciprocal cell a squared frequency is"
            f" {squares[lowest].min():.3g} rad²/ps²"
        )
    return np.asarray(np.sqrt(np.where(np.abs(squares) <= tolerance, 0.0, squares)))


def simple_cubic(spacing: float, mass: float, nearest: float, next_nearest: float) -> Crystal:
    """Return one atom per cubic cell, tied to its 6 nearest and 12 next-nearest neighbours by springs along the bonds.

    Parameters
    ----------
    spacing
        Of the atoms, in Å.
    mass
        In amu.
    nearest, next_nearest
        Stiffness of the springs in eV/Å². Without springs to the next-nearest the three directions would be independent
        chains.

    Raises
    ------
    LatticeError
        As from :class:`Crystal`.
    """
    bonds = [cell for cell in product((-1, 0, 1), repeat=3) if 1 <= np.dot(cell, cell) <= 2]
    stiffness = {1: nearest, 2: next_nearest}
    springs = [-stiffness[int(np.dot(b, b))] * np.outer(b, b) / np.dot(b, b) for b in bonds]
    matrices = np.array([-np.sum(springs, axis=0), *springs], dtype=np.float64)
    return Crystal(
        lattice=spacing * np.eye(3),
        basis=np.zeros((1, 3)),
        masses=np.array([mass], dtype=np.float64),
        cells=np.array([(0, 0, 0), *bonds]),
        force_constants=matrices[:, None, :, None, :],
    )
