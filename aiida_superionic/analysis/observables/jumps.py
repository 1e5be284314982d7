"""Jumps of the mobile ions between sites of the host lattice, and the occupancy of these."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.sites import (
    changes,
    frames_of,
    lasting_states,
    mobile_in_sites,
    site_places,
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
    squares = np.full(len(vectors), np.inf)
    # A jump may be longer than half the width of the cell, where rounding does not find the shortest image.
    for image in product((-1, 0, 1), repeat=3):
        np.minimum(squares, np.sum((vectors + np.array(image) @ cell) ** 2, axis=1), out=squares)

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
def jumps(
    trajectory: Trajectory,
    *,
    dwell: float = 0.1,
    neighbour: str | None = None,
    corners: int = 4,
    sites: tuple[float, ...] = (),
    lattice: tuple[float, ...] = (),
) -> Result:
    """How often a mobile ion jumps between sites, and how far.

    The sites are places that are given - in a campaign those of the reference crystal -, or else the empty interstices
    (vertices of the Voronoi tessellation) of the mean places of one host species, the tetrahedral ones where nothing
    else is said. An ion is in the site that it is nearest to; visits shorter than the dwell time are none. k⟨a²⟩/6 is
    the diffusion coefficient that uncorrelated jumps would give; it is more than the true one where ions jump back.

    Parameters
    ----------
    trajectory
        Positions in the frame of the host lattice, with mobile and host species.
    dwell
        Shortest visit in ps that counts.
    neighbour
        The host species that makes the sites; need not be given where there is one only.
    corners
        Host ions around a site: 4 for tetrahedral interstices, 6 for octahedral ones.
    sites
        Sites in place of interstices, as three fractional coordinates each.
    lattice
        Where the host atoms, in their order, are in the crystal that the sites are given in, as three fractional
        coordinates each: the host lattice drifts before the first frame. Without them it stands where that has it.

    Returns
    -------
    Result
        ``sites``, their number; for each mobile species X the scalars ``jump_frequency_X`` in 1/ns per ion (an
        upper bound, of 95 % confidence, where no jump was seen), ``jump_length_X`` (√⟨a²⟩) in Å and
        ``jump_diffusion_X`` in cm²/s.

    Raises
    ------
    NotConverged
        If the host lattice has no such interstices.
    ParameterError
        If it is not known what makes the sites, there are fewer corners than four, or the coordinates are not three for
        each site and host atom.
    """
    n_dwell = frames_of(dwell, trajectory, "dwell")
    places, cell = site_places(trajectory, neighbour, corners, sites, lattice)
    scalars = {"sites": Scalar(float(len(places)), None, "1")}
    for kind, states in mobile_in_sites(trajectory, trajectory.mobile, places, cell).items():
        lasting = lasting_states(states, n_dwell)
        scalars[f"jump_frequency_{kind}"] = event_frequency(
            changes(lasting)[0] - 1, trajectory.n_frames - 1, trajectory.timestep, states.shape[1]
        )
        result = jump_statistics(lasting, places, cell, trajectory.timestep)
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
def occupancy(
    trajectory: Trajectory,
    *,
    neighbour: str | None = None,
    corners: int = 4,
    sites: tuple[float, ...] = (),
    lattice: tuple[float, ...] = (),
) -> Result:
    """Occupancy of the sites of the host lattice by the mobile ions.

    The sites are those of ``jumps``.

    Parameters
    ----------
    trajectory, neighbour, corners, sites, lattice
        As for ``jumps``.

    Returns
    -------
    Result
        For each mobile species X the scalars ``occupancy_X`` (ions per site), ``occupancy_spread_X`` (standard
        deviation over the sites of their mean occupancies, which holds the noise of a short run too) and
        ``double_occupancy_X`` (fraction of sites that hold more than one ion); the curve ``occupancy_X`` of the sites
        in ascending order, or in the order in which they are given.

    Raises
    ------
    NotConverged, ParameterError
        As ``jumps``.
    """
    places, cell = site_places(trajectory, neighbour, corners, sites, lattice)
    n_sites = len(places)
    scalars, curves = {}, {}
    for kind, states in mobile_in_sites(trajectory, trajectory.mobile, places, cell).items():

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
        order = np.arange(n_sites) if sites else np.argsort(result.value["mean"], kind="stable")
        curves[f"occupancy_{kind}"] = Curve(
            np.arange(1.0, n_sites + 1.0),
            result.value["mean"][order],
            "site, as given" if sites else "site, in order of occupancy",
            "1",
            f"occupancy by {kind}",
            "1",
            result.error["mean"][order],
        )
    return Result(scalars, curves)
