"""Radial distribution functions and the first minimum that bounds a cage."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.pairs import half_width, pair_histogram
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, NotConverged, Result
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.analysis.wannier_centres import with_centres_named

BIN_WIDTH = 0.05
"""Default width of a bin in Å."""

MAX_FRAMES = 2000
"""Default number of frames, evenly spaced, that a distribution is averaged over."""

LONGEST = 12.0
"""Å up to which a distribution reaches where nothing is said and the cell allows more."""

_SMOOTHING = 0.1
"""Standard deviation in Å of the Gaussian that smooths g(r) before extrema are looked for."""

_FITTED_WITHIN = 0.35
"""Distance in Å from a minimum within which a cubic is fitted to g(r)."""

_FITTED_FROM = 6
"""Fewer bins than these do not determine a cubic and its scatter."""


def radial_bins(trajectory: Trajectory, r_max: float | None, bin_width: float, longest: float = LONGEST) -> Array:
    """Return the edges of bins from 0, of which the last is the largest one that is not beyond r_max, in Å.

    Parameters
    ----------
    trajectory
        Its cell says how far pairs reach.
    r_max
        In Å; half the smallest perpendicular width of the cell, but not more than ``longest``, where it is None.
    bin_width, longest
        In Å.

    Raises
    ------
    ParameterError
        If no bin fits.
    """
    if not bin_width > 0.0:
        raise ParameterError(f"bin_width is {bin_width:g} Å and must be positive")
    reach = min(half_width(trajectory.cell), longest) if r_max is None else r_max
    n_bins = int(reach / bin_width + 1e-9)
    if n_bins < 1:
        raise ParameterError(f"no bin of {bin_width:g} Å fits below {reach:g} Å")
    return np.arange(n_bins + 1, dtype=np.float64) * bin_width


def midpoints(edges: Array) -> Array:
    """Return the midpoints of bins."""
    return np.asarray(0.5 * (edges[1:] + edges[:-1]))


def shell_volumes(edges: Array) -> Array:
    """Return the volumes of spherical shells with these edges, in their unit cubed."""
    return np.asarray(4.0 / 3.0 * np.pi * np.diff(edges**3))


def evenly_spaced(trajectory: Trajectory, max_frames: int) -> Trajectory:
    """Return as many evenly spaced frames as there may be.

    Raises
    ------
    ParameterError
        If there may be none.
    """
    if max_frames < 1:
        raise ParameterError(f"max_frames is {max_frames} and must be positive")
    return trajectory.every(-(-trajectory.n_frames // max_frames))


def volumes(trajectory: Trajectory) -> Array:
    """Return the volume of the cell in each frame in Å³, shape (T,)."""
    return np.broadcast_to(np.abs(np.linalg.det(trajectory.cell)), trajectory.n_frames)


def mobile_first(trajectory: Trajectory) -> tuple[str, ...]:
    """Return the distinct species, the mobile ones first."""
    return (*trajectory.mobile, *(kind for kind in trajectory.kinds if kind not in trajectory.mobile))


def pair_distribution(
    trajectory: Trajectory, first: str, second: str, *, r_max: float | None, bin_width: float, max_frames: int
) -> tuple[Array, Estimate]:
    """Return g(r) of two species.

    g(r) = V/(N_a N_b) ⟨number of pairs in the shell⟩ / volume of the shell, with N_a (N_a − 1) for like
    species, so that an ideal gas of any size gives 1.

    Parameters
    ----------
    trajectory
        Positions and cell.
    first, second
        The two species.
    r_max, bin_width
        As :func:`radial_bins` takes them, in Å.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    tuple
        Midpoints r of the bins in Å, and the estimate of ``g``, of the same shape.

    Raises
    ------
    ParameterError
        If r_max is further than the cell allows, or a parameter is not positive.
    """
    edges = radial_bins(trajectory, r_max, bin_width)
    part = evenly_spaced(trajectory, max_frames)
    a, b = part.atoms_of(first), part.atoms_of(second)
    n_pairs = len(a) * (len(b) - (first == second))
    if not n_pairs:
        raise ParameterError(f"there is no pair of {first} and {second}")
    r, shells = midpoints(edges), shell_volumes(edges)
    weights = volumes(part)

    def count(start: int, stop: int) -> Array:
        frames = part.frames(start, stop)
        return pair_histogram(frames.positions, frames.cell, a, b, edges, weights=weights[start:stop])

    counted = counted_once(count, part.n_frames)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        return {"g": counted(start, stop) / ((stop - start) * n_pairs * shells)}

    return r, block_statistics(estimate, part.n_frames)


def first_minimum(r: Array, g: Array) -> float:
    """Return the position of the first minimum of a radial distribution function in Å, NaN where there is none.

    A curve smoothed by a Gaussian of 0.1 Å standard deviation says which minimum is meant: the first one beyond the
    first maximum above 1, or the middle of a valley that is flat, as it is where no pair was found. Smoothing moves a
    minimum that is steeper on one side towards the other, so its place is that of the cubic fitted to the curve itself
    within 0.35 Å.

    Parameters
    ----------
    r, g
        Equally spaced, shape (n,).
    """
    width = _SMOOTHING / (r[1] - r[0])
    reach = int(4.0 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smooth = np.convolve(np.pad(g, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
    slope = np.diff(smooth)
    peaks = np.flatnonzero((slope[:-1] > 0.0) & (slope[1:] <= 0.0) & (smooth[1:-1] > 1.0)) + 1
    if not len(peaks):
        return np.nan
    rises = np.flatnonzero(slope[peaks[0] :] > 0.0)
    if not len(rises):
        return np.nan
    right = int(peaks[0] + rises[0])
    left = int(np.flatnonzero(slope[:right] < 0.0)[-1]) + 1
    rough = float(0.5 * (r[left] + r[right]))
    near = np.abs(r - rough) <= _FITTED_WITHIN
    if np.count_nonzero(near) < _FITTED_FROM or not np.ptp(g[near]):
        return rough
    cubic = Polynomial.fit(r[near] - rough, g[near], deg=3)
    stationary = cubic.deriv().roots()
    places = stationary[np.isreal(stationary)].real
    found = places[(cubic.deriv(2)(places) > 0.0) & (np.abs(places) <= _FITTED_WITHIN)]
    return rough + float(found[0]) if len(found) else rough


def cage_cutoff(trajectory: Trajectory, mobile: str, host: str, max_frames: int = MAX_FRAMES) -> float:
    """Return the first minimum of this run's g(r) between a mobile and a host species, in Å.

    See :func:`first_minimum`. ``max_frames`` evenly spaced frames are averaged over.

    Raises
    ------
    NotConverged
        If there is none.
    """
    r, estimate = pair_distribution(trajectory, mobile, host, r_max=None, bin_width=BIN_WIDTH, max_frames=max_frames)
    cutoff = first_minimum(r, estimate.value["g"])
    if np.isnan(cutoff):
        raise NotConverged(f"g(r) of {mobile} and {host} has no first minimum; give the cutoff")
    return cutoff


@observable(
    needs=("positions",),
    equation="g(r) = V/(N_a N_b) ⟨pairs in the shell⟩ / (4π/3 (r₂³ − r₁³)); N_a (N_a − 1) for like species",
    source="definition",
)
def radial_distribution(
    trajectory: Trajectory,
    *,
    r_max: float | None = None,
    bin_width: float = BIN_WIDTH,
    max_frames: int = MAX_FRAMES,
) -> Result:
    """Radial distribution function of every pair of species, and of ions and Wannier centres.

    Centres are told apart by the species of the ion that they belong to.

    Parameters
    ----------
    trajectory
        Positions and cell.
    r_max
        In Å; half the smallest perpendicular width of the cell, the largest possible, where it is not given, but
        not more than 12 Å.
    bin_width
        In Å.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    Result
        The curve ``radial_distribution_X_Y`` for every pair of species. Where there are Wannier centres, the curve
        ``radial_distribution_centres_X_Y`` of every species X and the centres of Y.

    Raises
    ------
    ParameterError
        If r_max is further than the cell allows, a parameter is not positive, or a Wannier centre is not where it must
        be.
    """
    curves = {}
    for first, second in combinations_with_replacement(mobile_first(trajectory), 2):
        if first == second and len(trajectory.atoms_of(first)) == 1:
            continue
        r, estimate = pair_distribution(
            trajectory, first, second, r_max=r_max, bin_width=bin_width, max_frames=max_frames
        )
        curves[f"radial_distribution_{first}_{second}"] = Curve(
            r, estimate.value["g"], "distance", "Å", f"g(r) of {first} and {second}", "1", estimate.error["g"]
        )
    if len(trajectory.centres):
        named, centres = with_centres_named(evenly_spaced(trajectory, max_frames))
        for first, (second, name) in product(mobile_first(trajectory), centres.items()):
            r, estimate = pair_distribution(named, first, name, r_max=r_max, bin_width=bin_width, max_frames=max_frames)
            curves[f"radial_distribution_centres_{first}_{second}"] = Curve(
                r,
                estimate.value["g"],
                "distance",
                "Å",
                f"g(r) of {first} and {second} centres",
                "1",
                estimate.error["g"],
            )
    return Result(curves=curves)
