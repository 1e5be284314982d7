"""Stiff oscillators, of which velocity Verlet is solved exactly: what a timestep does to the energies of bodies.

With h = ωΔt a step of velocity Verlet turns (v, √(1 − h²/4) ωx) by the angle whose cosine is 1 − h²/2: the kinetic
energy is 1 − h²/4 of the potential energy on average. With g = Δt/damping, and Langevin forces of the velocity u of
the half step, as LAMMPS adds them, a step is

    x' = x + Δt u,   u' = (1 − g) u − ω²Δt x' + noise,   v' = (u + u')/2,

whose stationary state has ⟨m v²⟩ = kB T at any timestep, and ⟨k x²⟩ = kB T (1 − g/2)/(1 − g/2 − h²/4).
"""

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.lammps import constraint_on, data_file, host_of
from aiida_superionic.calculations.lammps_script import lammps_script
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.parsers.lammps_output import read_lammps_output
from aiida_superionic.potentials import LammpsPotential
from aiida_superionic.units import BOLTZMANN, KINETIC_ENERGY

KINDS = ["P", "S", "Li"]
LENGTH, STIFFNESS = 2.0, 16.0  # Å, eV/Å²
TEMPERATURE, DAMPING = 400.0, 0.1
REDUCED_MASS = 1.0 / sum(1.0 / atomic_masses[atomic_numbers[kind]] for kind in ("P", "S"))
FREQUENCY = np.sqrt(STIFFNESS / KINETIC_ENERGY / REDUCED_MASS)  # 99 rad/ps
N_STEPS = 600
TIMESTEPS = [0.004, 0.008, 0.012]  # ps: h is 0.4, 0.8, 1.2
POTENTIAL = LammpsPotential(
    atom_style="full",
    charges=(0.0, 0.0, 0.0),
    commands=(
        "bond_style harmonic",
        f"bond_coeff 1 {STIFFNESS / 2} {LENGTH}",
        "pair_style zero 3.0",
        "pair_coeff * *",
    ),
)


@pytest.fixture
def oscillators(run_lammps, tmp_path):
    """Return a function that runs 125 springs that cannot turn and do not meet, and one lithium.

    It returns kinetic and potential energies of the springs in eV, shape (T, 125), and the temperatures of all.
    """
    grid = 8.0 * np.array(list(np.ndindex(5, 5, 5)))
    places = np.stack((grid, grid + np.array([0.0, 0.0, LENGTH])), axis=1).reshape(-1, 3)
    atoms = Atoms(["P", "S"] * len(grid) + ["Li"], [*places, [4.0, 4.0, 4.0]], cell=[40.0] * 3, pbc=True)
    atoms.set_array("bonds", np.array([f"{i + 1}(1)" if i % 2 == 0 else "_" for i in range(2 * len(grid))] + ["_"]))

    def run(mode, timestep, n_steps, *, langevin):
        settings = MdSettings(
            ensemble="nve",
            temperature=TEMPERATURE,
            duration=n_steps * timestep,
            timestep=timestep,
            thermostat_damping=DAMPING,
            langevin_duration=n_steps * timestep if langevin else None,
            sampling_interval=(5 if langevin else 1) * timestep,
            thermo_interval=5 * timestep,
            checkpoint_interval=n_steps * timestep,
            mobile=["Li"],
            host_displacement_limit=1e6,
            constraint={"mode": mode, "atoms": [(2 * i, 2 * i + 1) for i in range(len(grid))]},
        )
        host, constraint = host_of(atoms, ["Li"]), constraint_on(atoms, settings)
        script = lammps_script(settings, POTENTIAL, KINDS, seed=5, host=host, constraint=constraint)
        data = data_file(atoms, KINDS, POTENTIAL.charges, POTENTIAL.atom_style, host, constraint)
        output = read_lammps_output(run_lammps(script, {"structure.data": data}, tmp_path))
        frames = read_trajectory([tmp_path / "trajectory.0.bin"], kinds=KINDS, md_timestep=timestep, mobile=["Li"])
        bonds, velocities = (
            np.asarray(vectors[:, 1:-1:2]) - vectors[:, :-1:2] for vectors in (frames.positions, frames.velocities)
        )
        # The springs point along z and keep to it.
        np.testing.assert_allclose(bonds[..., :2], 0.0, rtol=0, atol=1e-9)
        kinetic = 0.5 * KINETIC_ENERGY * REDUCED_MASS * velocities[..., 2] ** 2
        potential = 0.5 * STIFFNESS * (bonds[..., 2] - LENGTH) ** 2
        return kinetic, potential, output.thermo["temperature"]

    return run


def mean(values):
    """Return the mean of a series but for its first tenth, and its standard error from 20 blocks."""
    kept = values[len(values) // 10 :]
    blocks = kept[: len(kept) // 20 * 20].reshape(20, -1).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(20)


@pytest.mark.parametrize("mode", ["RC", "RTC"])
@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_a_free_oscillator_has_the_energies_of_velocity_verlet(oscillators, mode, timestep):
    kinetic, potential, _ = oscillators(mode, timestep, N_STEPS, langevin=False)
    less = 1.0 - (FREQUENCY * timestep) ** 2 / 4.0
    turn = np.arccos(2.0 * less - 1.0)
    conserved = kinetic + less * potential
    # LAMMPS' conversion of energies has seven digits.
    np.testing.assert_allclose(conserved, np.broadcast_to(conserved[0], conserved.shape), rtol=1e-6)
    # All start at rest length: the mean of cos 2φ is within 1/(n sin θ) of 0.
    assert kinetic.mean() / potential.mean() == pytest.approx(less, rel=2.01 / (N_STEPS * np.sin(turn)))


@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_in_a_bath_kinetic_energies_are_exact_and_potential_ones_converge_as_the_timestep_squared(
    oscillators, timestep
):
    kinetic, potential, temperatures = oscillators("RC", timestep, round(20.0 / timestep / 5) * 5, langevin=True)
    thermal = 0.5 * BOLTZMANN * TEMPERATURE
    rest = 1.0 - 0.5 * timestep / DAMPING
    more = rest / (rest - (FREQUENCY * timestep) ** 2 / 4.0)
    for values, exact in ((kinetic.mean(axis=1) / thermal, 1.0), (potential.mean(axis=1) / thermal, more)):
        value, error = mean(values)
        print(f"{1000 * timestep:g} fs: {value:.4f} +- {error:.4f}, exactly {exact:.4f}")
        assert abs(value - exact) < 5.0 * error
        assert error < 0.015 * exact
    value, error = mean(temperatures / TEMPERATURE)
    assert abs(value - 1.0) < 5.0 * error
    assert error < 0.015
