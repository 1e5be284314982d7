"""Orientation of polyanions: their angles with the lattice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.correlation import lag_times
from aiida_superionic.analysis.orientation import angle_between
from aiida_superionic.analysis.polyanions import Polyanions, find_polyanions
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory

SOURCE = "Disentangling cation-polyanion coupling in solid electrolytes, Fig 2"
_SAME_VECTOR = 5.0
"""Degrees within which two symmetry-equivalent vectors are one."""


def body_fixed_vector(polyanions: Polyanions, reference: Array) -> Array:
    """Return the unit vector that shows how a polyanion lies, shape (3,).

    It is the bond from the central atom to the first outer one in AXn, else the axis of the least moment of inertia:
    P–P in P2S6, the line through the caps of B10H10.
    """
    if polyanions.centre is not None:
        outer = int(np.flatnonzero(polyanions.bonded[polyanions.centre])[0])
        vector = reference[outer] - reference[polyanions.centre]
    else:
        # The axis along which the mass lies furthest out is that of the least moment.
        vector = np.linalg.eigh(np.einsum("n,nx,ny->xy", polyanions.masses, reference, reference))[1][:, -1]
    return np.asarray(vector / np.linalg.norm(vector))


def equivalent_vectors(vector: Array, symmetry: Array) -> Array:
    """Return the distinct vectors that a body's symmetry makes of a unit vector, shape (m, 3), itself first."""
    vectors = [vector]
    for candidate in symmetry @ vector:
        if angle_between(np.array(vectors), candidate).min() > _SAME_VECTOR:
            vectors.append(candidate)
    return np.array(vectors)


def lattice_angles(vectors: Array, cell: Array) -> Array:
    """Return the angles in degrees of unit vectors of shape (T, ..., 3) with the mean cell vectors, (T, ..., 3)."""
    mean = cell if cell.ndim == 2 else cell.mean(axis=0)
    return angle_between(vectors[..., None, :], mean / np.linalg.norm(mean, axis=1, keepdims=True))


def angle_densities(trajectory: Trajectory, polyanions: Polyanions, bin_width: float, max_frames: int) -> Estimate:
    """Return how densely the vectors of polyanions lie at each angle with the cell vectors, over a uniform density.

    Parameters
    ----------
    trajectory
        The one in which the polyanions were found.
    polyanions
        Of one formula. Every vector that their symmetry makes of the body-fixed one counts alike, so that the names of
        like atoms mean nothing.
    bin_width
        In degrees.
    max_frames
        Evenly spaced frames to average over.

    Returns
    -------
    Estimate
        ``edges`` of the bins in degrees, shape (n + 1,); ``density``, shape (3, n), which is p(θ) / (sin θ / 2) and so
        1 where all directions are as likely.

    Raises
    ------
    ParameterError
        If a parameter is not positive.
    """
    if not 0.0 < bin_width <= 90.0 or max_frames < 1:
        raise ParameterError(f"bin_width {bin_width:g}° (at most 90°) and max_frames {max_frames} must be positive")
    part = trajectory.every(-(-trajectory.n_frames // max_frames))
    reference = polyanions.reference(trajectory)
    vectors = equivalent_vectors(body_fixed_vector(polyanions, reference), polyanions.symmetry(reference))
    turned = np.einsum("tuij,mj->tumi", polyanions.rotations(part, reference), vectors)
    angles = lattice_angles(turned, part.cell)
    edges = np.linspace(0.0, 180.0, round(180.0 / bin_width) + 1)
    uniform = -0.5 * np.diff(np.cos(np.radians(edges)))

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        counts = np.array([np.histogram(angles[start:stop, ..., axis], edges)[0] for axis in range(3)])
        return {"density": counts / (counts.sum(axis=1, keepdims=True) * uniform), "edges": edges}

    return block_statistics(estimate, part.n_frames)


@observable(
    needs=("positions", "polyanions"),
    equation="θ = angle of a body-fixed vector with each cell vector;  p(θ), sin θ / 2 for free rotation",
    source=SOURCE,
)
def rotor_angles(trajectory: Trajectory, *, bin_width: float = 5.0, max_frames: int = 2000) -> Result:
    """Angles of a body-fixed vector of each polyanion with the cell vectors.

    The vector is the bond from the central atom to an outer one in AXn, else the axis of the least moment of inertia.
    The distribution takes all vectors that the polyanion's symmetry makes of it; the time series is that of one vector
    of the first polyanion.

    Parameters
    ----------
    trajectory
        Positions and cell; polyanions are found in the first frame.
    bin_width
        In degrees.
    max_frames
        Evenly spaced frames to use.

    Returns
    -------
    Result
        For each formula X the curves ``rotor_angle_distribution_a_X``, ``_b_X`` and ``_c_X`` of unit area in 1/degree,
        and ``rotor_angle_a_X``, ``_b_X`` and ``_c_X`` in degrees against ps.

    Raises
    ------
    NotConverged
        If there are no polyanions.
    """
    curves = {}
    for formula, polyanions in find_polyanions(trajectory).items():
        result = angle_densities(trajectory, polyanions, bin_width, max_frames)
        edges = result.value["edges"]
        middles = 0.5 * (edges[1:] + edges[:-1])
        uniform = -0.5 * np.diff(np.cos(np.radians(edges))) / np.diff(edges)
        part = trajectory.every(-(-trajectory.n_frames // max_frames))
        reference = polyanions.reference(trajectory)
        vector = body_fixed_vector(polyanions, reference)
        turned = polyanions.part(np.array([0])).rotations(part, reference)[:, 0]
        series = lattice_angles(turned @ vector, part.cell)
        for axis, name in enumerate("abc"):
            curves[f"rotor_angle_distribution_{name}_{formula}"] = Curve(
                middles,
                result.value["density"][axis] * uniform,
                f"angle with {name}",
                "degree",
                f"probability density of {formula}",
                "1/degree",
                result.error["density"][axis] * uniform,
            )
            curves[f"rotor_angle_{name}_{formula}"] = Curve(
                lag_times(part.n_frames, part.timestep),
                series[:, axis],
                "time",
                "ps",
                f"angle of one {formula} with {name}",
                "degree",
            )
    return Result(curves=curves)
