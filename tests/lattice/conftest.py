import numpy as np
import pytest

from aiida_superionic.lattice.crystal import Crystal, simple_cubic
from aiida_superionic.lattice.request import lattice_models


@pytest.fixture(scope="session")
def published():
    """The crystal of the time-local model's paper, and the ion in it."""
    return lattice_models()["simple-cubic"]


@pytest.fixture(scope="session")
def cubic(published):
    return published.crystal.crystal()


@pytest.fixture(scope="session")
def skewed():
    """Two atoms of different mass in a triclinic cell, tied by springs that nothing but the sum rules make regular."""
    generator = np.random.default_rng(5)
    lattice = np.array([[3.0, 0.1, 0.0], [0.4, 3.3, 0.2], [-0.3, 0.5, 2.9]])
    basis = np.array([[0.0, 0.0, 0.0], [1.4, 1.7, 1.3]])
    cells = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    springs = {}
    for cell in cells:
        for a in range(2):
            for b in range(2):
                bond = np.array(cell) @ lattice + basis[b] - basis[a]
                length = np.linalg.norm(bond)
                if 0.0 < length < 4.5 and (*cell, a, b) not in springs:
                    stiffness = generator.uniform(0.5, 1.5) * np.exp(-length) * 10.0
                    springs[(*cell, a, b)] = springs[(-cell[0], -cell[1], -cell[2], b, a)] = (
                        -stiffness * np.outer(bond, bond) / length**2
                    )
    constants = np.zeros((len(cells), 2, 3, 2, 3))
    for (i, j, k, a, b), spring in springs.items():
        constants[cells.index((i, j, k)), a, :, b] += spring
        constants[cells.index((0, 0, 0)), a, :, a] -= spring
    return Crystal(lattice, basis, np.array([20.0, 35.0]), np.array(cells), constants)


@pytest.fixture
def unstable():
    return simple_cubic(3.0, 30.0, 0.5, -0.6)
