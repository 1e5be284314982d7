"""Brownian walkers, moving lattices, ideal gases, ballistic flight."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aiida_superionic.analysis.observables.radial_distribution import pair_distribution
from aiida_superionic.analysis.observables.van_hove import lags_of, van_hove
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

EVERY = 10**6


def edges_of(surface):
    width = surface.x[1] - surface.x[0]
    return np.append(surface.x - 0.5 * width, surface.x[-1] + 0.5 * width)


def test_lags_are_in_order_and_none_twice():
    np.testing.assert_array_equal(lags_of((8.0, 1.0, 3.9), 0.5), [0, 2, 8, 16])
    np.testing.assert_array_equal(lags_of((2.0, 1.9, 0.4), 0.5), [0, 1, 4])


def test_self_part_of_brownian_walkers_is_gaussian(brownian):
    diffusion, timestep, n_frames, n_atoms = 0.35, 0.05, 4000, 40
    trajectory = brownian(n_frames, n_atoms, diffusion, timestep, seed=5)
    options = {"times": (3.2, 1.6, 0.8, 0.4, 0.2), "r_max": 9.0, "bin_width": 0.2, "max_origins": EVERY}
    surface = van_hove(trajectory, **options).surfaces["van_hove_self_Ag"]
    np.testing.assert_allclose(surface.y, [0.2, 0.4, 0.8, 1.6, 3.2])
    edges = edges_of(surface)
    for k, time in enumerate(surface.y):
        exact = np.diff(stats.maxwell.cdf(edges, scale=np.sqrt(2.0 * diffusion * time)))
        # Windows that do not overlap are independent; those between them add a little.
        n_independent = n_atoms * n_frames * timestep / time
        tolerance = 5.0 * np.sqrt(exact * (1.0 - exact) / n_independent) + 10.0 / n_independent
        np.testing.assert_array_less(np.abs(surface.z[:, k] * 0.2 - exact), tolerance)
    assert (surface.x_unit, surface.y_unit, surface.z_unit) == ("Å", "ps", "1/Å")


def test_distinct_part_of_a_brownian_lattice_is_its_g_of_r_convolved_with_a_gaussian():
    """A simple cubic lattice that walks as a whole before one heavy ion, which holds the frame."""
    rng = np.random.default_rng(11)
    diffusion, timestep, n_frames, spacing = 0.5, 0.04, 20_000, 3.0
    walk = np.cumsum(rng.normal(scale=np.sqrt(2.0 * diffusion * timestep), size=(n_frames, 1, 3)), axis=0)
    sites = np.array(list(product(range(4), repeat=3)), dtype=float) * spacing
    positions = np.concatenate((sites + walk, np.zeros((n_frames, 1, 3))), axis=1)
    masses = np.array([1.0] * 64 + [1e12])
    trajectory = Trajectory(("Ag",) * 64 + ("I",), positions, np.eye(3) * 12.0, timestep, masses, mobile=("Ag",))
    options = {"times": (0.16, 0.08, 0.04), "r_max": 5.8, "bin_width": 0.2, "max_origins": EVERY}
    surface = van_hove(trajectory, **options).surfaces["van_hove_distinct_Ag_Ag"]
    np.testing.assert_allclose(surface.y, [0.0, 0.04, 0.08, 0.16])
    edges = edges_of(surface)
    ideal = 4.0 / 3.0 * np.pi * np.diff(edges**3) * 63 / 12.0**3
    squares = np.array([np.sum(np.square(v)) for v in product(range(-5, 6), repeat=3)])
    shells, multiplicities = np.unique(squares[(squares > 0) & (squares < 16)], return_counts=True)
    for k, time in enumerate(surface.y[1:], start=1):
        variance = 2.0 * diffusion * time
        exact, tolerance = np.zeros(len(ideal)), np.zeros(len(ideal))
        for square, multiplicity in zip(shells, multiplicities, strict=True):
            # |R + Gaussian|² / variance is a non-central chi-square of three degrees of freedom.
            bins = np.diff(stats.ncx2.cdf(edges**2 / variance, 3, square * spacing**2 / variance))
            exact += multiplicity * bins
            # All members of a shell may fall into a bin together; windows that do not overlap are independent.
            tolerance += multiplicity * 5.0 * np.sqrt(bins * (1.0 - bins) * time / (n_frames * timestep))
        found = surface.z[:, k] * ideal
        np.testing.assert_array_less(np.abs(found - exact), tolerance + 26.0 * 10.0 * time / (n_frames * timestep))
        peak = np.argmax(exact / ideal)
        assert tolerance[peak] < 0.35 * exact[peak]
    still = np.array([surface.z[:, 0] @ (ideal * (np.abs(surface.x - 3.0 * np.sqrt(s)) < 0.15)) for s in (1, 2, 3)])
    np.testing.assert_allclose(still, [6.0, 12.0, 8.0])


def test_ideal_gas_is_1_at_every_time(rng):
    """Like species with N² in place of N(N − 1), or with an ion counted as its own partner, would differ."""
    cell = np.array([[9.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 8.0]])
    positions = rng.random((4000, 7, 3)) @ cell
    masses = np.array([1e-9] * 6 + [1.0])
    species = ("Ag",) * 3 + ("Na",) * 3 + ("I",)
    trajectory = Trajectory(species, positions, cell, 0.1, masses, mobile=("Ag", "Na"))
    surfaces = van_hove(trajectory, times=(0.4, 0.2), bin_width=0.5, max_origins=EVERY).surfaces
    n_origins = 4000 - 4
    for name, n_pairs in (("Ag_Ag", 6), ("Ag_Na", 9), ("Na_Na", 6), ("Ag_I", 3)):
        surface = surfaces[f"van_hove_distinct_{name}"]
        shells = 4.0 / 3.0 * np.pi * np.diff(edges_of(surface) ** 3)
        counts = n_origins * n_pairs * shells / np.linalg.det(cell)
        part = counts > 50
        # Like pairs at time 0 count twice what is found once.
        assert np.all(np.abs(surface.z[part] - 1.0) < 5.0 * np.sqrt(2.0 / counts[part])[:, None])
    assert "van_hove_distinct_I_I" not in surfaces


@given(
    seed=st.integers(0, 2**32 - 1),
    shear=st.floats(-3.0, 3.0),
    breathing=st.sampled_from([0.0, 0.02]),
    stride=st.sampled_from([EVERY, 7]),
)
@settings(max_examples=15, deadline=None)
def test_distinct_part_at_time_0_is_g_of_r_and_lattice_translations_change_nothing(seed, shear, breathing, stride):
    rng = np.random.default_rng(seed)
    cell = np.array([[10.0, 0.0, 0.0], [shear, 9.0, 0.0], [0.5, -shear, 11.0]])
    if breathing:
        cell = cell * (1.0 + breathing * rng.random((40, 1, 1)))
    cells = np.broadcast_to(cell, (40, 3, 3))
    fractional = rng.random((1, 12, 3)) + 0.05 * rng.normal(size=(40, 12, 3))
    species = ("Ag",) * 6 + ("I",) * 6
    trajectory = Trajectory(species, fractional @ cells, cell, 0.1, np.ones(12), mobile=("Ag",))
    options = {"times": (0.5, 0.25), "r_max": 3.0, "bin_width": 0.25, "max_origins": stride}
    surfaces = van_hove(trajectory, **options).surfaces
    origins = trajectory.frames(0, 35).every(1 if stride == EVERY else 5)
    for first, second in (("Ag", "Ag"), ("Ag", "I"), ("I", "I")):
        r, g = pair_distribution(origins, first, second, r_max=3.0, bin_width=0.25, max_frames=EVERY)
        surface = surfaces[f"van_hove_distinct_{first}_{second}"]
        np.testing.assert_array_equal(surface.x, r)
        np.testing.assert_allclose(surface.z[:, 0], g.value["g"], rtol=1e-12)
    moved = (fractional + rng.integers(-5, 5, size=(1, 12, 3))) @ cells
    for name, surface in van_hove(replace(trajectory, positions=moved), **options).surfaces.items():
        if "distinct" in name:
            np.testing.assert_allclose(surface.z, surfaces[name].z, rtol=1e-9)


def test_a_crystal_that_only_breathes_looks_the_same_at_every_time(rng):
    """Fractional coordinates stay; ions that are many cells away from home would betray a cell of the wrong time."""
    cells = np.eye(3) * rng.uniform(9.0, 11.0, size=60)[:, None, None]
    fractional = rng.random((1, 20, 3)) + rng.integers(-8, 8, size=(1, 20, 3))
    species = ("Ag",) * 10 + ("I",) * 10
    trajectory = Trajectory(species, fractional @ cells, cells, 0.1, np.ones(20), mobile=("Ag",))
    surface = van_hove(trajectory, times=(0.1, 0.3, 0.8), bin_width=0.25).surfaces["van_hove_distinct_Ag_Ag"]
    assert surface.z[:, 0].sum() > 1.0
    for k in range(1, len(surface.y)):
        np.testing.assert_allclose(surface.z[:, k], surface.z[:, 0], rtol=1e-9)


def test_flight_at_constant_velocity_arrives_at_its_time(rng):
    """A lag that is one frame off would be another bin; the drift of everything together would be 1 Å/ps more."""
    times = 0.1 * np.arange(121)
    directions = rng.normal(size=(30, 3))
    velocities = np.concatenate((2.03 * directions / np.linalg.norm(directions, axis=1)[:, None], np.zeros((1, 3))))
    positions = times[:, None, None] * (velocities + np.array([1.0, 0.0, 0.0]))
    masses = np.array([1e-12] * 30 + [1.0])
    trajectory = Trajectory(("Ag",) * 30 + ("I",), positions, np.eye(3) * 12.0, 0.1, masses, mobile=("Ag",))
    surface = van_hove(trajectory, times=(2, 1, 0.5), r_max=6.0, bin_width=0.1).surfaces["van_hove_self_Ag"]
    for k, time in enumerate(surface.y):
        arrived = np.abs(surface.x - 2.03 * time) < 0.051
        assert surface.z[arrived, k].sum() * 0.1 == pytest.approx(1.0)
    np.testing.assert_array_equal(surface.error, 0.0)


def test_what_cannot_be_is_refused(brownian):
    trajectory = brownian(100, 3, 0.1, 0.1, seed=1)
    with pytest.raises(NotConverged, match="run longer or shorten the longest time"):
        van_hove(trajectory, times=(5.0,))
    with pytest.raises(ParameterError, match=r"up to 10\.0000 Å"):
        van_hove(trajectory, times=(1.0,), r_max=10.5)
    for times in ((), (1.0, 0.04), (1.0, -1.0)):
        with pytest.raises(ParameterError, match="times is"):
            van_hove(trajectory, times=times)
    with pytest.raises(ParameterError, match="max_origins is 0 and must be positive"):
        van_hove(trajectory, times=(1.0,), max_origins=0)
