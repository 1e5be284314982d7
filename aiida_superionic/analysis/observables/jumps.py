"""Jumps of the mobile ions between the interstices of the host lattice, and the occupancy of these."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.sites import (
    cage_species,
    changes,
    frames_of,
    host_interstices,
    lasting_states,
    mobile_in_sites,
)
from aiida_superionic.analysis.statistics import Estimate, block_statistics, event_frequency
from aiida_superionic.analysis.trajectory import Array, Trajectory
from aiida_superionic.units import DIFFUSION_IN_CM2_PER_S


def jump_statistics(states: NDArray[np.generic], sites: Array, cell: Array, timestep: float) -> Estimate:
    """Return how far jumps go and what they give for diffusion.

    Parameters
    ----------
    states
        The site that each ion is in in each frame, shape (T, n).
    sites
        In Å, shape (S, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3).
    timestep
        Between frames, in ps.

    Returns
    -------
    Estimate
        ``square``, the mean square length a² of a jump in Å² (0 where there is none), and ``diffusion``, k a²/6 in
        Å²/ps with k the frequency of jumps per ion.
    """
    frames, ions = changes(states)
    vectors = minimum_image((sites[states[frames, ions]] - sites[states[frames - 1, ions]])[None], cell)[0]
    squares = np.sum(vectors**2, axis=1)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        part = squares[(frames > start) & (frames <= stop)]
        watched = (stop - start) * timestep * states.shape[1]
        return {"square": part.mean() if len(part) else 0.0, "diffusion": part.sum() / (6.0 * watched)}

    return block_statistics(estimate, len(states) - 1)


@observable(
    needs=("positions", "mobile"),
    equation="k = jumps per ion and time;  D_jump = k ⟨a²⟩ / 6",
    source="definition",
)
def jumps(trajectory: Trajectory, *, dwell: float = 0.1, neighbour: str | None = None) -> Result:
    """How often a mobile ion jumps between tetrahedral interstices, and how far.

    The sites are the empty tetrahedral interstices (vertices of the Voronoi tessellation) of the mean places of one
    host species. An ion is in the site that it is nearest to; visits shorter than the dwell time are none. k⟨a²⟩/6 is
    the diffusion coefficient that uncorrelated jumps would give; it is more than the true one where ions jump back.

    Parameters
    ----------
    trajectory
        Positions in the frame of the host lattice, with mobile and host species.
    dwell
        Shortest visit in ps that counts.
    neighbour
        The host species that makes the sites; need not be given where there is one only.

    Returns
    -------
    Result
        ``interstices``, their number; for each mobile species X the scalars ``jump_frequency_X`` in 1/ns per ion (an
        upper bound, of 95 % confidence, where no jump was seen), ``jump_length_X`` (√⟨a²⟩) in Å and
        ``jump_diffusion_X`` in cm²/s.

    Raises
    ------
    NotConverged
        If the host lattice has no such interstices.
    """
    n_dwell = frames_of(dwell, trajectory, "dwell")
    interstices, cell = host_interstices(trajectory, cage_species(trajectory, neighbour))
    sites = interstices.centres
    scalars = {"interstices": Scalar(float(len(sites)), None, "1")}
    for kind, states in mobile_in_sites(trajectory, trajectory.mobile, sites, cell).items():
        lasting = lasting_states(states, n_dwell)
        scalars[f"jump_frequency_{kind}"] = event_frequency(
            changes(lasting)[0] - 1, trajectory.n_frames - 1, trajectory.timestep, states.shape[1]
        )
        result = jump_statistics(lasting, sites, cell, trajectory.timestep)
        if result.value["square"] > 0.0:
            length = float(np.sqrt(result.value["square"]))
            scalars[f"jump_length_{kind}"] = Scalar(length, float(result.error["square"]) / (2.0 * length), "Å")
            scalars[f"jump_diffusion_{kind}"] = Scalar(*result.scalar("diffusion", DIFFUSION_IN_CM2_PER_S), "cm^2/s")
    return Result(scalars)


@observable(
    needs=("positions", "mobile"),
    equation="n_s = ⟨number of ions nearest to site s⟩",
    source="definition",
)
def occupancy(trajectory: Trajectory, *, neighbour: str | None = None) -> Result:
    """Occupancy of the tetrahedral interstices of the host lattice by the mobile ions.

    Parameters
    ----------
    trajectory
        Positions in the frame of the host lattice, with mobile and host species.
    neighbour
        The host species that makes the sites; need not be given where there is one only.

    Returns
    -------
    Result
        For each mobile species X the scalars ``occupancy_X`` (ions per site), ``occupancy_spread_X`` (standard
        deviation over the sites of their mean occupancies, which holds the noise of a short run too) and
        ``double_occupancy_X`` (fraction of sites that hold more than one ion); the curve ``occupancy_X`` of the sites
        in ascending order.

    Raises
    ------
    NotConverged
        If the host lattice has no such interstices.
    """
    interstices, cell = host_interstices(trajectory, cage_species(trajectory, neighbour))
    n_sites = len(interstices.centres)
    scalars, curves = {}, {}
    for kind, states in mobile_in_sites(trajectory, trajectory.mobile, interstices.centres, cell).items():

        def estimate(start: int, stop: int, states: NDArray[np.intp] = states) -> Mapping[str, ArrayLike]:
            part = states[start:stop]
            frames = np.arange(len(part))[:, None] * n_sites
            counts = np.bincount((frames + part).ravel(), minlength=n_sites * len(part)).reshape(-1, n_sites)
            mean = counts.mean(axis=0)
            return {"mean": mean, "spread": mean.std(), "double": np.count_nonzero(counts > 1) / counts.size}

        result = block_statistics(estimate, trajectory.n_frames)
        scalars[f"occupancy_{kind}"] = Scalar(states.shape[1] / n_sites, None, "1")
        scalars[f"occupancy_spread_{kind}"] = Scalar(*result.scalar("spread"), "1")
        scalars[f"double_occupancy_{kind}"] = Scalar(*result.scalar("double"), "1")
        order = np.argsort(result.value["mean"], kind="stable")
        curves[f"occupancy_{kind}"] = Curve(
            np.arange(1.0, n_sites + 1.0),
            result.value["mean"][order],
            "site, in order of occupancy",
            "1",
            f"occupancy by {kind}",
            "1",
            result.error["mean"][order],
        )
    return Result(scalars, curves)
