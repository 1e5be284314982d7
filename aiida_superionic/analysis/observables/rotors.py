"""Orientation of polyanions: angles with the lattice, free energy, reorientations and conformer changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_superionic.analysis.correlation import lag_times
from aiida_superionic.analysis.observables.jumps import frequency_scalar
from aiida_superionic.analysis.observables.temperature import kinetic_temperature
from aiida_superionic.analysis.orientation import angle_between, basin_changes, best_rotation
from aiida_superionic.analysis.polyanions import Polyanions, find_polyanions
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Curve, Result
from aiida_superionic.analysis.sites import frames_of
from aiida_superionic.analysis.statistics import Estimate, block_statistics
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches
from aiida_superionic.units import BOLTZMANN

_SOURCE = "Disentangling cation-polyanion coupling in solid electrolytes, Fig 2"
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


def torsion(polyanions: Polyanions, positions: Array, reference: Array) -> Array | None:
    """Return the torsion of two groups about the bond between their centres, as unit vectors of shape (T, n, 2).

    It is relative to the reference's, and None for a polyanion that is not made of two centres and outer atoms that
    are bonded to one of them each.

    Parameters
    ----------
    polyanions
        What the positions are of.
    positions
        Shape (T, number of polyanions, n, 3).
    reference
        Shape (n, 3).
    """
    degrees = polyanions.bonded.sum(axis=1)
    inner = np.flatnonzero(degrees > 1)
    if len(inner) != 2 or not polyanions.bonded[inner[0], inner[1]]:
        return None
    outer = [np.flatnonzero(polyanions.bonded[centre] & (degrees == 1)) for centre in inner]
    turned = _azimuths(positions, inner, outer[0][0]) * _azimuths(reference, inner, outer[0][0]).conj()
    turn = turned[..., outer[1]].sum(axis=-1) * turned[..., outer[0]].sum(axis=-1).conj()
    turn /= np.abs(turn)
    return np.stack((turn.real, turn.imag), axis=-1)


def _azimuths(positions: Array, inner: NDArray[np.intp], zero: np.intp) -> NDArray[np.complex128]:
    """Return places around the axis between two atoms as complex numbers, the atom ``zero`` at phase 0."""
    start = positions[..., inner[:1], :]
    axis = positions[..., inner[1:], :] - start
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    relative = positions - start
    across = relative - np.sum(relative * axis, axis=-1, keepdims=True) * axis
    first = across[..., zero, None, :] / np.linalg.norm(across[..., zero, None, :], axis=-1, keepdims=True)
    second = np.cross(axis, first)
    return np.asarray(np.sum(across * first, axis=-1) + 1j * np.sum(across * second, axis=-1))


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
    positions = polyanions.positions(part)
    vectors = equivalent_vectors(body_fixed_vector(polyanions, reference), polyanions.symmetry(reference))
    turned = np.einsum("tuij,mj->tumi", best_rotation(reference, positions, polyanions.masses), vectors)
    angles = lattice_angles(turned, part.cell)
    edges = np.linspace(0.0, 180.0, round(180.0 / bin_width) + 1)
    uniform = -0.5 * np.diff(np.cos(np.radians(edges)))

    def estimate(start: int, stop: int) -> Mapping[str, ArrayLike]:
        counts = np.array([np.histogram(angles[start:stop, ..., axis], edges)[0] for axis in range(3)])
        return {"density": counts / (counts.sum(axis=1, keepdims=True) * uniform), "edges": edges}

    return block_statistics(estimate, part.n_frames)


@observable(
    needs=("positions",),
    routine=False,
    equation="θ = angle of a body-fixed vector with each cell vector;  p(θ), sin θ / 2 for free rotation",
    source=_SOURCE,
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
        first = polyanions.part(np.array([0])).positions(part)[:, 0]
        turned = best_rotation(reference, first, polyanions.masses) @ vector
        series = lattice_angles(turned, part.cell)
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


@observable(
    needs=("positions",),
    routine=False,
    equation="F(θ) = −k_B T ln (p(θ) / sin θ), its least value 0",
    source="Disentangling cation-polyanion coupling in solid electrolytes, Fig S5",
)
def rotational_free_energy(
    trajectory: Trajectory, *, temperature: float | None = None, bin_width: float = 5.0, max_frames: int = 2000
) -> Result:
    """Free energy of the polyanions against the angle of their vector with each cell vector.

    Divided by sin θ, the density of directions is flat for a free rotor, and so is F. Angles that were never seen have
    no point.

    Parameters
    ----------
    trajectory
        As for ``rotor_angles``.
    temperature
        In K; the kinetic temperature of the run, which then needs velocities, where it is not given.
    bin_width
        In degrees.
    max_frames
        Evenly spaced frames to use.

    Returns
    -------
    Result
        For each formula X the curves ``rotational_free_energy_a_X``, ``_b_X`` and ``_c_X`` in eV against degrees.

    Raises
    ------
    NotConverged
        If there are no polyanions.
    ParameterError
        If there is no temperature.
    """
    found = find_polyanions(trajectory)
    if temperature is None:
        if trajectory.velocities is None:
            raise ParameterError("the trajectory holds no velocities to take a temperature from; give the temperature")
        temperature = float(kinetic_temperature(trajectory).mean())
    if not temperature > 0.0:
        raise ParameterError(f"temperature is {temperature:g} K and must be positive")
    curves = {}
    for formula, polyanions in found.items():
        result = angle_densities(trajectory, polyanions, bin_width, max_frames)
        edges = result.value["edges"]
        for axis, name in enumerate("abc"):
            density, error = result.value["density"][axis], result.error["density"][axis]
            seen = density > 0.0
            curves[f"rotational_free_energy_{name}_{formula}"] = Curve(
                0.5 * (edges[1:] + edges[:-1])[seen],
                BOLTZMANN * temperature * np.log(density.max() / density[seen]),
                f"angle with {name}",
                "degree",
                f"free energy of {formula}",
                "eV",
                BOLTZMANN * temperature * error[seen] / density[seen],
            )
    return Result(curves=curves)


def _orientations(trajectory: Trajectory, polyanions: Polyanions) -> dict[str, Array]:
    """Return the rotations, vectors and torsions of all frames, by the name of the frequency of their changes."""
    reference = polyanions.reference(trajectory)
    vector = body_fixed_vector(polyanions, reference)
    rotations, torsions = [], []
    for part in frame_batches(trajectory.n_frames, polyanions.atoms.size):
        positions = polyanions.positions(trajectory.frames(part.start, part.stop))
        rotations.append(best_rotation(reference, positions, polyanions.masses))
        if (turn := torsion(polyanions, positions, reference)) is not None:
            torsions.append(turn)
    orientations = {"reorientation_frequency": np.concatenate(rotations)}
    orientations["vector_reorientation_frequency"] = orientations["reorientation_frequency"] @ vector
    if torsions:
        orientations["conformer_frequency"] = np.concatenate(torsions)
    return orientations


@observable(
    needs=("positions",),
    routine=False,
    equation="frequency = changes above a threshold between successive basins, per polyanion and time",
    source=_SOURCE,
)
def reorientations(
    trajectory: Trajectory, *, threshold: float = 70.0, dwell: float = 0.2, smoothing: float = 0.1
) -> Result:
    """How often a polyanion turns from one orientation into another, and changes its conformer.

    Orientations are averaged over the smoothing time. A polyanion that is further from its basin than the threshold,
    and then stays for the dwell time within half the threshold of where it first was, is in a new basin. This is
    counted for the rotation of the whole polyanion, for the direction of one body-fixed vector alone, as the source
    does (turns about the vector escape it), and, where two groups turn against each other as in P2S6, for their
    torsion. Like atoms are told apart.

    Parameters
    ----------
    trajectory
        Positions and cell; polyanions are found in the first frame.
    threshold
        In degrees.
    dwell, smoothing
        In ps; each is at least one frame.

    Returns
    -------
    Result
        For each formula X the scalars ``reorientation_frequency_X``, ``vector_reorientation_frequency_X`` and, where
        there is a torsion, ``conformer_frequency_X`` in 1/ns per polyanion: an upper bound, of 95 % confidence, where
        no change was seen.

    Raises
    ------
    NotConverged
        If there are no polyanions.
    ParameterError
        If the threshold is not between 0 and 180°.
    """
    if not 0.0 < threshold < 180.0:
        raise ParameterError(f"threshold is {threshold:g}° where an angle between 0 and 180° is expected")
    n_dwell, n_smooth = frames_of(dwell, trajectory, "dwell"), frames_of(smoothing, trajectory, "smoothing")
    scalars = {}
    for formula, polyanions in find_polyanions(trajectory).items():
        n_rotors = len(polyanions.atoms)
        for name, orientation in _orientations(trajectory, polyanions).items():
            frames, _ = basin_changes(orientation, threshold, n_dwell, n_smooth)

            def estimate(
                start: int, stop: int, frames: NDArray[np.intp] = frames, n_rotors: int = n_rotors
            ) -> Mapping[str, ArrayLike]:
                events = np.count_nonzero((frames >= start) & (frames < stop))
                return {"frequency": events / ((stop - start) * trajectory.timestep * n_rotors)}

            result = block_statistics(estimate, trajectory.n_frames)
            scalars[f"{name}_{formula}"] = frequency_scalar(result, "frequency", trajectory.duration * n_rotors)
    return Result(scalars)
