"""Reference crystals on the command line."""

import pytest
from ase.io import read

from aiida_superionic.structures import materials


def test_list_names_every_crystal(invoke):
    output = invoke("structures", "list").output
    assert all(name in output for name in materials())


@pytest.mark.parametrize("name", sorted(materials()))
def test_show_tells_the_cell_the_ions_and_the_source(invoke, name):
    output = " ".join(invoke("structures", "show", name).output.split())
    material = materials()[name]
    assert f"{material.symbol} ({material.space_group})" in output
    assert f"{material.cell[0][0]:g}" in output
    for ion, charge in material.formal_charges.items():
        assert f"{ion} {charge:+d}" in output


@pytest.mark.parametrize("suffix", ["cif", "xyz", "vasp"])
def test_make_writes_what_ase_reads(invoke, tmp_path, suffix):
    path = tmp_path / f"cell.{suffix}"
    result = invoke("structures", "make", "cubic-Na3OBH4", "--supercell", 2, 2, 2, "--seed", 3, "-o", path)
    assert result.output.startswith("72 atoms")
    atoms = read(path)
    assert atoms.symbols.formula.count() == {"Na": 24, "O": 8, "B": 8, "H": 32}
    assert atoms.cell.lengths() == pytest.approx([9.14] * 3)


def test_make_takes_lattice_constants(invoke, tmp_path):
    path = tmp_path / "cell.cif"
    invoke("structures", "make", "alpha-AgI", "--supercell", 1, 2, 3, "--lattice-constants", 5.0, 5.1, 5.2, "-o", path)
    assert read(path).cell.lengths() == pytest.approx([5.0, 10.2, 15.6])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["alpha-agi", "-o", "a.cif"], "unknown material 'alpha-agi'; did you mean alpha-AgI?"),
        (["alpha-AgI", "-o", "a.foo"], "a.foo has no suffix of a format that can be written"),
        (["alpha-AgI", "--supercell", 0, 1, 1, "-o", "a.cif"], "each must be at least 1"),
        (["alpha-AgI", "--lattice-constants", 5, 5, "nan", "-o", "a.cif"], "more than 20% off those of AgI, 5.0855,"),
        (["tungsten-Na3SbS4", "-o", "a.cif"], "must be a multiple of 8"),
        (["alpha-AgI", "-o", "missing/a.cif"], "cannot be written: No such file or directory"),
    ],
)
def test_mistakes_are_told_in_a_sentence(invoke, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    result = invoke("structures", "make", *arguments, status=2)
    assert told in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not any(tmp_path.iterdir())
