"""Whether the host lattice is intact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.periodic import nearest_images
from aiida_superionic.analysis.reference_frame import RelativeVectors, positions_in_host_frame
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import NotConverged, Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches


@observable(
    needs=("positions", "mobile"),
    equation="δ = sqrt(⟨|r − ⟨r⟩|²⟩) / distance of nearest neighbours of the same species in ⟨r⟩",
    source="Lindemann criterion",
)
def host_lattice(trajectory: Trajectory, *, limit: float = 0.25) -> Result:
    """Lindemann ratio of each host species; a molten host lattice fails.

    Ions of a crystal stay near their mean positions. Where every host species goes further than the limit, the lattice
    has melted or was never there, and a diffusion coefficient of the mobile ions is not that of the crystal. One
    species within the limit is enough: the outer atoms of polyanions that turn leave their places in an intact crystal.
    A crystal melts near 0.15; the soft lattice of a superionic conductor lives with more, and a melt goes past any
    limit as it diffuses.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice's centre of mass.
    limit
        Largest ratio of an intact lattice.

    Returns
    -------
    Result
        For each host species X the scalar ``lindemann_ratio_X``.

    Raises
    ------
    NotConverged
        If every host species is above the limit.
    """
    if not trajectory.host:
        raise ParameterError("host_lattice needs a species that is not mobile")
    cell = trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell.mean(axis=0)
    positions = positions_in_host_frame(trajectory)
    scalars = {}
    for kind in trajectory.host:
        ions = positions.of(trajectory.atoms_of(kind))

        def estimate(start: int, stop: int, ions: RelativeVectors = ions) -> Mapping[str, ArrayLike]:
            mean, square = _mean_and_spread(ions.frames(start, stop))
            return {"ratio": np.sqrt(square) / _nearest_distance(mean, cell)}

        scalars[f"lindemann_ratio_{kind}"] = Scalar(
            *block_statistics(estimate, trajectory.n_frames).scalar("ratio"), "1"
        )
    if all(scalar.value is not None and scalar.value > limit for scalar in scalars.values()):
        found = ", ".join(f"{kind} {scalars[f'lindemann_ratio_{kind}'].value:.2f}" for kind in trajectory.host)
        raise NotConverged(f"the host lattice is not intact: Lindemann ratio {found}, where {limit:g} is the limit")
    return Result(scalars)


def _mean_and_spread(ions: RelativeVectors) -> tuple[Array, float]:
    """Return the mean position of each ion, shape (n, 3), and the mean square of the distance from it in Å²."""
    first = ions[:1, :]
    total, squares = np.zeros(first.shape[1:]), 0.0
    for part in frame_batches(*ions.shape[:2]):
        moved = ions[part, :] - first
        total += moved.sum(axis=0)
        squares += float(np.vdot(moved, moved))
    mean = total / len(ions)
    return first[0] + mean, (squares / len(ions) - float(np.vdot(mean, mean))) / len(mean)


def _nearest_distance(points: Array, cell: Array) -> float:
    """Return the distance of a point to its nearest neighbour, averaged over the points and images of them."""
    return float(nearest_images(points, points, cell, 2)[0][:, 1].mean())
