"""The Pedone force field: against its formula by hand, and against measured crystals in LAMMPS."""

import numpy as np
import pytest
from ase import Atoms

from aiida_superionic.analysis.arrhenius import fit_arrhenius
from aiida_superionic.analysis.polyanions import find_polyanions
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.lammps import data_file
from aiida_superionic.potentials import parse_potential, potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

_CUTOFF = 7.5
# Depth in eV, steepness in 1/Å, distance in Å and the coefficient of 1/r^12 in eV Å^12.
_FORMULA = {
    ("Li", "O"): (0.001114, 3.429506, 2.681360, 1.0),
    ("Na", "O"): (0.023363, 1.763867, 3.006315, 5.0),
    ("P", "O"): (0.831326, 2.585833, 1.800790, 1.0),
    ("O", "O"): (0.042395, 1.379316, 3.618701, 22.0),
}
_KINDS = ["Na", "P", "O"]


@pytest.fixture
def pedone():
    return parse_potential(potentials()["pedone"])


def _by_hand(pair, r):
    depth, steepness, distance, coefficient = _FORMULA[pair]
    return depth * ((1.0 - np.exp(-steepness * (r - distance))) ** 2 - 1.0) + coefficient / r**12


@pytest.mark.parametrize("pair", _FORMULA)
def test_dimer_by_hand(pedone, pair):
    r = np.linspace(1.1, _CUTOFF, 60)
    energy, force = pedone.energy_and_force(*pair, r)
    by_hand = _by_hand(pair, r)
    np.testing.assert_allclose(energy, by_hand - by_hand[-1], rtol=1e-10, atol=1e-12)
    h = 1e-5
    slope = (_by_hand(pair, r + h) - _by_hand(pair, r - h)) / (2 * h)
    # The error of the central difference is h²/6 u''' < 12·13·14 h²/(6 r²) of the force; rounding adds 1e-16 u/h.
    np.testing.assert_allclose(force, -slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("formula", ["Na3PO4", "Li3PO4", "Na2O", "Li2O"])
def test_compounds_are_neutral(pedone, formula):
    assert sum(pedone.charges[symbol] for symbol in Atoms(formula).symbols) == pytest.approx(0.0, abs=1e-12)


def test_between_cations_there_is_the_coulomb_term_alone(pedone):
    commands = pedone.lammps(_KINDS, 10).commands
    assert [line.split()[-1] for line in commands if " table pair_" in line] == ["Na_O", "P_O", "O_O"]


def _script(potential, *lines):
    head = ["units metal", "boundary p p p", f"atom_style {potential.atom_style}", "read_data structure.data"]
    return "\n".join([*head, *potential.commands, *lines]) + "\n"


def _printed(output, heading):
    return [line.split()[1:] for line in output.splitlines() if line.split()[:1] == [heading]]


def test_lattice_constant_of_lithium_oxide(run_lammps, tmp_path, pedone):
    # Antifluorite, a = 4.619 Å at room temperature (R. W. G. Wyckoff, "Crystal Structures", 1963). The pressure of the
    # perfect crystal falls through zero where its energy is least; expansion by zero-point motion and heat is left out,
    # which is 1 % at most.
    measured = 4.619
    tetrahedral = np.array(list(np.ndindex(2, 2, 2))) / 2.0 + 0.25
    face_centred = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    cell = Atoms("Li8O4", scaled_positions=[*tetrahedral, *face_centred], cell=[measured] * 3, pbc=True)
    atoms = cell.repeat(3)
    potential = pedone.lammps(["Li", "O"], len(atoms))
    data = data_file(atoms, ["Li", "O"], potential.charges, potential.atom_style)
    constants = measured * np.linspace(0.97, 1.03, 7)
    # Each cell has an Ewald sum of its own unless the splitting is given.
    lines = ["kspace_modify gewald 0.4"]
    for constant in 3 * constants:
        box = " ".join(f"{axis} final 0 {constant}" for axis in "xyz")
        lines += [f"change_box all {box} remap units box", "run 0", 'print "pressure $(press)"']
    output = run_lammps(_script(potential, *lines), {**potential.files, "structure.data": data}, tmp_path)
    pressures = [float(words[0]) for words in _printed(output, "pressure")]
    found = np.interp(0.0, pressures[::-1], constants[::-1])
    assert found == pytest.approx(measured, rel=0.01)


def _phosphate_run(run_lammps, folder, pedone, temperature, steps):
    """Return the frames, 20 fs apart, of 32 Na3PO4 at zero pressure, those of the first half left out."""
    atoms = make_supercell(materials()["gamma-Na3PO4"], (2, 2, 2), 1)
    potential = pedone.lammps(_KINDS, len(atoms))
    data = data_file(atoms, _KINDS, potential.charges, potential.atom_style)
    lines = [
        "timestep 0.001",
        f"velocity all create {temperature} 42 mom yes rot no dist gaussian",
        f"fix integrate all npt temp {temperature} {temperature} 0.1 iso 0 0 1",
        f"run {steps}",
        "dump frames all custom 20 frames.bin id type xu yu zu",
        "dump_modify frames sort id",
        f"run {steps}",
    ]
    run_lammps(_script(potential, *lines), {**potential.files, "structure.data": data}, folder)
    return read_trajectory([folder / "frames.bin"], kinds=_KINDS, mobile=["Na"], md_timestep=0.001)


def _bonds(frames):
    """Return the vectors from P to O, shape (frames, anions, 4, 3)."""
    phosphates = find_polyanions(frames)["PO4"]
    positions = phosphates.positions(frames)
    outer = np.delete(positions, phosphates.centre, axis=2)
    return outer - positions[:, :, phosphates.centre, None]


def test_sodium_phosphate_is_the_measured_crystal(run_lammps, tmp_path, pedone):
    # 3 ps are enough: the volume of a blocked half differs by 0.3 %, the mean bond by 1e-4 Å.
    frames = _phosphate_run(run_lammps, tmp_path, pedone, 700.0, 3000)
    assert {formula: len(found.atoms) for formula, found in find_polyanions(frames).items()} == {"PO4": 32}
    # 7.51 Å is measured near 673 K; as transferred from oxide glasses the model is 2 % too wide.
    lattice = float(np.mean(frames.cell[:, 0, 0])) / 2
    assert lattice == pytest.approx(7.51, rel=0.03)
    # Mean of orthophosphates: 1.537 Å (W. H. Baur, Acta Cryst. B 30, 1195 (1974)).
    assert np.linalg.norm(_bonds(frames), axis=-1).mean() == pytest.approx(1.537, abs=0.02)


def _reorientation_rate(bonds, first, last):
    """Return the rate, frames⁻¹, at which ⟨P₂(u(0)·u(t))⟩ of the bonds decays between two lags, and its error."""
    units = bonds / np.linalg.norm(bonds, axis=-1, keepdims=True)
    # Of every anion on its own, as they turn independently of one another.
    first_order, last_order = (
        (1.5 * np.einsum("tnbx,tnbx->tnb", units[:-lag], units[lag:]) ** 2 - 0.5).mean(axis=(0, 2))
        for lag in (first, last)
    )
    left_out = [
        np.log(np.delete(first_order, i).mean() / np.delete(last_order, i).mean()) / (last - first)
        for i in range(len(first_order))
    ]
    rate = np.log(first_order.mean() / last_order.mean()) / (last - first)
    return rate, np.sqrt((len(left_out) - 1) * np.var(left_out))


@pytest.mark.slow
def test_phosphates_turn_with_the_measured_activation_energy(run_lammps, tmp_path, pedone):
    # Quasielastic neutron scattering of Na3PO4's rotor phase: 0.184 eV for the reorientation of the anions (Wilmer,
    # Feldmann, Lechner and Combet, "Correlated motion of anions and cations in fast cation conducting rotor phases",
    # Solid State Ionics 175, 463 (2004)). Librations have died after 0.5 ps; after 2 ps the fastest have turned.
    temperatures = [700.0, 800.0, 900.0, 1000.0, 1200.0]
    rates = [
        _reorientation_rate(_bonds(_phosphate_run(run_lammps, tmp_path / str(t), pedone, t, 20_000)), 25, 75)
        for t in temperatures
    ]
    fit = fit_arrhenius(temperatures, *np.transpose(rates))
    assert fit.activation_energy == pytest.approx(0.184, abs=3.0 * fit.activation_energy_error)
