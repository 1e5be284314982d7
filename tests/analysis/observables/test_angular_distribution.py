"""Gases around dimers, single triplets in known bins, centres and polyanions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_superionic.analysis.observables.angular_distribution import angular_distribution
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

SHEARED = np.array([[12.0, 0.0, 0.0], [4.0, 13.0, 0.0], [-3.0, 2.0, 11.0]])


def unit_vectors(rng, *shape):
    vectors = rng.normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def dimers_in_gas(rng, n_frames, n_ions, n_dimers, cell):
    """Return ions anywhere, and anions anywhere with a centre 0.5 Å away in any direction."""
    cells = np.broadcast_to(cell, (n_frames, 3, 3))
    points = rng.random((n_frames, n_ions + n_dimers, 3)) @ cells
    centres = points[:, n_ions:] + 0.5 * unit_vectors(rng, n_frames, n_dimers)
    species = ("Ag",) * n_ions + ("I",) * n_dimers + ("X",) * n_dimers
    positions = np.concatenate((points, centres), axis=1)
    return Trajectory(species, positions, cell, 0.1, np.ones(len(species)), mobile=("Ag",))


@pytest.mark.parametrize("breathing", [False, True])
def test_an_ideal_gas_is_1_and_its_angles_are_uniform_on_the_sphere(rng, breathing):
    """One ion would count towards itself; an anion that the ion is nearer to than its own is one bond less."""
    cell = SHEARED * rng.choice([1.0, 1.3], size=(2000, 1, 1)) if breathing else SHEARED
    trajectory = dimers_in_gas(rng, 2000, 6, 4, cell)
    # The ions are no partners: that leaves every centre to its anion.
    species = tuple("I" if kind == "X" else "P" if kind == "I" else kind for kind in trajectory.species)
    trajectory = replace(trajectory, species=species)
    result = angular_distribution(
        trajectory, vertex="I", bond_length=0.6, bin_width=0.5, angle_width=20.0, max_frames=2000
    )
    g = result.surfaces["angular_distribution_Ag_I_P"]
    volumes = np.broadcast_to(np.abs(np.linalg.det(cell)), 2000)
    edges = np.append(g.x - 0.25, g.x[-1] + 0.25)
    cosines = np.cos(np.radians(np.append(g.y - 10.0, 180.0)))
    sectors = 2.0 * np.pi / 3.0 * np.outer(np.diff(edges**3), -np.diff(cosines))
    counts = 24 * sectors * np.sum(1.0 / volumes)
    # Frames of the larger volume weigh more: the variance of a weighted Poisson sum over the square of its mean.
    spread = np.sqrt(24 * sectors * np.sum(volumes)) / (24 * sectors * 2000)
    part = counts > 20
    assert part.sum() > 40
    assert np.all(np.abs(g.z[part] - 1.0) < 5.0 * spread[part])
    density = result.surfaces["distance_angle_density_Ag_I_P"]
    assert density.z.sum() * 0.5 * 20.0 == pytest.approx(1.0)
    exact = -0.5 * np.diff(cosines)
    found = density.z.sum(axis=0) * 0.5 * 20.0
    assert np.all(np.abs(found - exact) < 5.0 * np.sqrt(exact / counts.sum()))
    assert (g.z_unit, density.z_unit, g.y_unit) == ("1", "1/(Å °)", "°")


@pytest.mark.parametrize(("angle", "bin_angle"), [(0.0, 5.0), (62.0, 65.0), (147.0, 145.0), (180.0, 175.0)])
def test_a_triplet_across_the_faces_lies_in_its_bin(rng, angle, bin_angle):
    """I–X–Ag with Ag 2.13 Å from X, wherever the three are and whatever images they are given by."""
    along, across = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    centre = np.array([0.1, 12.9, 0.2])
    iodide = centre + 0.6 * along
    silver = centre + 2.13 * (np.cos(np.radians(angle)) * along + np.sin(np.radians(angle)) * across)
    images = rng.integers(-3, 4, size=(10, 3, 3)) @ SHEARED
    positions = np.array([silver, iodide, centre]) + images
    trajectory = Trajectory(("Ag", "I", "X"), positions, SHEARED, 0.1, np.ones(3), mobile=("Ag",))
    result = angular_distribution(trajectory, bin_width=0.1, angle_width=10.0).surfaces
    for surface in result.values():
        i, k = np.argwhere(surface.z).T
        assert (len(i), surface.x[i[0]], surface.y[k[0]]) == (1, pytest.approx(2.15), pytest.approx(bin_angle))
    density = result["distance_angle_density_Ag_X_I"]
    assert density.z.sum() * 0.1 * 10.0 == pytest.approx(1.0)
    assert set(result) == {"angular_distribution_Ag_X_I", "distance_angle_density_Ag_X_I"}


def test_boltzmann_sampled_angles_and_distances_give_back_their_potential(rng):
    """Lithium about a sulfur in U = ½ k (r − 3 Å)² + ½ K (cos θ)², kT/k = 0.09 Å² and kT/K = 0.16, by rejection."""
    n_frames, r_width, c_width = 8000, 0.3, 0.4
    places = rng.uniform(-4.8, 4.8, size=(60 * n_frames, 3))
    r = np.linalg.norm(places, axis=1)
    exponent = 0.5 * ((r - 3.0) / r_width) ** 2 + 0.5 * (places[:, 2] / r / c_width) ** 2
    places = places[rng.random(len(places)) < np.exp(-exponent)][:n_frames]
    assert len(places) == n_frames
    positions = np.zeros((n_frames, 3, 3))
    positions[:, 0], positions[:, 2, 2] = places + 12.0 * rng.integers(-3, 4, size=(n_frames, 3)), 2.05
    trajectory = Trajectory(("Li", "S", "P"), positions, 12.0 * np.eye(3), 0.1, np.ones(3), mobile=("Li",))
    options = {"vertex": "S", "bond_length": 2.5, "r_max": 5.0, "bin_width": 0.25, "angle_width": 15.0}
    surface = angular_distribution(trajectory, max_frames=n_frames, **options).surfaces["distance_angle_density_Li_S_P"]
    fine_r, fine_c = np.linspace(0.0, 5.0, 20_001), np.cos(np.radians(np.linspace(0.0, 180.0, 12_001)))
    radial = fine_r**2 * np.exp(-0.5 * ((fine_r - 3.0) / r_width) ** 2)
    axial = np.exp(-0.5 * (fine_c / c_width) ** 2)
    of_r = (0.5 * (radial[1:] + radial[:-1])).reshape(20, -1).sum(axis=1)
    of_angle = (-0.5 * (axial[1:] + axial[:-1]) * np.diff(fine_c)).reshape(12, -1).sum(axis=1)
    share = np.outer(of_r / of_r.sum(), of_angle / of_angle.sum())
    assert np.count_nonzero(share * n_frames > 20) > 30
    # Binomial counts, and a count or two where few are expected.
    tolerance = 5.0 * np.sqrt(share * (1.0 - share) / n_frames) + 5.0 / n_frames
    np.testing.assert_array_less(np.abs(surface.z * 0.25 * 15.0 - share), tolerance)


def test_centres_of_the_mobile_ions_are_left_out():
    """Of five centres one is an iodide's: the four of silver would all lie nearer."""
    offsets = 0.4 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
    silver = np.array([2.0, 2.0, 2.0])
    positions = np.concatenate(([silver, [5.0, 2.0, 2.0], [4.5, 2.0, 2.0]], silver + offsets))
    trajectory = Trajectory(
        ("Ag", "I") + ("X",) * 5,
        np.repeat(positions[None], 6, axis=0),
        np.eye(3) * 12.0,
        0.1,
        np.ones(7),
        mobile=("Ag",),
    )
    surfaces = angular_distribution(trajectory, bin_width=0.2, angle_width=10.0).surfaces
    assert set(surfaces) == {"angular_distribution_Ag_X_I", "distance_angle_density_Ag_X_I"}
    i, k = np.argwhere(surfaces["angular_distribution_Ag_X_I"].z).T
    assert (len(i), len(k)) == (1, 1)
    assert surfaces["angular_distribution_Ag_X_I"].x[i[0]] == pytest.approx(2.5)
    assert surfaces["angular_distribution_Ag_X_I"].y[k[0]] == pytest.approx(175.0)


@pytest.fixture
def thiophosphate():
    """Return PS4 and GeS4, each with a lithium ion: P–S–Li is 90°, Ge–S–Li 118°; one sulphur is bonded to nothing."""
    bonds = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
    phosphorus, germanium = np.array([5.0, 5.0, 5.0]), np.array([15.0, 15.0, 15.0])
    first, second = phosphorus + 2.05 * bonds, germanium + 2.2 * bonds
    across = np.array([1.0, -1.0, 0.0]) / np.sqrt(2.0)
    tilted = np.cos(np.radians(62.0)) * bonds[0] + np.sin(np.radians(62.0)) * across
    lithium = first[0] + 2.45 * across, second[0] + 2.65 * tilted
    positions = np.concatenate((lithium, [phosphorus, germanium], first, second, [[5.0, 15.0, 5.0]]))
    species = ("Li",) * 2 + ("P", "Ge") + ("S",) * 9
    return Trajectory(
        species, np.repeat(positions[None], 5, axis=0), np.eye(3) * 20.0, 0.1, np.ones(13), mobile=("Li",)
    )


def test_polyanions_are_told_apart_by_their_nearest_atom(thiophosphate):
    surfaces = angular_distribution(thiophosphate, r_max=2.8, bin_width=0.1, angle_width=4.0).surfaces
    for name, r, angle in (("Li_S_P", 2.45, 90.0), ("Li_S_Ge", 2.65, 118.0)):
        z = surfaces[f"distance_angle_density_{name}"].z
        i, k = np.unravel_index(np.argmax(z), z.shape)
        surface = surfaces[f"distance_angle_density_{name}"]
        assert surface.x[i] == pytest.approx(r, abs=0.051)
        assert surface.y[k] == pytest.approx(angle, abs=2.01)
    assert len(surfaces) == 4


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_rotation_translation_and_order_change_nothing(seed):
    rng = np.random.default_rng(seed)
    trajectory = dimers_in_gas(rng, 5, 5, 4, SHEARED)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(13)
    turned = replace(
        trajectory,
        species=tuple(trajectory.species[i] for i in order),
        positions=(trajectory.positions[:, order] + rng.normal(scale=20.0, size=3)) @ rotation,
        cell=SHEARED @ rotation,
    )
    one, other = (angular_distribution(t, bin_width=0.5, angle_width=15.0).surfaces for t in (trajectory, turned))
    assert one
    assert set(one) == set(other)
    for name, surface in one.items():
        np.testing.assert_allclose(other[name].z, surface.z, rtol=1e-9)


def test_what_cannot_be_is_refused(rng, thiophosphate):
    dimers = dimers_in_gas(rng, 5, 5, 4, SHEARED)
    with pytest.raises(ParameterError, match=r"vertex is 'Ag' where one of the species is expected .* I, X"):
        angular_distribution(dimers, vertex="Ag")
    with pytest.raises(ParameterError, match="angle_width is 7° where a whole number of bins must make 180°"):
        angular_distribution(dimers, angle_width=7.0)
    with pytest.raises(ParameterError, match="bin_width is 0 Å and must be positive"):
        angular_distribution(dimers, bin_width=0.0)
    with pytest.raises(ParameterError, match="up to 5"):
        angular_distribution(dimers, r_max=9.0)
    with pytest.raises(NotConverged, match=r"no mobile ion is within 1 Å of a bonded S"):
        angular_distribution(thiophosphate, r_max=1.0)
    simple = replace(dimers, species=("Ag",) * 5 + ("I",) * 8)
    with pytest.raises(NotConverged, match="neither Wannier centres nor polyanions"):
        angular_distribution(simple)
