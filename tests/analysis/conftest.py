"""Trajectories of processes whose correlations are known exactly."""

import numpy as np
import pytest

from aiida_superionic.analysis.trajectory import Trajectory


@pytest.fixture
def brownian():
    """Return a maker of independent Brownian walkers."""

    def make(n_frames, n_atoms, diffusion, timestep, seed, mobile=("Ag",)):
        rng = np.random.default_rng(seed)
        steps = rng.normal(scale=np.sqrt(2 * diffusion * timestep), size=(n_frames, n_atoms, 3))
        # One immobile host ion of great mass fixes the frame of reference.
        positions = np.zeros((n_frames, n_atoms + 1, 3))
        positions[:, :-1] = np.cumsum(steps, axis=0)
        return Trajectory(
            species=("Ag",) * n_atoms + ("I",),
            positions=positions,
            cell=np.eye(3) * 20.0,
            timestep=timestep,
            masses=np.array([1.0] * n_atoms + [1e9]),
            mobile=mobile,
        )

    return make
