"""Reorientations of polyanions, and changes of their conformer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.observables.rotors import SOURCE, body_fixed_vector
from aiida_superionic.analysis.orientation import basin_changes, coincidences
from aiida_superionic.analysis.polyanions import Indices, Polyanions, find_polyanions
from aiida_superionic.analysis.registry import ParameterError, observable
from aiida_superionic.analysis.results import Result
from aiida_superionic.analysis.sites import frames_of
from aiida_superionic.analysis.statistics import event_frequency
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches


def torsions(trajectory: Trajectory, polyanions: Polyanions, first: Indices, second: Indices) -> Array:
    """Return the torsion of two groups about the bond between their centres, as unit vectors of shape (T, n, 2).

    It is relative to that of the first polyanion in the first frame.

    Parameters
    ----------
    trajectory
        The one in which the polyanions were found.
    polyanions
        Of one formula.
    first, second
        The two groups, as :attr:`Polyanions.groups` names their atoms.
    """
    reference = _azimuths(polyanions.positions(trajectory.frames(0, 1))[0, 0], first)
    batches = []
    for part in frame_batches(trajectory.n_frames, polyanions.atoms.size):
        positions = polyanions.positions(trajectory.frames(part.start, part.stop))
        turned = _azimuths(positions, first) * reference.conj()
        turn = turned[..., second[2:]].sum(axis=-1) * turned[..., first[2:]].sum(axis=-1).conj()
        batches.append(turn / np.abs(turn))
    unit = np.concatenate(batches)
    return np.stack((unit.real, unit.imag), axis=-1)


def _azimuths(positions: Array, group: Indices) -> NDArray[np.complex128]:
    """Return places around a group's axis as complex numbers, its first outer atom at phase 0."""
    start = positions[..., group[:1], :]
    axis = positions[..., group[1:2], :] - start
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    relative = positions - start
    across = relative - np.sum(relative * axis, axis=-1, keepdims=True) * axis
    zero = across[..., group[2:3], :]
    zero = zero / np.linalg.norm(zero, axis=-1, keepdims=True)
    return np.asarray(np.sum(across * zero, axis=-1) + 1j * np.sum(across * np.cross(axis, zero), axis=-1))


@observable(
    needs=("positions", "polyanions"),
    equation="frequency = changes above a threshold between successive basins, per polyanion and time",
    source=SOURCE,
)
def reorientations(
    trajectory: Trajectory, *, threshold: float = 70.0, dwell: float = 0.2, smoothing: float = 0.1
) -> Result:
    """How often a polyanion turns from one orientation into another, and changes its conformer.

    Orientations are averaged over the smoothing time. A polyanion that is further from its basin than the threshold,
    and then stays for the dwell time within half the threshold of where it first was, is in a new basin. This is
    counted for the rotation of the whole polyanion, for the direction of one body-fixed vector alone, as the source
    does (turns about the vector escape it), and, where two groups may turn against each other as in P2S6, for their
    torsion. Such a polyanion has turned as a whole where both groups have, within the dwell time of each other; where
    one has, it has changed its conformer only. Like atoms are told apart.

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
        reference = polyanions.reference(trajectory)
        turned = polyanions.rotations(trajectory, reference)
        vectors = turned @ body_fixed_vector(polyanions, reference)
        changes = {"vector_reorientation_frequency": basin_changes(vectors, threshold, n_dwell, n_smooth)}
        if polyanions.groups is None:
            changes["reorientation_frequency"] = basin_changes(turned, threshold, n_dwell, n_smooth)
        else:
            halves = [polyanions.fragment(group) for group in polyanions.groups]
            first, second = (
                basin_changes(half.rotations(trajectory, half.reference(trajectory)), threshold, n_dwell, n_smooth)
                for half in halves
            )
            changes["reorientation_frequency"] = coincidences(first, second, n_dwell)
            twists = torsions(trajectory, polyanions, *polyanions.groups)
            changes["conformer_frequency"] = basin_changes(twists, threshold, n_dwell, n_smooth)
        for name, (frames, _) in changes.items():
            scalars[f"{name}_{formula}"] = event_frequency(
                frames - 1, trajectory.n_frames - 1, trajectory.timestep, len(polyanions.atoms)
            )
    return Result(scalars)
