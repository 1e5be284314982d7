"""Both levels of theory hold the electrons that the counts of centres per ion take for granted."""

import re
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from aiida_superionic.analysis.periodic import minimum_image

FIXTURES = Path(__file__).parents[1] / "fixtures" / "cp2k_job"


@pytest.mark.parametrize("name", ["agi4_xtb", "agi4_pbe"])
def test_the_d_shell_of_silver_is_valence(name):
    electrons = re.search(r"Number of electrons: +(\d+)", (FIXTURES / name / "aiida.out").read_text())
    assert int(electrons[1]) == 2 * (11 + 7)  # Ag 4d¹⁰ 5s¹, I 5s² 5p⁵
    atoms = read(FIXTURES / name / "wannier.xyz", format="xyz")
    symbols = np.array(atoms.get_chemical_symbols())
    bonds = atoms.positions[symbols == "X"][:, None] - atoms.positions[symbols == "Ag"]
    distances = np.linalg.norm(minimum_image(bonds, np.eye(3) * 5.0855), axis=-1)
    # A full d shell is a sphere about its nucleus: its five pairs of electrons have their centres there.
    np.testing.assert_array_equal((distances < 0.1).sum(axis=0), [5, 5])
