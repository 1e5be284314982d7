"""What happens around a mobile ion as it goes from one cage into another."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.hops import Hop, distances_during, find_hops, snapshots
from aiida_superionic.analysis.observables.radial_distribution import cage_cutoff
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.analysis.sites import cage_species, frames_of
from aiida_superionic.analysis.statistics import event_frequency
from aiida_superionic.analysis.trajectory import Array, Trajectory

_HALF_WIDTH = 0.5
"""ps from before a hop to its middle, and from there to after it: 0, 0.5 and 1 ps in the source."""

_SURROUNDINGS = 6.0
"""Radius in Å of what is shown around an ion."""

_MOST_FOLLOWED = 1000
"""Hops, evenly chosen, whose distances are averaged."""


@observable(
    needs=("positions", "mobile"),
    routine=False,
    equation="frequency of lasting changes of the set of host neighbours; ⟨r(t)⟩ from those that leave and enter",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, Fig 8",
)
def hop_events(
    trajectory: Trajectory,
    *,
    cutoff: float | None = None,
    dwell: float = 0.1,
    neighbour: str | None = None,
    n_snapshots: int = 3,
) -> Result:
    """Hops of the mobile ions from cage to cage: how often, how many neighbours change, and how these move.

    A hop is a change of the set of host ions within the cutoff that has lasted for the dwell time, and is not undone
    0.5 ps later. Its curves begin 0.5 ps before it and end 0.5 ps after.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile and host species.
    cutoff
        Radius of the cage in Å; the first minimum of this trajectory's own g(r) where it is not given.
    dwell
        Shortest time in ps that a set of neighbours must last to count.
    neighbour
        The host species that makes the cage; need not be given where there is one only.
    n_snapshots
        Number of hops, evenly chosen, whose surroundings are written as they are before, during and after.

    Returns
    -------
    Result
        For each mobile species X the scalars ``hop_frequency_X`` in 1/ns per ion (an upper bound, of 95 % confidence,
        where there was no hop) and ``hop_neighbours_X`` (the mean number of neighbours lost), and, where there were
        two hops at least, the curves ``hop_leaving_distance_X`` and ``hop_entering_distance_X`` in Å: means over hops,
        whose errors hold the hops to be independent. The file ``hops_X.xyz`` (extended XYZ, where there was a hop)
        holds three frames for each of the chosen hops: all that is within 6 Å of the ion, Wannier centres included.
    """
    if n_snapshots < 0:
        raise ParameterError(f"n_snapshots is {n_snapshots} and must not be negative")
    host = cage_species(trajectory, neighbour)
    n_dwell, n_half = frames_of(dwell, trajectory, "dwell"), frames_of(_HALF_WIDTH, trajectory, "the half width")
    scalars: dict[str, Scalar] = {}
    curves: dict[str, Curve] = {}
    files: dict[str, str] = {}
    for kind in trajectory.mobile:
        radius = cage_cutoff(trajectory, kind, host) if cutoff is None else cutoff
        hops = find_hops(trajectory, kind, host, radius, n_dwell, n_half)
        n_ions = len(trajectory.atoms_of(kind))
        middles = np.array([hop.frames[1] for hop in hops], dtype=np.intp)
        lost = np.array([len(hop.leaving) for hop in hops])
        # No hop can be seen whose before or after lies outside.
        watched = max(trajectory.n_frames - 2 * n_half, 0)
        scalars[f"hop_frequency_{kind}"] = event_frequency(middles - n_half, watched, trajectory.timestep, n_ions)
        if hops and n_snapshots:
            files[f"hops_{kind}.xyz"] = snapshots(trajectory, _evenly_chosen(hops, n_snapshots), _SURROUNDINGS)
        if len(hops) < 2:
            continue
        error = float(lost.std(ddof=1) / np.sqrt(len(lost)))
        scalars[f"hop_neighbours_{kind}"] = Scalar(float(lost.mean()), error, "1")
        followed = _evenly_chosen(hops, _MOST_FOLLOWED)
        for which in ("leaving", "entering"):
            means = [
                distances_during(trajectory, hop, getattr(hop, which)).mean(axis=1)
                for hop in followed
                if getattr(hop, which)
            ]
            if len(means) > 1:
                curves[f"hop_{which}_distance_{kind}"] = _mean_over_hops(
                    np.array(means), trajectory.timestep, f"distance of {kind} from the {which} {host}"
                )
    return Result(scalars, curves, files=files)


def _evenly_chosen(hops: list[Hop], at_most: int) -> list[Hop]:
    return hops[:: -(-len(hops) // at_most)]


def _mean_over_hops(distances: Array, timestep: float, label: str) -> Curve:
    times = (np.arange(distances.shape[1]) - distances.shape[1] // 2) * timestep
    error = distances.std(axis=0, ddof=1) / np.sqrt(len(distances))
    return Curve(times, distances.mean(axis=0), "time from the hop", "ps", label, "Å", error)
