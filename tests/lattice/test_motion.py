"""Motion of ions: conservation, order of the step, agreement of the two equations, and what is refused."""

import numpy as np
import pytest
from embedded_energy import embedded

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.full_motion import begin, simulate_full
from aiida_superionic.lattice.interactions import Tabulated, Yukawa
from aiida_superionic.lattice.memory import memory_of
from aiida_superionic.lattice.model import Model, corners, fixed_atoms
from aiida_superionic.lattice.modes import modes_of, static_recoil
from aiida_superionic.lattice.thermal_motion import ThermalMotion
from aiida_superionic.lattice.time_local_motion import simulate_time_local

CORNERS = [(i, j, k, 0) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
CENTRE, VELOCITY = np.full(3, 1.5), np.array([5.0, 4.0, 8.0])
SHAPE = (6, 6, 6)


@pytest.fixture(scope="module")
def model(published):
    return published.request("yukawa-4eV").model()


@pytest.fixture(scope="module")
def caged(model):
    return Model(model.crystal, model.interaction, model.ion_mass, fixed_atoms(CORNERS))


def gained(model, timestep, duration=2.0):
    """Return the energy in eV that the full equations gain from a crystal at rest."""
    before = sum(begin(model, SHAPE, CENTRE, VELOCITY).energy())
    _, state = simulate_full(model, SHAPE, CENTRE, VELOCITY, timestep, round(duration / timestep))
    return sum(state.energy()) - before


def test_the_full_equations_keep_their_energy_and_what_is_missed_falls_with_the_fifth_power_of_the_step(caged):
    coarse, middle, fine = (abs(gained(caged, timestep)) for timestep in (0.01, 0.005, 0.0025))
    assert middle < 1e-7
    np.testing.assert_allclose(np.log2([coarse / middle, middle / fine]), 5.0, atol=0.2)


def test_momentum_is_conserved(caged):
    """No force acts on crystal and ion as a whole."""
    _, state = simulate_full(caged, SHAPE, CENTRE, VELOCITY, 0.01, 100)
    margin = 1
    inside = state.field_velocities[(slice(None), *3 * (slice(margin, -margin),))]
    crystal = caged.crystal.inertia[0] * inside.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(crystal + caged.inertia * state.velocities[0], caged.inertia * VELOCITY, atol=1e-12)


def test_without_an_ion_the_full_equations_move_the_crystal_as_its_modes_do(model):
    """Thermal motion, integrated, is thermal motion at the later time."""
    thermal = ThermalMotion(modes_of(model.crystal, SHAPE), 0.05, seed=3)
    far = Model(model.crystal, Yukawa(1e-30, 0.5), model.ion_mass, fixed_atoms(CORNERS))
    trajectory, state = simulate_full(
        far, SHAPE, CENTRE, 0.0, 0.002, 250, thermal=thermal, stride=250, watched=[(1, 2, 3, 0)]
    )
    inside = (slice(None), *3 * (slice(1, -1),))
    np.testing.assert_allclose(state.field[inside], thermal.displacements(0.5), atol=2e-6)
    places, speeds = thermal.direct([0.5], [(1, 2, 3, 0)])
    np.testing.assert_allclose(trajectory.atom_displacements[-1], places[0], atol=2e-6)
    np.testing.assert_allclose(trajectory.atom_velocities[-1], speeds[0], atol=5e-5)


def test_the_full_equations_of_a_skewed_crystal_follow_its_modes(skewed):
    """Two atoms per cell, no symmetry, odd numbers of cells."""
    thermal = ThermalMotion(modes_of(skewed, (3, 4, 5)), 0.05, seed=4)
    far = Model(skewed, Yukawa(1e-30, 0.5), 7.0, fixed_atoms([(0, 0, 0, 0)]))
    _, state = simulate_full(far, (3, 4, 5), [0.7, 0.7, 0.7], 0.0, 0.002, 200, thermal=thermal)
    inside = (slice(None), *3 * (slice(1, -1),))
    np.testing.assert_allclose(state.field[inside], thermal.displacements(0.4), atol=2e-6)


def test_for_a_slow_push_the_time_local_form_is_the_full_one(published, model):
    """A soft, wide interaction lets the atoms follow at once: the assumption of the time-local form holds."""
    soft = Model(model.crystal, Yukawa(0.05, 1.0), model.ion_mass, fixed_atoms(CORNERS))
    full, _ = simulate_full(soft, (16, 16, 16), CENTRE, [0.4, 0.3, 0.2], 0.01, 100, stride=10)
    local = simulate_time_local(soft, CENTRE, [0.4, 0.3, 0.2], 0.01, 100, stride=10)
    rigid = Model(model.crystal, Yukawa(0.05, 1.0), model.ion_mass, fixed_atoms(CORNERS))
    np.testing.assert_allclose(local.positions, full.positions, atol=2e-5)
    assert np.abs(local.positions - CENTRE).max() > 0.05
    assert rigid.inertia == soft.inertia


def test_the_time_local_form_converges_with_the_fifth_power_of_the_step(caged):
    ends = [
        simulate_time_local(caged, CENTRE, VELOCITY, step, round(0.4 / step), stride=round(0.4 / step)).positions[0, 0]
        for step in (0.02, 0.01, 0.005, 0.000625)
    ]
    errors = [np.linalg.norm(end - ends[-1]) for end in ends[:-1]]
    np.testing.assert_allclose(np.log2([errors[0] / errors[1], errors[1] / errors[2]]), 5.0, atol=0.6)


def test_repeating_the_right_side_finds_where_atoms_are_in_the_end(caged):
    """Equation 16 at rest is the static relaxation, r = −W(0) ∂U/∂r at r itself."""
    once, repeated = (
        simulate_time_local(caged, [1.6, 1.5, 1.5], 0.0, 1e-4, 1, passes=passes).velocities[0, 0, 0]
        for passes in (1, 60)
    )
    from aiida_superionic.lattice.barrier import static_energies

    around = caged.surroundings
    sites, recoil = around.sites(caged.crystal), around.recoil(caged.crystal)
    step = 1e-4
    ahead, behind = (
        sum(static_energies(sites, recoil, caged.interaction, np.array([1.6 + s, 1.5, 1.5]))[1:]) for s in (step, -step)
    )
    expected = -(ahead - behind) / (2.0 * step) / caged.inertia * 1e-4
    assert repeated == pytest.approx(expected, rel=1e-4)
    assert abs(once - expected) > 10.0 * abs(repeated - expected)
    with pytest.raises(LatticeError, match="places were not found"):
        simulate_time_local(caged, [1.6, 1.5, 1.5], 0.0, 1e-4, 1, passes=2, tolerance=1e-12)


def test_a_short_memory_follows_the_full_equations_closer_than_no_memory(caged):
    """Section VII: the recoil kernel has not decayed at once."""
    full, _ = simulate_full(caged, (12, 12, 12), CENTRE, VELOCITY, 0.005, 80, stride=20)
    apart = {}
    for memory in (None, 0.3):
        found = simulate_time_local(caged, CENTRE, VELOCITY, 0.005, 80, stride=20, memory=memory)
        apart[memory] = np.abs(found.positions - full.positions).max()
    assert apart[0.3] < 0.5 * apart[None]


def test_a_memory_answers_a_constant_force_with_the_static_recoil(caged):
    memory = memory_of(caged, 0.2, 0.005)
    table = static_recoil(caged.crystal, memory.reach)
    np.testing.assert_allclose(memory.weights.sum(axis=1), np.broadcast_to(-table, (5, *table.shape)), atol=1e-12)
    # What is beyond the window is small beside what is in it.
    here = 3 * (memory.reach,)
    assert np.abs(memory.weights[(0, -1, *here)]).max() < 0.4 * np.abs(table[here]).max()
    with pytest.raises(LatticeError, match="shorter than two steps"):
        memory_of(caged, 0.005, 0.005)


def test_ions_in_one_bath_do_not_know_of_each_other_and_repulsion_keeps_them_apart(model):
    thermal = ThermalMotion(modes_of(model.crystal, SHAPE), 0.05, seed=5)
    starts = np.array([[1.5, 1.5, 1.5], [7.5, 1.5, 4.5]])
    together = simulate_time_local(model, starts, 0.0, 0.005, 400, thermal=thermal, stride=40)
    for k, start in enumerate(starts):
        alone = simulate_time_local(model, start, 0.0, 0.005, 400, thermal=thermal, stride=40)
        np.testing.assert_array_equal(alone.positions[:, 0], together.positions[:, k])
    repulsion = Yukawa(2.0, 1.0)
    apart = Model(model.crystal, model.interaction, model.ion_mass, model.surroundings, repulsion)
    neighbours = np.array([[1.5, 1.5, 1.5], [4.5, 1.5, 1.5]])
    first = simulate_time_local(apart, neighbours, 0.0, 0.005, 1, thermal=thermal)
    free = simulate_time_local(model, neighbours, 0.0, 0.005, 1, thermal=thermal)
    push = 2.0 * np.exp(-3.0) / 3.0 * (1.0 + 1.0 / 3.0) / model.inertia * 0.005
    np.testing.assert_allclose(first.velocities[0, :, 0] - free.velocities[0, :, 0], [-push, push], rtol=5e-3)


def test_with_every_cell_taken_but_one_the_vacancy_moves(model):
    """Carriers that repel each other fill all cells of a crystal but one: what moves is the hole."""
    shape = (3, 3, 3)
    thermal = ThermalMotion(modes_of(model.crystal, shape), 0.05, seed=2)
    cells = np.array(list(np.ndindex(shape)))[:-1]
    crowd = Model(model.crystal, model.interaction, model.ion_mass, model.surroundings, Yukawa(4.0, 0.8))
    trajectory = simulate_time_local(crowd, (cells + 0.5) * 3.0, 0.0, 0.005, 1500, thermal=thermal, stride=50)
    occupied = np.floor(trajectory.positions / 3.0).astype(int) % 3
    empty = [set(map(tuple, np.argwhere(np.ones(shape)))) - set(map(tuple, frame)) for frame in occupied]
    holes = [next(iter(one)) for one in empty if len(one) == 1]
    assert len(holes) > 0.5 * len(empty)
    assert len(set(holes)) > 1


def test_an_energy_of_many_bodies_takes_the_place_of_pairs(model):
    """U(r, R) = −√Σρ + pairs, from its own derivatives, moves an ion as its energy says."""
    atoms = fixed_atoms(CORNERS)
    many = Model(model.crystal, Yukawa(4.0, 0.5), model.ion_mass, atoms, many_body=embedded)
    before = sum(begin(many, SHAPE, CENTRE, VELOCITY).energy())
    pairs = sum(begin(Model(model.crystal, Yukawa(4.0, 0.5), model.ion_mass, atoms), SHAPE, CENTRE, VELOCITY).energy())
    assert abs(before - pairs) > 0.1
    _, state = simulate_full(many, SHAPE, CENTRE, VELOCITY, 0.005, 200)
    assert abs(sum(state.energy()) - before) < 1e-6
    local = simulate_time_local(many, CENTRE, VELOCITY, 0.005, 40)
    full, _ = simulate_full(many, SHAPE, CENTRE, VELOCITY, 0.005, 40)
    assert np.abs(local.positions - full.positions).max() < 0.1


def test_an_ion_on_an_atom_is_refused_and_one_that_runs_onto_one_stops(model, caged):
    with pytest.raises(LatticeError, match=r"ion 1 starts 0\.01 Å from an atom"):
        simulate_time_local(model, [[1.5, 1.5, 1.5], [3.01, 3.0, 0.0]], 0.0, 0.005, 10)
    table = Tabulated.of(lambda x: np.exp(-x), 2.4, 4.0)
    short = Model(model.crystal, table, model.ion_mass, caged.surroundings)
    with pytest.raises(LatticeError, match=r"broke off after .* ps: an ion ran onto an atom or beyond"):
        simulate_time_local(short, CENTRE, VELOCITY, 0.005, 1000)
    with pytest.raises(LatticeError, match="broke off after"):
        simulate_full(short, SHAPE, CENTRE, VELOCITY, 0.005, 1000)


def test_a_step_too_long_for_the_full_crystal_is_refused(caged):
    with pytest.raises(LatticeError, match="too long for the crystal's highest frequency"):
        simulate_full(caged, SHAPE, CENTRE, VELOCITY, 0.1, 10)


def test_what_does_not_fit_together_is_refused(model):
    thermal = ThermalMotion(modes_of(model.crystal, (4, 4, 4)), 0.05, seed=5)
    with pytest.raises(LatticeError, match="does not fit a crystal"):
        simulate_full(model, SHAPE, CENTRE, 0.0, 0.005, 1, thermal=thermal)
    with pytest.raises(LatticeError, match="smaller than its couplings reach"):
        simulate_full(model, (1, 4, 4), CENTRE, 0.0, 0.005, 1)
    with pytest.raises(LatticeError, match="no mass above zero"):
        Model(model.crystal, model.interaction, 0.0, corners(model.crystal))
    apart = Model(model.crystal, model.interaction, 7.0, model.surroundings, Yukawa(1.0, 1.0))
    with pytest.raises(LatticeError, match="need the cells of thermal motion"):
        simulate_time_local(apart, CENTRE, 0.0, 0.005, 1)
