"""Centres of maximally localised Wannier functions: which ion each belongs to."""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.pairs import half_width, neighbours_within
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Array, Trajectory

CENTRE = "X"
"""The species under which a trajectory holds the centres, as CP2K writes them."""

_REACH = 2.0
"""Å beyond which a centre belongs to no ion: valence pairs lie within 1 Å of an anion."""


def anion_of(trajectory: Trajectory, anion: str | None) -> str:
    """Return the species whose centres are meant: the one that is asked for, or the only host species.

    Raises
    ------
    NotConverged
        If the trajectory holds no centres.
    ParameterError
        If the species does not exist, or there are several to choose from.
    """
    if CENTRE not in trajectory.species:
        raise NotConverged(f"the trajectory holds no Wannier centres, that is no species {CENTRE}")
    ions = [kind for kind in trajectory.kinds if kind != CENTRE]
    candidates = [kind for kind in ions if kind not in trajectory.mobile]
    if anion is None and len(candidates) == 1:
        return candidates[0]
    if anion in ions:
        return str(anion)
    raise ParameterError(f"anion is {anion!r} where one of the ions is expected: {', '.join(ions)}")


def centre_bonds(trajectory: Trajectory, anion: str, per_anion: int, per_cation: int | None = None) -> Array:
    """Return the vectors from each anion to its centres.

    Every centre of a frame is assigned to the nearest ion of any species, and the counts are checked, since a centre
    that is missing or misplaced makes a dipole that does not exist.

    Parameters
    ----------
    trajectory
        With centres as species ``X``, in any order that may change from frame to frame.
    anion
        Species of the anions.
    per_anion
        Number of centres that each anion must have.
    per_cation
        Number of centres that each other ion must have; where it is None, those of one species must have equally many.

    Returns
    -------
    numpy.ndarray
        In Å, shape (T, number of anions, per_anion, 3); the order of an anion's centres means nothing.

    Raises
    ------
    ParameterError
        If a centre is further than 2 Å from every ion, or an ion has another number of centres than it must have.
    """
    species = np.asarray(trajectory.species)
    centres, ions = trajectory.atoms_of(CENTRE), np.flatnonzero(species != CENTRE)
    anions = species[ions] == anion
    reach = min(_REACH, half_width(trajectory.cell))
    cells = np.broadcast_to(trajectory.cell, (trajectory.n_frames, 3, 3))
    vectors = np.empty((trajectory.n_frames, np.count_nonzero(anions), per_anion, 3))
    for t in range(trajectory.n_frames):
        frame = trajectory.positions[t : t + 1, :][0]
        i, j, distances = neighbours_within(frame[centres], frame[ions], cells[t], reach)
        order = np.lexsort((distances, i))
        found, first = np.unique(i[order], return_index=True)
        if len(found) < len(centres):
            raise ParameterError(
                f"frame {t}: {len(centres) - len(found)} Wannier centres are further than {reach:g} Å from every ion"
            )
        owner = j[order][first]
        _check_counts(np.bincount(owner, minlength=len(ions)), species[ions], anion, per_anion, per_cation, t)
        by_owner = np.argsort(owner, kind="stable")
        owned = centres[by_owner[anions[owner[by_owner]]]].reshape(-1, per_anion)
        vectors[t] = frame[owned] - frame[ions[anions], None]
    return minimum_image(vectors, trajectory.cell)


def _check_counts(
    counts: np.ndarray, species: np.ndarray, anion: str, per_anion: int, per_cation: int | None, frame: int
) -> None:
    for kind in dict.fromkeys(species.tolist()):
        expected = per_anion if kind == anion else per_cation
        found = counts[species == kind]
        if expected is None:
            expected = int(found[0])
        wrong = found[found != expected]
        if len(wrong):
            raise ParameterError(
                f"frame {frame}: {len(wrong)} of {len(found)} {kind} ions do not have {expected} Wannier centres "
                f"nearest to them, the first of these has {wrong[0]}"
            )
