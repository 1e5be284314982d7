"""Joint distribution of a mobile ion's distance and of the angle at which it is seen along a bond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.observables.radial_distribution import evenly_spaced, midpoints, radial_bins
from aiida_superionic.analysis.pairs import angle_histogram, half_width
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import NotConverged, Result, Surface
from aiida_superionic.analysis.statistics import block_statistics
from aiida_superionic.analysis.trajectory import CENTRE, Array, Trajectory

_LONGEST = 5.0
"""Å: further ions are neighbours of other anions."""


def _vertex_and_partners(trajectory: Trajectory, vertex: str | None) -> tuple[str, list[str]]:
    kinds = trajectory.kinds
    if vertex is None and len(trajectory.centres):
        vertex = CENTRE
    if vertex is None and len(trajectory.host) > 1:
        vertex = Counter(kind for kind in trajectory.species if kind in trajectory.host).most_common(1)[0][0]
    if vertex is None:
        raise NotConverged("the trajectory holds neither Wannier centres nor polyanions, of which an angle is taken")
    vertices = (*trajectory.host, *([CENTRE] if len(trajectory.centres) else []))
    if vertex not in vertices:
        raise ParameterError(
            f"vertex is {vertex!r} where one of the species is expected that are not mobile: "
            f"{', '.join(vertices) or 'none'}"
        )
    # A centre may belong to a mobile ion: it is then no part of an anion.
    return vertex, [kind for kind in kinds if kind != vertex and (vertex == CENTRE or kind in trajectory.host)]


@observable(
    needs=("positions", "mobile", "centres or several_hosts"),
    routine=False,
    equation="g(r, θ) = V/(N_a N_b) ⟨pairs⟩ / (2π/3 (r₂³ − r₁³)(cos θ₁ − cos θ₂)), 1 for an ideal gas;  "
    "ρ(r, θ) = ⟨pairs⟩ / (all pairs · Δr Δθ), without a Jacobian; θ at the vertex, partner–vertex–mobile ion",
    source="Electronic paddlewheels impact the dynamics of superionic conduction in AgI, Fig 2; Accurate "
    "description of ion migration in solid-state ion conductors from machine-learning molecular dynamics, Fig 7",
)
def angular_distribution(
    trajectory: Trajectory,
    *,
    vertex: str | None = None,
    r_max: float | None = None,
    bond_length: float = 3.0,
    bin_width: float = 0.1,
    angle_width: float = 3.0,
    max_frames: int = 500,
) -> Result:
    """Distance of mobile ions from Wannier centres or from anions, jointly with the angle to the bond there.

    The vertex is a Wannier centre and its partner the ion that it belongs to, or an atom of a polyanion and the
    polyanion's nearest other atom: I–centre–Ag, P–S–Li. Every vertex is bonded to its nearest partner; those without
    one within bond_length are left out.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile species.
    vertex
        Species of the vertex; Wannier centres, or the host species of most atoms of several, where it is not given.
    r_max
        Largest distance of a mobile ion from a vertex in Å; half the smallest perpendicular width of the cell where it
        is not given, but not more than 5 Å.
    bond_length
        Longest distance of a vertex from its partner in Å.
    bin_width
        In Å.
    angle_width
        Width of the bins of the angle in degrees, a whole number of which makes 180.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    Result
        For each mobile species X, vertex Y and partner Z the surfaces ``angular_distribution_X_Y_Z``: g(r, θ), the
        density with its Jacobian r² sin θ divided out; and ``distance_angle_density_X_Y_Z``: ρ(r, θ) in 1/(Å °), with
        nothing divided out, of unit integral up to r_max.

    Raises
    ------
    ParameterError
        If the vertex is no host species, or r_max is further than the cell allows.
    NotConverged
        If there is nothing that could be the vertex, or no mobile ion is within r_max of one.
    """
    vertex, partners = _vertex_and_partners(trajectory, vertex)
    r_edges = radial_bins(trajectory, r_max, bin_width, _LONGEST)
    n_angles = round(180.0 / angle_width) if angle_width > 0.0 else 0
    if n_angles < 1 or abs(n_angles * angle_width - 180.0) > 1e-9 * 180.0:
        raise ParameterError(f"angle_width is {angle_width:g}° where a whole number of bins must make 180°")
    angle_edges = np.linspace(0.0, np.pi, n_angles + 1)
    sectors = 2.0 * np.pi / 3.0 * np.outer(np.diff(r_edges**3), -np.diff(np.cos(angle_edges)))
    part = evenly_spaced(trajectory, max_frames)
    radii, angles = midpoints(r_edges), np.degrees(midpoints(angle_edges))

    def count(start: int, stop: int) -> Array:
        return _sector_counts(part.frames(start, stop), vertex, partners, r_edges, n_angles, bond_length)

    counted = counted_once(count, part.n_frames)

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        per_density, counts = counted(start, stop)
        total = np.maximum(counts.sum(axis=(-2, -1), keepdims=True), 1.0)
        return {
            "g": per_density / ((stop - start) * sectors),
            "density": counts / (total * (r_edges[1] - r_edges[0]) * angle_width),
        }

    result = block_statistics(estimate, part.n_frames)
    surfaces = {}
    for a, mobile in enumerate(trajectory.mobile):
        for b, partner in enumerate(partners):
            if partner in trajectory.mobile or not result.value["density"][a, b].any():
                continue
            for family, quantity, label, unit in (
                ("angular_distribution", "g", "g(r, θ)", "1"),
                ("distance_angle_density", "density", "ρ(r, θ)", "1/(Å °)"),
            ):
                surfaces[f"{family}_{mobile}_{vertex}_{partner}"] = Surface(
                    radii,
                    angles,
                    result.value[quantity][a, b],
                    f"distance of {mobile} from {vertex}",
                    "Å",
                    f"angle {partner}–{vertex}–{mobile}",
                    "°",
                    label,
                    unit,
                    result.error[quantity][a, b],
                )
    if not surfaces:
        raise NotConverged(f"no mobile ion is within {r_edges[-1]:g} Å of a bonded {vertex}")
    return Result(surfaces=surfaces)


def _sector_counts(
    frames: Trajectory, vertex: str, partners: list[str], r_edges: Array, n_angles: int, bond_length: float
) -> Array:
    """Count mobile ions by distance and angle, summed over frames.

    Returns
    -------
    numpy.ndarray
        Shape (2, mobile species, partners, distances, angles): at first each count divided by the number of mobile
        ions and the density of vertices in its frame, then the plain count.
    """
    vertices = frames.atoms_of(vertex)
    partner_atoms = np.flatnonzero(np.isin(frames.species, partners))
    kinds = np.array([partners.index(frames.species[atom]) for atom in partner_atoms])
    reach = min(bond_length, half_width(frames.cell))
    total = np.zeros((2, len(frames.mobile), len(partners), len(r_edges) - 1, n_angles))
    for a, mobile in enumerate(frames.mobile):
        ions = frames.atoms_of(mobile)
        weighted, counts = angle_histogram(
            frames.positions, frames.cell, ions, vertices, partner_atoms, kinds, reach, r_edges, n_angles
        )
        total[:, a] = weighted / len(ions), counts
    return total
