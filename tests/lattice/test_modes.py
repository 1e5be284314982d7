"""Sums over modes: recoil and thermal covariance, beside the crystal written out atom by atom."""

import numpy as np
import pytest

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.modes import modes_of, static_recoil
from aiida_superionic.units import REDUCED_PLANCK

SHAPE = (4, 3, 5)


def written_out(crystal, shape):
    """Return the mass-weighted matrix of a periodic crystal, shape (3AN, 3AN), cells in C order."""
    size, n = 3 * len(crystal.masses), int(np.prod(shape))
    matrix = np.zeros((n, size, n, size))
    blocks = crystal.force_constants.reshape(-1, size, size)
    for cell in np.ndindex(shape):
        here = np.ravel_multi_index(cell, shape)
        for displacement, block in zip(crystal.cells, blocks, strict=True):
            there = np.ravel_multi_index(tuple((np.array(cell) + displacement) % shape), shape)
            matrix[here, :, there] += block
    scale = np.tile(np.repeat(crystal.inertia, 3) ** -0.5, n)
    return scale[:, None] * matrix.reshape(n * size, n * size) * scale, scale


@pytest.mark.parametrize("name", ["cubic", "skewed"])
def test_sums_over_modes_are_functions_of_the_matrix_of_all_atoms(name, request):
    crystal = request.getfixturevalue(name)
    matrix, scale = written_out(crystal, SHAPE)
    squares, vectors = np.linalg.eigh(matrix)
    vibrating = squares > 1e-6 * squares.max()
    assert np.count_nonzero(~vibrating) == 3
    omega, vectors = np.sqrt(squares[vibrating]), scale[:, None] * vectors[:, vibrating]
    modes = modes_of(crystal, SHAPE)
    assert modes.n_modes == len(omega)
    size = 3 * len(crystal.masses)
    energy, time, displacement = 0.03, 0.07, (1, 2, -1)
    there = np.ravel_multi_index(tuple(np.array(displacement) % SHAPE), SHAPE) * size
    spectra = {
        "recoil": (1.0 / omega**2, modes.recoil([time], displacement)),
        "covariance": (
            0.5 * REDUCED_PLANCK / omega / np.tanh(0.5 * REDUCED_PLANCK * omega / energy),
            modes.covariance([time], energy, displacement),
        ),
        "velocities": (
            0.5 * REDUCED_PLANCK * omega / np.tanh(0.5 * REDUCED_PLANCK * omega / energy),
            modes.velocity_covariance([time], energy, displacement),
        ),
    }
    diagonal = modes.recoil([time])[:, :3, :3].trace(axis1=1, axis2=2) / 3.0
    np.testing.assert_allclose(modes.diagonal_recoil([time]), diagonal, rtol=1e-9)
    for spectrum, found in spectra.values():
        expected = (vectors[:size] * spectrum * np.cos(omega * time)) @ vectors[there : there + size].T
        np.testing.assert_allclose(found[0], expected, atol=1e-9 * np.abs(vectors[:size] ** 2 @ spectrum).max())


def test_the_static_recoil_of_an_endless_crystal_needs_no_large_one(cubic, skewed):
    """Two ways to the same limit: periodic crystals of growing size, and boundaries that turn the sign."""
    for crystal in (cubic, skewed):
        found = static_recoil(crystal, 1)[1, 1, 1]
        small, large = (modes_of(crystal, (n, n, n), twist=0.5).recoil([0.0])[0] for n in (16, 32))
        np.testing.assert_allclose(found, 2.0 * large - small, atol=2e-4 * np.abs(found).max())


def test_pushing_an_atom_moves_its_neighbours_as_newtons_third_law_wants(skewed):
    """W(d) between cells is the transpose of W(−d), and a force on all atoms of a far cell is felt by both alike."""
    table = static_recoil(skewed, 2)
    np.testing.assert_allclose(table, np.swapaxes(table[::-1, ::-1, ::-1], 3, 4), atol=1e-10 * np.abs(table).max())


def test_the_recoil_kernel_holds_the_loss_matrix(cubic):
    """Fluctuation and dissipation: ∫ W(t) dt over all times is 2 L (equation 15).

    A Gaussian window averages over frequencies up to 1/0.28 ps, a quarter of the lowest band's upper end of 14 rad/ps:
    the square of that is what may be missed.
    """
    times = np.linspace(0.0, 1.2, 241)
    small, large = (modes_of(cubic, (n, n, n), twist=0.5).diagonal_recoil(times) for n in (24, 48))
    kernel = (2.0 * large - small) * np.exp(-((times / 0.4) ** 2))
    step = times[1]
    integral = 2.0 * step * (kernel.sum() - 0.5 * (kernel[0] + kernel[-1]))
    assert integral == pytest.approx(2.0 * cubic.loss_matrix()[0, 0], rel=0.0625)


def test_at_high_temperature_the_covariance_is_that_of_boltzmann(cubic):
    modes = modes_of(cubic, (6, 6, 6))
    classical = 10.0 * modes.recoil([0.0])[0]
    np.testing.assert_allclose(modes.covariance([0.0], 10.0)[0], classical, rtol=1e-4, atol=1e-6 * classical[0, 0])


def test_a_crystal_of_one_cell_is_refused(cubic):
    with pytest.raises(LatticeError, match="too small"):
        modes_of(cubic, (1, 4, 4))
