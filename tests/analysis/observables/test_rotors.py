"""Rotors that jump at a known rate, and orientations drawn from a known potential."""

from dataclasses import replace

import numpy as np
import polyatomic
import pytest
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.observables.rotors import reorientations, rotational_free_energy, rotor_angles
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY

TETRAHEDRAL = Rotation.create_group("T").as_matrix()
RATE, TIMESTEP = 0.5, 0.02  # 1/ps, ps


def trembling(rng, rotations, degrees=5.0):
    n = int(np.prod(rotations.shape[:-2]))
    tremble = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=(n, 3))).as_matrix()
    return tremble.reshape(rotations.shape) @ rotations


def test_rotors_that_jump_at_a_known_rate(rng):
    """Each jump leads to one of the eleven other orientations; two of these turn about the vector that is watched."""
    n_frames, n_rotors = 10_000, 6
    moves = rng.random((n_frames, n_rotors)) < -np.expm1(-RATE * TIMESTEP)
    states = np.zeros((n_frames, n_rotors), dtype=int)
    for t in range(1, n_frames):
        others = (states[t - 1] + rng.integers(1, 12, size=n_rotors)) % 12
        states[t] = np.where(moves[t], others, states[t - 1])
    trajectory = polyatomic.crystal(
        *polyatomic.ps4(), trembling(rng, TETRAHEDRAL[states]), timestep=TIMESTEP, spacing=8.0
    )
    dwell = 0.1
    scalars = reorientations(trajectory, dwell=dwell, smoothing=0.0).scalars
    events = RATE * n_frames * TIMESTEP * n_rotors
    # A stay of less than the dwell time hides its two jumps, or makes one of them, unless the jumps undo each other.
    hidden = -np.expm1(-RATE * dwell)
    for name, share in (("reorientation_frequency_PS4", 1.0), ("vector_reorientation_frequency_PS4", 9.0 / 11.0)):
        scalar = scalars[name]
        assert scalar.unit == "1/ns"
        noise = 5.0 / np.sqrt(share * events)
        assert (1.0 - 2.0 * hidden) - noise < scalar.value / (1e3 * share * RATE) < 1.0 + noise
    ratio = scalars["vector_reorientation_frequency_PS4"].value / scalars["reorientation_frequency_PS4"].value
    assert ratio == pytest.approx(9.0 / 11.0, abs=5.0 * np.sqrt(9.0 / 11.0 * 2.0 / 11.0 / events))
    assert "conformer_frequency_PS4" not in scalars


def test_librations_are_no_reorientations(rng):
    still = polyatomic.random_rotations(rng, 1, 3).repeat(500, axis=0)
    trajectory = polyatomic.crystal(*polyatomic.bh4(), trembling(rng, still, 12.0), timestep=TIMESTEP)
    scalar = reorientations(trajectory).scalars["reorientation_frequency_BH4"]
    assert scalar.value is None
    assert scalar.upper_bound == pytest.approx(3.0 / (3 * 499 * TIMESTEP) * 1e3)


def test_conformers_of_p2s6(rng):
    """One half turns by 120° against the other and back again."""
    kinds, geometry = polyatomic.p2s6()
    visits = rng.integers(10, 200, size=15)
    turned = np.repeat(np.arange(15) % 2, visits) * 2.0 * np.pi / 3.0
    n_frames = len(turned)
    bodies = np.repeat(polyatomic.centred(kinds, geometry)[None], n_frames, axis=0)
    lower = [1, 5, 6, 7]
    spin = Rotation.from_rotvec(turned[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    bodies[:, lower] = np.einsum("tij,tnj->tni", spin, bodies[:, lower])
    rigid = polyatomic.crystal(kinds, geometry, np.tile(np.eye(3), (n_frames, 1, 1, 1)), timestep=TIMESTEP)
    positions = rigid.positions.copy()
    pose = polyatomic.random_rotations(rng, 1)[0]
    positions[:, :8] = bodies @ pose.T + 0.03 * rng.normal(size=bodies.shape)
    scalars = reorientations(replace(rigid, positions=positions), dwell=2 * TIMESTEP, smoothing=0.0).scalars
    assert scalars["conformer_frequency_P2S6"].value == pytest.approx(14 / (n_frames * TIMESTEP) * 1e3)
    assert scalars["vector_reorientation_frequency_P2S6"].value is None


@pytest.mark.parametrize("formula", ["ps4", "p2s6", "b10h10"])
def test_free_rotors_point_everywhere(rng, formula):
    """P(θ) = sin θ / 2, in a cell whose vectors are not along x, y and z; then F is flat."""
    make = getattr(polyatomic, formula)
    trajectory = polyatomic.crystal(*make(), polyatomic.random_rotations(rng, 1000, 4))
    cell = trajectory.cell @ np.array([[1.0, 0.0, 0.0], [0.1, 1.0, 0.0], [0.2, 0.3, 1.0]])
    trajectory = replace(trajectory, cell=cell)
    name = formula.upper()
    curves = rotor_angles(trajectory, bin_width=10.0).curves
    energies = rotational_free_energy(trajectory, temperature=500.0, bin_width=10.0).curves
    edges = np.radians(np.linspace(0.0, 180.0, 19))
    share = -0.5 * np.diff(np.cos(edges))
    noise = 5.0 / np.sqrt(4000.0 * share)  # 4000 bodies; their equivalent vectors only add to what is known
    for axis in "abc":
        curve = curves[f"rotor_angle_distribution_{axis}_{name}"]
        assert curve.y.sum() * 10.0 == pytest.approx(1.0)
        assert np.all(np.abs(curve.y * 10.0 / share - 1.0) < noise)
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


def test_the_angles_of_a_body_at_rest():
    """A bond along (1, 1, 1) is 54.7° from each axis; and from one along (1, 1, 0)/√2 it is 35.3°."""
    trajectory = polyatomic.crystal(*polyatomic.ps4(), np.tile(np.eye(3), (20, 1, 1, 1)))
    cell = np.array([[9.0, 9.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    curves = rotor_angles(replace(trajectory, cell=cell)).curves
    series = [curves[f"rotor_angle_{axis}_PS4"] for axis in "abc"]
    bond = polyatomic.CORNERS[0]
    expected = np.degrees(np.arccos([(bond[0] + bond[1]) / np.sqrt(2.0), bond[1], bond[2]]))
    np.testing.assert_allclose([curve.y[5] for curve in series], expected, atol=1e-6)
    assert series[0].x[5] == pytest.approx(0.05)
    assert series[0].y_unit == "degree"
    # The distribution takes all four bonds: two at 54.7° and two at 125.3° from c.
    distribution = curves["rotor_angle_distribution_c_PS4"]
    assert distribution.x[np.flatnonzero(distribution.y)].tolist() == [52.5, 127.5]
    np.testing.assert_allclose(distribution.y[distribution.y > 0.0], 0.1)


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
    with pytest.raises(ParameterError, match="threshold is 200° where an angle"):
        reorientations(trajectory, threshold=200.0)
    with pytest.raises(ParameterError, match="bin_width 0°"):
        rotor_angles(trajectory, bin_width=0.0)
    with pytest.raises(ParameterError, match="temperature is -1 K"):
        rotational_free_energy(trajectory, temperature=-1.0)
    bare = replace(trajectory, mobile=("Li", "S", "P"))
    for function in (reorientations, rotor_angles, rotational_free_energy):
        with pytest.raises(NotConverged, match="no polyanions"):
            function(bare)
