"""``lattice``: from the files of phonopy and LAMMPS to a file that superionic-lattice takes."""

import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from supercells import CUBIC, supercell_of, two_atom_crystal, write_phonopy

from aiida_superionic.cli.lattice import cmd_import
from aiida_superionic.lattice.crystal import simple_cubic
from aiida_superionic.lattice.crystal_file import read_crystal
from aiida_superionic.lattice.request import CrystalSection
from aiida_superionic.units import KINETIC_ENERGY


@pytest.fixture
def imported(invoke, tmp_path):
    """Return a function that imports a crystal as phonopy leaves it, and returns what is printed and the file."""

    def imported(crystal, *options, status=0):
        write_phonopy(tmp_path, supercell_of(crystal, (4, 4, 4), rows=()))
        file = tmp_path / "cubic.npz"
        result = invoke("lattice", "import", "--phonopy", tmp_path, "--output", file, *options, status=status)
        return " ".join(result.output.split()), file

    return imported


def test_what_is_imported_is_a_crystal_for_superionic_lattice(imported):
    printed, file = imported(CUBIC)
    crystal = CrystalSection.model_validate({"file": str(file)}).crystal()
    momentum = [[0.1, 0.2, 0.3]]
    assert np.allclose(crystal.dynamical_matrices(momentum), CUBIC.dynamical_matrices(momentum), rtol=1e-12)
    # At (π, π, 0)/a the highest squared frequency is 4 k1 + 8 k2 over the mass.
    highest = np.sqrt((4 * 0.52 + 8 * 0.17) / (33.77 * KINETIC_ENERGY)) / (2 * np.pi)
    speeds = ", ".join(f"{0.1 * speed:.4g}" for speed in CUBIC.speeds_of_sound([[1.0, 0.0, 0.0]])[0])
    for words in ("3 3 3 Å", "19 pairs of atoms, to 19 cells", f"{highest:.5g} THz", f"sound along a {speeds} km/s"):
        assert words in printed


def test_a_cutoff_says_what_it_leaves_out(imported):
    crystal = two_atom_crystal()
    printed, file = imported(crystal, "--cutoff", "6.5")
    apart = (crystal.cells @ crystal.lattice)[:, None, None] + crystal.basis[None] - crystal.basis[:, None]
    sizes = np.abs(crystal.force_constants).max(axis=(2, 4))
    left_out = sizes * (np.linalg.norm(apart, axis=-1) > 6.5)
    assert f"left out beyond cutoff {left_out.max() / sizes.max():.2g} " in printed
    assert 0 < np.count_nonzero(left_out) == np.count_nonzero(sizes) - int(printed.split(" pairs of")[0].split()[-1])
    assert np.count_nonzero(read_crystal(file).force_constants) < np.count_nonzero(crystal.force_constants)


@pytest.mark.parametrize(
    ("crystal", "message"),
    [
        (simple_cubic(3.0, 33.77, 0.52, -0.05), "the crystal is not stable"),
        (simple_cubic(3.0, 33.77, 0.52, 0.0), "the crystal is not stable: it does not resist every shear"),
    ],
)
def test_a_crystal_that_is_not_stable_is_refused(imported, crystal, message):
    printed, file = imported(crystal, status=2)
    assert message in printed
    assert not file.exists()


def test_a_file_is_not_overwritten(imported):
    imported(CUBIC)
    assert "cubic.npz is there already" in imported(CUBIC, status=2)[0]


@pytest.mark.parametrize(
    "options",
    [[], ["--lammps", "a"], ["--lammps", "a", "--structure", "b"], ["--phonopy", ".", "--structure", "b"]],
)
def test_half_of_what_is_needed_is_refused(invoke, options):
    result = invoke("lattice", "import", *options, status=2)
    assert "give either --phonopy FOLDER, or --lammps FILE --structure FILE --supercell N N N" in " ".join(
        result.output.split()
    )


def test_every_command_of_the_page_is_one():
    page = (Path(__file__).parents[2] / "docs" / "howto" / "lattice_crystals.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ aiida-superionic lattice import (.*)$", page, re.MULTILINE)
    assert len(commands) == 2
    for line in commands:
        values, _, _ = cmd_import.make_parser(click.Context(cmd_import)).parse_args(shlex.split(line))
        assert values["output"].endswith(".npz")
    assert set(re.findall(r"`--([a-z]+)", page)) <= {option.name for option in cmd_import.params}
