"""Thermal motion of a crystal: seeded, and the same at any time it is asked for.

Each mode has an amplitude from its occupation and an even phase (equation 23). The sum over modes is band-limited: no
frequency is above the crystal's highest. So the whole crystal is sampled, a few times per period of that, by a Fourier
transform over momenta, and what lies between samples is a weighted sum of those around it. The weights are the least
squares solution over the band, and their largest residual is the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from aiida_superionic.lattice import Array, ComplexArray, LatticeError
from aiida_superionic.lattice.modes import Modes
from aiida_superionic.units import REDUCED_PLANCK

Statistics = Literal["quantum", "classical"]

_OVERSAMPLING = 1.25
"""Samples per half period of the highest frequency, at least."""
_BATCH = 4
"""Samples that are transformed while their waves are in fast memory."""
_MOST_TAPS = 64
_BAND_POINTS = 600


@dataclass(frozen=True, eq=False)
class ThermalMotion:
    """Thermal motion of a finite periodic crystal.

    Parameters
    ----------
    modes
        Of the crystal.
    thermal_energy
        k_B T in eV, not below zero.
    seed
        Of occupations and phases.
    statistics
        ``quantum``: the occupation n of a mode is drawn from a geometric distribution with the ratio e^(−ħΩ/k_BT), and
        its amplitude is √(n + ½) √(2ħ/Ω). ``classical``: its energy is drawn from Boltzmann's distribution.

    Raises
    ------
    LatticeError
        If the temperature is below zero.
    """

    modes: Modes
    thermal_energy: float
    seed: int
    statistics: Statistics = "quantum"

    def __post_init__(self) -> None:
        if not self.thermal_energy >= 0.0:
            raise LatticeError(f"a thermal energy of {self.thermal_energy} eV is below zero")

    @cached_property
    def amplitudes(self) -> tuple[ComplexArray, ComplexArray]:
        """What goes with e^(−iΩt) and with e^(iΩt) of each kept mode, in √eV ps, shape (Q, 3A) each."""
        generator = np.random.default_rng(self.seed)
        frequencies, both = self.modes.frequencies, self.modes.weights[:, None] == 2.0
        forward = self._draw(generator, frequencies)
        backward = self._draw(generator, frequencies)
        scale = 1.0 / np.sqrt(self.modes.n_cells)
        # Of a pair q and −q one is kept, with half of each one's wave; a momentum that is its own opposite, or whose
        # opposite is kept too, has its own wave alone.
        return scale * np.where(both, 0.5, 1.0) * forward, scale * np.where(both, 0.5 * np.conj(backward), 0.0)

    def _draw(self, generator: np.random.Generator, frequencies: Array) -> ComplexArray:
        """Return complex amplitudes in √eV ps, shape (Q, 3A)."""
        moving = frequencies > 0.0
        omega = np.where(moving, frequencies, 1.0)
        phases = np.exp(-2j * np.pi * generator.random(omega.shape))
        if self.statistics == "classical":
            sizes = np.sqrt(2.0 * self.thermal_energy * generator.standard_exponential(omega.shape)) / omega
        else:
            ratio = REDUCED_PLANCK * omega / self.thermal_energy if self.thermal_energy > 0.0 else np.inf * omega
            quanta = generator.geometric(-np.expm1(-ratio)) - 1
            sizes = np.sqrt((quanta + 0.5) * 2.0 * REDUCED_PLANCK / omega)
        return np.asarray(np.where(moving, sizes * phases, 0.0))

    def samples(self, first: int, count: int, interval: float) -> Array:
        """Return displacements of all atoms at even times, in Å.

        Parameters
        ----------
        first
            Number of the first sample, which lies at ``first * interval``.
        count
            How many.
        interval
            Between samples, in ps.

        Returns
        -------
        numpy.ndarray
            Shape (count, 3A, n₁, n₂, n₃).
        """
        return self._transform(*self.amplitudes, first, count, interval)

    def velocities(self, time: float) -> Array:
        """Return the velocities of all atoms at a time in ps, in Å/ps, shape (3A, n₁, n₂, n₃)."""
        forward, backward = self.amplitudes
        turn = 1j * self.modes.frequencies
        sample: Array = self._transform(-turn * forward, turn * backward, 1, 1, time)[0]
        return sample

    def displacements(self, time: float) -> Array:
        """Return the displacements of all atoms at a time in ps, in Å, shape (3A, n₁, n₂, n₃)."""
        sample: Array = self.samples(1, 1, time)[0]
        return sample

    @cached_property
    def _parts(self) -> tuple[Array, Array]:
        """Real and imaginary parts of the patterns, shape (3A, 3A, Q) each: components, modes, momenta."""
        swapped = self.modes.patterns.transpose(1, 2, 0)
        return np.ascontiguousarray(swapped.real), np.ascontiguousarray(swapped.imag)

    def _transform(
        self, forward: ComplexArray, backward: ComplexArray, first: int, count: int, interval: float
    ) -> Array:
        # Importing Numba takes a second that a wrong request must not wait for.
        from aiida_superionic.lattice.thermal_kernels import fill_spectrum  # noqa: PLC0415

        modes = self.modes
        n1, n2, n3 = modes.shape
        frequencies = np.ascontiguousarray(modes.frequencies.T)
        # a e^(−iφ) + b e^(iφ) = (a + b) cos φ + i (b − a) sin φ
        with_cosine, with_sine = (forward + backward).T, 1j * (backward - forward).T
        weights = np.stack([with_cosine.real, with_cosine.imag]), np.stack([with_sine.real, with_sine.imag])
        turns = np.cos(frequencies * interval), np.sin(frequencies * interval)
        waves = np.cos(frequencies * (first * interval)), np.sin(frequencies * (first * interval))
        samples = np.empty((count, len(frequencies), n1, n2, n3))
        for start in range(0, count, _BATCH):
            part = samples[start : start + _BATCH]
            spectrum = np.empty((*part.shape[:4], n3 // 2 + 1), np.complex128)
            numbers = spectrum.view(np.float64).reshape(*part.shape[:2], -1, 2)
            fill_spectrum(*self._parts, *weights, *turns, *waves, numbers)
            part[:] = fft.irfftn(spectrum, s=(n1, n2, n3), axes=(2, 3, 4), norm="forward", overwrite_x=True)
        return samples

    def direct(self, times: ArrayLike, atoms: ArrayLike) -> tuple[Array, Array]:
        """Return displacements and velocities of some atoms, by the sum over all modes at each time.

        Parameters
        ----------
        times
            In ps, shape (T,).
        atoms
            Cell and number of each, shape (K, 4).

        Returns
        -------
        tuple of numpy.ndarray
            In Å and Å/ps, shape (T, K, 3) each.
        """
        modes = self.modes
        forward, backward = self.amplitudes
        atoms = np.asarray(atoms)
        times = np.atleast_1d(np.asarray(times, np.float64))
        # The real part of a wave and, where its opposite is not kept, of that too.
        phases = modes.weights * np.exp(2j * np.pi * (atoms[:, :3] @ modes.momenta.T))
        rows = 3 * atoms[:, 3, None] + np.arange(3)
        patterns = modes.patterns.transpose(1, 0, 2)[rows]
        places, speeds = np.empty((2, len(times), len(atoms), 3))
        for k, time in enumerate(times):
            wave = np.exp(-1j * modes.frequencies * time)
            strength = forward * wave + backward * np.conj(wave)
            rate = 1j * modes.frequencies * (backward * np.conj(wave) - forward * wave)
            places[k] = np.einsum("kq,kcqu,qu->kc", phases, patterns, strength, optimize=True).real
            speeds[k] = np.einsum("kq,kcqu,qu->kc", phases, patterns, rate, optimize=True).real
        return places, speeds


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Weights that give a band-limited signal between its samples.

    Parameters
    ----------
    steps_per_sample
        Steps of an integrator between two samples.
    timestep
        Of it, in ps.
    weights, rates
        Of the samples around a quarter step, for the signal and, in 1/ps, for its derivative: shape
        (4 steps_per_sample + 1, taps). Row k lies k quarter steps after sample number taps/2 − 1 of its taps.
    error
        The largest error of a wave of unit amplitude within the band.
    """

    steps_per_sample: int
    timestep: float
    weights: Array
    rates: Array
    error: float

    @property
    def interval(self) -> float:
        """Between samples, in ps."""
        return self.steps_per_sample * self.timestep

    @property
    def taps(self) -> int:
        """Number of samples that enter."""
        return int(self.weights.shape[1])


def interpolation_for(highest: float, timestep: float, tolerance: float = 1e-7) -> Interpolation:
    """Return the weights with the fewest samples that keep to a tolerance.

    Parameters
    ----------
    highest
        Upper end of the band, in rad/ps.
    timestep
        Of the integrator, in ps.
    tolerance
        Largest error of a wave of unit amplitude.

    Raises
    ------
    LatticeError
        If the timestep is too long for the highest frequency, or the tolerance cannot be kept.
    """
    steps = int(np.pi / (_OVERSAMPLING * highest * timestep)) if timestep > 0.0 else 0
    if steps < 1:
        raise LatticeError(
            f"a step of {timestep:g} ps is too long for the crystal's highest frequency, {highest:.4g} rad/ps: it must"
            f" be above zero and at most {np.pi / (_OVERSAMPLING * highest):.3g} ps"
        )
    band = highest * np.sin(0.5 * np.pi * np.linspace(0.0, 1.0, _BAND_POINTS))
    places = np.arange(4 * steps + 1) * (0.25 * timestep)
    angles = np.outer(band, places)
    waves = np.concatenate([np.cos(angles), np.sin(angles)])
    slopes = np.concatenate([-band[:, None] * np.sin(angles), band[:, None] * np.cos(angles)])
    for taps in range(8, _MOST_TAPS + 1, 2):
        samples = np.outer(band, np.arange(1 - taps // 2, 1 + taps // 2) * (steps * timestep))
        basis = np.concatenate([np.cos(samples), np.sin(samples)])
        weights, *_ = np.linalg.lstsq(basis, waves, rcond=1e-15)
        missing = basis @ weights - waves
        error = float(np.hypot(missing[:_BAND_POINTS], missing[_BAND_POINTS:]).max())
        if error <= tolerance:
            rates, *_ = np.linalg.lstsq(basis, slopes, rcond=1e-15)
            return Interpolation(steps, timestep, weights.T.copy(), rates.T.copy(), error)
    raise LatticeError(f"no {_MOST_TAPS} samples give thermal motion to {tolerance:g} of its amplitude; ask for less")
