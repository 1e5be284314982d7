"""The real CP2K, through our readers: forces and stress are derivatives of the energy; centres are in their place."""

import numpy as np
import pytest
from ase import Atoms
from cp2k_cases import LOCALISE, Case, batch, lii8, methane, pbe, run_cp2k, single_point, xtb

from aiida_superionic.parsers.cp2k_frames import read_frames
from aiida_superionic.units import PRESSURE_UNITS

_TIGHT = {"FORCE_EVAL": {"DFT": {"SCF": {"EPS_SCF": 1e-8, "OUTER_SCF": {"EPS_SCF": 1e-8}}}}}


@pytest.fixture
def frames_of(cp2k_executable, tmp_path):
    def run(case):
        frames = read_frames(*run_cp2k(cp2k_executable, case, tmp_path / "job"), case.request())
        assert frames.failures == {}, frames.failures
        return frames

    return run


def _displaced(atoms, atom, direction, distance):
    moved = atoms.copy()
    moved.positions[atom, direction] += distance
    return moved


def _strained(atoms, strain):
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return strained


def test_forces_are_derivatives_of_the_energy(frames_of):
    (atoms,) = lii8(1)
    step = 0.01
    moves = [(atom, direction) for atom in (0, 1) for direction in range(3)]
    frames = [atoms, *(_displaced(atoms, *move, sign * step) for move in moves for sign in (1, -1))]
    labels = frames_of(Case(batch(xtb(), len(frames), _TIGHT), frames)).labels
    above, below = labels["energies"][1::2], labels["energies"][2::2]
    expected = [labels["forces"][0][move] for move in moves]
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(-(above - below) / (2.0 * step), expected, atol=1e-3)


def test_stress_is_the_derivative_of_the_energy_by_the_strain(frames_of):
    (atoms,) = lii8(1)
    step = 0.004
    strains = []
    for a, b in ((0, 0), (1, 1), (0, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5 * step
        strain[b, a] += 0.5 * step
        strains.append(strain)
    frames = [atoms, *(_strained(atoms, sign * strain) for strain in strains for sign in (1, -1))]
    labels = frames_of(Case(batch(xtb(), len(frames), _TIGHT), frames)).labels
    above, below = labels["energies"][1::2], labels["energies"][2::2]
    expected = np.array([np.sum(labels["stress"][0] * strain) / step for strain in strains])
    assert np.abs(expected).max() > PRESSURE_UNITS["GPa"]
    np.testing.assert_allclose(
        (above - below) / (2.0 * step * atoms.cell.volume), expected, atol=0.1 * PRESSURE_UNITS["GPa"]
    )


@pytest.mark.slow
def test_stress_of_pbe_with_the_grid_of_one_cell(frames_of):
    # The number of plane waves jumps with the cell, unless all cells take the grid of one.
    (atoms,) = lii8(1)
    step = 0.004
    reference = {"FORCE_EVAL": {"SUBSYS": {"CELL": {"CELL_REF": {"ABC": "6.1 6.1 6.1"}}}}}
    strain = np.diag([step, 0.0, 0.0])
    frames = [atoms, _strained(atoms, strain), _strained(atoms, -strain)]
    labels = frames_of(Case(batch(pbe(cutoff=200, species=("Li", "I")), 3, _TIGHT, reference), frames)).labels
    slope = (labels["energies"][1] - labels["energies"][2]) / (2.0 * step * atoms.cell.volume)
    assert slope == pytest.approx(labels["stress"][0, 0, 0], abs=0.1 * PRESSURE_UNITS["GPa"])


def test_centres_of_methane_lie_on_its_bonds(frames_of):
    # Four pairs, that make the four bonds equal by the symmetry of the molecule, which the cubic cell keeps.
    atoms = methane()
    case = Case(single_point(pbe(species=("C", "H")), LOCALISE), [atoms], counted=False)
    wannier = frames_of(case).wannier
    bonds = atoms.positions[1:] - atoms.positions[0]
    lengths = np.linalg.norm(bonds, axis=1)
    centres = wannier["centres"][0] - atoms.positions[0]
    centres -= 6.0 * np.rint(centres / 6.0)
    along = centres @ bonds.T / lengths**2
    owners = along.argmax(axis=1)
    assert sorted(owners) == [0, 1, 2, 3]
    # CP2K stops where a rotation gains less than 1e-4 in its spread, in units of the square of the cell's edge.
    np.testing.assert_allclose(centres, along.max(axis=1)[:, None] * bonds[owners], atol=0.01)
    np.testing.assert_allclose(along.max(axis=1), along.max(), atol=0.01)
    assert 0.5 < along.max() < 0.75
    np.testing.assert_allclose(wannier["spreads"], wannier["spreads"].mean(), rtol=0.01)


def test_the_centre_of_hydrogen_lies_in_the_middle(frames_of):
    atoms = Atoms("H2", positions=[[2.6, 3.0, 3.0], [3.4, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)
    case = Case(single_point(pbe(species=("H",)), LOCALISE), [atoms], counted=False)
    (centre,) = frames_of(case).wannier["centres"][0]
    np.testing.assert_allclose(centre - 6.0 * np.floor(centre / 6.0), [3.0, 3.0, 3.0], atol=1e-4)
