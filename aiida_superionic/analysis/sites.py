"""Interstitial sites of a host lattice, and which of them each mobile ion is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.pairs import neighbours_within
from aiida_superionic.analysis.periodic import mean_cell, minimum_image, nearest_images, to_fractional, with_images
from aiida_superionic.analysis.reference_frame import positions_in_host_frame, shift_of_host
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches

_SAME_VERTEX = 0.5
"""Å within which Voronoi vertices are one: a thermal average splits a vertex where more than four cells meet."""

_LARGEST_SPHERE = 1.5
"""Largest radius of an empty sphere that is looked for, over the cube root of the volume per host ion."""


@dataclass(frozen=True, eq=False)
class Interstices:
    """Interstices of a lattice with equally many corners.

    Parameters
    ----------
    centres
        Equally far from the host ions at their corners, in Å, shape (S, 3).
    ions
        Indices of these, shape (S, corners).
    shifts
        Whole cell vectors that bring each of these beside the centre, shape (S, corners, 3).
    """

    centres: Array
    ions: NDArray[np.intp]
    shifts: Array

    def corners(self, positions: Array, cell: Array, part: NDArray[np.intp] | slice) -> Array:
        """Return the places of the ions around some interstices in every frame, in Å, shape (T, n, corners, 3).

        Parameters
        ----------
        positions
            Of the points that the interstices were found among, unwrapped, in Å, shape (T, N, 3).
        cell
            Cell vectors as rows in Å, shape (3, 3) or (T, 3, 3).
        part
            Indices of the interstices, shape (n,), or a slice.
        """
        images = np.einsum("skx,...xy->...sky", self.shifts[part], cell)
        return np.asarray(positions[:, self.ions[part]] + images)


def find_interstices(points: Array, cell: Array, n_corners: int = 4) -> Interstices:
    """Find the vertices of the periodic Voronoi tessellation at which a number of cells meet.

    They are the centres of the empty spheres that touch as many points: four at a tetrahedral interstice, six at an
    octahedral one of a close-packed lattice. Vertices nearer than 0.5 Å to one another are one. Spheres of a radius
    above 1.5 times the cube root of the volume per point are not looked for.

    Parameters
    ----------
    points
        In Å, shape (n, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3).
    n_corners
        At least 4; what has more points around it or fewer is left out.

    Raises
    ------
    NotConverged
        If there are none.
    ParameterError
        If there are fewer than four corners.
    """
    if n_corners < 4:
        raise ParameterError(f"corners is {n_corners} where an interstice has four at least")
    from scipy.spatial import Delaunay  # noqa: PLC0415 - lists and help need no SciPy

    spacing = float((abs(np.linalg.det(cell)) / len(points)) ** (1.0 / 3.0))
    images, index, shifts = with_images(points, cell, 2.0 * _LARGEST_SPHERE * spacing)
    simplices = Delaunay(images).simplices
    corners = images[simplices]
    edges = corners[:, 1:] - corners[:, :1]
    solid = np.abs(np.linalg.det(edges)) > 1e-6 * spacing**3
    simplices, corners, edges = simplices[solid], corners[solid], edges[solid]
    relative = np.linalg.solve(2.0 * edges, np.sum(edges**2, axis=-1)[..., None])[..., 0]
    centres = corners[:, 0] + relative
    fractional = centres @ np.linalg.inv(cell)
    # A vertex on a face may be found at either end or both; what is found twice is one below.
    home = np.all((fractional > -0.01) & (fractional < 1.01), axis=1)
    home &= np.linalg.norm(relative, axis=1) <= _LARGEST_SPHERE * spacing
    simplices, centres, fractional = simplices[home], centres[home], fractional[home]
    found: list[tuple[Array, NDArray[np.intp], Array]] = []
    for members in _clusters(centres, cell):
        image = np.rint(fractional[members] - fractional[members[0]])
        corner = simplices[members]
        places = np.column_stack((index[corner].ravel(), (shifts[corner] - image[:, None]).reshape(-1, 3)))
        distinct = np.unique(places, axis=0)
        if len(distinct) == n_corners:
            ions, images = distinct[:, 0].astype(np.intp), distinct[:, 1:]
            found.append((_equally_far(points[ions] + images @ cell), ions, images))
    if not found:
        raise NotConverged(f"the host lattice has no {interstice_name(n_corners)} interstices")
    return Interstices(*(np.array(column) for column in zip(*found, strict=True)))


def _equally_far(corners: Array) -> Array:
    """Return the point of least differences between its squared distances from the corners, shape (3,)."""
    edges = corners[1:] - corners[0]
    return np.asarray(corners[0] + np.linalg.lstsq(2.0 * edges, np.sum(edges**2, axis=1))[0])


def interstice_name(n_corners: int) -> str:
    """Return what interstices with a number of corners are called."""
    return {4: "tetrahedral", 6: "octahedral"}.get(n_corners, f"{n_corners}-cornered")


def _clusters(points: Array, cell: Array) -> list[NDArray[np.intp]]:
    if not len(points):
        return []
    from scipy.sparse import coo_array  # noqa: PLC0415 - lists and help need no SciPy
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    i, j, _ = neighbours_within(points, points, cell, _SAME_VERTEX)
    n_clusters, labels = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(len(points),) * 2))
    return [np.flatnonzero(labels == cluster) for cluster in range(n_clusters)]


def cage_species(trajectory: Trajectory, neighbour: str | None) -> str:
    """Return the host species that makes the sites: the one that is asked for, or the only one.

    Raises
    ------
    NotConverged
        If no species is declared mobile.
    ParameterError
        If there are several to choose from, or the one that is asked for is none of them.
    """
    if not trajectory.mobile:
        raise NotConverged("no species of the trajectory is declared mobile")
    hosts = trajectory.host
    if neighbour is None and len(hosts) == 1:
        return hosts[0]
    if neighbour in hosts:
        return str(neighbour)
    raise ParameterError(
        f"neighbour is {neighbour!r} where one of the host species is expected: {', '.join(hosts) or 'none'}"
    )


def mean_places(trajectory: Trajectory, atoms: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return the mean places of atoms in the frame of the host lattice, in Å, shape (n, 3), and the mean cell."""
    positions = positions_in_host_frame(trajectory)
    total = np.zeros((len(atoms), 3))
    for part in frame_batches(trajectory.n_frames, len(atoms)):
        total += to_fractional(positions[part, atoms], _cells(trajectory, part)).sum(axis=0)
    cell = mean_cell(trajectory)
    return np.asarray(total / trajectory.n_frames @ cell), cell


def _cells(trajectory: Trajectory, part: slice) -> Array:
    return trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell[part]


def host_interstices(trajectory: Trajectory, neighbour: str, n_corners: int = 4) -> tuple[Interstices, Array]:
    """Return the interstices between the mean places of one host species, and the mean cell.

    Those with a host ion of another species inside, as the phosphorus of PS4, are left out. The ions of the result are
    counted among the species' own.

    Raises
    ------
    NotConverged
        If there are none.
    """
    points, cell = mean_places(trajectory, trajectory.atoms_of(neighbour))
    interstices = find_interstices(points, cell, n_corners)
    kinds = [kind for kind in trajectory.host if kind != neighbour]
    if kinds:
        others, _ = mean_places(trajectory, np.flatnonzero(np.isin(trajectory.species, kinds)))
        corners = interstices.corners(points[None], cell, np.arange(len(interstices.centres)))[0]
        radii = np.linalg.norm(corners[:, 0] - interstices.centres, axis=-1)
        vectors = minimum_image(others[None] - interstices.centres[:, None], cell)
        empty = np.all(np.linalg.norm(vectors, axis=-1) > 0.9 * radii[:, None], axis=1)
        if not empty.any():
            raise NotConverged(f"no {interstice_name(n_corners)} interstice of {neighbour} is empty")
        interstices = Interstices(interstices.centres[empty], interstices.ions[empty], interstices.shifts[empty])
    return interstices, cell


def site_places(
    trajectory: Trajectory, neighbour: str | None, n_corners: int, given: Sequence[float], lattice: Sequence[float]
) -> tuple[Array, Array]:
    """Return the places of the sites of the mobile ions in the frame of the host lattice, and the mean cell.

    Parameters
    ----------
    trajectory
        Positions and cell, with mobile and host species.
    neighbour, n_corners
        The host species and the number of corners of the interstices that are the sites.
    given
        The sites in their place: three fractional coordinates each.
    lattice
        Where the host atoms, in their order, are in the crystal that the sites are given in, three fractional
        coordinates each. Without them the crystal is where the first frame's cell is.

    Returns
    -------
    tuple of numpy.ndarray
        In Å, shapes (S, 3) and (3, 3).

    Raises
    ------
    NotConverged
        If the host lattice has no such interstices.
    ParameterError
        If it is not known what makes the sites, or the coordinates are not three for each site and host atom.
    """
    if not given:
        if lattice:
            raise ParameterError("lattice says where the sites are that are given, and none are")
        if neighbour is None and len(trajectory.host) > 1:
            raise ParameterError(
                f"where the sites are is not known in a host lattice of {', '.join(trajectory.host)}: give sites, or as"
                " neighbour the species whose interstices they are"
            )
        interstices, cell = host_interstices(trajectory, cage_species(trajectory, neighbour), n_corners)
        return interstices.centres, cell
    if neighbour is not None:
        raise ParameterError("both neighbour and sites are given; one of them is enough")
    if len(given) % 3:
        raise ParameterError(f"sites has {len(given)} coordinates where three for each site are expected")
    cell = mean_cell(trajectory)
    centre = positions_in_host_frame(trajectory).centre[0]
    return np.reshape(given, (-1, 3)) @ cell + shift_of_host(trajectory, lattice) - centre, cell


def nearest_sites(positions: Array, sites: Array, cell: Array) -> NDArray[np.intp]:
    """Return the site that each ion is nearest to in each frame.

    Parameters
    ----------
    positions
        In Å, shape (T, n, 3), wrapped or not.
    sites
        In Å, shape (S, 3).
    cell
        Cell vectors as rows in Å, shape (3, 3).

    Returns
    -------
    numpy.ndarray
        Shape (T, n).
    """
    _, nearest = nearest_images(positions.reshape(-1, 3), sites, cell)
    return nearest.reshape(positions.shape[:2])


def lasting_states(states: NDArray[np.generic], n_dwell: int) -> NDArray[np.generic]:
    """Return the states with every visit shorter than ``n_dwell`` frames taken as part of what came before it.

    Parameters
    ----------
    states
        Shape (T, n). Short visits at the beginning count as the first that lasts; a column without any that lasts is
        one state throughout, that of its longest visit.
    n_dwell
        In frames, at least 1.

    Returns
    -------
    numpy.ndarray
        Shape (T, n).
    """
    result = np.empty_like(states)
    for column in range(states.shape[1]):
        state = states[:, column]
        starts = np.flatnonzero(np.concatenate(([True], state[1:] != state[:-1])))
        lengths = np.diff(np.append(starts, len(state)))
        kept = lengths >= n_dwell
        if not kept.any():
            kept[np.argmax(lengths)] = True
        last = np.maximum.accumulate(np.where(kept, np.arange(len(starts)), np.argmax(kept)))
        result[:, column] = np.repeat(state[starts[last]], lengths)
    return result


def changes(states: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first frame of each new state, and the column, of every change, in order of time."""
    frames, columns = np.nonzero(states[1:] != states[:-1])
    return frames + 1, columns


def frames_of(duration: float, trajectory: Trajectory, name: str) -> int:
    """Return the number of frames of a duration in ps, at least 1.

    Raises
    ------
    ParameterError
        If the duration is negative.
    """
    if duration < 0.0:
        raise ParameterError(f"{name} is {duration:g} ps and must not be negative")
    return max(1, round(duration / trajectory.timestep))


def mobile_in_sites(
    trajectory: Trajectory, kinds: Sequence[str], sites: Array, cell: Array
) -> dict[str, NDArray[np.intp]]:
    """Return, by species, the site that each ion is nearest to in each frame, in the frame of the host lattice."""
    positions = positions_in_host_frame(trajectory)
    states = {}
    for kind in kinds:
        atoms = trajectory.atoms_of(kind)
        states[kind] = np.concatenate(
            [
                nearest_sites(to_fractional(positions[part, atoms], _cells(trajectory, part)) @ cell, sites, cell)
                for part in frame_batches(trajectory.n_frames, len(atoms))
            ]
        )
    return states
