"""What LAMMPS makes of a constraint: what is held stays, what moves moves as it should."""

import numpy as np
import pytest
from rotor_crystal import ROTORS, crystal, lammps_constraint, turns_and_shifts

from aiida_superionic.analysis.orientation import best_rotation
from aiida_superionic.calculations.settings import Start
from aiida_superionic.constraints import lammps
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY


def slope(values):
    """Return the slope of a series, per its length, and its standard error from 20 blocks."""
    blocks = values[: len(values) // 20 * 20].reshape(20, -1).mean(axis=1)
    x = np.linspace(-0.5, 0.5, 20)
    rate = x @ blocks / (x @ x)
    rest = blocks - blocks.mean() - rate * x
    return rate, np.sqrt(rest @ rest / 18 / (x @ x))


def continued(run):
    file, step = run.output.checkpoint
    return Start(file=file, step=step, trajectory=("trajectory.0.bin",))


def held(run_rotors, stage, mode, duration):
    """Return thermo columns and frames of a run in four jobs, each from the checkpoint of the one before."""
    part = duration / 4
    settings = stage(
        mode,
        ensemble="nvt",
        duration=duration,
        # Nosé–Hoover dynamics alone would not bring stiff bodies to one temperature.
        langevin_duration=duration / 10,
        checkpoint_interval=part,
        sampling_interval=duration / 400,
        thermo_interval=0.025,
    )
    steps = settings.steps("checkpoint_interval")
    thermo, runs, start = {}, [], None
    for job in range(1, 5):
        until = f'at step {steps * job}"'
        run = run_rotors(f"{mode}{job}", settings, parent=runs[-1] if runs else None, start=start, until=until)
        assert run.output.checkpoint[1] == steps * job
        for name, values in run.output.thermo.items():
            thermo[name] = np.concatenate([thermo.get(name, values[:0]), values])
        runs.append(run)
        start = continued(run)
    return thermo, runs[0], run.trajectory(*runs[:-1])


def tilts(run, trajectory):
    """Return how far a bond of each body leans, in degrees, along two axes across where it is without vibrations.

    A turn shows in their means; their size is that of the vibrations, whose energy stiff bodies exchange slowly.
    """
    ends = np.array([frame.atoms[[0, -1]] for frame in run.frames])
    bonds = np.asarray(trajectory.positions[:, ends[:, 1]]) - trajectory.positions[:, ends[:, 0]]
    bonds /= np.linalg.norm(bonds, axis=-1, keepdims=True)
    rest = np.array([frame.reference[-1] - frame.reference[0] for frame in run.frames])
    across = np.linalg.svd(rest[:, None])[2][:, 1:]
    return np.degrees(np.arcsin(np.einsum("tbx,bkx->tbk", bonds, across))).reshape(len(bonds), -1)


def assert_held(mode, thermo, run, trajectory):
    """Check what a mode holds: no turn but by rounding errors that do not add up; orientations that only tremble."""
    assert len(run.frames) == 2 * len(ROTORS)
    if mode == "RTVC":
        fixed = trajectory.atoms_of("Li")[0]
        assert np.all(trajectory.positions[:, :fixed] == trajectory.positions[:1, :fixed])
        return
    residual = thermo["eckart_residual"]
    assert residual.max() < 1e-9
    rate, error = slope(residual)
    assert abs(rate) < 5.0 * error
    turns, shifts = turns_and_shifts(run, trajectory)
    # The turn is the residual over a moment of inertia of 10 amu Å² or more.
    assert turns.max() < 1e-10
    for tilt in tilts(run, trajectory)[len(turns) // 10 :].T:
        assert 0.2 < np.std(tilt) < 10.0
        rate, error = slope(tilt)
        if mode == "RTC":
            assert abs(rate) < 5.0 * error
        # Where neighbours move, a bond leans otherwise, by less than it trembles; a body that turns goes far.
        first, second = np.array_split(tilt, 2)
        assert abs(second.mean() - first.mean()) < np.std(tilt)
    if mode == "RTC":
        assert shifts.max() < 1e-9
        assert thermo["centre_shift"].max() < 1e-9
    else:
        assert shifts.max() > 0.1


@pytest.mark.parametrize(("mode", "duration"), [("RC", 50.0), ("RTC", 50.0), ("RTVC", 4.0)])
def test_what_is_held_stays_held_across_restarts(run_rotors, stage, mode, duration):
    assert_held(mode, *held(run_rotors, stage, mode, duration))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", ["RC", "RTC"])
def test_a_million_steps_leave_what_is_held_in_place(run_rotors, stage, mode):
    assert_held(mode, *held(run_rotors, stage, mode, 500.0))


def test_without_feedback_rounding_errors_add_up(run_rotors, stage, monkeypatch):
    settings = stage("RC", ensemble="nvt", duration=5.0)
    kept = run_rotors("kept", settings).output.thermo["eckart_residual"]
    monkeypatch.setattr(lammps, "FEEDBACK_RATE", 0.0)
    lost = run_rotors("lost", settings).output.thermo["eckart_residual"]
    assert lost[-1] > 20.0 * kept[-1]


def test_atoms_stay_where_they_are_when_vibration_is_held(run_rotors, stage):
    run = run_rotors("RTVC", stage("RTVC", ensemble="nvt", sampling_interval=0.05))
    trajectory = run.trajectory()
    fixed = np.isin(trajectory.species, ["Li"], invert=True)
    assert np.all(trajectory.positions[:, fixed] == trajectory.positions[:1, fixed])
    assert np.all(trajectory.velocities[:, fixed] == 0.0)
    assert np.abs(trajectory.positions[-1] - trajectory.positions[0])[~fixed].min(axis=0).max() > 0.01
    # The temperature is that of what moves.
    kinetic = 0.5 * KINETIC_ENERGY * np.sum(trajectory.masses[:, None] * trajectory.velocities[-1] ** 2)
    expected = 2.0 * kinetic / (3 * (~fixed).sum() * BOLTZMANN)
    assert run.output.thermo["temperature"][-1] == pytest.approx(expected, rel=1e-5)  # LAMMPS' constants have 8 digits


@pytest.mark.parametrize("mode", ["RC", "RTC", "RTVC"])
def test_a_microcanonical_run_keeps_its_energy_as_an_unconstrained_one_does(run_rotors, stage, mode):
    def energies(mode):
        settings = stage(mode, duration=4.0, langevin_duration=1.0, thermo_interval=0.005)
        thermo = run_rotors(f"energy of {mode}", settings).output.thermo
        return thermo["total_energy"][thermo["step"] > 2000]

    free, constrained = energies(None), energies(mode)
    # Both walk at random as pairs cross the cutoff.
    assert np.std(constrained) < 3.0 * np.std(free)
    (rate, error), (free_rate, free_error) = slope(constrained), slope(free)
    assert abs(rate) < abs(free_rate) + 5.0 * np.hypot(error, free_error)


@pytest.mark.parametrize("chosen", [{}, {"atoms": [range(5, 10), [0, 1], [38]]}], ids=["polyanions", "by hand"])
@pytest.mark.parametrize("mode", ["RC", "RTC", "RTVC"])
def test_forces_are_those_of_the_unconstrained_system_but_for_the_bodies(run_rotors, stage, mode, chosen):
    """Outside of the bodies bit for bit, inside f − m λ × a, less the body's share of the total where it is held."""
    if mode == "RC" and chosen:
        chosen = {"atoms": chosen["atoms"][:2]}  # one atom has no rotation
    settings = {"duration": 0.01, "langevin_duration": None, "thermo_interval": 0.01, "sampling_interval": 0.01}
    free = run_rotors("UC", stage(**settings)).trajectory()
    run = run_rotors(mode, stage(constraint={"mode": mode, **chosen}, **settings))
    forces = run.trajectory().forces[0]
    expected = free.forces[0].copy()
    for frame in () if mode == "RTVC" else run.frames:
        before = free.forces[0, frame.atoms]
        turn = np.linalg.pinv(frame.inertia, rcond=1e-6) @ np.cross(frame.reference, before).sum(axis=0)
        push = before.sum(axis=0) / frame.masses.sum() if mode == "RTC" else 0.0
        expected[frame.atoms] -= frame.masses[:, None] * (np.cross(turn, frame.reference) + push)
    others = np.setdiff1d(
        np.arange(len(forces)), [] if mode == "RTVC" else np.concatenate([f.atoms for f in run.frames])
    )
    assert len(others) >= 8
    assert forces[others].tobytes() == free.forces[0, others].tobytes()
    np.testing.assert_allclose(forces, expected, rtol=0, atol=1e-12)
    if mode != "RTVC":
        assert np.abs(expected - free.forces[0]).max() > 0.01


@pytest.mark.parametrize("mode", ["RC", "RTC", "RTVC"])
def test_commands_that_find_no_body_change_no_force(run_rotors, stage, mode):
    """No user comes here: a structure without polyanions is refused before anything runs."""
    settings = {"duration": 0.01, "langevin_duration": None, "sampling_interval": 0.01, "checkpoint_interval": 0.01}
    free = run_rotors("UC", stage(**settings)).trajectory()
    bare = run_rotors("none", stage(mode, **settings), bodies=()).trajectory()
    assert bare.forces[0].tobytes() == free.forces[0].tobytes()


@pytest.mark.parametrize("mode", ["RC", "RTC"])
@pytest.mark.parametrize("cut", [300, 700])
def test_a_continued_run_is_the_unbroken_one_bit_for_bit(run_rotors, stage, mode, cut):
    # The first half of 1000 steps is Langevin dynamics: one cut falls into it, one behind it.
    times = {"duration": 0.5, "langevin_duration": 0.2, "checkpoint_interval": 0.05, "sampling_interval": 0.01}
    settings = stage(mode, ensemble="nvt", **times)
    whole = run_rotors("whole", settings)
    part = run_rotors("part", settings, until=f'at step {cut}"')
    rest = run_rotors("rest", settings, parent=part, start=continued(part))
    assert rest.output.checkpoint == whole.output.checkpoint
    unbroken, joined = whole.trajectory(), rest.trajectory(part)
    others = np.arange(51) != cut // 20  # the frame of the checkpoint itself is written before it and after it
    for name in ("positions", "velocities", "forces"):
        one, two = getattr(joined, name), getattr(unbroken, name)
        assert one[others].tobytes() == two[others].tobytes()
    for name, column in rest.output.thermo.items():
        np.testing.assert_array_equal(column[1:], whole.output.thermo[name][1 - len(column) :])


def test_ranks_agree(run_rotors, stage):
    settings = stage("RTC", duration=0.05, langevin_duration=None, checkpoint_interval=0.05, sampling_interval=0.05)
    first, *others = [run_rotors(f"{ranks} ranks", settings, ranks=ranks) for ranks in (1, 2, 4)]
    positions = first.trajectory().positions[-1]
    for other in others:
        np.testing.assert_allclose(other.trajectory().positions[-1], positions, rtol=0, atol=1e-8)
        for name in ("host_displacement", "total_energy"):
            np.testing.assert_allclose(other.output.thermo[name], first.output.thermo[name], rtol=1e-7, atol=1e-9)


def test_polyanions_cut_by_the_boundary_are_held_alike(run_rotors, stage):
    settings = stage("RTC", ensemble="nvt", duration=0.5, sampling_interval=0.05)
    run = run_rotors("wrapped", settings, wrap=True)
    turns, shifts = turns_and_shifts(run, run.trajectory())
    assert turns.max() < 1e-10
    assert shifts.max() < 1e-10
    assert run.output.thermo["eckart_residual"].max() < 1e-10


def test_rotation_is_held_while_the_volume_changes(run_rotors, stage):
    settings = stage("RC", ensemble="npt", barostat_damping=0.2, sampling_interval=0.05)
    run = run_rotors("npt", settings)
    assert np.ptp(run.output.thermo["volume"]) > 10.0
    assert run.output.thermo["eckart_residual"].max() < 1e-9


def test_two_atoms_chosen_by_hand_keep_their_direction(run_rotors, stage):
    settings = stage(None, constraint={"mode": "RC", "atoms": [[0, 1]]}, ensemble="nvt", sampling_interval=0.05)
    run = run_rotors("pair", settings)
    bonds = np.diff(run.trajectory().positions[:, :2], axis=1)[:, 0]
    lengths = np.linalg.norm(bonds, axis=1, keepdims=True)
    assert np.ptp(lengths) > 0.01
    np.testing.assert_allclose(bonds / lengths, np.broadcast_to(bonds[0] / lengths[0], bonds.shape), rtol=0, atol=1e-10)
    assert "extra/dof 5" in (run.folder / "input.in").read_text()


def test_a_residual_above_its_limit_ends_the_run(run_rotors, stage):
    constraint = {"mode": "RC", "residual_limit": 1e-20}
    run = run_rotors("violated", stage(None, constraint=constraint), failing=True)
    assert run.output.constraint_violated
    assert not run.output.molten
    assert not run.output.complete


def test_only_chosen_rotors_are_held(run_rotors, stage):
    settings = stage(None, constraint={"mode": "RTC", "rotors": ["PS4"]}, ensemble="nvt", sampling_interval=0.05)
    run = run_rotors("some", settings)
    assert len(run.frames) == 2
    trajectory = run.trajectory()
    _, shifts = turns_and_shifts(run, trajectory)
    assert shifts.max() < 1e-10
    atoms, _ = crystal()
    run.frames = list(lammps_constraint(atoms, stage("RC")).frames)
    _, shifts = turns_and_shifts(run, trajectory)
    assert shifts.max() > 0.05


# --- temperature ------------------------------------------------------------------------------------------------------


def kinetic_energies(run):
    """Return twice the kinetic energy in eV of each kind of motion, frame by frame, and its degrees of freedom."""
    trajectory = run.trajectory()
    velocities, masses = np.asarray(trajectory.velocities), trajectory.masses
    lithium = np.isin(trajectory.species, ["Li"])
    energies = {"lithium": np.einsum("n,tnx->t", masses[lithium], velocities[:, lithium] ** 2)}
    counts = {"lithium": 3 * lithium.sum()}
    kinds = ("translation", "rotation", "vibration")
    energies |= {kind: np.zeros(len(velocities)) for kind in kinds}
    for frame in run.frames:
        v, places = velocities[:, frame.atoms], np.asarray(trajectory.positions[:, frame.atoms])
        centre = np.einsum("n,tnx->tx", frame.masses, v) / frame.masses.sum()
        inner = v - centre[:, None]
        places = places - np.einsum("n,tnx->tx", frame.masses, places)[:, None] / frame.masses.sum()
        turned = frame.reference @ best_rotation(frame.reference, places, frame.masses).transpose(0, 2, 1)
        momentum = np.einsum("n,tnx->tx", frame.masses, np.cross(turned, inner))
        squares = np.einsum("n,tnx,tny->txy", frame.masses, turned, turned)
        inertia = np.trace(squares, axis1=1, axis2=2)[:, None, None] * np.eye(3) - squares
        rotation = np.einsum("tx,tx->t", momentum, np.linalg.solve(inertia, momentum[..., None])[..., 0])
        energies["translation"] += frame.masses.sum() * np.sum(centre**2, axis=1)
        energies["rotation"] += rotation
        energies["vibration"] += np.einsum("n,tnx->t", frame.masses, inner**2) - rotation
    counts |= {
        "translation": 3 * len(run.frames),
        "rotation": 3 * len(run.frames),
        "vibration": sum(3 * len(frame.atoms) - 6 for frame in run.frames),
    }
    return {kind: KINETIC_ENERGY * values for kind, values in energies.items()}, counts


def temperatures(run_rotors, stage, mode, duration, thermostat="langevin", **changes):
    """Return the temperature over T of each kind of motion that is not held, and its standard error from 20 blocks.

    Under Nosé–Hoover dynamics, of what follows on Langevin dynamics of a tenth of the duration.
    """
    settings = stage(
        mode,
        ensemble="nvt",
        langevin_duration=duration if thermostat == "langevin" else 0.1 * duration,
        duration=duration,
        sampling_interval=0.01,
        checkpoint_interval=duration,
        **changes,
    )
    run = run_rotors(f"{mode}", settings)
    if not run.frames:
        run.frames = list(lammps_constraint(crystal()[0], stage("RC")).frames)
    energies, counts = kinetic_energies(run)
    result = {}
    for kind, values in energies.items():
        if (kind, mode) in {("rotation", "RC"), ("rotation", "RTC"), ("translation", "RTC")}:
            assert values.max() < 1e-12
            continue
        kept = values[len(values) // 6 :] / (counts[kind] * BOLTZMANN * settings.temperature)
        blocks = kept[: len(kept) // 20 * 20].reshape(20, -1).mean(axis=1)
        result[kind] = (blocks.mean(), blocks.std(ddof=1) / np.sqrt(20))
    return result


@pytest.mark.parametrize("mode", [None, "RC", "RTC"])
def test_every_kind_of_motion_has_the_temperature(run_rotors, stage, mode):
    for value, error in temperatures(run_rotors, stage, mode, 8.0).values():
        assert abs(value - 1.0) < 5.0 * error
        assert error < 0.1


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("thermostat", "duration"), [("langevin", 400.0), ("nose-hoover", 2400.0)])
def test_every_kind_of_motion_has_the_temperature_of_the_unconstrained_system(run_rotors, stage, thermostat, duration):
    found = {mode: temperatures(run_rotors, stage, mode, duration, thermostat) for mode in (None, "RC", "RTC")}
    free = found.pop(None)
    for mode, kinds in found.items():
        for kind, (value, error) in kinds.items():
            print(f"{mode} {kind}: {value:.4f} +- {error:.4f}, UC {free[kind][0]:.4f} +- {free[kind][1]:.4f}")
            assert np.hypot(error, free[kind][1]) < 0.01
            assert abs(value - free[kind][0]) < 5.0 * np.hypot(error, free[kind][1])
