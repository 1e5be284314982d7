"""Tetrahedra that turn by rotational diffusion, and rotor functions that know no frame."""

import numpy as np
import polyatomic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.observables.tetrahedral_rotor import tetrahedral_rotor, tetrahedral_rotor_functions
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

CORNERS = polyatomic.CORNERS
TIMESTEP, D_R = 0.02, 0.1  # ps, 1/ps


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_squares_of_a_rigid_tetrahedron_sum_to_1(seed):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    functions = tetrahedral_rotor_functions(0.7 * CORNERS @ turn.T)
    assert np.sum(functions**2) == pytest.approx(1.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_sum_of_seven_products_knows_no_frame_and_no_order(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(2, 4, 3))
    turn = Rotation.random(rng=rng).as_matrix()
    products = tetrahedral_rotor_functions(one) @ tetrahedral_rotor_functions(other)
    turned = tetrahedral_rotor_functions(one @ turn.T) @ tetrahedral_rotor_functions((other @ turn.T)[::-1])
    assert turned == pytest.approx(products, abs=1e-12)


def test_the_seven_are_orthogonal_and_alike(rng):
    functions = tetrahedral_rotor_functions(CORNERS @ polyatomic.random_rotations(rng, 20_000).transpose(0, 2, 1))
    covariance = functions.T @ functions / 20_000
    # |M| is at most 1, so that a product of two scatters by less than 1/2.
    np.testing.assert_allclose(covariance, np.eye(7) / 7.0, atol=5.0 * 0.5 / np.sqrt(20_000))


def test_the_first_is_that_of_the_paper():
    x = CORNERS[:, 0]
    expected = 3.0 * np.sqrt(5.0) / 40.0 * np.sum(5.0 * x**3 - 3.0 * x)
    assert tetrahedral_rotor_functions(CORNERS)[0] == pytest.approx(expected)
    along_z = np.array(
        [
            [0.0, 0.0, 1.0],
            *[[np.sqrt(8) / 3 * np.cos(a), np.sqrt(8) / 3 * np.sin(a), -1 / 3] for a in 2 * np.pi * np.arange(3) / 3],
        ]
    )
    # One bond along x: 3√5/40 (2 + 3 (1 − 5/27)) = √5/3.
    assert tetrahedral_rotor_functions(np.roll(along_z, 1, axis=1))[0] == pytest.approx(np.sqrt(5.0) / 3.0)


def diffusing(n_frames, n_rotors, seed):
    rng = np.random.default_rng(seed)
    steps = rng.normal(scale=np.sqrt(2.0 * D_R * TIMESTEP), size=(n_frames, n_rotors, 3))
    steps = Rotation.from_rotvec(steps.reshape(-1, 3)).as_matrix().reshape(n_frames, n_rotors, 3, 3)
    steps[0] = polyatomic.random_rotations(rng, n_rotors)
    for t in range(1, n_frames):
        steps[t] = steps[t] @ steps[t - 1]
    return steps


def with_centres(rotations):
    """Return iodide ions with a tetrahedron of centres each, in an order that changes from frame to frame."""
    n_frames, n_ions = rotations.shape[:2]
    ions = np.stack(np.meshgrid(*[4.0 * np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)[:n_ions]
    centres = (ions[:, None] + 0.6 * np.einsum("tuij,nj->tuni", rotations, CORNERS)).reshape(n_frames, -1, 3)
    rng = np.random.default_rng(1)
    centres = np.array([rng.permutation(frame) for frame in centres])
    positions = np.concatenate((np.broadcast_to(ions, (n_frames, n_ions, 3)), centres), axis=1)
    species = ("I",) * n_ions + ("X",) * (4 * n_ions)
    return Trajectory(species, positions, np.eye(3) * 16.0, TIMESTEP, np.ones(len(species)))


def exact(t):
    """C of order 3: the mean of (1 + 2 cos α + 2 cos 2α + 2 cos 3α)/7 over a step, e^(−12 D t) for small ones."""
    variance = 2.0 * D_R * TIMESTEP
    orders = np.arange(1, 4) ** 2
    factor = (1.0 + 2.0 * np.sum((1.0 - orders * variance) * np.exp(-0.5 * orders * variance))) / 7.0
    return factor ** np.round(t / TIMESTEP)


def test_free_rotational_diffusion_decays_12_d_r():
    result = tetrahedral_rotor(with_centres(diffusing(3000, 64, 5)), longest_lag=4.0)
    curve, single = result.curves["rotor_correlation_I"], result.curves["rotor_correlation_single_I"]
    np.testing.assert_allclose(exact(curve.x), np.exp(-12.0 * D_R * curve.x), atol=2e-3)
    # Independent samples: 64 rotors over 60 ps, one per correlation time 2/(12 D_r), of 7 functions or 1.
    tolerance = 5.0 * np.sqrt(2.0 / (12.0 * D_R) / (60.0 * 64))
    np.testing.assert_allclose(curve.y, exact(curve.x), rtol=0, atol=tolerance / np.sqrt(7.0))
    np.testing.assert_allclose(single.y, exact(curve.x), rtol=0, atol=tolerance)
    assert tolerance / np.sqrt(7.0) < 0.05
    scalar = result.scalars["rotor_time_I"]
    assert scalar.unit == "fs"
    assert scalar.value == pytest.approx(1e3 * trapezoid(exact(curve.x), curve.x), abs=5.0 * scalar.error)
    assert scalar.error < 0.05 * scalar.value
    assert curve.y[0] == single.y[0] == 1.0


def test_polyanions_ax4_are_tetrahedra_too():
    rotations = diffusing(1000, 4, 6)
    trajectory = polyatomic.crystal(*polyatomic.bh4(), rotations, timestep=TIMESTEP)
    result = tetrahedral_rotor(trajectory, longest_lag=2.0)
    functions = tetrahedral_rotor_functions(np.einsum("tuij,nj->tuni", rotations, CORNERS))
    expected = np.mean(np.sum(functions[100:] * functions[:-100], axis=-1))
    # ⟨Σ M²⟩ is 1 in every frame.
    assert result.curves["rotor_correlation_BH4"].y[100] == pytest.approx(expected, abs=1e-9)
    first = functions[..., 0]
    expected = np.mean(first[100:] * first[:-100]) / np.mean(first**2)
    assert result.curves["rotor_correlation_single_BH4"].y[100] == pytest.approx(expected, abs=1e-9)


def test_what_has_no_four_bonds_is_said(rng):
    trajectory = polyatomic.crystal(*polyatomic.p2s6(), polyatomic.random_rotations(rng, 60, 2))
    with pytest.raises(NotConverged, match="neither Wannier centres nor polyanions AX4"):
        tetrahedral_rotor(trajectory, longest_lag=0.05)
