"""Ideal gas, lattices and equivalent cells."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from aiida_superionic.analysis.observables.radial_distribution import first_minimum, radial_distribution
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

SHEARED = np.array([[9.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 8.0]])


def gas(rng, n_frames, species, cell):
    cells = np.broadcast_to(cell, (n_frames, 3, 3))
    positions = rng.random((n_frames, len(species), 3)) @ cells
    return Trajectory(species, positions, cell, 0.01, np.ones(len(species)), mobile=("Ag",))


@pytest.mark.parametrize("cell", [np.eye(3) * 10.0, SHEARED], ids=["cubic", "sheared"])
def test_ideal_gas_is_1_for_few_atoms_too(rng, cell):
    """Four like atoms with N² in place of N(N − 1) would give 0.75."""
    result = radial_distribution(gas(rng, 2000, ("Ag",) * 4 + ("I",) * 3, cell), bin_width=0.25)
    volume = np.linalg.det(cell)
    for name, n_pairs in (("Ag_Ag", 6), ("Ag_I", 12), ("I_I", 3)):
        curve = result.curves[f"radial_distribution_{name}"]
        counts = 2000 * n_pairs * 4.0 * np.pi * curve.x**2 * 0.25 / volume
        part = counts > 20
        assert part.sum() > 5
        # Poisson counts, of which each bin holds 1/sqrt(n) noise.
        assert np.all(np.abs(curve.y[part] - 1.0) < 5.0 / np.sqrt(counts[part]))


def test_ideal_gas_of_fluctuating_volume_is_1(rng):
    """V and the number in a shell vary against one another; the mean volume times the mean count gives more than 1."""
    cells = np.eye(3) * rng.choice([8.0, 14.0], size=3000)[:, None, None]
    trajectory = gas(rng, 3000, ("Ag",) * 4 + ("I",) * 4, cells)
    curve = radial_distribution(trajectory, bin_width=0.5, max_frames=3000).curves["radial_distribution_Ag_I"]
    counts = 3000 * 16 * 4.0 * np.pi * curve.x**2 * 0.5 * 0.5 / 8.0**3
    assert np.all(np.abs(curve.y[2:] - 1.0) < 5.0 * 2.0 / np.sqrt(counts[2:]))


def test_an_equivalent_sheared_cell_gives_the_same(rng):
    trajectory = gas(rng, 20, ("Ag",) * 6 + ("I",) * 6, np.eye(3) * 10.0)
    equivalent = np.array([[10.0, 0.0, 0.0], [10.0, 10.0, 0.0], [0.0, -10.0, 10.0]])
    sheared = replace(trajectory, cell=equivalent)
    options = {"r_max": 2.8, "bin_width": 0.1}
    one, other = (radial_distribution(t, **options).curves for t in (trajectory, sheared))
    for name, curve in one.items():
        assert curve.y.sum() > 0
        np.testing.assert_allclose(other[name].y, curve.y, rtol=1e-12)


def test_centres_are_counted_with_the_ions_that_own_them():
    """Within 1 Å an iodide has its own four centres and silver its five, and none of the other's."""
    atoms = read(Path(__file__).parents[2] / "fixtures" / "cp2k" / "agi32_dzvp_loc.wannier.xyz", format="xyz")
    positions = np.repeat(atoms.positions[None], 10, axis=0)
    trajectory = Trajectory(
        tuple(atoms.get_chemical_symbols()), positions, np.eye(3) * 10.171, 1.0, np.ones(len(atoms)), mobile=("Ag",)
    )
    curves = radial_distribution(trajectory, bin_width=0.1, r_max=5.0).curves
    ions = {"radial_distribution_Ag_Ag", "radial_distribution_Ag_I", "radial_distribution_I_I"}
    pairs = {"Ag_Ag": (5, 5 * 16), "Ag_I": (0, 4 * 16), "I_Ag": (0, 5 * 16), "I_I": (4, 4 * 16)}
    assert set(curves) == ions | {f"radial_distribution_centres_{pair}" for pair in pairs}
    for pair, (own, n_centres) in pairs.items():
        curve = curves[f"radial_distribution_centres_{pair}"]
        shells = 4.0 / 3.0 * np.pi * ((curve.x + 0.05) ** 3 - (curve.x - 0.05) ** 3)
        running = np.cumsum(curve.y * shells) * n_centres / 10.171**3
        assert running[curve.x < 1.0][-1] == pytest.approx(own, abs=1e-9)
        assert running[-1] > own + 1.0
    bare = replace(trajectory, species=tuple(np.where(np.array(trajectory.species) == "X", "Xe", trajectory.species)))
    without = radial_distribution(bare, bin_width=0.1, r_max=5.0).curves
    for name in ions:
        np.testing.assert_array_equal(curves[name].y, without[name].y)


def test_simple_cubic_shells_hold_6_12_and_8():
    grid = np.array(list(product(range(5), repeat=3)), dtype=float) * 2.0
    trajectory = Trajectory(("I",) * 125, np.repeat(grid[None], 5, axis=0), np.eye(3) * 10.0, 1.0, np.ones(125))
    curve = radial_distribution(trajectory, r_max=4.0, bin_width=0.1).curves["radial_distribution_I_I"]
    edges = np.append(curve.x - 0.05, curve.x[-1] + 0.05)
    neighbours = curve.y * 124 / 1000.0 * 4.0 / 3.0 * np.pi * np.diff(edges**3)
    for shell, count in ((2.0, 6), (2.0 * np.sqrt(2.0), 12), (2.0 * np.sqrt(3.0), 8)):
        assert neighbours[np.abs(curve.x - shell) < 0.11].sum() == pytest.approx(count)


def test_bins_are_named_by_their_midpoints():
    """A pair at 2.04 Å lies in the bin from 2.0 to 2.1 Å."""
    positions = np.zeros((5, 2, 3))
    positions[:, 1, 0] = 9.96 + 2.0 - 10.0 + 0.08
    trajectory = Trajectory(("Ag", "I"), positions, np.eye(3) * 10.0, 1.0, np.ones(2))
    curve = radial_distribution(trajectory, bin_width=0.1).curves["radial_distribution_Ag_I"]
    assert curve.x[np.argmax(curve.y)] == pytest.approx(2.05)
    assert curve.x[0] == pytest.approx(0.05)
    assert len(curve.x) == 50


def test_first_minimum_of_a_known_curve(rng):
    """A peak at 2.7 Å, a valley at 3.6 Å and noise that makes false minima in between."""
    r = np.arange(0.025, 7.0, 0.05)
    g = 4.0 * np.exp(-((r - 2.7) ** 2) / 0.1) + 0.5 + 0.25 * (r - 3.6) ** 2 / (1.0 + 0.2 * (r - 3.6) ** 2)
    g[r < 2.0] = 0.0
    fine = np.arange(3.0, 4.5, 1e-4)
    smooth = 4.0 * np.exp(-((fine - 2.7) ** 2) / 0.1) + 0.25 * (fine - 3.6) ** 2 / (1.0 + 0.2 * (fine - 3.6) ** 2)
    exact = fine[np.argmin(smooth)]
    # The flank of the peak is steep; smoothing by 0.1 Å alone would move the minimum by 0.02 Å.
    assert first_minimum(r, g) == pytest.approx(exact, abs=0.01)
    assert first_minimum(r, g + 0.01 * rng.normal(size=len(r))) == pytest.approx(3.63, abs=0.2)
    assert np.isnan(first_minimum(r, np.where(r < 3.0, 0.0, 1.0)))


def test_the_first_minimum_of_an_empty_valley_is_its_middle():
    r = np.arange(0.025, 7.0, 0.05)
    g = np.where(np.abs(r - 2.0) < 0.4, 5.0, 0.0) + np.where(r > 5.0, 1.0, 0.0)
    # Between the smoothed edges at 2.4 and 5.0 Å.
    assert first_minimum(r, g) == pytest.approx(3.7, abs=0.1)


def test_distances_beyond_the_cell_and_too_few_frames_are_refused(rng):
    trajectory = gas(rng, 20, ("Ag", "I"), np.eye(3) * 10.0)
    with pytest.raises(ParameterError, match=r"up to 5\.0000 Å"):
        radial_distribution(trajectory, r_max=5.5)
    with pytest.raises(ParameterError, match="must be positive"):
        radial_distribution(trajectory, bin_width=0.0)
    with pytest.raises(NotConverged, match="3 frames cannot be cut into"):
        radial_distribution(trajectory, max_frames=3)
