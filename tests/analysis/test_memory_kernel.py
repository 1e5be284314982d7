"""Kernels of systems whose velocity autocorrelation is known in closed form."""

import numpy as np
import pytest

from aiida_superionic.analysis.memory_kernel import integrated_kernel, kernel_from_forces, kernel_from_integral


class HarmonicBath:
    """A free particle bound to oscillators (Caldeira and Leggett): Γ(t) = Σ k_j cos(ω_j t)."""

    mass = 2.0
    timestep = 0.002
    times = timestep * np.arange(1500)

    def __init__(self):
        omega = np.linspace(2.0, 60.0, 30)
        self.stiffness = 40.0 * np.exp(-((omega / 30.0) ** 2))
        self.omega = omega
        # Mass-weighted Hessian of ½ Σ k_j (x_j − x)², with masses k_j/ω_j² in the bath.
        masses = np.concatenate(([self.mass], self.stiffness / omega**2))
        hessian = np.diag(np.concatenate(([self.stiffness.sum()], self.stiffness)))
        hessian[0, 1:] = hessian[1:, 0] = -self.stiffness
        squares, modes = np.linalg.eigh(hessian / np.sqrt(np.outer(masses, masses)))
        self.mode_omega = np.sqrt(np.clip(squares, 0.0, None))
        self.weights = modes[0] ** 2 / self.mass  # k_B T = 1

    def modes(self, function, power):
        return (self.weights * self.mode_omega**power) @ function(np.outer(self.mode_omega, self.times))

    @property
    def velocity(self):
        return self.modes(np.cos, 0)

    @property
    def velocity_force(self):
        return -self.mass * self.modes(np.sin, 1)

    @property
    def force(self):
        return self.mass**2 * self.modes(np.cos, 2)

    @property
    def kernel(self):
        return self.stiffness @ np.cos(np.outer(self.omega, self.times))

    def integral(self, times):
        return (self.stiffness / self.omega) @ np.sin(np.outer(self.omega, times))


@pytest.fixture(scope="module")
def bath():
    return HarmonicBath()


def test_integral_of_the_kernel_of_a_harmonic_bath(bath):
    """Second order in the timestep: an eighth of (ω dt)² at the largest frequency is 2e-3 of the largest value."""
    midpoints = bath.times[:-1] + 0.5 * bath.timestep
    expected = bath.integral(midpoints)
    result = integrated_kernel(bath.velocity, bath.timestep, bath.mass)
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-3 * np.abs(expected).max())


def test_kernel_of_a_harmonic_bath_from_forces(bath):
    result = kernel_from_forces(bath.velocity, bath.velocity_force, bath.force, bath.timestep, bath.mass)
    np.testing.assert_allclose(result, bath.kernel, rtol=0, atol=2e-3 * bath.kernel[0])


def test_kernel_of_a_harmonic_bath_without_forces(bath):
    integral = integrated_kernel(bath.velocity, bath.timestep, bath.mass)
    result = kernel_from_integral(integral, bath.timestep)
    np.testing.assert_allclose(result, bath.kernel[:-1], rtol=0, atol=1e-2 * bath.kernel[0])


def test_both_routines_are_of_second_order_in_the_timestep(bath):
    def worst(stride):
        dt = stride * bath.timestep
        every = slice(None, None, stride)
        times = bath.times[every]
        integral = integrated_kernel(bath.velocity[every], dt, bath.mass)
        kernel = kernel_from_forces(bath.velocity[every], bath.velocity_force[every], bath.force[every], dt, bath.mass)
        return np.array(
            [
                np.abs(integral - bath.integral(times[:-1] + 0.5 * dt)).max(),
                np.abs(kernel - bath.kernel[every]).max(),
            ]
        )

    np.testing.assert_allclose(worst(4) / worst(2), 4.0, rtol=0.15)


def test_no_memory_is_a_constant_integral():
    """Langevin: C = exp(−γt/m), Γ = 2γ δ(t), so G is γ from the first midpoint on."""
    timestep, friction, mass = 0.01, 30.0, 20.0
    velocity = np.exp(-friction / mass * timestep * np.arange(400))
    np.testing.assert_allclose(integrated_kernel(velocity, timestep, mass), friction, rtol=1e-4)


def test_unit_of_the_velocity_does_not_matter(bath):
    one = integrated_kernel(bath.velocity, bath.timestep, bath.mass)
    np.testing.assert_allclose(integrated_kernel(7.0 * bath.velocity, bath.timestep, bath.mass), one, rtol=1e-9)
