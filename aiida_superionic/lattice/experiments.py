"""Numerical experiments on the time-local model, each beside the full equations or exact sums."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.analysis.results import Curve, Result, Scalar
from aiida_superionic.lattice import Array, LatticeError
from aiida_superionic.lattice.barrier import pair_derivatives
from aiida_superionic.lattice.crystal import Crystal
from aiida_superionic.lattice.full_motion import begin, simulate_full
from aiida_superionic.lattice.interactions import PairInteraction
from aiida_superionic.lattice.ion_trajectory import IonTrajectory, Progress
from aiida_superionic.lattice.model import Model, fixed_atoms
from aiida_superionic.lattice.modes import cells_a_side, modes_of, static_recoil
from aiida_superionic.lattice.thermal_motion import Statistics, ThermalMotion
from aiida_superionic.lattice.time_local_motion import simulate_time_local
from aiida_superionic.units import BOLTZMANN, REDUCED_PLANCK

_NEWTON_STEPS = 60
_PATH = {"Γ": (0.0, 0.0, 0.0), "X": (0.5, 0.0, 0.0), "M": (0.5, 0.5, 0.0), "R": (0.5, 0.5, 0.5)}
_WALK = ("Γ", "X", "M", "Γ", "R")
_BINS = 60
_STILL = 0.1
"""Of the largest amplitude, below which a periodic crystal's echoes move the ion too."""
_ACROSS = (0, 1)
"""Axes along which an ion on a row of atoms is held: the atoms push it aside."""


def crystal_properties(
    crystal: Crystal, cells: tuple[int, int, int], temperatures: list[float], seed: int, statistics: Statistics
) -> Result:
    """Return what the bath is: dispersion, recoil kernel, sound, loss, and how displacements and speeds are spread.

    Curves are the dispersion of each branch in meV along Γ X M Γ R of a cubic cell, the diagonal of the recoil kernel
    over its value at time zero, and for each temperature in K the densities of the length of the displacement and of
    the speed of all atoms of one seeded state, beside those of Maxwell and Boltzmann with the variance of equation 24.
    """
    points = [np.array(_PATH[name]) for name in _WALK]
    legs = [np.linspace(a, b, 100, endpoint=False) for a, b in pairwise(points)]
    path = np.concatenate([*legs, points[-1][None]])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    energies = crystal.frequencies(path) * REDUCED_PLANCK * 1e3
    curves = {
        f"dispersion_{branch}": Curve(lengths, energies[:, branch], "path Γ X M Γ R", "2π/a", "energy", "meV")
        for branch in range(energies.shape[1])
    }
    times = np.linspace(0.0, 2.0, 201)
    recoil = _endless_recoil(crystal, times)
    curves["recoil_kernel"] = Curve(times, recoil / recoil[0], "t", "ps", "W(t)/W(0)", "1")
    modes = modes_of(crystal, cells)
    for temperature in temperatures:
        energy = BOLTZMANN * temperature
        thermal = ThermalMotion(modes, energy, seed, statistics)
        states = {
            "displacement": (thermal.displacements(0.0), modes.covariance(0.0, energy), "Å"),
            "speed": (thermal.velocities(0.0), modes.velocity_covariance(0.0, energy), "Å/ps"),
        }
        for name, (field, covariance, unit) in states.items():
            sizes = np.linalg.norm(field.reshape(-1, 3, modes.n_cells)[0], axis=0)
            variance = float(np.trace(covariance[0, :3, :3])) / 3.0
            edges = np.linspace(0.0, 4.5 * np.sqrt(variance), _BINS + 1)
            counts, _ = np.histogram(sizes, edges)
            middles, width = 0.5 * (edges[1:] + edges[:-1]), edges[1]
            density = counts / (len(sizes) * width)
            expected = np.sqrt(2.0 / np.pi) * middles**2 * np.exp(-(middles**2) / (2.0 * variance)) / variance**1.5
            error = np.sqrt(np.maximum(expected / (len(sizes) * width), 1e-300))
            tag = f"{name}_{temperature:.6g}K".replace(".", "p")
            curves[tag] = Curve(middles, density, name, unit, "density", f"1/({unit})", error)
            curves[f"{tag}_expected"] = Curve(middles, expected, name, unit, "density", f"1/({unit})")
    axis = crystal.lattice[0] / np.linalg.norm(crystal.lattice[0])
    speeds = crystal.speeds_of_sound(axis[None])[0]
    loss = crystal.loss_matrix()
    scalars = {
        "speed_of_sound_longitudinal": Scalar(float(speeds[2]), None, "Å/ps"),
        "speed_of_sound_transverse": Scalar(float(speeds[0]), None, "Å/ps"),
        "highest_energy": Scalar(float(energies.max()), None, "meV"),
        "static_recoil": Scalar(float(np.trace(static_recoil(crystal, 1)[1, 1, 1, :3, :3])) / 3e3, None, "Å^2/meV"),
        "loss": Scalar(float(np.trace(loss)) / 3e3, None, "Å^2 ps/meV"),
        "recoil_after_0p2_ps": Scalar(float(np.abs(recoil[20:] / recoil[0]).max()), None, "1"),
    }
    return Result(scalars, curves)


def _endless_recoil(crystal: Crystal, times: Array) -> Array:
    """Return the mean diagonal of W(t) of an endless crystal.

    What a finite one misses falls as one over its size: two sizes remove it. Their boundaries turn the sign of
    displacements, so that no momentum is zero.
    """
    cells = cells_a_side(crystal, 40)
    small, large = (modes_of(crystal, (n, n, n), twist=0.5).diagonal_recoil(times) for n in (cells, 2 * cells))
    return np.asarray(2.0 * large - small)


def reflection(
    model: Model,
    cells: tuple[int, int, int],
    speed: float,
    start: float,
    timestep: float,
    progress: Progress | None = None,
) -> Result:
    """Return how an atom gives way to an ion that hits it head on, in full and as the time-local form has it.

    The time-local deflection is the right side of equation 25 with the places and velocities of the full solution;
    without the atom's velocity it is quasistatic, without its displacement either homogeneous. ``transcendental``
    solves the quasistatic equation for the displacement itself, by Newton's method.

    Parameters
    ----------
    model
        Crystal and ion; the ion acts on the atom of the cell at the origin alone.
    cells
        Of the periodic crystal of the full solution.
    speed
        Of the ion, in Å/ps.
    start
        Its distance from the atom, in Å; it comes along the third cell vector.
    timestep
        In ps.
    progress
        Told of the steps that are done.
    """
    target = replace(model, surroundings=fixed_atoms([(0, 0, 0, 0)]), held=_ACROSS)
    axis = _third_axis(model.crystal)
    steps = int(1.5 * start / (speed * timestep))
    trajectory, _ = simulate_full(
        target, cells, -start * axis, speed * axis, timestep, steps, watched=[(0, 0, 0, 0)], progress=progress
    )
    atom, atom_speed = trajectory.atom_displacements[:, 0] @ axis, trajectory.atom_velocities[:, 0] @ axis
    ion, ion_speed = trajectory.positions[:, 0] @ axis, trajectory.velocities[:, 0] @ axis
    recoil = float(axis @ static_recoil(model.crystal, 1)[1, 1, 1, :3, :3] @ axis)
    loss = float(axis @ model.crystal.loss_matrix() @ axis)
    still = np.zeros_like(atom)
    deflections = {
        "full": atom,
        "time_local": _right_side(model.interaction, recoil, loss, atom, atom_speed, ion, ion_speed),
        "quasistatic": _right_side(model.interaction, recoil, loss, atom, still, ion, ion_speed),
        "homogeneous": _right_side(model.interaction, recoil, loss, still, still, ion, ion_speed),
        "transcendental": _self_consistent(model.interaction, recoil, loss, ion, ion_speed),
    }
    curves, scalars = {}, {}
    for name, deflection in deflections.items():
        force = pair_derivatives(model.interaction, deflection - ion)[1] * 1e3
        curves[f"deflection_{name}"] = Curve(trajectory.times, deflection, "t", "ps", "deflection", "Å")
        curves[f"force_{name}"] = Curve(trajectory.times, force, "t", "ps", "force on the ion", "meV/Å")
        scalars[f"largest_deflection_{name}"] = Scalar(float(np.abs(deflection).max()), None, "Å")
        scalars[f"largest_force_{name}"] = Scalar(float(np.abs(force).max()), None, "meV/Å")
    return Result(scalars, curves)


def _right_side(
    interaction: PairInteraction,
    recoil: float,
    loss: float,
    atom: Array,
    atom_speed: Array,
    ion: Array,
    ion_speed: Array,
) -> Array:
    """Return the right side of equation 25, for an ion at the lower end of the line."""
    _, first, second, _ = pair_derivatives(interaction, atom - ion)
    return np.asarray(-recoil * first + loss * second * (atom_speed - ion_speed))


def _self_consistent(interaction: PairInteraction, recoil: float, loss: float, ion: Array, ion_speed: Array) -> Array:
    """Return the displacements that equation 25 holds for, with the atom's velocity left out.

    Raises
    ------
    LatticeError
        If none is found.
    """
    atom = np.zeros_like(ion)
    for _ in range(_NEWTON_STEPS):
        _, first, second, third = pair_derivatives(interaction, atom - ion)
        missing = atom + recoil * first + loss * second * ion_speed
        slope = 1.0 + recoil * second + loss * third * ion_speed
        change = missing / slope
        # Far from the solution Newton's step may overshoot the ion itself.
        atom = atom - np.clip(change, -0.25 * (atom - ion), 0.25 * (atom - ion))
        if np.max(np.abs(change)) < 1e-12:
            return np.asarray(atom)
    raise LatticeError("the transcendental form has no deflection of the atom")


def _third_axis(crystal: Crystal) -> Array:
    """Return the direction of the third cell vector, which must be that of the third axis.

    Raises
    ------
    LatticeError
        If it is not.
    """
    along = crystal.lattice[2]
    if np.any(along[:2] != 0.0) or along[2] <= 0.0:
        raise LatticeError(
            "the ion is held to a row of atoms along the third axis, along which the third cell vector is not"
        )
    return np.array([0.0, 0.0, 1.0])


def dissipation(
    model: Model,
    cells: tuple[int, int, int],
    atoms_ahead: int,
    speed: float,
    timestep: float,
    duration: float,
    progress: Progress | None = None,
) -> Result:
    """Return how an ion on an edge between atoms comes to rest, in full and in time-local form.

    The ion starts half way between two atoms of a row along the third cell vector, and acts on ``atoms_ahead`` of the
    row on each side. It is held to the row, which repels it.

    Parameters
    ----------
    model
        Crystal and ion.
    cells
        Of the periodic crystal of the full solution.
    atoms_ahead
        On each side.
    speed
        At the start, in Å/ps.
    timestep, duration
        In ps.
    progress
        Told of the steps of the full solution that are done.
    """
    row = fixed_atoms([(0, 0, n, 0) for n in range(2 * atoms_ahead)])
    edge = replace(model, surroundings=row, held=_ACROSS)
    along, axis = model.crystal.lattice[2], _third_axis(model.crystal)
    steps = int(duration / timestep)
    start = (atoms_ahead - 0.5) * along
    local = simulate_time_local(edge, start, speed * axis, timestep, steps)
    full, _ = simulate_full(edge, cells, start, speed * axis, timestep, steps, progress=progress)
    curves, scalars = {}, {}
    for name, trajectory in {"full": full, "time_local": local}.items():
        place, rate = trajectory.positions[:, 0] @ axis, trajectory.velocities[:, 0] @ axis
        curves[f"position_{name}"] = Curve(trajectory.times, place, "t", "ps", "R", "Å")
        curves[f"velocity_{name}"] = Curve(trajectory.times, rate, "t", "ps", "dR/dt", "Å/ps")
        time, error = _decay_time(trajectory, place - start @ axis, rate)
        scalars[f"decay_time_{name}"] = Scalar(time, error, "ps")
    return Result(scalars, curves)


def _decay_time(trajectory: IonTrajectory, place: Array, rate: Array) -> tuple[float, float]:
    """Return the time in which the amplitude of an oscillation falls to 1/e, from its turning points."""
    turns = np.flatnonzero(np.sign(rate[1:]) != np.sign(rate[:-1]))
    sizes = np.abs(place[turns])
    turns, sizes = turns[sizes > _STILL * sizes.max()], sizes[sizes > _STILL * sizes.max()]
    if len(turns) < 4:
        raise LatticeError("the ion turns back fewer than four times; a longer run shows how its motion decays")
    (slope, _), covariance = np.polyfit(trajectory.times[turns], np.log(sizes), 1, cov=True)
    return float(-1.0 / slope), float(np.sqrt(covariance[0, 0]) / slope**2)


def conservation(
    model: Model,
    cells: tuple[int, int, int],
    velocity: Array,
    timesteps: tuple[float, ...],
    duration: float,
    temperature: float,
    seed: int,
) -> Result:
    """Return how the full equations keep their energy, from a crystal at rest.

    For each step the energy that is gained when an ion at the centre of a cell starts with a velocity and acts on that
    cell's corners throughout; and the power of the step with which that falls between the last two. Where the ion
    follows its cell's corners instead, energy and force jump as it leaves one cell for the next: the jumps of a run at
    a temperature, at the shortest step, are given by themselves.

    Parameters
    ----------
    model
        Crystal and ion; its surroundings are those that follow.
    cells
        Of the periodic crystal.
    velocity
        At the start, in Å/ps, shape (3,): too slow to leave the cell.
    timesteps, duration
        In ps; steps descending.
    temperature, seed
        Of the run that crosses cells, in K.

    Raises
    ------
    LatticeError
        If the motion breaks off, or no cell is crossed.
    """
    around = model.surroundings
    fixed = Model(model.crystal, model.interaction, model.ion_mass, fixed_atoms(around.atoms))
    centre = 0.5 * model.crystal.lattice.sum(axis=0)
    gains = []
    for timestep in timesteps:
        steps = round(duration / timestep)
        _, state = simulate_full(fixed, cells, centre, velocity, timestep, steps)
        gains.append(sum(state.energy()) - sum(begin(fixed, cells, centre, velocity).energy()))
    scalars = {
        f"energy_gain_{timestep * 1e3:g}_fs".replace(".", "p"): Scalar(gain * 1e3, None, "meV")
        for timestep, gain in zip(timesteps, gains, strict=True)
    }
    (coarse, fine), (more, less) = timesteps[-2:], np.abs(gains[-2:])
    scalars["order_of_the_step"] = Scalar(float(np.log(more / less) / np.log(coarse / fine)), None, "1")
    thermal = ThermalMotion(modes_of(model.crystal, cells), BOLTZMANN * temperature, seed)
    jumps = _jumps(model, thermal, centre, timesteps[-1], duration)
    scalars["crossings"] = Scalar(float(len(jumps)), None, "1")
    for name, unit, sizes in (("energy_jump", "meV", jumps[:, 0]), ("force_jump", "meV/Å", jumps[:, 1])):
        scalars[f"{name}_mean_square_root"] = Scalar(float(np.sqrt(np.mean(sizes**2))) * 1e3, None, unit)
        scalars[f"{name}_largest"] = Scalar(float(sizes.max()) * 1e3, None, unit)
    curve = Curve(np.array(timesteps), np.abs(gains) * 1e3, "timestep", "ps", "energy gained", "meV")
    return Result(scalars, {"energy_gain": curve})


def _jumps(model: Model, thermal: ThermalMotion, ion: Array, timestep: float, duration: float) -> Array:
    """Return the jumps of energy and force at each change of cell, in eV and eV/Å, shape (n, 2)."""
    state = begin(model, thermal.modes.shape, ion, 0.0, thermal)
    inverse = np.linalg.inv(model.crystal.lattice)
    jumps = []
    for _ in range(round(duration / timestep)):
        old = np.floor(state.ions[0] @ inverse)
        state.advance_by(timestep, 1)
        new = np.floor(state.ions[0] @ inverse)
        if not np.array_equal(old, new):
            (before, push), (after, pull) = (state.in_cell(cell) for cell in (old, new))
            jumps.append((abs(after - before), float(np.linalg.norm(pull - push))))
    if not jumps:
        raise LatticeError("the ion crosses from no cell into another; a longer or a hotter run shows jumps")
    return np.array(jumps)


def spread_over_cells(
    crystal: Crystal, cells: tuple[int, int, int], ions: int, seed: int, site: ArrayLike = (0.5, 0.5, 0.5)
) -> Array:
    """Return starts at one site of different cells, in cell vectors, drawn by a seed, in Å, shape (ions, 3).

    Raises
    ------
    LatticeError
        If there are more ions than cells.
    """
    all_cells = np.array(list(product(*map(range, cells))))
    if ions > len(all_cells):
        raise LatticeError(f"{ions} ions do not fit into {len(all_cells)} cells, one in each")
    chosen = np.random.default_rng(seed).choice(len(all_cells), size=ions, replace=False)
    return np.asarray((all_cells[np.sort(chosen)] + np.asarray(site, np.float64)) @ crystal.lattice)
