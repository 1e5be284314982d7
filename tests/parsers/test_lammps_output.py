"""Reading what LAMMPS prints: whole outputs, and outputs that break off anywhere."""

import numpy as np
import pytest

from aiida_superionic.calculations.lammps_script import THERMO_COLUMNS
from aiida_superionic.parsers.lammps_output import read_lammps_output, read_last_frame


@pytest.fixture
def output_of(job_fixtures):
    return lambda name: (job_fixtures / name / "lammps.out").read_text()


@pytest.mark.parametrize(("name", "steps"), [("complete_nvt", 400), ("complete_nve", 200)])
def test_complete_run(output_of, name, steps):
    output = read_lammps_output(output_of(name))
    assert output.version == "22 Jul 2025 - Update 4"
    assert output.complete
    assert output.error is None
    assert output.checkpoint == ("checkpoint.0.restart", steps)
    assert set(output.thermo) == set(THERMO_COLUMNS.values())
    # Each segment prints its first row again; a step counts once.
    np.testing.assert_array_equal(output.thermo["step"], np.arange(0, steps + 1, 20))
    thermo = output.thermo
    np.testing.assert_allclose(
        thermo["potential_energy"] + thermo["kinetic_energy"], thermo["total_energy"], rtol=1e-10
    )
    np.testing.assert_allclose(thermo["volume"], (2 * 5.0855) ** 3, rtol=1e-9)


def test_scaled_velocities_count_not_those_before(output_of):
    # `run 0` before the scaling prints a row of step 0 as well.
    energies = read_lammps_output(output_of("complete_nve")).thermo["total_energy"]
    assert np.ptp(energies) < 0.05 < abs(energies[0] - _first_printed_energy(output_of("complete_nve")))


def _first_printed_energy(text):
    rows = [line.split() for line in text.splitlines()]
    return float(rows[next(i for i, row in enumerate(rows) if row[:1] == ["Step"]) + 1][4])


@pytest.mark.parametrize("name", ["lost_atoms", "too_near"])
def test_lost_atoms(output_of, name):
    output = read_lammps_output(output_of(name))
    assert output.lost_atoms
    assert not output.molten
    assert not output.complete


def test_molten_host(output_of):
    output = read_lammps_output(output_of("molten"))
    assert output.molten
    assert not output.lost_atoms
    assert output.first_non_numeric_step is None


def test_first_row_that_is_no_number(output_of):
    assert read_lammps_output(output_of("non_numeric_row")).first_non_numeric_step == 0


def test_a_killed_run_keeps_its_last_checkpoint(output_of):
    output = read_lammps_output(output_of("killed"))
    assert not output.complete
    assert output.error is None
    assert output.checkpoint[1] % 4000 == 0
    assert output.checkpoint[1] > 0


@pytest.mark.parametrize("text", ["", "\n\n", "bash: lmp: command not found\n", "LAMMP", "\x00\xff"])
def test_what_is_no_output_of_lammps(text):
    output = read_lammps_output(text)
    assert output.version is None
    assert not output.complete
    assert output.thermo == {}


def _lines_ends(text):
    return [i + 1 for i, character in enumerate(text) if character == "\n"]


@pytest.mark.parametrize("name", ["complete_nvt", "complete_nve"])
def test_no_beginning_of_an_output_is_complete(output_of, name, rng):
    text = output_of(name)
    closing = text.index("Total wall time")
    whole = read_lammps_output(text)
    cuts = [*_lines_ends(text[:closing]), closing, *rng.integers(0, closing, 300)]
    for cut in cuts:
        output = read_lammps_output(text[:cut])
        assert not output.complete
        assert output.error is None
        # What is read of it is a part of what is read of the whole: no number is made of half a line.
        if output.thermo:
            rows = len(output.thermo["step"])
            for column, values in output.thermo.items():
                if not (name == "complete_nve" and rows == 1):  # the row that `run 0` prints is replaced later
                    np.testing.assert_array_equal(values, whole.thermo[column][:rows])
        if output.checkpoint is not None:
            file, step = output.checkpoint
            assert f"superionic: checkpoint {file} at step {step}\n" in text


def test_a_checkpoint_line_that_breaks_off_tells_no_step(output_of):
    text = output_of("complete_nvt")
    cut = text.index("at step 300") + len("at step 30")
    assert read_lammps_output(text[:cut]).checkpoint == ("checkpoint.0.restart", 200)


def test_damage_in_the_middle_does_not_raise(output_of, rng):
    content = bytearray(output_of("complete_nvt").encode())
    for _ in range(200):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 20):
            damaged[position] = rng.integers(0, 256)
        output = read_lammps_output(damaged.decode(errors="replace"))
        assert len({len(column) for column in output.thermo.values()}) <= 1


def test_the_last_frame_is_read_whole_or_not_at_all(job_fixtures):
    text, species = (job_fixtures / "complete_nvt" / "final.lammpstrj").read_text(), ["Ag"] * 16 + ["I"] * 16
    frame = read_last_frame(text, 400, species)
    assert frame.get_chemical_symbols() == species
    np.testing.assert_allclose(frame.cell.array, 2 * 5.0855 * np.eye(3))
    rows = np.array([line.split() for line in text.splitlines()[9:]], dtype=float)
    np.testing.assert_array_equal(frame.positions, rows[:, 2:])
    assert all(read_last_frame(text[:cut], 400, species) is None for cut in range(len(text)))
    assert read_last_frame(text, 200, species) is None
    assert read_last_frame(text, 400, species[:-1]) is None
    assert read_last_frame(text, 400, ["Ag", "I"] * 16) is None
