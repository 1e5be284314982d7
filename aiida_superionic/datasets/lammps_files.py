"""Frames as LAMMPS reads them: a along x, b in the xy plane, and every number exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from aiida_superionic.datasets.frame import Frame

Array = NDArray[np.float64]


def turned(frame: Frame) -> tuple[Frame, Array]:
    """Return a frame without its labels in the axes of LAMMPS.

    Returns
    -------
    frame
        Its cell is lower triangular with a positive diagonal. A left-handed one is mirrored.
    turn
        Matrix of shape (3, 3) by which vectors of the frame as it was were multiplied from the right; its transpose
        takes them back.
    """
    turn, upper = np.linalg.qr(frame.cell.T)
    signs = np.sign(np.diag(upper))
    turn = turn * signs
    cell = np.tril((upper * signs[:, np.newaxis]).T)
    return replace(frame.unlabelled, positions=frame.positions @ turn, cell=cell), turn


def data_text(frame: Frame, species: Sequence[str], charges: Sequence[float] | None = None) -> str:
    """Return a turned frame as the text that ``read_data`` reads, always as a triclinic box.

    Parameters
    ----------
    frame
        In the axes of LAMMPS.
    species
        Chemical symbol of each type.
    charges
        Of each type in e, for ``atom_style charge``; None for ``atom_style atomic``.
    """
    (lx, ly, lz), xy, xz, yz = np.diag(frame.cell), frame.cell[1, 0], frame.cell[2, 0], frame.cell[2, 1]
    masses = "".join(f"{i} {atomic_masses[atomic_numbers[kind]]}\n" for i, kind in enumerate(species, start=1))
    columns = [str(i) if charges is None else f"{i} {charges[i - 1]!r}" for i in range(1, len(species) + 1)]
    of_kind = dict(zip(species, columns, strict=True))
    rows = zip(frame.species, frame.positions, strict=True)
    atoms = "".join(f"{i} {of_kind[kind]} {x:.17g} {y:.17g} {z:.17g}\n" for i, (kind, (x, y, z)) in enumerate(rows, 1))
    return (
        f"\n\n{len(frame.species)} atoms\n{len(species)} atom types\n"
        f"0 {lx:.17g} xlo xhi\n0 {ly:.17g} ylo yhi\n0 {lz:.17g} zlo zhi\n{xy:.17g} {xz:.17g} {yz:.17g} xy xz yz\n\n"
        f"Masses\n\n{masses}\nAtoms # {'atomic' if charges is None else 'charge'}\n\n{atoms}"
    )


def dump_text(frames: Mapping[int, Frame]) -> str:
    """Return turned frames, by their timesteps, as the text that ``read_dump`` reads with ``wrapped no``."""
    return "".join(_snapshot(step, frame) for step, frame in frames.items())


def _snapshot(step: int, frame: Frame) -> str:
    (lx, ly, lz), xy, xz, yz = np.diag(frame.cell), frame.cell[1, 0], frame.cell[2, 0], frame.cell[2, 1]
    # LAMMPS gives the box that encloses the tilted one.
    along_x = (0.0, xy, xz, xy + xz)
    bounds = (
        (min(along_x), lx + max(along_x), xy),
        (min(0.0, yz), ly + max(0.0, yz), xz),
        (0.0, lz, yz),
    )
    box = "".join(f"{low:.17g} {high:.17g} {tilt:.17g}\n" for low, high, tilt in bounds)
    atoms = "".join(f"{i} {x:.17g} {y:.17g} {z:.17g}\n" for i, (x, y, z) in enumerate(frame.positions, 1))
    return (
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(frame.species)}\n"
        f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{box}ITEM: ATOMS id xu yu zu\n{atoms}"
    )
