"""Centres of maximally localised Wannier functions: which ion each belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.pairs import half_width, neighbours_within
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import CENTRE, Array, Trajectory

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
    if not len(trajectory.centres):
        raise NotConverged(f"the trajectory holds no Wannier centres, that is no species {CENTRE}")
    candidates = [kind for kind in trajectory.kinds if kind not in trajectory.mobile]
    if anion is None and len(candidates) == 1:
        return candidates[0]
    if anion in trajectory.kinds:
        return str(anion)
    raise ParameterError(f"anion is {anion!r} where one of the ions is expected: {', '.join(trajectory.kinds)}")


def centre_bonds(trajectory: Trajectory, anion: str, per_anion: int, per_cation: int | None = None) -> Array:
    """Return the vectors from each anion to its centres.

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
    others = {} if per_cation is None else dict.fromkeys(trajectory.kinds, per_cation)
    owned = centres_by_species(trajectory, {**others, anion: per_anion})[anion]
    positions = trajectory.positions[:, trajectory.atoms_of(anion)][:, :, None]
    centres = np.take_along_axis(trajectory.positions[:, :], owned[..., None], axis=1)
    return minimum_image(centres.reshape(*positions.shape[:2], per_anion, 3) - positions, trajectory.cell)


def centres_by_species(trajectory: Trajectory, per_ion: Mapping[str, int] | None = None) -> dict[str, NDArray[np.intp]]:
    """Return which centres belong to the ions of each species.

    Every centre of a frame is assigned to the nearest ion of any species, and the counts are checked, since a centre
    that is missing or misplaced makes a dipole that does not exist.

    Parameters
    ----------
    trajectory
        With centres as species ``X``, in any order that may change from frame to frame.
    per_ion
        Number of centres that each ion of a species must have; that of the first ion in the first frame where it does
        not say.

    Returns
    -------
    dict
        By species, the indices of the centres, those of one ion together and in the order of the ions, shape
        (T, number of its ions times centres per ion).

    Raises
    ------
    ParameterError
        If a centre is further than 2 Å from every ion, or an ion has another number of centres than it must have.
    """
    ions, centres = trajectory.ions, trajectory.centres
    species = np.asarray(trajectory.species)[ions]
    expected = dict(per_ion or {})
    owned: dict[str, list[NDArray[np.intp]]] = {kind: [] for kind in trajectory.kinds}
    reach = min(_REACH, half_width(trajectory.cell))
    cells = np.broadcast_to(trajectory.cell, (trajectory.n_frames, 3, 3))
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
        _check_counts(np.bincount(owner, minlength=len(ions)), species, expected, t)
        by_owner = np.argsort(owner, kind="stable")
        for kind, indices in owned.items():
            indices.append(centres[by_owner[species[owner[by_owner]] == kind]])
    return {kind: np.array(indices) for kind, indices in owned.items()}


def with_centres_named(trajectory: Trajectory) -> tuple[Trajectory, dict[str, str]]:
    """Return a trajectory whose centres are of a species of their own for each species of ions that has any.

    Parameters
    ----------
    trajectory
        As :func:`centres_by_species` takes it.

    Returns
    -------
    tuple
        Positions in memory, without velocities and forces: the ions, then the centres; and the species of the centres
        by that of their ions, ``X of I``.

    Raises
    ------
    ParameterError
        As :func:`centres_by_species`.
    """
    owned = {kind: indices for kind, indices in centres_by_species(trajectory).items() if indices.shape[1]}
    names = {kind: f"{CENTRE} of {kind}" for kind in owned}
    ions = np.broadcast_to(trajectory.ions, (trajectory.n_frames, len(trajectory.ions)))
    order = np.concatenate((ions, *owned.values()), axis=1)
    species = [trajectory.species[i] for i in trajectory.ions]
    for kind, indices in owned.items():
        species += [names[kind]] * indices.shape[1]
    renamed = replace(
        trajectory,
        species=tuple(species),
        positions=np.take_along_axis(trajectory.positions[:, :], order[..., None], axis=1),
        masses=trajectory.masses[order[0]],
        velocities=None,
        forces=None,
    )
    return renamed, names


def _check_counts(counts: NDArray[np.intp], species: NDArray[np.str_], expected: dict[str, int], frame: int) -> None:
    for kind in dict.fromkeys(species.tolist()):
        found = counts[species == kind]
        number = expected.setdefault(kind, int(found[0]))
        wrong = found[found != number]
        if len(wrong):
            raise ParameterError(
                f"frame {frame}: {len(wrong)} of {len(found)} {kind} ions do not have {number} Wannier centres "
                f"nearest to them, the first of these has {wrong[0]}"
            )
