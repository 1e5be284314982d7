"""What thermal motion by interpolated Fourier transforms saves over the sum of all modes at every stage.

Run by ``make bench-lattice``. All times are processor times of one run; the sum over modes is compiled too, in the same
precision, and moves the ion by the same integrator.
"""

import time

import numpy as np
from numba import njit

from aiida_superionic.lattice.ion_trajectory import starting_state
from aiida_superionic.lattice.many_body import kernels_of
from aiida_superionic.lattice.modes import modes_of
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.lattice.thermal_motion import ThermalMotion
from aiida_superionic.lattice.time_local_motion import simulate_time_local

TIMESTEP, ENERGY, SEED = 0.005, 0.05, 1
WANTED = 50.0
DIRECT_STEPS, OUR_STEPS = 40, 20_000
SIZES, IONS = (10, 20, 30, 40), (1, 4, 16, 64)


@njit(error_model="numpy")
def sum_over_modes(time, frequencies, forward, backward, patterns, phases, out):
    """Fill in displacements and velocities of atoms, shape (2, n, 3)."""
    out[:] = 0.0
    for q in range(frequencies.shape[0]):
        for u in range(3):
            turn = frequencies[q, u] * time
            wave = complex(np.cos(turn), -np.sin(turn))
            ahead, back = forward[q, u] * wave, backward[q, u] * wave.conjugate()
            strength, rate = ahead + back, 1j * frequencies[q, u] * (back - ahead)
            for c in range(3):
                moved, moving = patterns[q, c, u] * strength, patterns[q, c, u] * rate
                for n in range(len(phases)):
                    out[0, n, c] += (phases[n, q] * moved).real
                    out[1, n, c] += (phases[n, q] * moving).real


class DirectSum:
    """The time-local motion of one ion, with thermal motion summed over all modes at every stage."""

    def __init__(self, model, thermal):
        self.model, self.modes = model, thermal.modes
        self.forward, self.backward = thermal.amplitudes
        self.recoil = model.surroundings.recoil(model.crystal)
        self.loss = model.crystal.loss_matrix()
        self.sums = np.empty((10, 3, 2, 2, 2))
        self.cell, self.phases = None, None

    def around(self, ion, step):
        """Return the five displacements and velocities of the ion's corners that a step needs, as samples."""
        cell = np.floor(ion / self.model.crystal.lattice[0, 0]).astype(int)
        if self.cell is None or np.any(cell != self.cell):
            corners = cell + self.model.surroundings.atoms[:, :3]
            self.cell = cell
            self.phases = self.modes.weights * np.exp(2j * np.pi * (corners @ self.modes.momenta.T))
            self.places = corners % 2
        found = np.empty((2, len(self.places), 3))
        for quarter in range(5):
            moment = (step + quarter / 4.0) * TIMESTEP
            arrays = (self.modes.frequencies, self.forward, self.backward, self.modes.patterns, self.phases)
            sum_over_modes(moment, *arrays, found)
            for n, (i, j, k) in enumerate(self.places):
                self.sums[quarter, :, i, j, k] = found[0, n]
                self.sums[5 + quarter, :, i, j, k] = found[1, n]
        return self.sums

    def run(self, start, steps):
        """Return where the ion is after so many steps."""
        model, crystal = self.model, self.model.crystal
        ions, velocities = starting_state(start, 0.0)
        # The first five samples are displacements at the quarters of the step, the others velocities there.
        weights, rates = np.eye(5, 10), np.eye(5, 10, 5)
        record = np.empty((1, 1, 3))
        for step in range(steps):
            samples = self.around(ions[0], step)
            kernels_of(None).time_local_steps(
                ions, velocities, step, 1, TIMESTEP, model.inertias, samples, step - 4, 1, weights, rates,
                model.surroundings.atoms, model.surroundings.sites(crystal), crystal.lattice,
                np.linalg.inv(crystal.lattice), crystal.lattice, self.recoil, self.loss, 1, 1e-9,
                model.interaction.parameters, np.empty(0), True, np.empty((5, 0, 1, 1, 1, 3, 3)),
                np.empty((1, 0, 3), np.int64), np.empty((1, 0, 8, 3)), 10**9, record, record,
            )  # fmt: skip
        return ions[0]


def seconds_per_step(model, thermal, ions, steps):
    """Return the processor time of a step, what is done once left out."""
    starts = 1.5 + 3.0 * np.stack(np.unravel_index(np.arange(ions), thermal.modes.shape), axis=1)
    times = []
    for count in (steps // 10, steps):
        began = time.process_time()
        simulate_time_local(model, starts, 0.0, TIMESTEP, count, thermal=thermal, stride=count)
        times.append(time.process_time() - began)
    return (times[1] - times[0]) / (steps - steps // 10)


def main():
    """Measure, and print what was wanted beside it."""
    request = lattice_models()["simple-cubic"].request("yukawa-4eV")
    model = request.model()
    start = np.full(3, 1.5)
    thermal = ThermalMotion(modes_of(model.crystal, (20, 20, 20)), ENERGY, SEED)
    direct = DirectSum(model, thermal)
    direct.run(start, 1)
    began = time.process_time()
    there = direct.run(start, DIRECT_STEPS)
    of_sum = (time.process_time() - began) / DIRECT_STEPS
    here = simulate_time_local(model, start, 0.0, TIMESTEP, DIRECT_STEPS, thermal=thermal, stride=DIRECT_STEPS)
    ours = seconds_per_step(model, thermal, 1, OUR_STEPS)
    print(f"{thermal.modes.n_modes} modes, one ion, steps per second of processor time:")
    print(f"  sum over all modes      {1.0 / of_sum:10.1f}")
    print(f"  interpolated transforms {1.0 / ours:10.1f}")
    reached = "reached" if of_sum / ours >= WANTED else "NOT REACHED"
    print(f"  ratio {of_sum / ours:.0f} (wanted at least {WANTED:.0f}: {reached})")
    print(f"  ions apart after {DIRECT_STEPS} steps: {np.abs(here.positions[-1, 0] - there).max():.1e} Å")
    print("\nmicroseconds per step and ion, by cells along an edge and by ions in one bath:")
    print(f"{'cells':>8}" + "".join(f"{ions:>9}" for ions in IONS))
    for size in SIZES:
        thermal = ThermalMotion(modes_of(model.crystal, (size, size, size)), ENERGY, SEED)
        steps = OUR_STEPS * 1000 // max(1000, size**3) + 2000
        row = [seconds_per_step(model, thermal, ions, max(2000, steps // ions)) / ions * 1e6 for ions in IONS]
        print(f"{size:>8}" + "".join(f"{value:>9.1f}" for value in row))


if __name__ == "__main__":
    main()
