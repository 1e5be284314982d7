"""k-points, charge, spin and dispersion of a level of theory in the real CP2K, where the answer is known."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from cp2k_cases import Case, pbe, run_cp2k, single_point

from aiida_superionic.parsers.cp2k_frames import read_frames
from aiida_superionic.units import ENERGY_UNITS, LENGTH_UNITS
from aiida_superionic.workchains.dft import level_of_theory


@pytest.fixture
def labels_of(cp2k_executable, tmp_path):
    """Return a function that gives energy, forces and charges of a frame at a level of theory."""
    jobs = iter(range(9))

    def run(atoms, protocol="xtb", basis="SZV-MOLOPT-SR-GTH", **overrides):
        level = level_of_theory(protocol, overrides)
        parameters = level.parameters
        if level.method == "PBE":
            files = pbe(basis=basis, species=dict.fromkeys(atoms.get_chemical_symbols()))["FORCE_EVAL"]
            for name in ("BASIS_SET_FILE_NAME", "POTENTIAL_FILE_NAME"):
                parameters["FORCE_EVAL"]["DFT"][name] = files["DFT"][name]
            parameters["FORCE_EVAL"]["SUBSYS"] = files["SUBSYS"]
        case = Case(single_point(parameters), [atoms], counted=False)
        frames = read_frames(*run_cp2k(cp2k_executable, case, tmp_path / f"job_{next(jobs)}"), case.request())
        assert frames.failures == {}, frames.failures
        return {name: array[0] for name, array in frames.labels.items()}

    return run


def lithium_iodide():
    """Return the primitive cell of rock-salt LiI, displaced."""
    atoms = bulk("LiI", "rocksalt", a=6.0)
    atoms.positions[0] += [0.1, 0.05, 0.0]
    return atoms


def test_k_points_are_those_of_a_larger_cell(labels_of):
    # Three points along a reciprocal vector are Γ of the cell that is three times as long.
    atoms = lithium_iodide()
    sampled = labels_of(atoms, k_points=[1, 1, 3])
    larger, gamma = labels_of(atoms.repeat((1, 1, 3))), labels_of(atoms)
    assert abs(gamma["energies"] - sampled["energies"]) > 0.1
    # As well as the fields converge, and as the grids of the Coulomb sums, which differ, agree.
    assert 3.0 * sampled["energies"] == pytest.approx(larger["energies"], abs=1e-4)
    np.testing.assert_allclose(larger["forces"], np.tile(sampled["forces"], (3, 1)), atol=1e-4)


def test_the_charge_is_that_of_the_cell(labels_of):
    atoms = lithium_iodide()
    for charge in (0, 1):
        labels = labels_of(atoms, charge=charge, multiplicity=1 + charge)
        assert labels["charges_mulliken"].sum() == pytest.approx(charge, abs=1e-4)


def test_the_energy_of_a_hydrogen_atom_is_that_of_pbe(labels_of):
    # -0.49999 Hartree. A lone electron without spin would repel half of itself: an eV more.
    atoms = Atoms("H", positions=[[3.0, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)
    energy = labels_of(atoms, "fast", cutoff=300.0, multiplicity=2)["energies"]
    assert energy == pytest.approx(-0.49999 * ENERGY_UNITS["Hartree"], abs=0.1)


@pytest.mark.parametrize("dispersion", ["D3", "D3(BJ)"])
def test_dispersion_attracts_argon_as_its_coefficients_say(labels_of, dispersion):
    # C6 of argon in D3 is 64.6 atomic units, and 8.4019 the sum of r^-6 over a simple cubic lattice; higher terms and
    # damping are a tenth of it at these distances.
    edge = 7.0
    atoms = Atoms("Ar", cell=[edge] * 3, pbc=True)
    without, attracted = (labels_of(atoms, "fast", cutoff=150.0, dispersion=kind) for kind in ("none", dispersion))
    expected = -0.5 * 64.6 * 8.4019 * ENERGY_UNITS["Hartree"] * (edge / LENGTH_UNITS["Bohr"]) ** -6
    assert attracted["energies"] - without["energies"] == pytest.approx(expected, rel=0.2)
