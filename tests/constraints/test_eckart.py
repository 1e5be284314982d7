"""Which bodies a constraint holds, and their Eckart frames."""

import numpy as np
import pytest
from ase import Atoms
from rotor_crystal import MOBILE, ROTORS, crystal
from scipy.spatial.transform import Rotation

from aiida_superionic.constraints.constraint import Constraint, ConstraintError
from aiida_superionic.constraints.eckart import EckartFrame, eckart_frames

RC = Constraint(mode="RC")


def residual(frame, positions):
    return np.cross(frame.reference, frame.masses[:, None] * positions).sum(axis=0)


@pytest.fixture
def shaken(rng):
    """Return a crystal whose atoms have moved by some hundredths of an ångström."""
    atoms, units = crystal()
    atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    return atoms, units


def test_every_polyanion_has_a_frame_that_its_start_meets(shaken):
    atoms, units = shaken
    frames = eckart_frames(atoms, MOBILE, RC)
    assert sorted(sorted(frame.atoms) for frame in frames) == [list(unit) for unit in units]
    for frame in frames:
        assert frame.n_rotations == 3
        np.testing.assert_allclose(residual(frame, frame.start), 0.0, atol=1e-11)
        np.testing.assert_allclose(frame.masses @ frame.reference, 0.0, atol=1e-12)
        np.testing.assert_array_equal(frame.start, atoms.positions[frame.atoms])
        # A minimum, not a saddle: at most a few times the noise away.
        assert np.abs(frame.start - frame.centre - frame.reference).max() < 0.4


@pytest.mark.parametrize("formula", ROTORS)
def test_the_reference_is_the_mean_geometry_of_its_kind(formula, shaken):
    atoms, units = crystal((formula,), repeats=(3, 3, 3))
    ideal = atoms.positions[units[0]]
    rng = np.random.default_rng(7)
    scale = 0.02
    atoms.positions += rng.normal(scale=scale, size=atoms.positions.shape)
    frames = eckart_frames(atoms, MOBILE, RC)
    for frame in frames:
        distances = np.linalg.norm(frame.reference[:, None] - frame.reference, axis=2)
        expected = np.linalg.norm(ideal[:, None] - ideal, axis=2)
        order = np.argsort(frame.atoms)
        # A distance of the mean over 27 polyanions has an error of √(2/27) of the noise; five of these, sorted pairs.
        found = np.sort(distances[np.ix_(order, order)].ravel())
        np.testing.assert_allclose(found, np.sort(expected.ravel()), atol=5 * scale * np.sqrt(2 / 27))


def test_a_polyanion_cut_by_the_boundary_is_whole():
    atoms, _ = crystal()
    wrapped = atoms.copy()
    wrapped.wrap()
    assert np.abs(wrapped.positions - atoms.positions).max() > 10.0
    for one, other in zip(eckart_frames(wrapped, MOBILE, RC), eckart_frames(atoms, MOBILE, RC), strict=True):
        # Rounding decides in which of its equivalent orders an ideal polyanion is listed.
        first, second = np.argsort(one.atoms), np.argsort(other.atoms)
        np.testing.assert_allclose(one.reference[first], other.reference[second], atol=1e-12)
        shift = (one.start[first] - other.start[second]) @ np.linalg.inv(np.asarray(atoms.cell))
        np.testing.assert_allclose(shift, np.broadcast_to(np.rint(shift[0]), shift.shape), atol=1e-12)


def test_rotation_weights_give_the_angular_acceleration_of_a_rigid_body(rng):
    masses, places = rng.uniform(1.0, 30.0, 6), rng.normal(size=(6, 3))
    frame = EckartFrame(np.arange(6), masses, places, places - masses @ places / masses.sum())
    spin = rng.normal(size=3)
    forces = masses[:, None] * (np.cross(spin, frame.reference) + rng.normal(size=3))  # a push as well
    np.testing.assert_allclose(np.einsum("nxy,ny->x", frame.rotation_weights, forces), spin, rtol=1e-12)


@pytest.mark.parametrize(("places", "rotations"), [([[0, 0, 0], [0, 0, 1.2], [0, 0, -1.1]], 2), ([[0, 0, 0]], 0)])
def test_a_line_loses_two_rotations_and_a_point_none(places, rotations, rng):
    places = np.array(places, dtype=float) @ Rotation.random(rng=rng).as_matrix().T
    masses = np.arange(1.0, len(places) + 1.0)
    frame = EckartFrame(np.arange(len(places)), masses, places, places - masses @ places / masses.sum())
    assert frame.n_rotations == rotations
    # Of a turn about its axis a line knows nothing.
    spin = rng.normal(size=3)
    forces = masses[:, None] * np.cross(spin, frame.reference)
    axis = (places[-1] - places[0]) / max(np.linalg.norm(places[-1] - places[0]), 1.0)
    expected = (spin - axis * (axis @ spin)) if rotations else np.zeros(3)
    np.testing.assert_allclose(np.einsum("nxy,ny->x", frame.rotation_weights, forces), expected, atol=1e-12)


def test_rotors_are_chosen_by_formula_and_atoms_by_hand(shaken):
    atoms, units = shaken
    frames = eckart_frames(atoms, MOBILE, Constraint(mode="RTC", rotors=("PS4", "BH4")))
    assert [len(frame.atoms) for frame in frames] == [5, 5, 5, 5]
    (chosen,) = eckart_frames(atoms, MOBILE, Constraint(mode="RTC", atoms=(tuple(units[2]),)))
    np.testing.assert_array_equal(chosen.atoms, list(units[2]))
    np.testing.assert_allclose(chosen.centre + chosen.reference, chosen.start, atol=1e-12)


def test_atoms_chosen_by_hand_may_lie_across_the_boundary():
    atoms = Atoms("CNLi", [[0.0, 0.0, 0.3], [0.0, 0.0, 9.1], [5.0, 5.0, 5.0]], cell=[10.0] * 3, pbc=True)
    (frame,) = eckart_frames(atoms, MOBILE, Constraint(mode="RC", atoms=((0, 1),)))
    assert np.linalg.norm(frame.reference[0] - frame.reference[1]) == pytest.approx(1.2, rel=1e-12)
    assert frame.n_rotations == 2


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        ({"mode": "RC", "rotors": ["PO4"]}, "no polyanion PO4 in the structure; it holds B10H10, BH4, P2S6, PS4"),
        ({"mode": "RC", "atoms": [[0, 500]]}, "atom 500 is chosen in a structure of 84, counted from 0"),
        ({"mode": "RC", "atoms": [[80]]}, "atom 80 alone has no rotation to hold"),
    ],
)
def test_what_a_structure_lacks_is_refused(constraint, told):
    with pytest.raises(ConstraintError, match=told):
        eckart_frames(crystal()[0], MOBILE, Constraint.model_validate(constraint))


def test_a_structure_without_polyanions_is_refused():
    salt = Atoms("LiI", [[0.0, 0.0, 0.0], [3.0, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)
    with pytest.raises(ConstraintError, match="holds no polyanions, so there is nothing to constrain"):
        eckart_frames(salt, MOBILE, RC)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mode": "RTV"}, "Input should be 'RC', 'RTC' or 'RTVC'"),
        ({"mode": "RC", "atoms": [[0, 1], [1, 2]]}, "atom 1 is chosen twice; an atom can be in one polyanion only"),
        ({"mode": "RC", "atoms": [[0, 0]]}, "atom 0 is chosen twice"),
        ({"mode": "RC", "atoms": [[]]}, "at least 1 item"),
        ({"mode": "RC", "atoms": [[-1, 2]]}, "greater than or equal to 0"),
        ({"mode": "RC", "rotors": ["PS4", "PS4"]}, "a rotor is named twice"),
        ({"mode": "RC", "rotors": ["PS4"], "atoms": [[0, 1]]}, "rotors and atoms are both given"),
        ({"mode": "RC", "residual_limit": 0.0}, "greater than 0"),
    ],
)
def test_a_constraint_that_means_nothing_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        Constraint.model_validate(given)


def _stretched(factor):
    """Return a crystal of PS4, the same with one bond longer by a factor, and the atoms of that bond."""
    atoms, units = crystal(("PS4",))
    hot = atoms.copy()
    centre, outer = units[3][0], units[3][1]
    hot.positions[outer] += (factor - 1.0) * (hot.positions[outer] - hot.positions[centre])
    return atoms, hot, units


def test_a_stretched_bond_keeps_its_polyanion_whole_where_the_crystal_tells_it():
    atoms, hot, units = _stretched(1.3)
    assert len(eckart_frames(hot, MOBILE, Constraint(mode="RC", rotors=("PS4",)))) == len(units) - 1
    frames = eckart_frames(hot, MOBILE, RC, atoms)
    assert sorted(sorted(frame.atoms) for frame in frames) == [list(unit) for unit in units]
    assert all(np.abs(residual(frame, frame.start)).max() < 1e-11 for frame in frames)


def test_a_polyanion_that_came_apart_is_refused():
    atoms, hot, units = _stretched(1.7)
    with pytest.raises(ConstraintError, match=rf"PS4 came apart: its atoms {units[3][0]} and {units[3][1]} are 3\.4"):
        eckart_frames(hot, MOBILE, RC, atoms)


def test_a_structure_of_other_atoms_than_the_crystal_is_refused():
    atoms, _ = crystal(("PS4",))
    with pytest.raises(ConstraintError, match="both must list the same atoms"):
        eckart_frames(atoms[:-1], MOBILE, RC, atoms)
