"""A trajectory checks its shapes and cuts itself."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.analysis.observables.temperature import kinetic_temperature
from aiida_superionic.analysis.reference_frame import positions_in_host_frame, velocities_without_drift
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError


@pytest.fixture
def trajectory(rng):
    return Trajectory(
        species=("Ag", "I", "Ag", "Cl"),
        positions=rng.normal(size=(7, 4, 3)),
        cell=rng.normal(size=(7, 3, 3)),
        timestep=0.25,
        masses=np.array([2.0, 3.0, 2.0, 1.0]),
        velocities=rng.normal(size=(7, 4, 3)),
        mobile=("Ag",),
    )


def test_kinds_host_and_atoms(trajectory):
    assert trajectory.kinds == ("Ag", "I", "Cl")
    assert trajectory.host == ("I", "Cl")
    assert replace(trajectory, mobile=()).host == ()
    assert trajectory.atoms_of("Ag").tolist() == [0, 2]
    assert trajectory.duration == 1.5
    with pytest.raises(TrajectoryError, match="no Na among the species Ag, I, Cl"):
        trajectory.atoms_of("Na")


@pytest.fixture
def with_centres(trajectory, rng):
    """The same atoms among Wannier centres, which move as they like and have masses that mean nothing."""
    species = ("X", "Ag", "I", "X", "Ag", "Cl", "X")
    atoms = [1, 2, 4, 5]
    masses, positions, velocities = np.full(7, 50.0), rng.normal(size=(7, 7, 3)), rng.normal(size=(7, 7, 3))
    masses[atoms], positions[:, atoms], velocities[:, atoms] = (
        trajectory.masses, trajectory.positions, trajectory.velocities
    )  # fmt: skip
    return replace(trajectory, species=species, masses=masses, positions=positions, velocities=velocities)


def test_centres_are_no_atoms(with_centres):
    assert with_centres.kinds == ("Ag", "I", "Cl")
    assert with_centres.host == ("I", "Cl")
    assert with_centres.ions.tolist() == [1, 2, 4, 5]
    assert with_centres.centres.tolist() == [0, 3, 6] == with_centres.atoms_of("X").tolist()
    with pytest.raises(TrajectoryError, match="mobile species X not among Ag, I, Cl"):
        replace(with_centres, mobile=("X",))


@pytest.mark.parametrize("mobile", [("Ag",), ()])
def test_centres_move_neither_the_frame_nor_the_temperature(trajectory, with_centres, mobile):
    bare, full = (replace(one, mobile=mobile) for one in (trajectory, with_centres))
    for relative in (positions_in_host_frame, velocities_without_drift):
        np.testing.assert_array_equal(relative(full).of(full.ions)[:], relative(bare)[:])
    np.testing.assert_array_equal(kinetic_temperature(full), kinetic_temperature(bare))


def test_frames_and_every_cut_all_fields_alike(trajectory):
    part = trajectory.frames(2, 5)
    np.testing.assert_array_equal(part.positions, trajectory.positions[2:5])
    np.testing.assert_array_equal(part.cell, trajectory.cell[2:5])
    assert part.timestep == trajectory.timestep
    part = trajectory.every(3)
    np.testing.assert_array_equal(part.velocities, trajectory.velocities[::3])
    assert part.timestep == 0.75
    assert part.forces is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.zeros((7, 3, 3))}, r"positions has shape \(7, 3, 3\)"),
        ({"velocities": np.zeros((6, 4, 3))}, "velocities has shape"),
        ({"cell": np.zeros((6, 3, 3))}, "cell has shape"),
        ({"masses": np.zeros(3)}, "masses has shape"),
        ({"timestep": 0.0}, "must be positive"),
        ({"timestep": np.nan}, "must be positive"),
        ({"mobile": ("Li",)}, "mobile species Li not among Ag, I, Cl"),
    ],
)
def test_what_does_not_fit_is_refused(trajectory, change, message):
    with pytest.raises(TrajectoryError, match=message):
        replace(trajectory, **change)


def test_a_field_that_is_not_there_is_named(trajectory):
    with pytest.raises(TrajectoryError, match="holds no forces"):
        trajectory.require("forces")


def test_centres_of_mass_are_at_rest(trajectory):
    host = positions_in_host_frame(trajectory)[:, [1, 3]]
    np.testing.assert_allclose(3.0 * host[:, 0] + 1.0 * host[:, 1], 0.0, atol=1e-12)
    everything = positions_in_host_frame(replace(trajectory, mobile=()))
    np.testing.assert_allclose(np.einsum("i,tix->tx", trajectory.masses, everything), 0.0, atol=1e-12)
    velocities = velocities_without_drift(trajectory)
    np.testing.assert_allclose(np.einsum("i,tix->tx", trajectory.masses, velocities), 0.0, atol=1e-12)
