"""Whether the host lattice is intact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.host_ions import HostIons, find_host_ions, framework, nearest_distance
from aiida_superionic.analysis.periodic import mean_cell
from aiida_superionic.analysis.reference_frame import RelativeVectors, positions_in_host_frame
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import NotConverged, Result, Scalar
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches


@observable(
    needs=("positions", "mobile"),
    equation="δ = sqrt(⟨|r − ⟨r⟩|²⟩) / distance of nearest neighbours of the same kind in ⟨r⟩",
    source="Lindemann criterion",
)
def host_lattice(trajectory: Trajectory, *, limit: float = 0.25) -> Result:
    """Lindemann ratio of the host's ions; a molten host lattice fails.

    Ions of a crystal stay near their mean positions. Where the most numerous host ions go further than the limit, the
    lattice has melted or was never there, and a diffusion coefficient of the mobile ions is not that of the crystal. A
    polyanion is where its centre of mass is, so that turning is no melting. A crystal melts near 0.15; the soft
    lattice of a superionic conductor lives with more, and a melt goes past any limit as it diffuses.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice's centre of mass.
    limit
        Largest ratio of an intact lattice.

    Returns
    -------
    Result
        For each polyanion and each host species in none, X, the scalar ``lindemann_ratio_X``.

    Raises
    ------
    NotConverged
        If the most numerous host ions are above the limit.
    """
    if not trajectory.host:
        raise ParameterError("host_lattice needs a species that is not mobile")
    cell = mean_cell(trajectory)
    positions = positions_in_host_frame(trajectory)
    scalars = {}
    host = find_host_ions(trajectory)
    for formula, ions in host.items():

        def estimate(start: int, stop: int, ions: HostIons = ions) -> Mapping[str, ArrayLike]:
            mean, square = _mean_and_spread(ions, positions.frames(start, stop))
            return {"ratio": np.sqrt(square) / nearest_distance(mean, cell)}

        scalars[formula] = Scalar(*block_statistics(estimate, trajectory.n_frames).scalar("ratio"), "1")
    ratio = scalars[framework(host)].value
    if ratio is not None and ratio > limit:
        found = ", ".join(f"{formula} {scalar.value:.2f}" for formula, scalar in scalars.items())
        raise NotConverged(f"the host lattice is not intact: Lindemann ratio {found}, where {limit:g} is the limit")
    return Result({f"lindemann_ratio_{formula}": scalar for formula, scalar in scalars.items()})


def _mean_and_spread(ions: HostIons, positions: RelativeVectors) -> tuple[Array, float]:
    """Return the mean position of each ion, shape (n, 3), and the mean square of the distance from it in Å²."""
    first = ions.centres_of_mass(positions.frames(0, 1))
    total, squares = np.zeros(first.shape[1:]), 0.0
    for part in frame_batches(len(positions), ions.atoms.size):
        moved = ions.centres_of_mass(positions.frames(part.start, part.stop)) - first
        total += moved.sum(axis=0)
        squares += float(np.vdot(moved, moved))
    mean = total / len(positions)
    return first[0] + mean, (squares / len(positions) - float(np.vdot(mean, mean))) / len(mean)
