"""Dipole moments of anions from Wannier centres."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.analysis.wannier_centres import anion_of, centre_bonds
from aiida_superionic.units import DIPOLE_IN_DEBYE

_ELECTRONS_PER_CENTRE = 2.0
_DISTANCE_BIN = 0.02
"""Width in Å of a bin of distances."""


def dipole_moments(bonds: Array) -> Array:
    """Return μ = −2e Σ (r_centre − r_ion) in e Å, shape (..., 3), of bonds of shape (..., centres, 3).

    It is relative to the nucleus: the ion is charged, so that its dipole depends on the origin.
    """
    return np.asarray(-_ELECTRONS_PER_CENTRE * bonds.sum(axis=-2))


@observable(
    needs=("positions", "centres"),
    equation="μ = −2e Σ (r_centre − r_ion), minimum image;  ρ(|μ|)",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, Fig 7",
)
def dipoles(
    trajectory: Trajectory,
    *,
    bin_width: float = 0.1,
    anion: str | None = None,
    centres_per_anion: int = 4,
    centres_per_cation: int | None = None,
) -> Result:
    """Dipole moment of the anions relative to their nuclei, its distribution, and how far their centres are off.

    Parameters
    ----------
    trajectory
        With Wannier centres of two electrons each as species ``X``.
    bin_width
        In D.
    anion
        Species whose centres are meant; need not be given where there is one host species only.
    centres_per_anion, centres_per_cation
        Number of centres that must be nearest to each ion; for cations it need not be given.

    Returns
    -------
    Result
        For the anion X the scalars ``dipole_moment_X`` (the mean length of μ) and ``dipole_moment_spread_X`` (its
        standard deviation) in D, and the curves ``dipole_distribution_X`` and ``centre_distance_X``, that of the
        distance of a centre from the nucleus, of unit area. A polarised anion has centres at two distances.

    Raises
    ------
    NotConverged
        If there are no centres.
    ParameterError
        If an ion has another number of centres than it must have.
    """
    if not bin_width > 0.0:
        raise ParameterError(f"bin_width is {bin_width:g} D and must be positive")
    kind = anion_of(trajectory, anion)
    bonds = centre_bonds(trajectory, kind, centres_per_anion, centres_per_cation)
    magnitudes = np.linalg.norm(dipole_moments(bonds), axis=-1) * DIPOLE_IN_DEBYE
    distances = np.linalg.norm(bonds, axis=-1)
    bins, distance_bins = _bins(magnitudes, bin_width), _bins(distances, _DISTANCE_BIN)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        part = magnitudes[start:stop]
        return {
            "mean": part.mean(),
            "spread": part.std(),
            "density": np.histogram(part, bins, density=True)[0],
            "distances": np.histogram(distances[start:stop], distance_bins, density=True)[0],
        }

    result = block_statistics(estimate, trajectory.n_frames)
    return Result(
        {
            f"dipole_moment_{kind}": Scalar(*result.scalar("mean"), "D"),
            f"dipole_moment_spread_{kind}": Scalar(*result.scalar("spread"), "D"),
        },
        {
            f"dipole_distribution_{kind}": Curve(
                0.5 * (bins[1:] + bins[:-1]),
                result.value["density"],
                "dipole moment",
                "D",
                f"probability density of the dipole of {kind}",
                "1/D",
                result.error["density"],
            ),
            f"centre_distance_{kind}": Curve(
                0.5 * (distance_bins[1:] + distance_bins[:-1]),
                result.value["distances"],
                "distance",
                "Å",
                f"probability density of the distance of centres from {kind}",
                "1/Å",
                result.error["distances"],
            ),
        },
    )


def _bins(values: Array, width: float) -> Array:
    """Return the edges of bins from 0 to the one that holds the largest value."""
    return np.arange(int(values.max() / width) + 2, dtype=np.float64) * width
