"""What a trajectory holds decides what is computed of it by default."""

from dataclasses import replace

import numpy as np
import pytest
from polyatomic import crystal, p2s6, ps4, random_rotations

from aiida_superionic.analysis.needs import needs_in_words, routine_observables, unmet
from aiida_superionic.analysis.polyanions import find_polyanions
from aiida_superionic.analysis.registry import ParameterError, observables
from aiida_superionic.analysis.trajectory import Trajectory

PS3 = (ps4()[0][:4], ps4()[1][:4])
OF_POLYANIONS = {"rotor_angles", "reorientations"}
OF_CENTRES = {"dipoles"}
OF_BONDS = {"tetrahedral_rotor"}


def salt(*others, **fields):
    species = ("Ag", "I", *others)
    positions = np.arange(6.0 * len(species)).reshape(2, len(species), 3)
    return Trajectory(species, positions, np.eye(3) * 20.0, 1.0, np.ones(len(species)), mobile=("Ag",), **fields)


@pytest.mark.parametrize(
    ("trajectory", "expected"),
    [
        (salt(), set()),
        (salt("X"), OF_CENTRES | OF_BONDS),
        (salt(formal_charges={"Ag": 1.0}), {"conductivity"}),
        (salt(formal_charges={"I": -1.0}), set()),
        (replace(salt(formal_charges={"Ag": 1.0}), mobile=()), set()),
        (crystal(*ps4(), random_rotations(np.random.default_rng(1), 2, 2)), OF_POLYANIONS | OF_BONDS),
        (crystal(*p2s6(), random_rotations(np.random.default_rng(1), 2, 2)), OF_POLYANIONS),
        (crystal(*PS3, random_rotations(np.random.default_rng(1), 2, 2)), OF_POLYANIONS),
    ],
    ids=["salt", "centres", "charges", "charges of the host", "nothing mobile", "PS4", "P2S6", "PS3"],
)
def test_what_makes_sense_for_some_systems_is_routine_there_and_there_only(trajectory, expected):
    chosen = set(routine_observables(trajectory))
    assert chosen & (OF_POLYANIONS | OF_CENTRES | OF_BONDS | {"conductivity"}) == expected
    assert {"radial_distribution", "diffusion"} <= chosen
    assert not {"density_profile", "temperature", "friction", "force_correlation"} & chosen


def test_what_leaves_a_choice_of_the_host_is_no_routine():
    choice = {"cage_residence", "jumps", "occupancy"}
    assert choice <= set(routine_observables(salt()))
    assert not choice & set(routine_observables(salt("Br")))
    assert choice & set(routine_observables(salt("Br"), sites_known=True)) == {"jumps", "occupancy"}


def test_fields_are_needed_one_by_one():
    still = salt()
    moving = replace(still, velocities=still.positions)
    pushed = replace(moving, forces=still.positions)
    needs = ("positions", "velocities", "forces")
    assert [unmet(needs, one) for one in (still, moving, pushed)] == [["velocities", "forces"], ["forces"], []]


def test_needs_read_as_a_sentence():
    needs = observables()["tetrahedral_rotor"].needs
    assert needs_in_words(needs) == "positions, Wannier centres or polyanions AX4"
    assert unmet(needs, salt()) == ["centres or tetrahedra"]


def test_polyanions_that_are_not_all_bonded_alike_are_there_and_the_observable_says_so():
    """One S of the second PS4 is bonded to another S and not to P."""
    trajectory = crystal(*ps4(), random_rotations(np.random.default_rng(1), 2, 2))
    positions = trajectory.positions.copy()
    outwards = positions[:, 9] - positions[:, 5]
    positions[:, 9] = positions[:, 8] + 2.0 * outwards / np.linalg.norm(outwards, axis=-1, keepdims=True)
    broken = replace(trajectory, positions=positions)
    assert "reorientations" in routine_observables(broken)
    with pytest.raises(ParameterError, match="bonded in more than one way"):
        find_polyanions(broken)
