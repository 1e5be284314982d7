"""Mayer bond orders: what they are by algebra, and of what CP2K printed, whole and cut."""

import numpy as np
import pytest
from ase.build import bulk
from cp2k_cases import BOND_ORDERS, CASES, FIXTURES, Case, methane, pbe, read_files, run_cp2k, single_point
from scipy.linalg import block_diag
from scipy.stats import ortho_group

from aiida_superionic.calculations.cp2k_input import make_request, with_printing
from aiida_superionic.parsers.cp2k_frames import Failure, read_frames
from aiida_superionic.parsers.mayer import mayer_bond_orders

NAME, FILE = "h2_bond_orders", "ao_matrices.out"


def read(changed=None, output=None):
    files, told = read_files(FIXTURES / NAME)
    return read_frames(
        {**files, FILE: files[FILE] if changed is None else changed}, output or told, CASES[NAME].request()
    )


def closed_shell(rng, n_functions, n_occupied):
    """Return density and overlap of random orthonormal orbitals in a random basis."""
    basis = rng.normal(size=(n_functions, n_functions)) + 3.0 * np.eye(n_functions)
    overlap = basis.T @ basis
    orbitals = np.linalg.inv(basis) @ np.linalg.qr(rng.normal(size=(n_functions, n_occupied)))[0]
    return 2.0 * orbitals @ orbitals.T, overlap


@pytest.mark.parametrize("s", [0.0, 0.3, 0.8])
def test_a_bonding_orbital_of_two_functions_is_one_bond(s):
    overlap = np.array([[1.0, s], [s, 1.0]])
    density = np.ones((2, 2)) / (1.0 + s)
    np.testing.assert_allclose(mayer_bond_orders(density, overlap, np.array([0, 1]), 2), [[0, 1], [1, 0]], atol=1e-14)


def test_orbitals_of_one_atom_each_make_no_bond():
    density = np.diag([2.0, 2.0, 0.0])
    np.testing.assert_array_equal(mayer_bond_orders(density, np.eye(3), np.array([0, 1, 1]), 2), np.zeros((2, 2)))


def test_bond_orders_do_not_depend_on_the_functions_that_an_atom_is_described_by(rng):
    density, overlap = closed_shell(rng, 9, 4)
    atoms = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    turn = block_diag(*(ortho_group.rvs(n, random_state=rng) for n in (3, 2, 4)))
    before = mayer_bond_orders(density, overlap, atoms, 3)
    after = mayer_bond_orders(turn.T @ density @ turn, turn.T @ overlap @ turn, atoms, 3)
    np.testing.assert_allclose(after, before, atol=1e-10)
    np.testing.assert_allclose(before, before.T, atol=1e-12)
    assert np.abs(before).max() > 0.1


def test_orders_with_the_diagonal_add_up_to_twice_the_electrons(rng):
    """The density is idempotent, so tr(PSPS) = 2 tr(PS); each function is an atom here."""
    density, overlap = closed_shell(rng, 7, 3)
    product = density @ overlap
    orders = mayer_bond_orders(density, overlap, np.arange(7), 7)
    assert orders.sum() == pytest.approx(2 * 2 * 3 - np.sum(np.diag(product) ** 2))


def test_hydrogen_has_one_bond_in_each_frame():
    orders = read().labels["bond_orders_mayer"]
    assert orders.shape == (2, 2, 2)
    # A single bond: exactly one in a minimal basis, which GFN1-xTB extends by one function.
    np.testing.assert_allclose(orders[:, 0, 1], 1.0, atol=0.02)
    assert orders[0, 0, 1] != orders[1, 0, 1]
    np.testing.assert_array_equal(orders[:, [0, 1], [0, 1]], 0.0)


def test_no_beginning_of_the_matrices_gives_other_numbers():
    text, whole = (FIXTURES / NAME / FILE).read_text(), read().labels["bond_orders_mayer"]
    # The last overlap, which closes the last frame, is not read.
    last = text.rindex("OVERLAP")
    densities = [i for i in range(last) if text.startswith(" DENSITY MATRIX", i)]
    for cut in [*densities, last, *range(0, last, 7)]:
        assert {kind for kind, _ in read(text[:cut]).failures.values()} <= {Failure.MISSING, Failure.NON_NUMERIC}
        assert read(text[:cut]).failures
    for cut in range(last + len("OVERLAP MATRIX\n"), len(text), 97):
        np.testing.assert_array_equal(read(text[:cut]).labels["bond_orders_mayer"], whole)


def test_an_interrupted_job_keeps_the_frames_whose_density_is_the_last(rng):
    files, output = read_files(FIXTURES / NAME)
    broken = output[: output.index("PROGRAM ENDED")]
    second = [i for i in range(len(files[FILE])) if files[FILE].startswith(" XTB OVERLAP", i)][2]
    for cut in rng.integers(second, files[FILE].rindex("XTB OVERLAP"), 50):
        frames = read(files[FILE][:cut], broken)
        np.testing.assert_array_equal(frames.good, [0])
        np.testing.assert_array_equal(frames.labels["bond_orders_mayer"], read().labels["bond_orders_mayer"][:1])


def test_matrices_of_another_number_of_frames_or_electrons_are_told():
    text = (FIXTURES / NAME / FILE).read_text()
    half = text.index("XTB OVERLAP", text.rindex("DENSITY", 0, len(text) // 2))
    assert set(read(text[half:]).failures) == {0, 1}
    lines = text.splitlines(keepends=True)
    at = max(i for i, line in enumerate(lines) if "DENSITY" in line)
    row = next(i for i in range(at, len(lines)) if lines[i].split()[:2] == ["1", "1"])
    number = lines[row].split()[4]
    lines[row] = lines[row].replace(number, f"{float(number) + 0.1:.10f}")
    failures = read("".join(lines)).failures
    assert set(failures) == {1}
    assert "electrons" in failures[1][1]


@pytest.mark.parametrize("change", [{"LSD": True}, {"KPOINTS": {"SCHEME": "MONKHORST-PACK 2 2 2"}}])
def test_spin_and_k_points_are_refused(change):
    parameters = single_point(pbe(), BOND_ORDERS, {"FORCE_EVAL": {"DFT": change}})
    atoms = bulk("LiI", "rocksalt", a=6.0)
    with pytest.raises(ValueError, match="closed shell at Γ"):
        make_request(parameters, ["Li", "I"], atoms.positions[None], atoms.cell.array[None])


def test_a_density_is_printed_on_the_whole_grid_where_it_is_asked_for():
    asked = {"FORCE_EVAL": {"DFT": {"PRINT": {"E_DENSITY_CUBE": {"_": "ON"}}}}}
    section = with_printing(asked)["FORCE_EVAL"]["DFT"]["PRINT"]["E_DENSITY_CUBE"]
    assert section["STRIDE"] == 1
    assert section["FILENAME"] == "=valence_density.cube"
    assert "E_DENSITY_CUBE" not in with_printing({"FORCE_EVAL": {"DFT": {}}})["FORCE_EVAL"]["DFT"]["PRINT"]


def test_methane_has_four_single_bonds(cp2k_executable, tmp_path):
    """PBE in a double-zeta basis: four equal bonds, none between hydrogens, and a density on the grid."""
    cube = {"FORCE_EVAL": {"DFT": {"PRINT": {"E_DENSITY_CUBE": {"_": "ON"}}}}}
    case = Case(single_point(pbe(species=("C", "H")), BOND_ORDERS, cube), [methane()])
    files, output = run_cp2k(cp2k_executable, case, tmp_path)
    (orders,) = read_frames(files, output, case.request()).labels["bond_orders_mayer"]
    np.testing.assert_allclose(orders[0, 1:], 1.0, atol=0.1)
    # By symmetry, but for the grid.
    assert np.ptp(orders[0, 1:]) < 0.01
    assert np.abs(orders[1:, 1:]).max() < 0.1
    # Eight valence electrons, to what the lines of a cube file round and this coarse grid integrates.
    rows = files["valence_density.cube"].splitlines()
    voxel = np.prod([float(rows[i].split()[i - 2]) for i in (3, 4, 5)])
    points = [int(rows[i].split()[0]) for i in (3, 4, 5)]
    values = np.array(" ".join(rows[6 + 5 :]).split(), dtype=float)
    assert len(values) == np.prod(points)
    assert values.sum() * voxel == pytest.approx(8.0, abs=1e-3)
