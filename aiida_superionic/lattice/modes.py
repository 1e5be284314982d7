"""Normal modes of a finite periodic crystal, and what is summed over them: recoil and thermal covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, ComplexArray, LatticeError
from aiida_superionic.lattice.crystal import Crystal, frequencies_of
from aiida_superionic.units import REDUCED_PLANCK

_BATCH = 1 << 16
"""Momenta whose matrices are in memory at once."""


@dataclass(frozen=True, eq=False)
class Modes:
    """Modes of a crystal of n₁ × n₂ × n₃ cells with periodic boundaries.

    The mode of −q is the complex conjugate of that of q: those with 0 ≤ q₃ ≤ n₃/2 are kept, as a real Fourier
    transform has them.

    Parameters
    ----------
    crystal
        What vibrates.
    shape
        n₁, n₂, n₃.
    momenta
        In units of the reciprocal cell vectors, shape (Q, 3).
    frequencies
        In rad/ps, shape (Q, 3A); zero for the three that move the crystal as a whole.
    patterns
        Polarisations over the square roots of the masses, m^(−1/2) η, in Å/(ps √eV), shape (Q, 3A, 3A): the last axis
        counts modes.
    weights
        2 where −q is not among the momenta, 1 where it is, shape (Q,).
    """

    crystal: Crystal
    shape: tuple[int, int, int]
    momenta: Array
    frequencies: Array
    patterns: ComplexArray
    weights: Array

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def n_modes(self) -> int:
        """Number of modes that vibrate: all but the three of the crystal as a whole."""
        return int(self.weights @ np.count_nonzero(self.frequencies, axis=1))

    @property
    def highest(self) -> float:
        """The highest frequency in rad/ps."""
        return float(self.frequencies.max())

    def recoil(self, times: ArrayLike, displacement: ArrayLike = (0, 0, 0)) -> Array:
        """Return the recoil kernel W(t) of equation 10 between the atoms of two cells, in Å²/eV.

        Parameters
        ----------
        times
            In ps, shape (T,).
        displacement
            Of the second cell from the first, in cell vectors.

        Returns
        -------
        numpy.ndarray
            Shape (T, 3A, 3A).
        """
        return self._sum(times, displacement, self._inverse(self.frequencies) ** 2)

    def diagonal_recoil(self, times: ArrayLike) -> Array:
        """Return the mean diagonal of W(t) of a cell's first atom in Å²/eV, shape (T,), for times in ps."""
        strengths = np.sum(np.abs(self.patterns[:, :3]) ** 2, axis=1) * self._inverse(self.frequencies) ** 2
        strengths = (self.weights[:, None] * strengths / (3.0 * self.n_cells)).ravel()
        frequencies = self.frequencies.ravel()
        return np.array([strengths @ np.cos(frequencies * time) for time in np.atleast_1d(np.asarray(times, float))])

    def covariance(self, times: ArrayLike, thermal_energy: float, displacement: ArrayLike = (0, 0, 0)) -> Array:
        """Return the covariance ⟨r(t) r(0)ᵀ⟩ of thermal motion (equation 24) in Å², shape (T, 3A, 3A).

        Parameters
        ----------
        times
            In ps, shape (T,).
        thermal_energy
            k_B T in eV.
        displacement
            Of the second cell from the first, in cell vectors.
        """
        return self._sum(times, displacement, self._occupied(thermal_energy))

    def velocity_covariance(
        self, times: ArrayLike, thermal_energy: float, displacement: ArrayLike = (0, 0, 0)
    ) -> Array:
        """Return the covariance of thermal velocities in Å²/ps², shape (T, 3A, 3A)."""
        return self._sum(times, displacement, self._occupied(thermal_energy) * self.frequencies**2)

    def _occupied(self, thermal_energy: float) -> Array:
        """Return ħ/(2Ω) coth(ħΩ/(2 k_B T)) of each mode, zero for those of the whole crystal."""
        inverse = self._inverse(self.frequencies)
        ratio = 0.5 * REDUCED_PLANCK * self.frequencies / thermal_energy
        return np.asarray(0.5 * REDUCED_PLANCK * inverse * self._inverse(np.tanh(ratio)))

    @staticmethod
    def _inverse(values: Array) -> Array:
        """Return one over values, and zero where they are zero."""
        return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0.0)

    def _sum(self, times: ArrayLike, displacement: ArrayLike, spectrum: Array) -> Array:
        """Return Σ m^(−1/2) η η† m^(−1/2) e^(iq·d) cos(Ωt) times a spectrum, per cell, shape (T, 3A, 3A)."""
        times = np.atleast_1d(np.asarray(times, np.float64))
        phases = np.exp(-2j * np.pi * (self.momenta @ np.asarray(displacement, np.float64)))
        size = self.frequencies.shape[1]
        total = np.zeros((len(times), size, size))
        for start in range(0, len(self.momenta), _BATCH):
            part = slice(start, start + _BATCH)
            patterns = self.patterns[part]
            weights = (self.weights[part] * phases[part])[:, None] * spectrum[part]
            for k, time in enumerate(times):
                scaled = patterns * (weights * np.cos(self.frequencies[part] * time))[:, None, :]
                total[k] += np.real(np.einsum("qiu,qju->ij", scaled, np.conj(patterns), optimize=True))
        return total / self.n_cells


def modes_of(crystal: Crystal, shape: ArrayLike, twist: float = 0.0) -> Modes:
    """Return the modes of a crystal of some cells.

    Parameters
    ----------
    crystal
        What vibrates.
    shape
        Cells along each cell vector, shape (3,), at least 2 each.
    twist
        0: periodic boundaries; 0.5: displacements change sign at the boundary, so that no mode has q = 0.

    Raises
    ------
    LatticeError
        If the crystal is not stable, or the shape is no number of cells.
    """
    n1, n2, n3 = (int(n) for n in np.asarray(shape))
    if min(n1, n2, n3) < 2:
        raise LatticeError(
            f"a crystal of {n1} × {n2} × {n3} cells is too small: there must be 2 along each cell vector"
        )
    third = np.arange((n3 + 1) // 2 if twist else n3 // 2 + 1)
    grid = np.meshgrid(*(np.arange(n) + twist for n in (n1, n2)), third + twist, indexing="ij")
    momenta = np.stack([axis.ravel() / n for axis, n in zip(grid, (n1, n2, n3), strict=True)], axis=1)
    alone = 2.0 * grid[2].ravel() % n3 == 0.0
    scale = np.repeat(crystal.inertia, 3) ** -0.5
    squares, patterns = [], []
    for start in range(0, len(momenta), _BATCH):
        values, vectors = np.linalg.eigh(crystal.dynamical_matrices(momenta[start : start + _BATCH]))
        squares.append(values)
        patterns.append(scale[:, None] * vectors)
    return Modes(
        crystal,
        (n1, n2, n3),
        momenta,
        frequencies_of(np.concatenate(squares), momenta),
        np.concatenate(patterns),
        np.where(alone, 1.0, 2.0),
    )


def cells_a_side(crystal: Crystal, atoms: int) -> int:
    """Return how many cells a side have as many atoms as a crystal of one atom a cell with ``atoms`` a side."""
    return int(np.ceil(atoms / len(crystal.masses) ** (1.0 / 3.0) - 1e-9))


def static_recoil(crystal: Crystal, reach: int, cells: int | None = None) -> Array:
    """Return W(0), how far atoms give way to a constant force on others, in an endless crystal, in Å²/eV.

    A periodic crystal of n cells a side lacks the displacement as a whole, by which W(0) is short of that of an endless
    one by a constant over n and terms of third order. Two sizes, n and 2n, remove the constant.

    Parameters
    ----------
    crystal
        What gives way.
    reach
        Largest displacement of cells along each cell vector.
    cells
        n; 24 of one atom unless said otherwise, and as many atoms along a side where a cell has more.

    Returns
    -------
    numpy.ndarray
        Shape (2 reach + 1, 2 reach + 1, 2 reach + 1, 3A, 3A): between the atoms of a cell and those of the cell
        displaced by the first three indices less ``reach``.

    Raises
    ------
    LatticeError
        If the crystal is not stable.
    """
    n = max(cells or cells_a_side(crystal, 24), 3 * reach)
    return 2.0 * _periodic_static_recoil(crystal, 2 * n, reach) - _periodic_static_recoil(crystal, n, reach)


def recoil_rates(crystal: Crystal, times: Array, reach: int, cells: int = 24) -> Array:
    """Return dW/dt of the recoil kernel, in Å²/(eV ps), for times before sound has gone round a crystal of some cells.

    Parameters
    ----------
    crystal
        What gives way.
    times
        In ps, shape (T,).
    reach
        Largest displacement of cells along each cell vector.
    cells
        Along each cell vector of the periodic crystal that it is computed in.

    Returns
    -------
    numpy.ndarray
        Shape (T, 2 reach + 1, 2 reach + 1, 2 reach + 1, 3A, 3A), as of :func:`static_recoil`.

    Raises
    ------
    LatticeError
        If the crystal is not stable.
    """
    n = max(cells, 3 * reach)
    modes = modes_of(crystal, (n, n, n))
    size = modes.frequencies.shape[1]
    near = -np.arange(-reach, reach + 1) % n
    rates = np.empty((len(times), len(near), len(near), len(near), size, size))
    conjugate = np.conj(np.swapaxes(modes.patterns, 1, 2))
    for k, time in enumerate(times):
        # sin(Ωt)/Ω, which is t for the motion of the whole crystal.
        spectrum = -time * np.sinc(modes.frequencies * (time / np.pi))
        sums = (modes.patterns * spectrum[:, None, :]) @ conjugate
        table = np.fft.irfftn(sums.reshape(n, n, n // 2 + 1, size, size), s=(n, n, n), axes=(0, 1, 2))
        rates[k] = table[np.ix_(near, near, near)]
    return rates


def _periodic_static_recoil(crystal: Crystal, n: int, reach: int) -> Array:
    axis = np.arange(n) / n
    half = np.arange(n // 2 + 1) / n
    momenta = np.stack([g.ravel() for g in np.meshgrid(axis, axis, half, indexing="ij")], axis=1)
    size = 3 * len(crystal.masses)
    inverses = np.empty((len(momenta), size, size), np.complex128)
    for start in range(0, len(momenta), _BATCH):
        part = slice(start, start + _BATCH)
        matrices = crystal.dynamical_matrices(momenta[part])
        if start == 0:
            # The whole crystal's displacement costs nothing; the other modes at q = 0 stay.
            inverses[0] = crystal.invert_internal(matrices[0])
            inverses[1 : len(matrices)] = np.linalg.inv(matrices[1:])
        else:
            inverses[part] = np.linalg.inv(matrices)
    scale = np.repeat(crystal.inertia, 3) ** -0.5
    table = np.fft.irfftn(inverses.reshape(n, n, n // 2 + 1, size, size), s=(n, n, n), axes=(0, 1, 2))
    # A displacement d enters as e^(−iq·d): the pattern of the second cell is conjugate.
    near = -np.arange(-reach, reach + 1) % n
    return np.asarray(scale[:, None] * table[np.ix_(near, near, near)] * scale)
