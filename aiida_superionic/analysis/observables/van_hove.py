"""Van Hove functions: how the ions are distributed about where an ion was some time ago."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.observables.radial_distribution import (
    midpoints,
    mobile_first,
    radial_bins,
    shell_volumes,
    volumes,
)
from aiida_superionic.analysis.pairs import pair_histogram
from aiida_superionic.analysis.periodic import to_cartesian, to_fractional
from aiida_superionic.analysis.reference_frame import positions_in_host_frame
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Result, Surface
from aiida_superionic.analysis.statistics import Estimate, block_statistics, count_lags
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches

Indices = NDArray[np.intp]


def lags_of(times: tuple[float, ...], timestep: float) -> Indices:
    """Return 0 and the nearest number of frames to each time, ascending, each number once.

    Raises
    ------
    ParameterError
        If there is no time, or one is shorter than half the timestep.
    """
    frames = np.rint(np.array(times) / timestep).astype(np.intp)
    if not len(frames) or frames.min() < 1:
        raise ParameterError(f"times is {list(times)} where times of {timestep:g} ps or longer are expected")
    return np.asarray(np.unique(np.append(frames, 0)))


class Origins:
    """The times from which displacements are taken, with every lag inside the trajectory.

    All lags have the same origins, so that a block of origins is a block for each.
    """

    def __init__(self, trajectory: Trajectory, lags: Indices, max_origins: int) -> None:
        if max_origins < 1:
            raise ParameterError(f"max_origins is {max_origins} and must be positive")
        n_possible = trajectory.n_frames - int(lags[-1])
        self.stride = -(-n_possible // max_origins)
        self.n = -(-n_possible // self.stride)
        self.lags = lags
        self.trajectory = trajectory
        self.positions = positions_in_host_frame(trajectory)

    def batches(self, start: int, stop: int) -> list[slice]:
        """Return the frames of the origins from ``start`` to ``stop`` (exclusive), a few megabytes at a time."""
        return [
            slice((start + part.start) * self.stride, (start + part.stop - 1) * self.stride + 1, self.stride)
            for part in frame_batches(stop - start, len(self.trajectory.species))
        ]

    def displaced(self, origins: slice, lag: int, atoms: Indices) -> tuple[Array, Array]:
        """Return the positions of atoms at origins, and a lag later, in the frame of the host lattice."""
        later = slice(origins.start + lag, origins.stop + lag, origins.step)
        return self.positions[origins, atoms], self.positions[later, atoms]


def self_distribution(origins: Origins, kind: str, edges: Array) -> Estimate:
    """Return 4πr² Gs(r, t) as ``density``, shape (bins, lags), in 1/Å: its integral over all r is 1."""
    atoms = origins.trajectory.atoms_of(kind)
    n_bins, bins_per_length = len(edges) - 1, (len(edges) - 1) / edges[-1]

    def count(start: int, stop: int) -> Array:
        counts = np.zeros((n_bins, len(origins.lags)))
        for part in origins.batches(start, stop):
            for k, lag in enumerate(origins.lags):
                first, later = origins.displaced(part, int(lag), atoms)
                bins = (np.linalg.norm(later - first, axis=-1) * bins_per_length).ravel()
                counts[:, k] += np.bincount(np.minimum(bins, n_bins).astype(np.intp), minlength=n_bins + 1)[:n_bins]
        return counts

    counted = counted_once(count, origins.n)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        return {"density": counted(start, stop) * bins_per_length / ((stop - start) * len(atoms))}

    return block_statistics(estimate, origins.n)


def distinct_distribution(origins: Origins, first: str, second: str, edges: Array) -> Estimate:
    """Return Gd(r, t) over the density of the second species as ``g``, shape (bins, lags): 1 for an ideal gas.

    Where the cell changes, both times are compared at the cell of the origin, by fractional coordinates.
    """
    trajectory = origins.trajectory
    atoms_a, atoms_b = trajectory.atoms_of(first), trajectory.atoms_of(second)
    n_pairs = len(atoms_a) * (len(atoms_b) - (first == second))
    atoms = atoms_a if first == second else np.concatenate((atoms_a, atoms_b))
    a = np.arange(len(atoms_a))
    b = a if first == second else np.arange(len(atoms_a), len(atoms))
    weights, shells = volumes(trajectory), shell_volumes(edges)

    def count(start: int, stop: int) -> Array:
        counts = np.zeros((len(edges) - 1, len(origins.lags)))
        for part in origins.batches(start, stop):
            cell = trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell[part]
            for k, lag in enumerate(origins.lags):
                at_first, at_later = origins.displaced(part, int(lag), atoms)
                if trajectory.cell.ndim == 3:
                    later_cell = trajectory.cell[part.start + lag : part.stop + lag : part.step]
                    at_later = to_cartesian(to_fractional(at_later, later_cell), cell)
                counts[:, k] += pair_histogram(
                    at_first, cell, a, b, edges, later=at_later if lag else None, weights=weights[part]
                )
        return counts

    counted = counted_once(count, origins.n)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        return {"g": counted(start, stop) / ((stop - start) * n_pairs * shells[:, np.newaxis])}

    return block_statistics(estimate, origins.n)


@observable(
    needs=("positions",),
    equation="Gs(r, t) = ⟨δ(r − |r_i(t0 + t) − r_i(t0)|)⟩, shown as 4πr² Gs;  "
    "Gd(r, t) = V/(N_a N_b) ⟨Σ δ(r − |r_j(t0 + t) − r_i(t0)|)⟩ / 4πr², i ≠ j; Gd(r, 0) = g(r)",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, eqs 8-9",
    lags=("times",),
)
def van_hove(
    trajectory: Trajectory,
    *,
    times: tuple[float, ...] = (0.3125, 0.625, 1.25, 2.5, 5.0, 10.0),
    r_max: float | None = None,
    bin_width: float = 0.1,
    max_origins: int = 1000,
) -> Result:
    """Self and distinct van Hove functions at some times and 0.

    Displacements are taken in the frame of the host lattice's centre of mass, or of all atoms' where no species is
    declared mobile. The self part needs no periodic images and follows an ion through the boundaries; the distinct
    part is by minimum image.

    Parameters
    ----------
    trajectory
        Positions and cell.
    times
        In ps; the nearest whole number of frames is taken.
    r_max
        In Å; half the smallest perpendicular width of the cell where it is not given, but not more than 12 Å.
    bin_width
        In Å.
    max_origins
        Evenly spaced origins to average over.

    Returns
    -------
    Result
        For each mobile species X (for each species where none is declared) the surface ``van_hove_self_X``: 4πr² Gs in
        1/Å against r and t, after time 0; for every pair of species the surface ``van_hove_distinct_X_Y``: Gd over the
        density of Y, N_Y/V, or (N_X − 1)/V for like species, so that an ideal gas gives 1, against r and t.

    Raises
    ------
    ParameterError
        If r_max is further than the cell allows, or another parameter is not positive.
    NotConverged
        If the longest time is longer than a fifth of the trajectory.
    """
    lags = lags_of(times, trajectory.timestep)
    count_lags(trajectory, max(times), "the longest time")
    edges = radial_bins(trajectory, r_max, bin_width)
    r = midpoints(edges)
    origins = Origins(trajectory, lags, max_origins)
    t = np.asarray(lags * trajectory.timestep, dtype=np.float64)
    surfaces = {}
    for kind in trajectory.mobile or trajectory.kinds:
        estimate = self_distribution(origins, kind, edges)
        value, error = (quantity["density"][:, 1:] for quantity in (estimate.value, estimate.error))
        surfaces[f"van_hove_self_{kind}"] = Surface(
            r, t[1:], value, "distance", "Å", "time", "ps", f"4πr² G_s of {kind}", "1/Å", error
        )
    for first, second in combinations_with_replacement(mobile_first(trajectory), 2):
        if first == second and len(trajectory.atoms_of(first)) == 1:
            continue
        estimate = distinct_distribution(origins, first, second, edges)
        surfaces[f"van_hove_distinct_{first}_{second}"] = Surface(
            r,
            t,
            estimate.value["g"],
            "distance",
            "Å",
            "time",
            "ps",
            f"G_d of {first} and {second}",
            "1",
            estimate.error["g"],
        )
    return Result(surfaces=surfaces)
