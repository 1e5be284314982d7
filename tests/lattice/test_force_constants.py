"""From force constants of a supercell, in the forms of phonopy, to the crystal that they came from."""

import re
from dataclasses import replace

import numpy as np
import pytest
from supercells import ANY_MOMENTA, CUBIC, supercell_of, two_atom_crystal, write_phonopy

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.crystal import simple_cubic
from aiida_superionic.lattice.force_constants import crystal_of
from aiida_superionic.lattice.phonopy import read_phonopy
from aiida_superionic.units import ENERGY_UNITS, LENGTH_UNITS

SKEW = [[4, 0, 1], [0, 4, 0], [-1, 1, 4]]


def assert_same(crystal, expected, momenta=ANY_MOMENTA, tolerance=1e-10):
    ours, theirs = crystal.dynamical_matrices(momenta), expected.dynamical_matrices(momenta)
    assert np.abs(ours - theirs).max() < tolerance * np.abs(theirs).max()
    assert np.allclose(crystal.frequencies(momenta), expected.frequencies(momenta), rtol=1e-9, atol=0)


@pytest.mark.parametrize("rows", [None, ()], ids=["full", "compact"])
@pytest.mark.parametrize(
    ("expected", "matrix"),
    [
        (CUBIC, (4, 4, 4)),
        (CUBIC, (3, 5, 4)),
        (CUBIC, SKEW),
        (two_atom_crystal(), (5, 4, 4)),
        (two_atom_crystal(), SKEW),
    ],
)
def test_a_crystal_comes_back_from_its_supercell(expected, matrix, rows):
    crystal, restored = crystal_of(supercell_of(expected, matrix, rows=rows))
    assert_same(crystal, expected)
    assert len(crystal.cells) == len(expected.cells)
    assert max(restored.translation, restored.third_law, restored.sum_rule, restored.cut) < 1e-13


def test_images_that_are_equally_near_share_what_there_is():
    """Springs along the bonds of a supercell of two cells: each neighbour is met on both sides."""
    expected = simple_cubic(3.0, 33.77, 0.52, 0.0)
    assert_same(crystal_of(supercell_of(expected, (2, 2, 2)))[0], expected)


def test_momenta_of_the_supercell_are_exact_however_small_it_is():
    expected = two_atom_crystal()
    crystal, _ = crystal_of(supercell_of(expected, (2, 2, 3)))
    momenta = np.array([(i / 2, j / 2, k / 3) for i in range(2) for j in range(2) for k in range(3)])
    assert_same(crystal, expected, momenta)
    other = crystal.dynamical_matrices(ANY_MOMENTA) - expected.dynamical_matrices(ANY_MOMENTA)
    assert np.abs(other).max() > 1.0


def test_small_violations_are_restored_and_told():
    expected = two_atom_crystal(atoms=3)
    supercell = supercell_of(expected, (3, 3, 3))
    largest = np.abs(supercell.force_constants).max()
    noise = 1e-3 * largest * np.random.default_rng(1).uniform(-1.0, 1.0, supercell.force_constants.shape)
    crystal, restored = crystal_of(replace(supercell, force_constants=supercell.force_constants + noise))
    assert 9e-4 < restored.translation < 1.5e-3
    # Means of 27 rows, twice: deviations of 1e-3/√(3·27)·√2, and sums over 81 atoms.
    assert 1e-4 < restored.third_law < 1e-3
    assert 1e-4 < restored.sum_rule < 1e-2
    blocks = crystal.force_constants
    assert np.abs(blocks.sum(axis=(0, 3))).max() < 1e-13 * largest
    for cell, block in zip(crystal.cells, blocks, strict=True):
        back = blocks[np.flatnonzero(np.all(crystal.cells == -cell, axis=1))[0]]
        assert np.array_equal(block, back.transpose(2, 3, 0, 1))
    with pytest.raises(
        LatticeError, match=r"not the same in each cell: they miss it by 0\.001.* and 0\.0001 is allowed"
    ):
        crystal_of(replace(supercell, force_constants=supercell.force_constants + noise), 1e-4)


def test_what_costs_energy_for_the_whole_crystal_is_refused():
    supercell = supercell_of(CUBIC, (3, 3, 3))
    bound = supercell.force_constants + 0.1 * np.eye(27)[:, :, None, None] * np.eye(3)
    with pytest.raises(LatticeError, match="do not add up to zero where all atoms move alike"):
        crystal_of(replace(supercell, force_constants=bound))
    crystal, restored = crystal_of(replace(supercell, force_constants=bound), 0.2)
    assert restored.sum_rule == pytest.approx(0.1 / (np.abs(supercell.force_constants).max() + 0.1))
    assert_same(crystal, CUBIC)


def test_a_third_law_that_is_missed_is_refused():
    supercell = supercell_of(CUBIC, (3, 3, 3))
    sites = np.rint(supercell.positions / 3.0).astype(int)
    following = np.all((sites[None] - sites[:, None]) % 3 == (1, 0, 0), axis=-1)
    turned = supercell.force_constants + 0.2 * following[:, :, None, None] * np.eye(3)
    with pytest.raises(LatticeError, match="on each other are not equal and opposite"):
        crystal_of(replace(supercell, force_constants=turned), 0.05)


def test_couplings_beyond_a_cutoff_are_left_out():
    crystal, restored = crystal_of(supercell_of(CUBIC, (4, 4, 4)), cutoff=3.5)
    assert_same(crystal, simple_cubic(3.0, 33.77, 0.52, 0.0))
    assert restored.cut == pytest.approx(0.085 / np.abs(CUBIC.force_constants).max())


@pytest.mark.parametrize("text", [True, False], ids=["FORCE_CONSTANTS", "elements"])
@pytest.mark.parametrize("rows", [None, ()], ids=["full", "compact"])
@pytest.mark.parametrize("expected", [CUBIC, two_atom_crystal()], ids=["cubic", "two atoms"])
def test_files_of_phonopy_give_the_crystal(tmp_path, expected, rows, text):
    write_phonopy(tmp_path, supercell_of(expected, (4, 4, 4), rows=rows), text)
    crystal, _ = crystal_of(read_phonopy(tmp_path))
    assert_same(crystal, expected)
    assert np.allclose(crystal.masses, expected.masses, rtol=1e-14)


def test_a_header_of_one_number_is_that_of_all_rows(tmp_path):
    write_phonopy(tmp_path, supercell_of(CUBIC, (3, 3, 3)))
    path = tmp_path / "FORCE_CONSTANTS"
    path.write_text(path.read_text().replace("  27   27\n", "27\n", 1))
    assert_same(crystal_of(read_phonopy(tmp_path))[0], CUBIC)


def test_units_of_other_programs_are_converted(tmp_path):
    write_phonopy(tmp_path, supercell_of(CUBIC, (3, 3, 3)), length="au", force_constants="Ry/au^2")
    crystal, _ = crystal_of(read_phonopy(tmp_path))
    bohr, rydberg = LENGTH_UNITS["Bohr"], ENERGY_UNITS["Rydberg"]
    assert_same(crystal, simple_cubic(3.0 * bohr, 33.77, 0.52 * rydberg / bohr**2, 0.17 * rydberg / bohr**2))
    assert crystal.lattice[0, 0] == pytest.approx(3.0 * 0.529177, rel=1e-6)
    assert crystal.force_constants.max() / CUBIC.force_constants.max() == pytest.approx(48.587, rel=1e-4)


def changed(name, pattern, replacement):
    def change(folder):
        path = folder / name
        text, count = re.subn(pattern, replacement, path.read_text(), count=1)
        assert count == 1
        path.write_text(text)

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "phonopy.yaml").unlink(), "holds none of phonopy.yaml, phonopy_params.yaml"),
        (lambda folder: (folder / "FORCE_CONSTANTS").unlink(), "no FORCE_CONSTANTS, and phonopy.yaml no force"),
        (changed("FORCE_CONSTANTS", r"(?s)\n[^\n]*\n$", ""), "is cut or has too much: 27 × 27 force"),
        (changed("FORCE_CONSTANTS", "27", "26"), "FORCE_CONSTANTS is cut or has too much"),
        (changed("FORCE_CONSTANTS", "27   27", "8   8"), "is not of the 27 atoms of the supercell"),
        (changed("FORCE_CONSTANTS", r"\n1 1\n", "\n1 2\n"), "does not name its pairs of atoms in order"),
        (changed("FORCE_CONSTANTS", r"\n1 1\n\S+", "\n1 1\nnan"), "hold what is no number"),
        (changed("FORCE_CONSTANTS", r"\n1 1\n\S+", "\n1 1\n***"), "holds what is no number"),
        (lambda folder: (folder / "FORCE_CONSTANTS").write_bytes(b"\xff\xfe"), "cannot be read: it is no text"),
        (lambda folder: (folder / "FORCE_CONSTANTS").write_text(""), "is not of the 27 atoms"),
        (changed("phonopy.yaml", "supercell:", "other:"), "does not say what phonopy's cells are"),
        (changed("phonopy.yaml", "lattice", "[lattice"), "does not say what phonopy's cells are"),
        (changed("phonopy.yaml", "    mass: .*", "    weight: 1"), "does not say what phonopy's cells are"),
        (changed("phonopy.yaml", "AMU", 'AMU"\n  length: "furlong'), "in units that are known"),
        (changed("phonopy.yaml", r"(?s)(supercell:.*?coordinates: \[) \S+,", r"\1 0.5,"), "from the place of any atom"),
        (changed("phonopy.yaml", r"(?s)(primitive_cell:\n  lattice:\n  - \[) 3,", r"\1 3.1,"), "not whole numbers of"),
        (changed("phonopy.yaml", r"(?s)(primitive_cell:.*?mass:) \S+", r"\1 -1"), "masses of a crystal must be above"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_a_sentence(tmp_path, spoil, message):
    write_phonopy(tmp_path, supercell_of(CUBIC, (3, 3, 3)))
    spoil(tmp_path)
    with pytest.raises(LatticeError, match=re.escape(message)) as caught:
        crystal_of(read_phonopy(tmp_path))
    assert "\n" not in str(caught.value)


def test_cut_force_constants_among_the_cells_are_refused(tmp_path):
    write_phonopy(tmp_path, supercell_of(CUBIC, (3, 3, 3), rows=()), text=False)
    path = tmp_path / "phonopy.yaml"
    path.write_text(path.read_text()[:-200])
    with pytest.raises(LatticeError, match="are cut, or not those of its supercell of 27 atoms"):
        read_phonopy(tmp_path)


def test_rows_that_lack_an_atom_of_the_cell_are_refused():
    supercell = supercell_of(two_atom_crystal(), (3, 3, 3), rows=())
    with pytest.raises(LatticeError, match="no force constants of atom 2 of the cell"):
        crystal_of(replace(supercell, rows=supercell.rows[[0, 0]]))
