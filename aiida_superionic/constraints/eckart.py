"""Eckart frames: a body's reference geometry, turned and put where the body starts.

A body with masses m and reference positions a about its centre of mass does not rotate where the Eckart condition
Σ m a × r = 0 holds (C. Eckart, Phys. Rev. 47, 552 (1935)). The condition is linear in the positions r, so forces and
velocities that keep it are a constant projection of those that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from aiida_superionic.analysis.orientation import best_rotation
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.polyanions import BOND_TOLERANCE, Polyanions, find_polyanions
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Array, Trajectory, one_frame
from aiida_superionic.constraints.constraint import Constraint, ConstraintError

_VANISHING = 1e-6
"""A moment of inertia below this part of the largest is none: the body is a line or a point."""
_BROKEN = 1.25
"""A bond longer than this times the length up to which atoms count as bonded is broken; vibrations do not reach it."""


@dataclass(frozen=True, eq=False)
class EckartFrame:
    """One body and its reference geometry.

    Parameters
    ----------
    atoms
        Indices of its atoms, shape (n,).
    masses
        In amu, shape (n,).
    start
        Where its atoms start, whole across the boundaries, in Å, shape (n, 3).
    reference
        Reference positions a about the centre of mass, turned to the start, in Å, shape (n, 3).
    """

    atoms: NDArray[np.intp]
    masses: Array
    start: Array
    reference: Array

    @classmethod
    def aligned(cls, atoms: NDArray[np.intp], masses: Array, start: Array, geometry: Array) -> EckartFrame:
        """Return the frame whose reference is a geometry turned to the start by a mass-weighted Kabsch fit.

        The fit makes the Eckart residual of the start zero, so that the constraint begins where it is met.
        """
        rotation = best_rotation(geometry, start - masses @ start / masses.sum(), masses)
        return cls(atoms, masses, start, geometry @ rotation.T)

    @property
    def centre(self) -> Array:
        """The centre of mass at the start, in Å, shape (3,)."""
        return np.asarray(self.masses @ self.start / self.masses.sum())

    @cached_property
    def inertia(self) -> Array:
        """The moments of inertia J = Σ m (a² − a aᵀ) of the reference, in amu Å², shape (3, 3)."""
        squares = np.einsum("n,nx,ny->xy", self.masses, self.reference, self.reference)
        return np.asarray(np.trace(squares) * np.eye(3) - squares)

    @property
    def n_rotations(self) -> int:
        """Three; two where the atoms lie on a line, none where there is one atom."""
        moments = np.linalg.eigvalsh(self.inertia)
        return int(np.count_nonzero(moments > _VANISHING * moments[-1]))

    @property
    def rotation_weights(self) -> Array:
        """The matrices J⁻¹ [a]× that give the angular acceleration Σ J⁻¹ (a × f), shape (n, 3, 3), in 1/(amu Å)."""
        crosses = np.cross(self.reference[:, None, :], np.eye(3)[None])  # row y is a × e_y
        inverse = np.linalg.pinv(self.inertia, rcond=_VANISHING, hermitian=True)
        return np.asarray(np.einsum("xz,nyz->nxy", inverse, crosses))


def eckart_frames(
    atoms: Atoms, mobile: Sequence[str], constraint: Constraint, crystal: Atoms | None = None
) -> list[EckartFrame]:
    """Return the Eckart frame of every body that a constraint holds.

    The reference of a polyanion is the mean geometry of the polyanions of its formula over the orders of their equal
    atoms; the reference of a group chosen by hand is its own geometry at the start.

    Parameters
    ----------
    atoms
        The structure, periodic, in Å.
    mobile
        The species that diffuse, in no polyanion.
    constraint
        What is held.
    crystal
        The same atoms in their crystal, in which the polyanions are found: in a hot frame a bond may be stretched so
        far that it does not look like one. The structure itself if absent.

    Raises
    ------
    ConstraintError
        If the structure lacks what the constraint names, is not of the crystal's atoms, or has broken a bond of a
        polyanion; or if a body has no motion that it could hold.
    """
    crystal = atoms if crystal is None else crystal
    if crystal.get_chemical_symbols() != atoms.get_chemical_symbols():
        raise ConstraintError(
            f"the structure is {atoms.symbols} and the crystal {crystal.symbols}; both must list the same atoms"
        )
    if constraint.atoms:
        frames = [_chosen(atoms, group) for group in constraint.atoms]
    else:
        frames = _polyanions(atoms, mobile, constraint.rotors, crystal)
    for frame in frames:
        if constraint.mode == "RC" and frame.n_rotations == 0:
            raise ConstraintError(f"atom {frame.atoms[0]} alone has no rotation to hold; choose groups of atoms")
    return frames


def _chosen(atoms: Atoms, group: Sequence[int]) -> EckartFrame:
    if max(group) >= len(atoms):
        raise ConstraintError(f"atom {max(group)} is chosen in a structure of {len(atoms)}, counted from 0")
    indices = np.array(group, dtype=np.intp)
    masses = atoms.get_masses()[indices]
    first = atoms.positions[indices[0]]
    places = first + minimum_image(atoms.positions[indices] - first, np.asarray(atoms.cell))
    start = _images_near(places, atoms.positions[indices], np.asarray(atoms.cell))
    return EckartFrame(indices, masses, start, start - masses @ start / masses.sum())


def _images_near(places: Array, positions: Array, cell: Array) -> Array:
    """Return the images of positions that lie at the places; a position that does is returned to its last bit."""
    return np.asarray(positions + np.rint((places - positions) @ np.linalg.inv(cell)) @ cell)


def _polyanions(atoms: Atoms, mobile: Sequence[str], rotors: Sequence[str], crystal: Atoms) -> list[EckartFrame]:
    structure = one_frame(atoms, mobile)
    try:
        found = find_polyanions(one_frame(crystal, mobile))
    except NotConverged:
        raise ConstraintError("the structure holds no polyanions, so there is nothing to constrain") from None
    absent = sorted(set(rotors) - set(found))
    if absent:
        raise ConstraintError(f"no polyanion {', '.join(absent)} in the structure; it holds {', '.join(found)}")
    return [frame for formula in rotors or found for frame in _frames_of(found[formula], structure)]


def _check_whole(polyanions: Polyanions, structure: Trajectory) -> None:
    radii = np.array([covalent_radii[atomic_numbers[kind]] for kind in polyanions.species])
    longest = _BROKEN * BOND_TOLERANCE * (radii[:, None] + radii)
    positions = polyanions.positions(structure)[0]
    lengths = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
    broken = np.argwhere(polyanions.bonded & (lengths > longest))
    if len(broken):
        unit, i, j = broken[0]
        first, second = polyanions.atoms[unit, [i, j]]
        raise ConstraintError(
            f"{polyanions.formula} came apart: its atoms {first} and {second} are {lengths[unit, i, j]:.2f} Å from each"
            " other in the structure that the constraint starts from"
        )


def _frames_of(polyanions: Polyanions, structure: Trajectory) -> list[EckartFrame]:
    _check_whole(polyanions, structure)
    geometry = _over_symmetry(polyanions.reference(structure), polyanions)
    frames = []
    for indices, relative in zip(polyanions.atoms, polyanions.positions(structure)[0], strict=True):
        # The first atom stays where it is, so that the body is where the structure has it.
        positions = structure.positions[0, indices]
        start = _images_near(positions[0] + relative - relative[0], positions, structure.cell)
        frames.append(EckartFrame.aligned(indices, polyanions.masses, start, geometry))
    return frames


def _over_symmetry(geometry: Array, polyanions: Polyanions) -> Array:
    """Return the mean of a geometry over the rotations that bring it onto itself but for the names of equal atoms.

    Which of its equivalent orders each polyanion is listed in follows the distortion of the first one; the mean does
    not.
    """
    turned = geometry @ polyanions.symmetry(geometry).transpose(0, 2, 1)
    nearest = np.linalg.norm(geometry[:, None] - turned[:, None], axis=-1).argmin(axis=-1)
    return np.asarray(np.take_along_axis(turned, nearest[..., None], axis=1).mean(axis=0))
