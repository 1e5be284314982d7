"""Ions that move with the crystal as their bath, by the time-local equations."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aiida_superionic.lattice import Array, LatticeError, MotionError
from aiida_superionic.lattice.ion_trajectory import (
    IonTrajectory,
    Progress,
    broken_off,
    check_pace,
    record_times,
    starting_state,
)
from aiida_superionic.lattice.many_body import kernels_of
from aiida_superionic.lattice.memory import memory_of
from aiida_superionic.lattice.model import Model
from aiida_superionic.lattice.thermal_motion import Interpolation, ThermalMotion, interpolation_for

_SAMPLES = 64
"""Samples of thermal motion computed at once."""


_FORGETFUL = np.empty((5, 0, 1, 1, 1, 3, 3))


def simulate_time_local(
    model: Model,
    start: ArrayLike,
    velocities: ArrayLike,
    timestep: float,
    steps: int,
    *,
    thermal: ThermalMotion | None = None,
    stride: int = 1,
    passes: int = 1,
    tolerance: float = 1e-9,
    memory: float | None = None,
    progress: Progress | None = None,
) -> IonTrajectory:
    """Move ions by the time-local equations 18 to 20.

    Parameters
    ----------
    model
        Crystal and ions.
    start, velocities
        Of W ions, in Å and Å/ps, shape (W, 3). They share one bath.
    timestep, steps
        In ps, and how many.
    thermal
        Thermal motion of the crystal; none: it is at rest where no ion pushes it.
    stride
        Steps between records.
    passes
        1: the right side is taken at thermal positions (equation 17); more: the atoms' places are found from equation
        16 by so many repetitions at most.
    tolerance
        In Å, to which they are found.
    memory
        Window in ps over which the crystal's answer is summed instead (section VII); some 2π over the highest
        frequency.
    progress
        Told of the steps that are done.

    Raises
    ------
    LatticeError
        If the step is too long for the crystal, or an ion starts on an atom.
    MotionError
        If an ion comes to lie on an atom or runs away, or no place is found.
    """
    crystal, surroundings = model.crystal, model.surroundings
    ions, speeds = starting_state(start, velocities)
    model.check_start(ions)
    weights = interpolation_for(thermal.modes.highest, timestep) if thermal is not None else None
    shape = thermal.modes.shape if thermal is not None else (1, 1, 1)
    if model.repulsion is not None and thermal is None:
        raise LatticeError("ions repel each other at their nearest images: they need the cells of thermal motion")
    recoil, loss = surroundings.recoil(crystal), crystal.loss_matrix()
    recorded, recorded_velocities = np.empty((2, steps // stride, *ions.shape))
    block = stride * max(1, (weights.steps_per_sample if weights else 1) * _SAMPLES // stride)
    remembered = memory_of(model, memory, timestep).weights if memory is not None else _FORGETFUL
    past = np.zeros((len(ions), remembered.shape[1], len(surroundings.atoms), 3))
    past_cells = np.zeros((len(ions), remembered.shape[1], 3), np.int64)
    done = 0
    buffer = _SampleBuffer(thermal, weights)
    while done < steps:
        count = min(block, steps - done)
        samples, first = buffer.around(done, count)
        records = slice(done // stride, (done + count) // stride)
        failed = kernels_of(model.many_body).time_local_steps(
            ions,
            speeds,
            done,
            count,
            timestep,
            model.inertias,
            samples,
            first,
            weights.steps_per_sample if weights else 1,
            weights.weights if weights else np.empty((5, 0)),
            weights.rates if weights else np.empty((5, 0)),
            surroundings.atoms,
            surroundings.sites(crystal),
            crystal.lattice,
            np.linalg.inv(crystal.lattice),
            np.diag(shape) @ crystal.lattice,
            recoil,
            loss,
            0 if memory is not None else passes,
            tolerance,
            model.interaction.parameters,
            model.repulsion.parameters if model.repulsion else np.empty(0),
            surroundings.follows,
            remembered,
            past_cells,
            past,
            stride,
            recorded[records],
            recorded_velocities[records],
        )
        if failed >= 0:
            raise MotionError(broken_off(failed * timestep))
        done += count
        check_pace(model.crystal, recorded_velocities[records], timestep, done * timestep)
        if progress is not None:
            progress(done, steps)
    return IonTrajectory(record_times(timestep, steps, stride), recorded, recorded_velocities)


class _SampleBuffer:
    """The samples of thermal motion around a stretch of steps: each is computed once, in ascending order."""

    def __init__(self, thermal: ThermalMotion | None, weights: Interpolation | None) -> None:
        self._thermal, self._weights = thermal, weights
        self._first, self._samples = 0, np.empty((0, 1, 1, 1, 1))

    def around(self, step: int, count: int) -> tuple[Array, int]:
        """Return the samples that steps need, shape (samples, 3A, n₁, n₂, n₃), and the number of the first."""
        if self._thermal is None or self._weights is None:
            return np.empty((1, 1, 1, 1, 1)), 0
        per, taps = self._weights.steps_per_sample, self._weights.taps
        first = step // per - taps // 2 + 1
        end = (step + count - 1) // per + taps // 2 + 1
        known = self._samples[first - self._first :] if len(self._samples) else self._samples
        start = first + len(known)
        new = self._thermal.samples(start, end - start, self._weights.interval)
        self._first, self._samples = first, np.concatenate([known, new]) if len(known) else new
        return self._samples, first
