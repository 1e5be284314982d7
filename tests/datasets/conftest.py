"""Frames for tests: a few ions of silver iodide, labelled or not."""

import numpy as np
import pytest

from aiida_superionic.datasets import Dataset, Frame


@pytest.fixture(scope="session")
def make_frame():
    """Return a maker of labelled random frames in a triclinic cell; what is said replaces what is drawn."""

    def make(rng, species=("Ag", "Ag", "I", "I"), **changes):
        n_atoms = len(species)
        stress = rng.normal(scale=0.01, size=(3, 3))
        drawn = {
            "positions": rng.uniform(-5.0, 10.0, (n_atoms, 3)),
            "cell": 5.0 * np.eye(3) + rng.uniform(-0.5, 0.5, (3, 3)),
            "energy": float(rng.normal()),
            "forces": rng.normal(size=(n_atoms, 3)),
            "stress": (stress + stress.T) / 2.0,
            "temperature": 750.0,
        }
        return Frame(species=tuple(species), **{**drawn, **changes})

    return make


@pytest.fixture(scope="session")
def make_dataset(make_frame):
    """Return a maker of datasets of random frames."""

    def make(rng, n_frames=10, level_of_theory="PBE DZVP", **changes):
        return Dataset(tuple(make_frame(rng, **changes) for _ in range(n_frames)), level_of_theory)

    return make
