"""Orientations and distances drawn from a known potential."""

from dataclasses import replace

import numpy as np
import polyatomic
import pytest
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.observables.free_energy import distance_free_energy, rotational_free_energy
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY


@pytest.mark.parametrize("formula", ["ps4", "p2s6", "b10h10"])
def test_free_rotors_have_no_preferred_angle(rng, formula):
    """F is flat, in a cell whose vectors are not along x, y and z."""
    trajectory = polyatomic.free_rotors(getattr(polyatomic, formula), rng)
    name = formula.upper()
    energies = rotational_free_energy(trajectory, temperature=500.0, bin_width=10.0).curves
    edges = np.radians(np.linspace(0.0, 180.0, 19))
    share = -0.5 * np.diff(np.cos(edges))
    noise = 5.0 / np.sqrt(4000.0 * share)  # 4000 bodies; their equivalent vectors only add to what is known
    for axis in "abc":
        energy = energies[f"rotational_free_energy_{axis}_{name}"]
        assert energy.y.min() == 0.0
        kt = BOLTZMANN * 500.0
        assert np.all(energy.y < 2.0 * kt * noise.max())


def test_a_boltzmann_sampled_axis_gives_back_its_potential(rng):
    """The axis of P2S6 in U = −3 kT cos²θ, θ the angle with c, by rejection."""
    kt = BOLTZMANN * 600.0
    cosines = rng.uniform(-1.0, 1.0, size=200_000)
    cosines = cosines[rng.random(len(cosines)) < np.exp(3.0 * (cosines**2 - 1.0))][:6000]
    assert len(cosines) == 6000
    tilt = Rotation.from_rotvec(np.arccos(cosines)[:, None] * [0.0, 1.0, 0.0])
    spin, turn = (Rotation.from_rotvec(rng.uniform(0.0, 2.0 * np.pi, (6000, 1)) * [0.0, 0.0, 1.0]) for _ in range(2))
    rotations = (turn * tilt * spin).as_matrix().reshape(1500, 4, 3, 3)
    trajectory = polyatomic.crystal(*polyatomic.p2s6(), rotations)
    curve = rotational_free_energy(trajectory, temperature=600.0, bin_width=10.0).curves[
        "rotational_free_energy_c_P2S6"
    ]
    assert (curve.x_unit, curve.y_unit) == ("degree", "eV")
    fine = np.cos(np.radians(np.linspace(0.0, 180.0, 18_001)))
    weights = np.exp(3.0 * fine**2)
    mass = 0.5 * (weights[1:] + weights[:-1]) * -np.diff(fine)
    bins = mass.reshape(18, 1000).sum(axis=1)
    share = -np.diff(fine[::1000])
    exact = -kt * np.log(bins / share)
    exact -= exact.min()
    counts = 6000 * bins / bins.sum()
    offset = np.average(curve.y - exact, weights=counts)
    # ± of the axis both count, so that opposite bins hold the same angles.
    assert np.all(np.abs(curve.y - exact - offset) < 5.0 * kt / np.sqrt(counts))
    assert np.ptp(exact) > 2.0 * kt


def test_boltzmann_sampled_distances_give_back_their_potential(rng):
    """Lithium in U = k (d − 3 Å)²/2 about the centre of mass of a P2S6 that lies across a corner, by rejection."""
    kt, width, n_frames = BOLTZMANN * 600.0, 0.4, 6000
    turned = polyatomic.random_rotations(rng, n_frames, 1)
    rigid = polyatomic.crystal(*polyatomic.p2s6(), turned, spacing=12.0, cations=("Li",))
    places = rng.uniform(-6.0, 6.0, size=(40 * n_frames, 3))
    exponent = 0.5 * ((np.linalg.norm(places, axis=1) - 3.0) / width) ** 2
    places = places[rng.random(len(places)) < np.exp(-exponent)][:n_frames]
    assert len(places) == n_frames
    positions = rigid.positions.copy()
    positions[:, -1] = places + 12.0 * rng.integers(-3, 4, size=(n_frames, 3))
    trajectory = replace(rigid, positions=positions)
    options = {"r_max": 5.0, "bin_width": 0.2, "max_frames": n_frames}
    curve = distance_free_energy(trajectory, temperature=600.0, **options).curves["distance_free_energy_Li_P2S6"]
    assert (curve.x_unit, curve.y_unit) == ("Å", "eV")
    fine = np.linspace(0.0, 5.0, 25_001)
    weight = fine**2 * np.exp(-0.5 * ((fine - 3.0) / width) ** 2)
    bins = (0.5 * (weight[1:] + weight[:-1])).reshape(25, 1000).sum(axis=1)
    edges = fine[::1000]
    seen = np.searchsorted(edges, curve.x) - 1
    counts = n_frames * bins[seen] / bins.sum()
    exact = -kt * np.log(bins / np.diff(edges**3))[seen]
    offset = np.average(curve.y - exact, weights=counts)
    known = counts > 30
    assert known.sum() > 8
    assert np.all(np.abs(curve.y - exact - offset)[known] < 5.0 * kt / np.sqrt(counts[known]))
    # At the middle of a bin the potential itself: the Jacobian is out.
    assert np.ptp(exact[known]) > 2.0 * kt
    lowest = np.abs(curve.x - 3.0) < 0.5
    np.testing.assert_allclose(
        (exact - exact.min())[lowest], 0.5 * kt * ((curve.x[lowest] - 3.0) / width) ** 2, atol=0.1 * kt
    )


def test_a_gas_neither_binds_nor_repels(rng):
    """g(d) is 1 between ions anywhere and polyanions of any place and size: F is flat, in a sheared cell too."""
    n_frames = 40_000
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, n_frames, 2), cations=("Li",))
    cell = trajectory.cell @ np.array([[1.0, 0.0, 0.0], [0.2, 1.0, 0.0], [0.1, 0.3, 1.0]])
    positions = trajectory.positions.copy()
    positions[:, -1] = rng.random((n_frames, 3)) @ cell
    gas = replace(trajectory, positions=positions, cell=cell)
    options = {"temperature": 500.0, "bin_width": 0.5, "max_frames": n_frames}
    curve = distance_free_energy(gas, **options).curves["distance_free_energy_Li_PS4"]
    edges = np.append(curve.x - 0.25, curve.x[-1] + 0.25)
    counts = n_frames * 2 * 4.0 / 3.0 * np.pi * np.diff(edges**3) / np.linalg.det(cell)
    part = counts > 30
    energies = curve.y[part] / (BOLTZMANN * 500.0)
    energies -= np.average(energies, weights=counts[part])
    assert part.sum() > 5
    assert np.all(np.abs(energies) < 5.0 / np.sqrt(counts[part]))


def test_the_temperature_is_that_of_the_run_or_given(rng):
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, 100, 2))
    with pytest.raises(ParameterError, match="no velocities to take a temperature from; give the temperature"):
        rotational_free_energy(trajectory)
    width = np.sqrt(BOLTZMANN * 500.0 / (trajectory.masses * KINETIC_ENERGY))
    moving = replace(trajectory, velocities=width[:, None] * rng.normal(size=trajectory.positions.shape))
    name = "rotational_free_energy_a_PS4"
    one = rotational_free_energy(moving).curves[name]
    other = rotational_free_energy(trajectory, temperature=500.0).curves[name]
    # 100 frames of 33 degrees of freedom give the temperature to √(2/3300).
    np.testing.assert_allclose(one.y, other.y, rtol=5.0 * np.sqrt(2.0 / 3300))


def test_what_cannot_be_is_refused(rng):
    trajectory = polyatomic.crystal(*polyatomic.ps4(), polyatomic.random_rotations(rng, 10, 2))
    for function in (rotational_free_energy, distance_free_energy):
        with pytest.raises(ParameterError, match="temperature is -1 K"):
            function(trajectory, temperature=-1.0)
        with pytest.raises(NotConverged, match="no polyanions"):
            function(replace(trajectory, mobile=("Li", "S", "P")), temperature=300.0)
    with pytest.raises(NotConverged, match=r"no distance of Li from the centre of PS4 up to 0\.45 Å was seen"):
        distance_free_energy(trajectory, temperature=300.0, r_max=0.5)
