"""Writing trajectories for other programs, a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import aiida_superionic
from aiida_superionic.analysis.trajectory import Array, Trajectory, TrajectoryError, frame_batches
from aiida_superionic.units import KINETIC_ENERGY

_NUMBER = " %.17g"
"""A double that is written and read again is the same one."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """One frame: its MD step, cell vectors, and vectors of the atoms, those that are there."""

    step: int
    cell: Array
    positions: Array
    velocities: Array | None
    forces: Array | None


def write_lammps_text(path: Path, trajectory: Trajectory, kinds: Sequence[str], spacing: int) -> None:
    """Write a LAMMPS text dump that ``rerun`` reads.

    Parameters
    ----------
    path
        The file.
    trajectory
        What is written, positions unwrapped.
    kinds
        Species of the LAMMPS types 1, 2 ...
    spacing
        MD steps from frame to frame. The first frame is step 0.

    Raises
    ------
    TrajectoryError
        If a species is not among the kinds.
    """
    absent = sorted(set(trajectory.species) - set(kinds))
    if absent:
        raise TrajectoryError(f"{', '.join(absent)} is not among the kinds {', '.join(kinds)}")
    columns = "id type xu yu zu"
    columns += " vx vy vz" if trajectory.velocities is not None else ""
    columns += " fx fy fz" if trajectory.forces is not None else ""
    n_numbers = len(columns.split()) - 2
    atoms = "".join(
        f"{i} {kinds.index(kind) + 1}{_NUMBER * n_numbers}\n" for i, kind in enumerate(trajectory.species, start=1)
    )
    with path.open("w") as file:
        for frame in _frames(trajectory, spacing):
            file.write(f"ITEM: TIMESTEP\n{frame.step}\nITEM: NUMBER OF ATOMS\n{len(trajectory.species)}\n")
            file.write(_box(frame.cell))
            file.write(f"ITEM: ATOMS {columns}\n")
            file.write(atoms % tuple(_rows(frame.positions, frame.velocities, frame.forces)))


def write_extxyz(path: Path, trajectory: Trajectory, kinds: Sequence[str], spacing: int) -> None:
    """Write extended XYZ as ASE reads it: positions unwrapped; velocities as momenta, with the masses that make them.

    Parameters are those of :func:`write_lammps_text`; the species are written by name.
    """
    momenta, forces = trajectory.velocities is not None, trajectory.forces is not None
    properties = "species:S:1:pos:R:3" + ":masses:R:1:momenta:R:3" * momenta + ":forces:R:3" * forces
    n_numbers = 3 + 4 * momenta + 3 * forces
    atoms = "".join(f"{kind}{_NUMBER * n_numbers}\n" for kind in trajectory.species)
    masses = trajectory.masses[:, np.newaxis]
    with path.open("w") as file:
        for frame in _frames(trajectory, spacing):
            lattice = " ".join(f"{x:.17g}" for x in frame.cell.ravel())
            time = frame.step // spacing * trajectory.timestep
            file.write(f'{len(masses)}\nLattice="{lattice}" Properties={properties} pbc="T T T" step={frame.step}')
            file.write(f" time={time:.12g}\n")
            # ASE's unit of velocity is sqrt(eV/amu).
            product = None if frame.velocities is None else masses * frame.velocities * np.sqrt(KINETIC_ENERGY)
            file.write(atoms % tuple(_rows(frame.positions, masses if momenta else None, product, frame.forces)))


def write_h5md(path: Path, trajectory: Trajectory, kinds: Sequence[str], spacing: int) -> None:
    """Write H5MD, version 1.1, with h5py: units Å, Å/ps, eV/Å; the species by atomic number.

    Parameters are those of :func:`write_lammps_text`. Positions are unwrapped: their images are all zero.

    Raises
    ------
    TrajectoryError
        If h5py is not installed.
    """
    try:
        import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - optional
    except ImportError:
        raise TrajectoryError(f"{path} is an H5MD file, which needs h5py: pip install h5py") from None
    from ase.data import atomic_numbers  # noqa: PLC0415 - help needs no ASE

    units = {"position": "Angstrom", "velocity": "Angstrom ps-1", "force": "eV Angstrom-1", "image": None}
    n_frames, n_atoms = trajectory.n_frames, len(trajectory.species)
    with h5py.File(path, "w") as file:
        about = file.create_group("h5md")
        about.attrs["version"] = (1, 1)
        about.create_group("author").attrs["name"] = "unknown"
        creator = about.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = "aiida-superionic", aiida_superionic.__version__
        particles = file.create_group("particles/all")
        particles["species"] = [atomic_numbers[kind] for kind in trajectory.species]
        particles["mass"] = trajectory.masses
        particles["mass"].attrs["unit"] = "u"

        def element(name: str, shape: tuple[int, ...], unit: str | None, kind: str) -> None:
            group = particles.create_group(name)
            group["step"], group["time"] = spacing, trajectory.timestep
            group["time"].attrs["unit"] = "ps"
            value = group.create_dataset(
                "value", (n_frames, *shape), kind, compression="gzip" if unit is None else None
            )
            if unit is not None:
                value.attrs["unit"] = unit

        fields = {"position": trajectory.positions, "velocity": trajectory.velocities, "force": trajectory.forces}
        present = {name: field for name, field in fields.items() if field is not None}
        for name in (*present, "image"):
            element(name, (n_atoms, 3), units[name], "i1" if name == "image" else "f8")
        particles.create_group("box").attrs["dimension"] = 3
        particles["box"].attrs["boundary"] = ["periodic"] * 3
        if trajectory.cell.ndim == 2:
            particles["box/edges"] = trajectory.cell
            particles["box/edges"].attrs["unit"] = "Angstrom"
        else:
            element("box/edges", (3, 3), "Angstrom", "f8")
            particles["box/edges/value"][:] = trajectory.cell
        for part in frame_batches(n_frames, n_atoms):
            for name, field in present.items():
                particles[name]["value"][part] = field[part, :]


WRITERS: dict[str, Callable[[Path, Trajectory, Sequence[str], int], None]] = {
    "lammps-text": write_lammps_text,
    "extxyz": write_extxyz,
    "h5md": write_h5md,
}
"""What writes each format."""


def _frames(trajectory: Trajectory, spacing: int) -> Iterator[_Frame]:
    for part in frame_batches(trajectory.n_frames, len(trajectory.species)):
        cells = np.broadcast_to(trajectory.cell, (trajectory.n_frames, 3, 3))[part]
        positions = trajectory.positions[part, :]
        optional = [None if field is None else field[part, :] for field in (trajectory.velocities, trajectory.forces)]
        for i, cell in enumerate(cells):
            velocities, forces = (None if field is None else field[i] for field in optional)
            yield _Frame((part.start + i) * spacing, cell, positions[i], velocities, forces)


def _rows(*columns: Array | None) -> list[float]:
    """Return the numbers of all columns, atom by atom."""
    numbers: list[float] = np.hstack([column for column in columns if column is not None]).ravel().tolist()
    return numbers


def _box(cell: Array) -> str:
    """Return the lines of a dump that say the cell: the bounds of the box where LAMMPS has it in its own frame."""
    if np.any(np.triu(cell, 1)):
        rows = [" ".join(f"{x:.17g}" for x in (*vector, 0.0)) for vector in cell]
        return "\n".join(["ITEM: BOX BOUNDS abc origin pp pp pp", *rows]) + "\n"
    (lx, ly, lz), xy, xz, yz = np.diag(cell), cell[1, 0], cell[2, 0], cell[2, 1]
    if not np.any(np.tril(cell, -1)):
        bounds = [f"0 {length:.17g}" for length in (lx, ly, lz)]
        return "\n".join(["ITEM: BOX BOUNDS pp pp pp", *bounds]) + "\n"
    edges = (0.0, xy, xz, xy + xz)
    bounds = [
        f"{min(edges):.17g} {lx + max(edges):.17g} {xy:.17g}",
        f"{min(0.0, yz):.17g} {ly + max(0.0, yz):.17g} {xz:.17g}",
        f"0 {lz:.17g} {yz:.17g}",
    ]
    return "\n".join(["ITEM: BOX BOUNDS xy xz yz pp pp pp", *bounds]) + "\n"
