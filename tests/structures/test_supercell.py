"""α-AgI: bcc iodide, silver on tetrahedral sites, seeded."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from scipy.stats import chisquare

from aiida_superionic.structures import Material, materials
from aiida_superionic.structures.supercell import StructureError, make_supercell

_A = 5.0855
_SIZES = [(1, 1, 1), (2, 2, 2), (3, 3, 3), (1, 2, 3), (3, 1, 1), (6, 6, 6)]


@pytest.mark.parametrize("repeats", _SIZES)
def test_composition_and_cell(agi, repeats):
    atoms = agi(repeats)
    cells = int(np.prod(repeats))
    assert str(atoms.symbols) == f"Ag{2 * cells}I{2 * cells}"
    assert atoms.pbc.all()
    np.testing.assert_allclose(atoms.cell, _A * np.diag(repeats), rtol=1e-14)


@pytest.mark.parametrize("repeats", _SIZES)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_silver_keeps_its_distance(agi, repeats, seed):
    silver = agi(repeats, seed)
    silver = silver[silver.symbols == "Ag"]
    # neighbor_list sees periodic images too, which matters where the cell is repeated once.
    assert len(neighbor_list("d", silver, 2.5 - 1e-9)) == 0


@pytest.mark.parametrize("repeats", _SIZES)
def test_every_silver_is_in_a_tetrahedron(agi, repeats):
    atoms = agi(repeats, seed=5)
    first, second, distances = neighbor_list("ijd", atoms, _A * np.sqrt(5) / 4 + 1e-6)
    to_iodide = (atoms.symbols[first] == "Ag") & (atoms.symbols[second] == "I")
    np.testing.assert_allclose(distances[to_iodide], _A * np.sqrt(5) / 4, rtol=1e-12)
    counts = np.bincount(first[to_iodide], minlength=len(atoms))
    assert set(counts[atoms.symbols == "Ag"]) == {4}


def test_108_atoms_are_those_of_the_study(agi):
    atoms = agi((3, 3, 3))
    assert len(atoms) == 108
    np.testing.assert_allclose(atoms.cell.lengths(), 15.2565, rtol=1e-12)


def test_same_seed_same_atoms(agi):
    np.testing.assert_array_equal(agi((3, 3, 3), 7).positions, agi((3, 3, 3), 7).positions)


def test_another_seed_other_atoms(agi):
    drawn = {agi((3, 3, 3), seed).positions.tobytes() for seed in range(20)}
    assert len(drawn) == 20


def test_the_twelve_sites_are_filled_alike(agi):
    # Random sequential addition visits all positions in random order, and the twelve sites of a cell are equivalent
    # by symmetry: each is filled with probability 1/6. Draws of one structure repel one another, which narrows the
    # distribution of the counts, so that chi square is an upper bound; p > 1e-3 with a fixed seed.
    sites = np.array(materials()["alpha-AgI"].sites[1].fractional)
    counts = np.zeros(12)
    for seed in range(200):
        atoms = agi((2, 2, 2), seed)
        fractional = atoms.positions[atoms.symbols == "Ag"] / _A
        in_cell = (fractional + 1e-6) % 1.0 - 1e-6
        site = np.argmin(np.abs(in_cell[:, None] - sites[None]).sum(axis=2), axis=1)
        counts += np.bincount(site, minlength=12)
    assert counts.sum() == 200 * 16
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("repeats", [(0, 1, 1), (2, -1, 2)])
def test_repeats_are_positive(agi, repeats):
    with pytest.raises(StructureError, match="each must be at least 1"):
        agi(repeats)


def test_sites_too_near_one_another_are_told():
    crowded = materials()["alpha-AgI"].model_dump()
    crowded["sites"][1]["minimum_distance"] = 4.0
    with pytest.raises(StructureError, match=r"only \d+ of 16 Ag fit at 4.0 Å"):
        make_supercell(Material.model_validate(crowded), (2, 2, 2), 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mobile": ["Xx"]}, "'Xx' is not a chemical symbol"),
        ({"mobile": ["Ag\nshell rm"]}, "is not a chemical symbol"),
        ({"colour": "yellow"}, "Extra inputs"),
        ({"sites": [{"species": "Ag", "per_cell": 2, "fractional": [[0, 0, 0]]}]}, "2 Ag per cell on 1 positions"),
        ({"sites": [{"species": "Ag", "fractional": [[0, 0, 0]], "orbit": [0, 0, 0]}]}, "and not both"),
        ({"sites": [{"species": "AgX", "orbit": [0, 0, 0]}]}, "nor one of the molecules B10H10"),
        ({"mobile": ["Na"]}, "the mobile species Na have no site"),
    ],
)
def test_damaged_material_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        Material.model_validate({**materials()["alpha-AgI"].model_dump(), **change})
