"""Crystals from the dynamical matrices that LAMMPS writes, against sums over pairs and against finite strain."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from supercells import ANY_MOMENTA

from aiida_superionic.lattice import LatticeError
from aiida_superionic.lattice.force_constants import crystal_of
from aiida_superionic.lattice.lammps import read_lammps
from aiida_superionic.units import ENERGY_UNITS, KINETIC_ENERGY, PRESSURE_UNITS

ARGON = {"a": 5.31, "mass": 39.948, "depth": 0.0104, "diameter": 3.4, "cutoff": 6.8}
SILICON = 5.431
STILLINGER_WEBER = "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n"
START = """\
units {units}
atom_style atomic
atom_modify map array sort 0 0
lattice {lattice} {a}
region box block 0 {n} 0 {n} 0 {n}
create_box 1 box
create_atoms 1 box
mass 1 {mass}
"""


def argon(style="eskm", units="metal"):
    energy = ENERGY_UNITS["kcal/mol"] if units == "real" else 1.0
    pairs = f"pair_style lj/cut {ARGON['cutoff']}\npair_coeff 1 1 {ARGON['depth'] / energy:.15g} {ARGON['diameter']}\n"
    start = START.format(units=units, lattice="fcc", a=ARGON["a"], n=3, mass=ARGON["mass"])
    return f"{start}{pairs}write_data data.argon nocoeff\ndynamical_matrix all {style} 1e-5 file matrix.dat\n"


def argon_matrices(momenta):
    """Return the dynamical matrices of argon in its primitive cell, from the second derivatives of the pair energy."""
    primitive = 0.5 * ARGON["a"] * (np.ones((3, 3)) - np.eye(3))
    cells = np.array([cell for cell in product(range(-4, 5), repeat=3) if any(cell)])
    bonds = cells @ primitive
    distances = np.linalg.norm(bonds, axis=1)
    near = distances < ARGON["cutoff"]
    cells, x, unit = cells[near], distances[near], (bonds / distances[:, None])[near]
    sixth = (ARGON["diameter"] / x) ** 6
    first = 24.0 * ARGON["depth"] * (sixth - 2.0 * sixth**2) / x
    second = 24.0 * ARGON["depth"] * (26.0 * sixth**2 - 7.0 * sixth) / x**2
    outer = unit[:, :, None] * unit[:, None, :]
    stiffness = second[:, None, None] * outer + (first / x)[:, None, None] * (np.eye(3) - outer)
    phases = 1.0 - np.cos(2.0 * np.pi * momenta @ cells.T)
    return np.tensordot(phases, stiffness, axes=1) / (ARGON["mass"] * KINETIC_ENERGY)


@pytest.fixture(scope="module")
def argon_run(run_lammps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("argon")
    run_lammps(argon(), {}, folder)
    return folder


def in_primitive_cell(supercell, lattice, basis):
    masses = np.full(len(basis), supercell.masses[0])
    return replace(supercell, lattice=lattice, basis=np.array(basis), masses=masses)


def test_frequencies_of_argon_are_those_of_its_pair_energy(argon_run):
    supercell = read_lammps(argon_run / "matrix.dat", argon_run / "data.argon", (3, 3, 3))
    primitive = 0.5 * ARGON["a"] * (np.ones((3, 3)) - np.eye(3))
    crystal, restored = crystal_of(in_primitive_cell(supercell, primitive, [[0.0, 0.0, 0.0]]))
    expected = np.sqrt(np.linalg.eigvalsh(argon_matrices(ANY_MOMENTA)))
    # The matrix is written with eight decimals, of which the largest is 80.
    assert np.abs(crystal.frequencies(ANY_MOMENTA) / expected - 1.0).max() < 1e-8
    assert max(restored.translation, restored.third_law, restored.sum_rule) < 1e-8
    shells = np.linalg.norm(crystal.cells @ primitive, axis=1)
    assert len(crystal.cells) == 1 + 12 + 6 + 24
    assert shells.max() < ARGON["cutoff"]


def test_the_cell_that_the_box_repeats_has_the_same_modes(argon_run):
    crystal, _ = crystal_of(read_lammps(argon_run / "matrix.dat", argon_run / "data.argon", (3, 3, 3)))
    assert np.allclose(crystal.basis / ARGON["a"] % 1.0 % 1.0, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    momenta = ANY_MOMENTA[:5]
    cubic_to_primitive = 0.5 * (np.ones((3, 3)) - np.eye(3))
    folded = np.concatenate([momenta + shift for shift in ([0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1])])
    expected = np.sqrt(np.linalg.eigvalsh(argon_matrices(folded @ cubic_to_primitive.T)))
    expected = np.sort(expected.reshape(4, 5, 3).transpose(1, 0, 2).reshape(5, 12), axis=1)
    assert np.allclose(crystal.frequencies(momenta), expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize(("style", "units", "tolerance"), [("regular", "metal", 1e-4), ("eskm", "real", 1e-8)])
def test_both_styles_and_units_of_lammps_are_known(run_lammps, tmp_path, argon_run, style, units, tolerance):
    """``regular`` has eight decimals too, of numbers below 0.01: some 40 roundings meet in a sum."""
    run_lammps(argon(style, units), {}, tmp_path)
    files = tmp_path / "matrix.dat", tmp_path / "data.argon"
    crystal, _ = crystal_of(read_lammps(*files, (3, 3, 3), style, units))
    expected, _ = crystal_of(read_lammps(argon_run / "matrix.dat", argon_run / "data.argon", (3, 3, 3)))
    assert np.allclose(crystal.frequencies(ANY_MOMENTA), expected.frequencies(ANY_MOMENTA), rtol=tolerance, atol=0)


STRAIN = """\
clear
{start}
change_box all triclinic
variable step equal {sign}1e-4*{length}
change_box all {change}
{pair}
minimize 0 1e-9 1000 10000
variable xx equal pxx
variable yy equal pyy
variable xy equal pxy
print "STRESS ${{xx}} ${{yy}} ${{xy}}"
"""


def silicon(n):
    return START.format(units="metal", lattice="diamond", a=SILICON, n=n, mass=28.0855)


def elastic_constants(run_lammps, folder):
    """Return C11, C12 and C44 in GPa: how stress answers to small strains, once the atoms have found their places."""
    pair = "pair_style sw\npair_coeff * * Si.sw Si"
    changes = ["x delta 0 ${step} remap units box", "xy delta ${step} remap units box"]
    script = "".join(
        STRAIN.format(start=silicon(1), pair=pair, sign=sign, length=SILICON, change=change)
        for change in changes
        for sign in ("", "-")
    )
    printed = run_lammps(script, {"Si.sw": STILLINGER_WEBER}, folder)
    found = re.findall(r"^STRESS (\S+) (\S+) (\S+)", printed, re.MULTILINE)
    stress = np.array(found, float).reshape(2, 2, 3)
    change = (stress[:, 1] - stress[:, 0]) / 2e-4 * 1e-4
    return change[0, 0], change[0, 1], change[1, 2]


def test_sound_in_silicon_is_what_its_elastic_constants_say(run_lammps, tmp_path):
    """Two atoms that move against each other under a shear: without that, C44 would be twice as large."""
    matrix = f"{silicon(2)}pair_style sw\npair_coeff * * Si.sw Si\nwrite_data data.silicon nocoeff\n"
    run_lammps(f"{matrix}dynamical_matrix all eskm 1e-5 file matrix.dat\n", {"Si.sw": STILLINGER_WEBER}, tmp_path)
    supercell = read_lammps(tmp_path / "matrix.dat", tmp_path / "data.silicon", (2, 2, 2))
    primitive = 0.5 * SILICON * (np.ones((3, 3)) - np.eye(3))
    crystal, _ = crystal_of(in_primitive_cell(supercell, primitive, [[0.0] * 3, [0.25 * SILICON] * 3]))
    c11, c12, c44 = elastic_constants(run_lammps, tmp_path / "strained")
    directions = np.array([[1.0, 0.0, 0.0], [np.sqrt(0.5), np.sqrt(0.5), 0.0]])
    moduli = crystal.speeds_of_sound(directions) ** 2 * crystal.density / PRESSURE_UNITS["GPa"]
    expected = [[c44, c44, c11], [0.5 * (c11 - c12), c44, 0.5 * (c11 + c12) + c44]]
    assert np.allclose(moduli, expected, rtol=2e-4)
    # F. H. Stillinger and T. A. Weber's silicon: 151.4, 76.4 and 56.4 GPa.
    assert (c11, c12, c44) == pytest.approx((151.4, 76.4, 56.4), rel=2e-3)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("matrix.dat", lambda text: text[: text.rindex("\n", 0, -1)], "is cut or not of"),
        ("matrix.dat", lambda text: text.replace("0.00000000", "nan", 1), "matrix.dat holds what is no number"),
        ("matrix.dat", lambda text: "\0" + text, "is no dynamical matrix as text"),
        ("matrix.dat", None, "matrix.dat cannot be read: No such file or directory"),
        ("data.argon", None, "data.argon cannot be read: No such file or directory"),
        ("data.argon", lambda text: text.replace("Masses\n\n1 39.948\n", ""), "data.argon says no masses"),
        ("data.argon", lambda text: text[:-900], "data.argon is no structure that ASE reads"),
        ("data.argon", lambda text: text.replace("\n1 1 0 ", "\n1 1 0.5 "), "of atom 1 it has 1"),
        ("data.argon", lambda text: text + "108\n", "data.argon is no structure that ASE reads"),
        ("data.argon", lambda text: text.replace("0 15.93 zlo", "0 0 zlo"), "data.argon holds no periodic cell"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_a_sentence(argon_run, tmp_path, name, spoil, message):
    for source in ("matrix.dat", "data.argon"):
        text = (argon_run / source).read_text()
        if source != name or spoil is not None:
            (tmp_path / source).write_text(spoil(text) if source == name else text)
    with pytest.raises(LatticeError, match=re.escape(message)) as caught:
        read_lammps(tmp_path / "matrix.dat", tmp_path / "data.argon", (3, 3, 3))
    assert "\n" not in str(caught.value)


def test_another_number_of_cells_is_refused(argon_run):
    with pytest.raises(LatticeError, match=r"does not repeat a cell 2 × 3 × 3 times: of atom 1 it has"):
        read_lammps(argon_run / "matrix.dat", argon_run / "data.argon", (2, 3, 3))


def test_a_structure_in_other_axes_is_refused(argon_run, tmp_path):
    (tmp_path / "POSCAR").write_text("Ar\n1\n0 0 5\n5 0 0\n0 5 0\nAr\n1\nDirect\n0 0 0\n")
    with pytest.raises(LatticeError, match="is not in the axes of LAMMPS"):
        read_lammps(argon_run / "matrix.dat", tmp_path / "POSCAR", (1, 1, 1))
