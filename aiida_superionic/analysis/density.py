"""Density of ions on a grid of the cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile

import numpy as np

from aiida_superionic.analysis.periodic import mean_cell, to_fractional
from aiida_superionic.analysis.reference_frame import positions_in_host_frame, shift_of_host
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Array, Trajectory, frame_batches


def fractional_in_host_frame(
    trajectory: Trajectory, kind: str, lattice: Sequence[float] = ()
) -> Iterator[tuple[slice, Array]]:
    """Yield batches of frames with the fractional coordinates from 0 to 1 of one species, shape (t, n, 3).

    The host lattice's centre of mass stays where the crystal has it, told by ``lattice`` as :func:`shift_of_host` takes
    it, or else where it is in the first frame.
    """
    host = positions_in_host_frame(trajectory)
    offset = (trajectory.positions[:1, :1] - host[:1, :1])[0, 0] - shift_of_host(trajectory, lattice)
    atoms = trajectory.atoms_of(kind)
    for part in frame_batches(trajectory.n_frames, len(atoms)):
        cell = trajectory.cell if trajectory.cell.ndim == 2 else trajectory.cell[part]
        fractional = to_fractional(host[part, atoms] + offset, cell)
        yield part, fractional - np.floor(fractional)


def ion_density(trajectory: Trajectory, kind: str, spacing: float, lattice: Sequence[float] = ()) -> Array:
    """Return the mean number of ions of one species per Å^3 around the points of a grid.

    Parameters
    ----------
    trajectory
        Positions are taken in the frame of the host lattice.
    kind
        The species.
    spacing
        Largest distance between neighbouring points along a cell vector in Å. Point (0, 0, 0) is the origin; an ion
        counts at the nearest point in fractional coordinates.
    lattice
        As :func:`fractional_in_host_frame` takes it.

    Returns
    -------
    numpy.ndarray
        Shape (n_a, n_b, n_c); its sum times the volume per point is the number of ions.

    Raises
    ------
    ParameterError
        If the spacing is not positive.
    """
    if not spacing > 0.0:
        raise ParameterError(f"spacing is {spacing:g} Å and must be positive")
    cell = mean_cell(trajectory)
    shape = np.ceil(np.linalg.norm(cell, axis=1) / spacing - 1e-9).astype(int)
    counts = np.zeros(shape.prod())
    for _, fractional in fractional_in_host_frame(trajectory, kind, lattice):
        points = np.rint(fractional * shape).astype(np.intp) % shape
        counts += np.bincount(np.ravel_multi_index(tuple(points.reshape(-1, 3).T), tuple(shape)), minlength=len(counts))
    volume = abs(np.linalg.det(cell)) / len(counts)
    return np.asarray(counts.reshape(tuple(shape)) / (trajectory.n_frames * volume))


def density_cube(trajectory: Trajectory, kind: str, spacing: float, lattice: Sequence[float] = ()) -> str:
    """Return the density of one species, in ions per Å^3, with the host ions of the first frame, as a cube file.

    Raises
    ------
    ParameterError
        If the spacing is not positive.
    """
    from ase import Atoms  # noqa: PLC0415 - lists and help need no ASE
    from ase.io.cube import write_cube  # noqa: PLC0415

    hosts = np.flatnonzero(np.isin(trajectory.species, trajectory.host))
    atoms = Atoms(
        [trajectory.species[i] for i in hosts],
        positions=trajectory.positions[:1, hosts][0] - shift_of_host(trajectory, lattice),
        cell=mean_cell(trajectory),
        pbc=True,
    )
    atoms.wrap()
    density = ion_density(trajectory, kind, spacing, lattice)
    # ASE has NumPy write the numbers, which takes a file of the system only.
    with TemporaryFile("w+", encoding="utf-8") as file:
        write_cube(file, atoms, data=density, comment=f"density of {kind} in ions per Å^3")
        file.seek(0)
        return file.read()
