"""What an ion needs to pass from cell to cell, in a crystal at rest and in one that gives way."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, LatticeError
from aiida_superionic.lattice.crystal import Crystal
from aiida_superionic.lattice.interactions import PairInteraction
from aiida_superionic.lattice.model import corners

_NEWTON_STEPS = 60


def pair_derivatives(interaction: PairInteraction, distance: Array) -> tuple[Array, Array, Array, Array]:
    """Return a pair energy in eV and its three derivatives at distances in Å, shape (n,) each."""
    from aiida_superionic.lattice.pair_kernels import radial  # noqa: PLC0415 - imports Numba

    parameters = interaction.parameters
    return tuple(np.array([radial(abs(x), parameters) for x in distance]).T)


def static_barrier(
    crystal: Crystal,
    interaction: PairInteraction,
    extent: int,
    start: ArrayLike = (0.5, 0.5, 0.5),
    top: ArrayLike = (0.5, 0.5, 0.0),
) -> dict[str, float]:
    """Return the energy that an ion needs to come from one place to another, in eV.

    Parameters
    ----------
    crystal
        What gives way.
    interaction
        Between ion and atoms.
    extent
        Cells on each side of the ion whose atoms it acts on; 1 is the corners of its cell alone.
    start, top
        Both in cell vectors, within a cell or on its faces: from its centre through its face, unless said otherwise.

    Returns
    -------
    dict
        ``unrelaxed``: of the crystal at rest; ``relaxed``: where its atoms have given way, ``interaction`` and
        ``deformation`` the parts of that.
    """
    around = corners(crystal, extent)
    sites, recoil = around.sites(crystal), around.recoil(crystal)
    (rest_s, pair_s, strain_s), (rest_t, pair_t, strain_t) = (
        static_energies(sites, recoil, interaction, np.asarray(place, np.float64) @ crystal.lattice)
        for place in (start, top)
    )
    return {
        "unrelaxed": rest_t - rest_s,
        "relaxed": pair_t + strain_t - pair_s - strain_s,
        "interaction": pair_t - pair_s,
        "deformation": strain_t - strain_s,
    }


def static_energies(
    sites: Array, recoil: Array, interaction: PairInteraction, ion: Array
) -> tuple[float, float, float]:
    """Return the energy with atoms at rest, and with atoms that gave way that of the pairs and of the crystal.

    Displacements solve r = −W(0) ∂U/∂r by Newton's method; what they cost is ½ ∂U/∂r W(0) ∂U/∂r.

    Raises
    ------
    LatticeError
        If they find no end: the crystal gives way without limit.
    """
    moved = np.zeros(3 * len(sites))
    at_rest: float | None = None
    for _ in range(_NEWTON_STEPS):
        apart = sites + moved.reshape(-1, 3) - ion
        distances = np.linalg.norm(apart, axis=1)
        energies, first, second, _ = pair_derivatives(interaction, distances)
        if at_rest is None:
            at_rest = float(energies.sum())
        unit = apart / distances[:, None]
        slopes = (first[:, None] * unit).ravel()
        outer = unit[:, :, None] * unit[:, None, :]
        blocks = (first / distances)[:, None, None] * (np.eye(3) - outer) + second[:, None, None] * outer
        hessian = np.zeros((len(sites), 3, len(sites), 3))
        hessian[np.arange(len(sites)), :, np.arange(len(sites)), :] = blocks
        change = np.linalg.solve(
            np.eye(len(moved)) + recoil @ hessian.reshape(len(moved), -1), -(moved + recoil @ slopes)
        )
        if np.max(np.abs(change)) < 1e-12:
            return at_rest, float(energies.sum()), float(0.5 * slopes @ recoil @ slopes)
        moved = moved + change
    raise LatticeError("the atoms around the ion find no place where they rest")
