"""Every reference crystal: composition, neutrality, the right polyanions, and atoms that keep their distance."""

from functools import cache

import numpy as np
import pytest
from ase.formula import Formula
from ase.neighborlist import neighbor_list

from aiida_superionic.analysis.polyanions import find_polyanions
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.structures import Material, materials, molecules
from aiida_superionic.structures.supercell import StructureError, make_supercell

# Polyanions, and the range that their bonds must fall in, Å.
_POLYANIONS = {
    "hexagonal-LiBH4": {"BH4": (1.19, 1.25)},
    "fcc-Na2B10H10": {"B10H10": (1.18, 1.86)},
    "cubic-Na3OBH4": {"BH4": (1.19, 1.25)},
    "alpha-Li3PS4": {"PS4": (2.02, 2.08)},
    "gamma-Na4P2S6": {"P2S6": (2.02, 2.28)},
    "tetragonal-Na11Sn2PS12": {"PS4": (2.03, 2.08), "SnS4": (2.37, 2.44)},
    "Li10GeP2S12": {"PS4": (2.03, 2.08), "GeS4": (2.19, 2.23)},
    "tetragonal-Na3SbS4": {"SbS4": (2.31, 2.36)},
    "tungsten-Na3SbS4": {"SbS4": (2.31, 2.36), "WS4": (2.17, 2.21)},
}
# g/cm³, of ordered phases; the disordered one is at most an eighth lighter. From
# cells: LiBH4 (Pnma, Z = 4, 216.7 Å³), Na2B10H10 (P21/n, Z = 4, 897.6 Å³), Li3PS4 (γ, 1.93), Na4P2S6 (C2/m, Z = 2,
# 544.2 Å³), Na3SbS4 (cubic, 2.87, Graf and Schäfer 1976).
_ORDERED = {
    "hexagonal-LiBH4": 21.78 * 4 / 216.7 / 0.60221,
    "fcc-Na2B10H10": 164.18 * 4 / 897.6 / 0.60221,
    "alpha-Li3PS4": 1.93,
    "gamma-Na4P2S6": 346.3 * 2 / 544.2 / 0.60221,
    "tetragonal-Na3SbS4": 2.87,
}
_STUDIED = {
    "hexagonal-LiBH4": 768,
    "fcc-Na2B10H10": 1056,
    "cubic-Na3OBH4": 1125,
    "alpha-Li3PS4": 864,
    "gamma-Na4P2S6": 648,
    "tetragonal-Na11Sn2PS12": 832,
}
_SMALL = {"tetragonal-Na11Sn2PS12": (1, 1, 1)}


@cache
def _made(name, seed=1):
    return make_supercell(materials()[name], _SMALL.get(name, (2, 2, 2)), seed)


def _polyanions(name, atoms):
    trajectory = Trajectory(
        positions=atoms.positions[None],
        cell=np.asarray(atoms.cell),
        species=tuple(atoms.symbols),
        masses=atoms.get_masses(),
        mobile=materials()[name].mobile,
        timestep=1.0,
    )
    return trajectory, find_polyanions(trajectory)


@pytest.mark.parametrize("name", sorted(materials()))
def test_composition_and_charge(name):
    atoms = _made(name)
    material = materials()[name]
    assert atoms.symbols.formula.reduce()[0].count() == _count(material.formula)
    counts = atoms.symbols.formula.count()
    shapes = {ion: molecules()[ion].species if ion in molecules() else (ion,) for ion in material.formal_charges}
    numbers = {ion: counts[shape[0]] / shape.count(shape[0]) for ion, shape in shapes.items()}
    assert sum(numbers[ion] * charge for ion, charge in material.formal_charges.items()) == 0
    assert list(counts) == list(material.elements)


def _count(formula):
    return Formula(formula).reduce()[0].count()


@pytest.mark.parametrize("name", sorted(_STUDIED))
def test_the_studied_supercell_has_the_studied_number_of_atoms(name):
    material = materials()[name]
    assert len(make_supercell(material, material.study.supercell, 1)) == _STUDIED[name]


@pytest.mark.parametrize("name", sorted(_POLYANIONS))
def test_polyanions_are_whole_and_their_bonds_sane(name):
    trajectory, found = _polyanions(name, _made(name))
    assert set(found) == set(_POLYANIONS[name])
    for formula, (shortest, longest) in _POLYANIONS[name].items():
        anions = found[formula]
        places = anions.positions(trajectory)[0]
        i, j = np.nonzero(np.triu(anions.bonded))
        lengths = np.linalg.norm(places[:, i] - places[:, j], axis=-1)
        assert shortest < lengths.min()
        assert lengths.max() < longest
    hosts = sum(symbol not in materials()[name].mobile for symbol in _made(name).symbols)
    free = sum(symbol == "O" for symbol in _made(name).symbols)
    assert sum(anions.atoms.size for anions in found.values()) == hosts - free


@pytest.mark.parametrize("name", sorted(materials()))
def test_atoms_keep_their_distance(name):
    atoms = _made(name)
    # Nothing but a bond to hydrogen is as short as 1.5 Å, and no cation is within 1.5 Å of anything.
    first, second, distances = neighbor_list("ijd", atoms, 1.5)
    symbols = np.array(atoms.symbols)
    pairs = {frozenset((symbols[i], symbols[j])) for i, j in zip(first, second, strict=True)}
    assert pairs <= {frozenset(("B", "H"))}
    assert not len(distances) or distances.min() > 1.15
    mobile = np.isin(symbols, materials()[name].mobile)
    apart = atoms[mobile]
    assert len(neighbor_list("i", apart, 2.0)) == 0


@pytest.mark.parametrize("name", sorted(materials()))
def test_shortest_contacts_are_kept(name):
    atoms, material = _made(name), materials()[name]
    for a, b, length in material.contacts:
        pairs = neighbor_list("ijS", atoms, {(a, b): length - 1e-9})
        own = [_same_molecule(material, atoms, i, j) and not image.any() for i, j, image in zip(*pairs, strict=True)]
        assert all(own), (a, b)


def _same_molecule(material, atoms, i, j):
    size = max(
        np.linalg.norm(molecules()[ion].positions, axis=1).max()
        for ion in material.formal_charges
        if ion in molecules()
    )
    return np.linalg.norm(atoms.positions[i] - atoms.positions[j]) <= 2.0 * size and material.mobile[0] not in {
        atoms.symbols[i],
        atoms.symbols[j],
    }


@pytest.mark.parametrize("name", sorted(_ORDERED))
def test_density(name):
    atoms = _made(name)
    density = atoms.get_masses().sum() / atoms.get_volume() / 0.60221
    assert 0.88 < density / _ORDERED[name] < 1.005


@pytest.mark.parametrize("name", ["hexagonal-LiBH4", "Li10GeP2S12", "tungsten-Na3SbS4", "tetragonal-Na11Sn2PS12"])
def test_the_seed_decides(name):
    size = _SMALL.get(name, (2, 2, 2))
    again = make_supercell(materials()[name], size, 1)
    np.testing.assert_array_equal(again.positions, _made(name).positions)
    other = make_supercell(materials()[name], size, 2)
    assert other.symbols.formula.count() == again.symbols.formula.count()
    assert not np.allclose(other.positions, again.positions)


def test_sodium_of_the_decaborate_divides_as_refined():
    # 96 ions over sites with occupancies 0.58, 0.28 and 0.09 of 96, 48 and 288 positions, scaled to 96.
    atoms = make_supercell(materials()["fcc-Na2B10H10"], (3, 2, 2), 1)
    fractional = atoms[atoms.symbols == "Na"].get_scaled_positions() * [3, 2, 2]
    quarters = np.round(fractional * 4).astype(int) % 2
    counts = np.bincount(quarters.sum(axis=1), minlength=4)
    expected = np.array([1.12, 0.0, 2.16, 4.64]) * 12 * 8 / 7.92
    assert np.abs(counts - expected).max() < 1.0


def test_tungsten_takes_a_sodium_ion_each_from_both_sites():
    atoms = make_supercell(materials()["tungsten-Na3SbS4"], (4, 4, 2), 3)
    assert atoms.symbols.formula.count() == {"Na": 188, "Sb": 60, "W": 4, "S": 256}
    # 2a and 4d hold one and two thirds of the sodium: of four vacancies one and three.
    in_cell = atoms[atoms.symbols == "Na"].get_scaled_positions() * [4, 4, 2] % 1.0
    on_2a = np.abs(in_cell[:, 0] - np.round(in_cell[:, 0])) + np.abs(in_cell[:, 1] - np.round(in_cell[:, 1])) < 0.1
    on_2a |= np.abs(in_cell[:, :2] - 0.5).max(axis=1) < 0.1
    assert (on_2a.sum(), (~on_2a).sum()) == (63, 125)


def test_supercell_without_whole_ions_is_refused():
    with pytest.raises(StructureError, match=r"3 cells cannot hold whole ions .* must be a multiple of 8"):
        make_supercell(materials()["tungsten-Na3SbS4"], (3, 1, 1), 1)


def test_charge_that_nothing_can_balance_is_refused():
    charged = materials()["cubic-Na3OBH4"].model_dump()
    charged["formal_charges"]["BH4"] = -2
    with pytest.raises(StructureError, match="no number of Na makes 8 cells of Na3OBH4 neutral"):
        make_supercell(Material.model_validate(charged), (2, 2, 2), 1)


def test_contacts_that_cannot_be_kept_are_told(monkeypatch):
    monkeypatch.setattr("aiida_superionic.structures.orientations._SWEEPS", 3)
    crowded = materials()["hexagonal-LiBH4"].model_dump()
    crowded["contacts"] = [("H", "H", 3.5)]
    with pytest.raises(StructureError, match=r"no orientations of 2 molecules keep H-H 3\.5 Å"):
        make_supercell(Material.model_validate(crowded), (1, 1, 1), 1)


def test_orientations_are_spread_over_the_sphere():
    free = Material.model_validate({**materials()["cubic-Na3OBH4"].model_dump(), "contacts": []})
    atoms = make_supercell(free, (6, 6, 6), 1)
    first = atoms.positions[atoms.symbols == "H"][::4]
    directions = (first - atoms.positions[atoms.symbols == "B"]) / 1.222
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-3)
    # A uniform direction has <x> = 0, <x²> = 1/3 and <x⁴> = 1/5, with variances of 1/3, 4/45 and 1/9 - 1/25.
    for power, mean, variance in [(1, 0.0, 1 / 3), (2, 1 / 3, 4 / 45), (4, 1 / 5, 1 / 9 - 1 / 25)]:
        moments = (directions**power).mean(axis=0)
        np.testing.assert_allclose(moments, mean, atol=5 * np.sqrt(variance / len(directions)))
