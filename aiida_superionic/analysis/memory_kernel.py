"""The memory kernel of the generalised Langevin equation, from correlation functions.

m dv/dt = −∫₀ᵗ Γ(t − s) v(s) ds + R(t) gives, for C(t) = ⟨v(0)·v(t)⟩, dC/dt = −(1/m) ∫₀ᵗ Γ(t − s) C(s) ds
("Electronic paddlewheels impact the dynamics of superionic conduction in AgI", eqs 17-20). Both routines solve a form
of it that needs no numerical derivative of C.
"""

from __future__ import annotations

import numpy as np

from aiida_superionic.analysis.trajectory import Array


def integrated_kernel(velocity: Array, timestep: float, mass: float) -> Array:
    """Return G(t) = ∫₀ᵗ Γ(s) ds from the velocity autocorrelation, by the midpoint rule.

    Solves C(0) − C(t) = (1/m) ∫₀ᵗ G(s) C(t − s) ds with G constant over each timestep and C linear.

    Parameters
    ----------
    velocity
        C at lags 0, timestep ..., shape (n,), in any unit.
    timestep
        In ps.
    mass
        In amu.

    Returns
    -------
    numpy.ndarray
        G in amu/ps at the midpoints ½, 1½ ... timesteps, shape (n − 1,).
    """
    between = 0.5 * (velocity[1:] + velocity[:-1])
    loss = (velocity[0] - velocity[1:]) * (mass / timestep)
    kernel = np.zeros(len(between))
    for n in range(len(kernel)):
        kernel[n] = (loss[n] - kernel[:n] @ between[n:0:-1]) / between[0]
    return kernel


def kernel_from_forces(velocity: Array, velocity_force: Array, force: Array, timestep: float, mass: float) -> Array:
    """Return Γ(t) from the correlations of velocity and force, by the trapezoidal rule.

    Differentiating the equation once and putting m dv/dt = F gives a Volterra equation of the second kind,
    Γ(t) C(0) = ⟨F(0)·F(t)⟩/m − ∫₀ᵗ Γ(s) C'(t − s) ds with C'(t) = ⟨v(0)·F(t)⟩/m.

    Parameters
    ----------
    velocity, velocity_force, force
        ⟨v(0)·v(t)⟩, ⟨v(0)·F(t)⟩ and ⟨F(0)·F(t)⟩ at lags 0, timestep ..., shape (n,), with v in Å/ps and F in
        amu Å/ps².
    timestep
        In ps.
    mass
        In amu.

    Returns
    -------
    numpy.ndarray
        Γ in amu/ps², shape (n,).
    """
    source = force / (mass * velocity[0])
    slope = velocity_force * (timestep / (mass * velocity[0]))
    kernel = np.zeros(len(source))
    kernel[0] = source[0]
    for n in range(1, len(kernel)):
        past = 0.5 * kernel[0] * slope[n] + kernel[1:n] @ slope[n - 1 : 0 : -1]
        kernel[n] = (source[n] - past) / (1.0 + 0.5 * slope[0])
    return kernel


def kernel_from_integral(integral: Array, timestep: float) -> Array:
    """Return Γ(t) as the derivative of G, smoothed by a Savitzky–Golay filter of five points and third order.

    Γ is even in time and G odd, which gives the filter points before time zero.

    Parameters
    ----------
    integral
        G at the midpoints ½, 1½ ... timesteps in amu/ps, shape (n,), at least 3.
    timestep
        In ps.

    Returns
    -------
    numpy.ndarray
        Γ in amu/ps² at lags 0, timestep ..., shape (n,).
    """
    from scipy import signal  # noqa: PLC0415 - lists and help need no SciPy

    odd = np.concatenate((-integral[::-1], integral))
    derivative = signal.savgol_filter(odd, window_length=5, polyorder=3, deriv=1, delta=timestep)
    n = len(integral)
    return np.asarray(0.5 * (derivative[n - 1 : -1] + derivative[n:]))
