"""Crystals of several atoms a cell and no symmetry: sound, recoil and thermal motion against matrices in real space."""

import numpy as np
import pytest
from supercells import CUBIC, supercell_of, two_atom_crystal

from aiida_superionic.lattice import crystal as crystal_module
from aiida_superionic.lattice.full_motion import begin
from aiida_superionic.lattice.interactions import Yukawa
from aiida_superionic.lattice.model import Model, corners
from aiida_superionic.lattice.modes import modes_of, recoil_rates, static_recoil
from aiida_superionic.lattice.thermal_motion import ThermalMotion
from aiida_superionic.units import REDUCED_PLANCK

SHAPE = (3, 4, 5)
ODD = (5, 3, 3)
ENERGY = 0.02


@pytest.fixture(scope="module", params=[2, 3], ids=["two atoms", "three atoms"])
def crystal(request):
    return two_atom_crystal(atoms=request.param)


@pytest.fixture(scope="module", params=[SHAPE, ODD], ids=["some even", "odd"])
def modes(crystal, request):
    return modes_of(crystal, request.param)


class RealSpace:
    """Modes of all atoms of a periodic crystal, from the matrix of their force constants."""

    def __init__(self, crystal, shape):
        supercell = supercell_of(crystal, shape)
        size = 3 * len(supercell.positions)
        apart = (supercell.positions[:, None] - crystal.basis) @ np.linalg.inv(crystal.lattice)
        self.kinds = np.argmin(np.abs(apart - np.rint(apart)).sum(axis=-1), axis=1)
        self.cells = np.rint(apart[np.arange(len(self.kinds)), self.kinds]).astype(int)
        self.shape = np.array(shape)
        self.root = np.repeat(crystal.inertia[self.kinds], 3) ** -0.5
        matrix = supercell.force_constants.transpose(0, 2, 1, 3).reshape(size, size)
        squares, self.vectors = np.linalg.eigh(self.root[:, None] * matrix * self.root)
        assert squares[2] < 1e-9 * squares[-1] < squares[3]
        self.frequencies = np.sqrt(np.where(np.arange(size) < 3, 0.0, squares))

    def summed(self, spectrum, displacement):
        """Return Σ m^(−1/2) e eᵀ m^(−1/2) times a spectrum of the moving modes, between the atoms of two cells."""
        values = np.concatenate([np.zeros(3), spectrum(self.frequencies[3:])])
        whole = self.root[:, None] * (self.vectors * values) @ self.vectors.T * self.root
        atoms = int(self.kinds.max()) + 1
        rows = [self._number((0, 0, 0), kind) for kind in range(atoms)]
        columns = [self._number(displacement, kind) for kind in range(atoms)]
        picked = whole.reshape(len(self.kinds), 3, -1, 3)[rows][:, :, columns]
        return picked.reshape(3 * atoms, 3 * atoms)

    def _number(self, cell, kind):
        same = np.all((self.cells - np.array(cell)) % self.shape == 0, axis=1) & (self.kinds == kind)
        (number,) = np.flatnonzero(same)
        return number


def occupied(frequencies):
    return 0.5 * REDUCED_PLANCK / frequencies / np.tanh(0.5 * REDUCED_PLANCK * frequencies / ENERGY)


def test_sound_is_the_slope_of_the_dispersion(crystal):
    directions = np.random.default_rng(2).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    slopes = []
    for wave_number in (2e-3, 4e-3):
        momenta = wave_number * directions @ crystal.lattice.T / (2.0 * np.pi)
        slopes.append((crystal.frequencies(momenta)[:, :3] / wave_number) ** 2)
    # What is next falls with the square of the wave number.
    expected = np.sqrt((4.0 * slopes[0] - slopes[1]) / 3.0)
    assert np.allclose(crystal.speeds_of_sound(directions), expected, rtol=1e-6, atol=0)


def test_the_loss_matrix_has_converged(crystal, monkeypatch):
    loss = crystal.loss_matrix()
    monkeypatch.setattr(crystal_module, "_ANGLES", 96)
    assert np.allclose(loss, crystal.loss_matrix(), rtol=1e-9, atol=1e-9 * loss.max())
    assert np.allclose(loss, loss.T)
    assert np.linalg.eigvalsh(loss).min() > 0.0


@pytest.mark.parametrize("displacement", [(0, 0, 0), (1, 0, 0), (-1, 2, 1)])
def test_sums_over_modes_are_those_of_the_matrix_in_real_space(modes, displacement):
    real = RealSpace(modes.crystal, modes.shape)
    time = 0.037
    for ours, spectrum in (
        (modes.recoil([0.0, time], displacement)[0], lambda w: w**-2),
        (modes.recoil([0.0, time], displacement)[1], lambda w: np.cos(w * time) * w**-2),
        (modes.covariance(time, ENERGY, displacement)[0], lambda w: np.cos(w * time) * occupied(w)),
        (modes.velocity_covariance(time, ENERGY, displacement)[0], lambda w: np.cos(w * time) * occupied(w) * w**2),
    ):
        expected = real.summed(spectrum, displacement)
        assert np.allclose(ours, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_modes_are_as_many_as_atoms_can_have_and_orthogonal(modes):
    atoms = len(modes.crystal.masses)
    assert modes.n_modes == 3 * atoms * modes.n_cells - 3
    closed = modes.patterns @ np.conj(np.swapaxes(modes.patterns, 1, 2))
    assert np.allclose(
        closed, np.diag(np.repeat(1.0 / modes.crystal.inertia, 3)), rtol=1e-10, atol=1e-10 * closed.real.max()
    )


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 2, 3)])
def test_a_boundary_that_turns_the_sign_has_no_momentum_zero(crystal, shape):
    """Every momentum once, beside those that are kept with a weight."""
    modes = modes_of(crystal, shape, twist=0.5)
    assert modes.n_modes == 3 * len(crystal.masses) * modes.n_cells
    grid = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij"), axis=-1).reshape(-1, 3) / shape
    phases = np.exp(-2j * np.pi * grid @ (1, 0, -1))
    scale = np.repeat(crystal.inertia, 3) ** -0.5
    inverses = scale[:, None] * np.linalg.inv(crystal.dynamical_matrices(grid)) * scale
    expected = np.tensordot(phases, inverses, axes=1) / modes.n_cells
    assert np.abs(expected.imag).max() < 1e-12 * np.abs(expected).max()
    assert np.allclose(modes.recoil(0.0, (1, 0, -1))[0], expected.real, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_an_endless_crystal_gives_way_as_its_force_constants_say(crystal):
    """Force constants times W(0) are the unit matrix, up to a shift of all over the cells that are summed."""
    reach, cells = 3, 12
    table = static_recoil(crystal, reach, cells)
    atoms = len(crystal.masses)
    blocks = crystal.force_constants.reshape(len(crystal.cells), 3 * atoms, 3 * atoms)
    for target in ((0, 0, 0), (1, 0, -1), (0, 2, 1)):
        total = sum(
            block @ table[tuple(np.array(target) - cell + reach)]
            for cell, block in zip(crystal.cells, blocks, strict=True)
        )
        expected = np.eye(3 * atoms) * (target == (0, 0, 0))
        assert np.abs(total - expected).max() < 1.0 / cells**3


def test_rates_of_recoil_are_its_slope_and_that_of_the_crystal_as_a_whole(crystal):
    modes = modes_of(crystal, (5, 5, 5))
    time, step = 0.05, 1e-5
    rates = recoil_rates(crystal, np.array([time]), 1, 5)[0]
    whole = np.tile(np.eye(3), (len(crystal.masses),) * 2) * time / (crystal.inertia.sum() * modes.n_cells)
    for displacement in ((0, 0, 0), (1, -1, 0), (-1, 1, 1)):
        after, before = modes.recoil([time + step, time - step], displacement)
        expected = (after - before) / (2.0 * step) - whole
        assert np.allclose(rates[tuple(np.array(displacement) + 1)], expected, rtol=0, atol=1e-6 * np.abs(rates).max())


def test_recoil_between_cells_is_symmetric(crystal):
    table = static_recoil(crystal, 1, 8)
    assert np.allclose(table, np.swapaxes(table[::-1, ::-1, ::-1], -1, -2), rtol=0, atol=1e-12 * table.max())


@pytest.mark.parametrize("statistics", ["quantum", "classical"])
def test_samples_are_the_direct_sum(modes, statistics):
    thermal = ThermalMotion(modes, ENERGY, 3, statistics)
    times = np.arange(4, 9) * 0.013
    n1, n2, n3 = modes.shape
    atoms = np.array(
        [(i, j, k, a) for i in (0, 1, n1 - 1) for j in (0, n2 - 1) for k in (0, 2, n3 - 1) for a in (0, 1)]
    )
    places, speeds = thermal.direct(times, atoms)
    fields = thermal.samples(4, 5, 0.013)
    for c in range(3):
        found = fields[:, 3 * atoms[:, 3] + c, atoms[:, 0], atoms[:, 1], atoms[:, 2]]
        assert np.abs(found - places[:, :, c]).max() < 1e-12
        rates = thermal.velocities(times[2])[3 * atoms[:, 3] + c, atoms[:, 0], atoms[:, 1], atoms[:, 2]]
        assert np.abs(rates - speeds[2, :, c]).max() < 1e-10


def test_thermal_motion_has_the_covariance_of_the_modes(modes):
    """Over cells and seeds; a mean over n seeds of products spreads by less than √2 of the variances over √n."""
    seeds, time = 400, 0.03
    atoms = len(modes.crystal.masses)
    displacement = (1, -1, 0)
    later, near = np.zeros((2, seeds, 3 * atoms, 3 * atoms))
    for seed in range(seeds):
        thermal = ThermalMotion(modes, ENERGY, seed)
        start, end = thermal.displacements(0.0), thermal.displacements(time)
        moved = np.roll(start, tuple(-d for d in displacement), axis=(1, 2, 3)).reshape(3 * atoms, -1)
        later[seed] = end.reshape(3 * atoms, -1) @ start.reshape(3 * atoms, -1).T / modes.n_cells
        near[seed] = start.reshape(3 * atoms, -1) @ moved.T / modes.n_cells
    for found, expected in (
        (later, modes.covariance(time, ENERGY)[0]),
        (near, modes.covariance(0.0, ENERGY, displacement)[0]),
    ):
        error = found.std(axis=0, ddof=1) / np.sqrt(seeds)
        assert np.abs((found.mean(axis=0) - expected) / error).max() < 5.0


def test_the_full_equations_carry_thermal_motion_on(modes):
    """Without an ion the crystal's own equations of motion are those of its modes."""
    model = Model(modes.crystal, Yukawa(1.0, 0.5), 7.0, corners(modes.crystal))
    thermal = ThermalMotion(modes, ENERGY, 1)
    state = begin(model, modes.shape, np.empty((0, 3)), np.empty((0, 3)), thermal)
    timestep, steps = 0.002, 50
    watched = np.array([(0, 0, 0, 0), (1, 2, 2, 1)])
    recorded = np.empty((1, 2, 2, 3))
    none = np.empty((1, 0, 3))
    assert state.advance(timestep, steps, steps, none, none.copy(), watched, recorded) == -1
    places, speeds = thermal.direct(timestep * steps, watched)
    size = np.sqrt(modes.covariance(0.0, ENERGY)[0].max())
    assert np.abs(recorded[0, :, 0] - places[0]).max() < 1e-5 * size
    assert np.abs(recorded[0, :, 1] - speeds[0]).max() < 1e-5 * size * modes.highest


def test_an_ion_acts_on_atoms_within_cells_of_its_own_whatever_their_place_in_theirs(crystal):
    for extent in (1, 2):
        around = corners(crystal, extent)
        places = around.atoms[:, :3] + (crystal.basis @ np.linalg.inv(crystal.lattice))[around.atoms[:, 3]]
        assert np.abs(places - 0.5).max() <= extent + 1e-5
        everywhere = np.array([(i, j, k) for i in range(-5, 6) for j in range(-5, 6) for k in range(-5, 6)])
        apart = everywhere[:, None] + crystal.basis @ np.linalg.inv(crystal.lattice) - 0.5
        assert len(around.atoms) == np.count_nonzero(np.all(np.abs(apart) <= extent, axis=-1))


def test_the_corners_of_a_cell_of_one_atom_are_eight():
    assert corners(CUBIC).atoms.tolist() == [[i, j, k, 0] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    assert len(corners(CUBIC, 2).atoms) == 64
