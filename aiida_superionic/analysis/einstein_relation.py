"""The slope of a mean squared displacement, by least squares that know how its lags are correlated.

Mean squared displacements at different lags come from the same frames, so that their errors are strongly correlated
and grow with the lag. For independent Brownian walkers the covariance is known in closed form and proportional to D²:
the weights of generalised least squares depend on nothing but the lags and the number of frames, and so does the
relative error of D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Array

_MOST_LAGS = 10
"""Lags that a fit takes from its window, evenly spaced. Ten give D within a twelfth of the error of all. More make it
the slope between close lags at the beginning of the window, and what the ions' vibrations add there weighs as many
times more (Michalet, Phys. Rev. E 82, 041914, 2010, on the optimum for a noisy position)."""


def brownian_covariance(lags: NDArray[np.int64], n_frames: int) -> Array:
    """Return the covariance of the mean squared displacement of one Brownian walker in three dimensions.

    In units of (2 D timestep)². The displacements of two windows of time are Gaussian and share the variance of their
    overlap, so that their squares have twice the square of it as covariance (Isserlis); this sums it over all pairs of
    windows. It is the result of Qian, Sheetz and Elson (Biophys. J. 60, 910, 1991), for any two lags.

    Parameters
    ----------
    lags
        In frames, ascending, at most half of n_frames, shape (n,).
    n_frames
        Number of frames.

    Returns
    -------
    numpy.ndarray
        Shape (n, n).
    """
    short = np.minimum.outer(lags, lags).astype(np.float64)
    long = np.maximum.outer(lags, lags).astype(np.float64)
    origins = n_frames - long  # of the longer lag: the shorter has more
    inside = (long - short + 1.0) * origins * short**2
    rising = (origins - short) * (short - 1.0) * short * (2.0 * short - 1.0) / 6.0 + (0.5 * short * (short - 1.0)) ** 2
    return np.asarray(6.0 * (inside + 2.0 * rising) / (origins * (n_frames - short)))


@dataclass(frozen=True, eq=False)
class EinsteinFit:
    """A straight line with a free intercept through a mean squared displacement, over a window of lags.

    Parameters
    ----------
    lags
        In frames, shape (n,).
    timestep
        Between two frames, in ps.
    """

    lags: NDArray[np.int64]
    timestep: float

    @classmethod
    def over(cls, fit_start: float, fit_end: float, timestep: float) -> EinsteinFit:
        """Return the fit over a window in ps, both ends included.

        Raises
        ------
        ParameterError
            If the window holds fewer than three lags.
        """
        first, last = max(1, int(np.ceil(fit_start / timestep - 1e-6))), round(fit_end / timestep)
        if fit_start < 0.0 or last - first < 2:
            raise ParameterError(f"no straight line fits between fit_start {fit_start:g} ps and fit_end {fit_end:g} ps")
        lags = np.unique(np.linspace(first, last, min(_MOST_LAGS, last - first + 1)).round().astype(np.int64))
        return cls(lags, timestep)

    def diffusion(self, displacement: Array, n_frames: int) -> float:
        """Return a sixth of the slope by generalised least squares, in Å²/ps.

        Parameters
        ----------
        displacement
            In Å², from lag zero to the last of the window at least.
        n_frames
            Number of frames that it was averaged over.
        """
        return float(self._weights(n_frames) @ displacement[self.lags])

    def plain(self, displacement: Array) -> float:
        """Return a sixth of the slope by ordinary least squares, every lag weighted alike, in Å²/ps."""
        times = self.lags * self.timestep
        centred = times - times.mean()
        return float(centred @ displacement[self.lags] / (centred @ centred) / 6.0)

    def relative_error(self, n_walkers: float, n_frames: int) -> float:
        """Return the standard error over the value of :meth:`diffusion` for independent Brownian walkers."""
        weights = self._weights(n_frames)
        covariance = brownian_covariance(self.lags, n_frames) * (2.0 * self.timestep) ** 2
        return float(np.sqrt(weights @ covariance @ weights / n_walkers))

    def _weights(self, n_frames: int) -> Array:
        """Return what each lag weighs in D, shape (n,)."""
        design = np.stack([np.ones(len(self.lags)), 6.0 * self.lags * self.timestep], axis=1)
        solved = np.linalg.solve(brownian_covariance(self.lags, n_frames), design)
        return np.asarray(np.linalg.solve(design.T @ solved, solved.T)[1])
