"""How many neighbours a mobile ion has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.observables.radial_distribution import (
    BIN_WIDTH,
    MAX_FRAMES,
    evenly_spaced,
    first_minimum,
    pair_distribution,
)
from aiida_superionic.analysis.pairs import pair_histogram
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Result, Scalar
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory


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
    """Mean number of host ions, and of Wannier centres, around a mobile ion.

    The error is that of the number at the given cutoff; what the number depends on the cutoff, the distribution shows.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile species; Wannier centres as a species of their own.
    cutoff
        Largest distance of a neighbour in Å; for each pair of species the first minimum of this trajectory's own g(r)
        where it is not given.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    Result
        For each mobile species X and each other species Y the scalars ``coordination_number_X_Y`` and
        ``coordination_cutoff_X_Y`` (Å); both None where g(r) has no first minimum.

    Raises
    ------
    ParameterError
        If the cutoff is further than the cell allows.
    """
    part = evenly_spaced(trajectory, max_frames)
    scalars: dict[str, Scalar] = {}
    for centre in trajectory.mobile:
        for neighbour in trajectory.host:
            names = f"coordination_number_{centre}_{neighbour}", f"coordination_cutoff_{centre}_{neighbour}"
            radius = cutoff
            if radius is None:
                r, g = pair_distribution(
                    part, centre, neighbour, r_max=None, bin_width=BIN_WIDTH, max_frames=max_frames
                )
                radius = first_minimum(r, g.value["g"])
            if np.isnan(radius):
                number, radius_or_none = Scalar(None, None, "1"), None
            else:
                estimate = coordination_number(part, centre, neighbour, radius)
                number, radius_or_none = Scalar(*estimate.scalar("number"), "1"), radius
            scalars |= dict(zip(names, (number, Scalar(radius_or_none, None, "Å")), strict=True))
    return Result(scalars)
