"""How many neighbours a mobile ion has."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.observables.radial_distribution import (
    MAX_FRAMES,
    cage_cutoff,
    evenly_spaced,
)
from aiida_superionic.analysis.pairs import pair_histogram
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import NotConverged, Result, Scalar
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.analysis.wannier_centres import with_centres_named


def coordination_number(trajectory: Trajectory, centre: str, neighbour: str, cutoff: float) -> Estimate:
    """Return the mean ``number`` of neighbours of one species that are closer than a cutoff in Å to those of another.

    Raises
    ------
    ParameterError
        If the cutoff is further than the cell allows.
    """
    centres, neighbours = trajectory.atoms_of(centre), trajectory.atoms_of(neighbour)
    edges = np.array([0.0, cutoff])

    def count(start: int, stop: int) -> Array:
        frames = trajectory.frames(start, stop)
        return pair_histogram(frames.positions, frames.cell, centres, neighbours, edges)

    counted = counted_once(count, trajectory.n_frames)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        return {"number": counted(start, stop)[0] / ((stop - start) * len(centres))}

    return block_statistics(estimate, trajectory.n_frames)


@observable(
    needs=("positions", "mobile"),
    equation="n = ⟨number of neighbours within the first minimum of g(r)⟩",
    source="definition",
)
def coordination(trajectory: Trajectory, *, cutoff: float | None = None, max_frames: int = MAX_FRAMES) -> Result:
    """Mean number of host ions, and of their Wannier centres, around a mobile ion.

    The error is that of the number at the given cutoff; what the number depends on the cutoff, the distribution shows.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile species; Wannier centres, if any, as species ``X``.
    cutoff
        Largest distance of a neighbour in Å; for each pair of species the first minimum of this trajectory's own g(r)
        where it is not given.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    Result
        For each mobile species X and each host species Y the scalars ``coordination_number_X_Y`` and
        ``coordination_cutoff_X_Y`` (Å), and, where there are Wannier centres, ``coordination_number_centres_X_Y`` and
        ``coordination_cutoff_centres_X_Y`` of those of Y; both None where g(r) has no first minimum.

    Raises
    ------
    ParameterError
        If the cutoff is further than the cell allows, or a Wannier centre is not where it must be.
    """
    part = evenly_spaced(trajectory, max_frames)
    scalars: dict[str, Scalar] = {}
    named, centres = with_centres_named(part) if len(part.centres) else (part, {})
    neighbours = [(host, host, "") for host in trajectory.host]
    neighbours += [(host, centres[host], "centres_") for host in trajectory.host if host in centres]
    for ion, (host, neighbour, prefix) in product(trajectory.mobile, neighbours):
        try:
            radius = cage_cutoff(named, ion, neighbour, max_frames) if cutoff is None else cutoff
        except NotConverged:
            radius = None
        number = Scalar(None, None, "1")
        if radius is not None:
            estimate = coordination_number(named, ion, neighbour, radius)
            number = Scalar(*estimate.scalar("number"), "1")
        scalars[f"coordination_number_{prefix}{ion}_{host}"] = number
        scalars[f"coordination_cutoff_{prefix}{ion}_{host}"] = Scalar(radius, None, "Å")
    return Result(scalars)
