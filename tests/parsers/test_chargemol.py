"""Bond orders and charges of Chargemol's real files, files that were tampered with, and the job around the program.

The program itself is nobody's to pass on: a script in its place checks what it is given and leaves the real files.
"""

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from cp2k_cases import agi4

from aiida_superionic.calculations.chargemol import BOND_ORDERS_FILE, CHARGES_FILE, ChargemolCalculation
from aiida_superionic.parsers.chargemol_output import ChargemolError, read_ddec6

FIXTURE = Path(__file__).parents[1] / "fixtures" / "chargemol" / "agi4"
_CODES = ChargemolCalculation.exit_codes
BONDS, CHARGES = ((FIXTURE / name).read_text() for name in (BOND_ORDERS_FILE, CHARGES_FILE))


def read(bonds=BONDS, charges=CHARGES, atoms=None, total=0.0):
    atoms = atoms or agi4()
    return read_ddec6(bonds, charges, tuple(atoms.get_chemical_symbols()), atoms.positions, atoms.cell.array, total)


def lengths(result, atoms):
    i, j = result.pairs.T
    return np.linalg.norm(atoms.positions[j] + result.images @ atoms.cell.array - atoms.positions[i], axis=1)


def test_bonds_have_the_orders_and_images_that_chargemol_printed():
    result = read()
    assert len(result.orders) == BONDS.count("Bonded to the")
    np.testing.assert_allclose(result.charges, [-0.339049, -0.388173, 0.357851, 0.369370])
    np.testing.assert_allclose(result.sums, [2.307212, 2.092048, 2.237070, 2.166144])
    assert result.electron_error == pytest.approx(1.7585e-4)
    bonds = np.column_stack((result.pairs, result.images)).tolist()
    orders = dict(zip(map(tuple, bonds), result.orders, strict=True))
    assert orders[0, 2, 0, 0, -1] == 0.6188
    # Chargemol's fourth atom is the image of ours one cell along x, so its image -1 is ours in its place.
    assert orders[0, 3, 0, 0, 0] == 0.4936
    assert orders[3, 0, 0, 0, 0] == 0.4936


def test_bonds_of_silver_and_iodide_are_the_short_ones():
    """Every order above 0.3 is that of an Ag-I pair within 3.3 Å: the images are those of the atoms as given."""
    atoms = agi4()
    result = read()
    apart = lengths(result, atoms)
    strong = result.orders > 0.3
    kinds = {frozenset(atoms.symbols[i] for i in pair) for pair in result.pairs[strong]}
    assert kinds == {frozenset({"Ag", "I"})}
    assert strong.sum() == 2 * 8
    assert apart[strong].max() < 3.3 < apart[~strong].min() + 0.5


@pytest.mark.parametrize("shift", [(3, 0, -1), (0, 2, 0)])
def test_bonds_are_the_same_whichever_image_of_an_atom_is_given(shift):
    moved = agi4()
    moved.positions[2] += np.array(shift) @ moved.cell.array
    given, result = read(), read(atoms=moved)
    assert not np.array_equal(given.images, result.images)
    np.testing.assert_allclose(lengths(result, moved), lengths(given, agi4()), atol=1e-9)


def swapped():
    atoms = agi4()
    return atoms[[0, 1, 3, 2]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bonds": ""}, "bond orders is missing"),
        ({"charges": ""}, "net charges is missing"),
        ({"bonds": BONDS.replace("0.6188", "0.5188", 1)}, "atoms 0 and 2 is 0.5188 from one end and 0.6188"),
        ({"bonds": BONDS.replace("2.307212", "2.807212", 1)}, "bond orders of atom 0 add up to"),
        ({"bonds": BONDS.replace("0.6188", "NaN")}, "not finite"),
        ({"bonds": BONDS.replace("2.307212", "********", 1)}, "cannot be read"),
        ({"charges": CHARGES.replace("-0.339049", "-0.239049")}, "add up to 0.1000 e where the cell has 0 e"),
        ({"total": 1.0}, "where the cell has 1 e"),
        ({"atoms": swapped()}, "not where they are"),
        ({"atoms": agi4()[:3]}, "not those of the structure"),
    ],
)
def test_files_that_belie_themselves_are_told(changes, told):
    with pytest.raises(ChargemolError, match=told):
        read(**changes)


def test_no_cut_file_passes_for_a_whole_one(rng):
    """Wherever they are cut, but for the last newline that means nothing."""
    for k in rng.integers(0, len(BONDS) - 1, 200):
        with pytest.raises(ChargemolError):
            read(bonds=BONDS[:k])
    for k in rng.integers(0, len(CHARGES) - 1, 200):
        with pytest.raises(ChargemolError):
            read(charges=CHARGES[:k])


@pytest.fixture
def inputs(computer, tmp_path):
    """Return a maker of the inputs of a job whose program is a script that checks what it is given."""

    def make(script, **changes):
        program = tmp_path / "chargemol"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        density = tmp_path / "density"
        density.mkdir()
        (density / "valence_density.cube").write_text("a density\n")
        code = orm.InstalledCode(label="chargemol", computer=computer, filepath_executable=str(program), with_mpi=False)
        return {
            "code": code.store(),
            "density": orm.RemoteData(str(density), computer=computer),
            "structure": orm.StructureData(ase=agi4()),
            "core_electrons": orm.Dict({"I": 46, "Ag": 36}),
            "atomic_densities": orm.Str("/opt/chargemol/atomic_densities"),
            **changes,
        }

    return make


def test_the_job_gives_chargemol_its_input_and_stores_what_it_left(inputs):
    script = f'grep -q "a density" valence_density.cube && cp "{FIXTURE}"/* .'
    _, node = run_get_node(ChargemolCalculation, **inputs(script))
    assert node.is_finished_ok, node.exit_message
    control = node.base.repository.get_object_content("job_control.txt")
    # As a person writes it for these atoms.
    assert "<number of core electrons>\n47 36\n53 46\n</number of core electrons>" in control
    assert "<atomic densities directory complete path>\n/opt/chargemol/atomic_densities/\n</" in control
    assert "<input filename>\nvalence_density.cube\n</input filename>" in control
    bonds, charges = node.outputs.bond_orders, node.outputs.charges
    assert bonds.base.attributes.get("method") == charges.base.attributes.get("method") == "DDEC6"
    np.testing.assert_array_equal(bonds.get_array("orders"), read().orders)
    np.testing.assert_array_equal(bonds.get_array("images"), read().images)
    np.testing.assert_array_equal(charges.get_array("charges"), read().charges)
    assert charges.base.attributes.get("units") == {"charges": "e"}
    assert node.outputs.output_parameters["electron_error"] == pytest.approx(1.7585e-4)
    assert "ended" in node.outputs.usage.get_dict()


@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        ("echo no atomic densities; exit 1", _CODES.ERROR_NO_RESULTS, "no atomic densities"),
        (f'cp "{FIXTURE}/{BOND_ORDERS_FILE}" .', _CODES.ERROR_UNUSABLE_RESULTS, "net charges is missing"),
    ],
)
def test_what_chargemol_did_not_leave_is_told(inputs, script, code, told):
    _, node = run_get_node(ChargemolCalculation, **inputs(script))
    assert node.exit_status == code.status
    assert told in node.exit_message
    assert "bond_orders" not in node.outputs


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"core_electrons": {"Ag": 36}}, "core electrons of I is missing"),
        ({"core_electrons": {"Ag": 36, "I": 53}}, "core electrons of I: 53"),
        ({"atomic_densities": "atomic_densities"}, "an absolute path is expected"),
    ],
)
def test_what_chargemol_cannot_take_is_refused(inputs, changes, told):
    nodes = {name: orm.Dict(value) if isinstance(value, dict) else orm.Str(value) for name, value in changes.items()}
    with pytest.raises(ValueError, match=told):
        instantiate_process(get_manager().get_runner(), ChargemolCalculation, **inputs("true", **nodes))
