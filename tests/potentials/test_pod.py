"""Linear potentials in proper orthogonal descriptors: their data, and as LAMMPS evaluates them."""

import re
from pathlib import Path

import numpy as np
import pytest

from aiida_superionic.calculations.lammps import data_file
from aiida_superionic.datasets import Frame
from aiida_superionic.learning.descriptors import describe
from aiida_superionic.potentials import PotentialError, parse_potential
from aiida_superionic.potentials.pod import Pod, PodBasis


@pytest.fixture
def basis():
    return PodBasis(
        species=("Ag", "I"),
        cutoff=5.0,
        bessel_degree=2,
        inverse_degree=4,
        two_body_functions=4,
        three_body_functions=3,
        three_body_angular_degree=2,
    )


@pytest.fixture
def pod(basis, rng):
    """Return a potential with random coefficients."""
    coefficients = rng.normal(scale=0.01, size=basis.n_coefficients)
    return Pod(description="random", source="a test", basis=basis, coefficients=tuple(coefficients.tolist()))


@pytest.fixture
def shaken(agi, rng):
    atoms = agi()
    atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
    return atoms


@pytest.fixture
def evaluate(run_lammps, tmp_path):
    """Return a function that gives the energy and forces of atoms whose species LAMMPS numbers in some order."""

    def run(pod, atoms, kinds):
        potential = pod.lammps(kinds, len(atoms))
        script = ["units metal", f"atom_style {potential.atom_style}", "read_data structure.data", *potential.commands]
        script += [
            "thermo_style custom step pe",
            "thermo_modify format float %.17g",
            "dump forces all custom 1 forces.dump id fx fy fz",
            'dump_modify forces sort id format float "%.17g"',
            "run 0",
        ]
        data = data_file(atoms, kinds, potential.charges, potential.atom_style)
        folder = tmp_path / "-".join(kinds)
        output = run_lammps("\n".join(script) + "\n", {**potential.files, "structure.data": data}, folder)
        energy = float(re.search(r"PotEng\s+0\s+(\S+)", output)[1])
        return energy, np.loadtxt(folder / "forces.dump", skiprows=9)[:, 1:], output

    return run


def test_lammps_counts_as_many_coefficients(pod, basis, shaken, evaluate):
    _, _, output = evaluate(pod, shaken, ["Ag", "I"])
    assert f"number of global descriptors: {basis.n_coefficients}\n" in output
    assert basis.n_coefficients == 2 * (1 + 2 * 4 + 3 * 9)
    assert basis.one_body.tolist() == [0, 36]


def test_lammps_evaluates_the_linear_model(pod, basis, shaken, evaluate, lammps_executable, tmp_path):
    energy, forces, _ = evaluate(pod, shaken, ["Ag", "I"])
    frame = Frame(tuple(shaken.get_chemical_symbols()), shaken.positions, np.array(shaken.cell))
    (rows,) = describe([frame], basis, Path(lammps_executable), tmp_path / "run")
    linear = rows @ np.array(pod.coefficients)
    # Rounding of sums of some 10³ terms of order 1.
    assert energy == pytest.approx(linear[0], abs=1e-10)
    np.testing.assert_allclose(forces, linear[1:].reshape(-1, 3), atol=1e-10)
    assert np.max(np.abs(forces)) > 0.01


def test_the_order_of_the_species_does_not_matter(pod, shaken, evaluate):
    energy, forces, _ = evaluate(pod, shaken, ["Ag", "I"])
    other_energy, other_forces, _ = evaluate(pod, shaken, ["I", "Ag"])
    assert other_energy == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(other_forces, forces, atol=1e-10)


def test_some_of_the_species_are_enough(pod, shaken, evaluate):
    iodine = shaken[shaken.symbols == "I"]
    energy, forces, _ = evaluate(pod, iodine, ["I", "Ag"])
    alone_energy, alone_forces, _ = evaluate(pod, iodine, ["I"])
    assert alone_energy == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(alone_forces, forces, atol=1e-10)


def test_pairs_alone_are_a_potential_too(basis, shaken, evaluate, rng):
    pairs = basis.model_copy(update={"three_body_functions": 0})
    coefficients = tuple(rng.normal(scale=0.01, size=pairs.n_coefficients).tolist())
    pod = Pod(description="random", source="a test", basis=pairs, coefficients=coefficients)
    _, forces, _ = evaluate(pod, shaken, ["Ag", "I"])
    assert np.max(np.abs(forces)) > 0.01


def test_its_file_is_read_back_bit_for_bit(pod):
    assert parse_potential(pod.text()) == pod


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"species": ("Ag", "Ag")}, "a species is named twice"),
        ({"species": ("Ag", "Xx")}, "'Xx' is not a chemical symbol"),
        ({"inner_cutoff": 5.0}, "inner_cutoff is 5.0 Å, not below the cutoff of 5.0 Å"),
        ({"two_body_functions": 11}, "two_body_functions is 11 where the degrees allow 10"),
        ({"three_body_angular_degree": 13}, "less than or equal to 12"),
        ({"four_body_functions": 2}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_basis_is_refused(basis, changes, message):
    with pytest.raises(ValueError, match=message):
        PodBasis.model_validate({**basis.model_dump(), **changes})


def test_coefficients_too_few_are_refused(pod):
    with pytest.raises(ValueError, match="71 coefficients where the basis has 72 descriptors"):
        Pod.model_validate({**pod.model_dump(), "coefficients": pod.coefficients[1:]})


def test_an_unknown_species_is_refused(pod):
    with pytest.raises(PotentialError, match="describes Ag, I and the structure holds Br"):
        pod.lammps(["Ag", "Br"], 4)
