"""Reading what CP2K prints and writes: whole files, and files that break off or are damaged anywhere."""

from dataclasses import replace

import numpy as np
import pytest
from cp2k_cases import CASES, CENTRES, FIXTURES, read_files

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.parsers.cp2k_frames import Failure, read_frames
from aiida_superionic.parsers.cp2k_output import read_charges, read_cp2k_output, read_stress
from aiida_superionic.units import ENERGY_UNITS, FORCE_FROM_ATOMIC, PRESSURE_UNITS

# Enough to be sure of the beginning of every file of the batch, few enough for seconds.
_CUTS = 1000
_GOOD = ("agi4_xtb", "agi4_pbe", "lii8_printed", "lii8_batch", "lii8_xtb_batch", "h2_bond_orders", "open_shell")


def read(name, **changes):
    files, output = read_files(FIXTURES / name)
    return read_frames(files, output, replace(CASES[name].request(), **changes))


@pytest.mark.parametrize("name", _GOOD)
def test_every_frame_of_a_good_job_is_trusted(name):
    frames = read(name)
    n_frames, n_atoms = len(CASES[name].frames), len(CASES[name].frames[0])
    assert frames.output.version == "2023.1"
    assert frames.output.complete
    assert frames.output.error is None
    assert frames.failures == {}
    np.testing.assert_array_equal(frames.good, np.arange(n_frames))
    assert frames.labels["energies"].shape == (n_frames,)
    assert frames.labels["forces"].shape == (n_frames, n_atoms, 3)
    assert frames.labels["stress"].shape == (n_frames, 3, 3)
    assert frames.labels["charges_mulliken"].shape == (n_frames, n_atoms)
    # A stress is symmetric, and the charges of a neutral cell add up to nothing but rounding in the sixth decimal.
    np.testing.assert_allclose(frames.labels["stress"], frames.labels["stress"].swapaxes(1, 2), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(frames.labels["charges_mulliken"].sum(axis=1), 0.0, atol=1e-5)


def test_numbers_are_those_of_the_files_in_our_units():
    # Written out of the files of lii8_batch by hand, in atomic units and GPa.
    labels = read("lii8_batch").labels
    output = (FIXTURES / "lii8_batch" / "aiida.out").read_text()
    energies = [float(line.split()[-1]) for line in output.splitlines() if line.startswith(" ENERGY|")]
    np.testing.assert_allclose(labels["energies"], np.array(energies) * ENERGY_UNITS["Hartree"], rtol=1e-14)
    rows = (FIXTURES / "lii8_batch" / "aiida-frc-1.xyz").read_text().splitlines()
    last = np.array(rows[-1].split()[1:], dtype=float)
    np.testing.assert_allclose(labels["forces"][-1, -1], last * FORCE_FROM_ATOMIC, rtol=1e-12)
    rows = [line.split() for line in (FIXTURES / "lii8_batch" / "stress.out").read_text().splitlines()]
    pressures = [float(row[-1]) for row in rows if "Trace" in row]
    trace = np.trace(labels["stress"], axis1=1, axis2=2) / 3.0
    np.testing.assert_allclose(trace, -np.array(pressures) * PRESSURE_UNITS["GPa"], rtol=1e-9)
    # The ions are charged as they should be.
    lithium = np.array(CASES["lii8_batch"].frames[0].get_chemical_symbols()) == "Li"
    for method in ("mulliken", "hirshfeld"):
        assert np.all(labels[f"charges_{method}"][:, lithium] > 0.3)
        assert np.all(labels[f"charges_{method}"][:, ~lithium] < -0.3)


def test_numbers_printed_in_the_output_are_those_of_the_files():
    printed, batch = read("lii8_printed").labels, read("lii8_batch").labels
    # The same frame, and the same number of steps of a deterministic minimiser: only the printed decimals differ.
    assert printed["scf_steps"][0] == batch["scf_steps"][0]
    np.testing.assert_allclose(printed["energies"][0], batch["energies"][0], atol=1e-6)
    np.testing.assert_allclose(printed["forces"][0], batch["forces"][0], atol=1e-6)
    np.testing.assert_allclose(printed["stress"][0], batch["stress"][0], atol=1e-8)
    for method in ("mulliken", "hirshfeld"):
        np.testing.assert_allclose(printed[f"charges_{method}"][0], batch[f"charges_{method}"][0], atol=1e-5)


def test_with_spin_the_charge_is_not_the_moment():
    labels = read("open_shell").labels
    for method in ("mulliken", "hirshfeld"):
        np.testing.assert_allclose(labels[f"charges_{method}"], 0.0, atol=0.01)


@pytest.mark.parametrize("name", ["agi4_xtb", "agi4_pbe", "lii8_batch"])
def test_centres_lie_around_their_ions(name):
    request, wannier = CASES[name].request(), read(name).wannier
    species = np.array(request.species)[wannier["ions"]]
    for kind in set(request.species):
        assert np.sum(species == kind) == CENTRES[kind] * request.species.count(kind)
    bonds = wannier["centres"] - request.positions[:, wannier["ions"]]
    lengths = np.linalg.norm(bonds, axis=-1)
    # The pairs of the iodide's outer shell lie 0.5 to 0.8 Å from the nucleus; those of a closed cation on it.
    assert np.all((lengths[:, species == "I"] > 0.5) & (lengths[:, species == "I"] < 0.8))
    assert np.all(lengths[:, species != "I"] < 0.1)
    assert np.all((wannier["spreads"] > 0.0) & (wannier["spreads"] < 3.0))
    # The spread of an orbital says what kind of an ion it is on.
    assert wannier["spreads"][:, species != "I"].max() < wannier["spreads"][:, species == "I"].min()


def test_centres_without_known_numbers_are_those_of_the_file():
    request = CASES["lii8_batch"].request()
    counted, plain = read("lii8_batch").wannier, read("lii8_batch", centres_per_ion=None).wannier
    assert set(plain) == {"centres", "spreads"}
    for k, cell in enumerate(request.cells):
        distances = np.linalg.norm(
            minimum_image(counted["centres"][k][:, None] - plain["centres"][k][None], cell), axis=-1
        )
        pairs = distances.argmin(axis=1)
        np.testing.assert_array_equal(np.sort(pairs), np.arange(len(pairs)))
        np.testing.assert_allclose(distances.min(axis=1), 0.0, atol=1e-9)
        np.testing.assert_allclose(counted["spreads"][k], plain["spreads"][k][pairs])


def test_a_frame_whose_field_did_not_converge_is_left_out_of_a_batch():
    frames, good = read("scf_failed"), read("lii8_batch")
    assert {k: kind for k, (kind, _) in frames.failures.items()} == {0: Failure.SCF_NOT_CONVERGED}
    assert "10 steps" in frames.failures[0][1]
    np.testing.assert_array_equal(frames.good, [1, 2])
    # What is left belongs to the frames of that name: to the tolerance of the field's convergence.
    np.testing.assert_allclose(frames.labels["energies"], good.labels["energies"][1:], atol=1e-5)
    np.testing.assert_allclose(frames.labels["forces"], good.labels["forces"][1:], atol=1e-3)


def test_outer_loops_count_as_one_field():
    text = (FIXTURES / "scf_failed" / "aiida.out").read_text()
    assert [frame.scf_converged for frame in read_cp2k_output(text).frames] == [False, True, True]
    steps = "  *** SCF run converged in     9 steps ***\n\n  outer SCF loop {}\n\n"
    energy = " ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:              -17.850576989847372\n"
    begun = "  Leaving inner SCF loop after reaching    30 steps.\n\n"
    good = begun + steps.format("converged in   2 iterations or   39 steps") + energy
    bad = begun + begun + "  outer SCF loop FAILED to converge after    2 iterations or    60 steps\n" + energy
    assert [(f.scf_steps, f.scf_converged) for f in read_cp2k_output(good + bad).frames] == [(39, True), (60, False)]


@pytest.mark.parametrize(
    ("name", "kind", "bad"),
    [
        ("zero_forces", Failure.ZERO_FORCES, 2),
        ("not_localised", Failure.NOT_LOCALISED, 1),
        ("diverged", Failure.NON_NUMERIC, 1),
        ("unknown_keyword", Failure.MISSING, 1),
    ],
)
def test_failure_of_every_frame(name, kind, bad):
    frames = read(name)
    assert [found for found, _ in frames.failures.values()] == [kind] * bad
    assert not len(frames.good)
    assert frames.labels == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("unknown_keyword", "found an unknown keyword CHARGES in section DFT"),
        ("diverged", "Potential energy is an abnormal value (NaN/Inf)."),
    ],
)
def test_what_cp2k_says_when_it_stops(name, told):
    assert read(name).output.error == told


@pytest.mark.parametrize("name", ["out_of_walltime", "killed"])
def test_a_batch_that_was_cut_off_keeps_its_beginning(name):
    frames, whole = read(name), read("lii8_xtb_batch")
    n_good = len(frames.good)
    assert 1 < n_good < len(CASES[name].frames)
    np.testing.assert_array_equal(frames.good, np.arange(n_good))
    assert sorted(frames.failures) == list(range(n_good, len(CASES[name].frames)))
    common = min(n_good, 4)
    np.testing.assert_allclose(frames.labels["forces"][:common], whole.labels["forces"][:common], atol=1e-6)
    assert frames.output.out_of_walltime == (name == "out_of_walltime")


def test_other_frames_than_were_given():
    request = CASES["lii8_xtb_batch"].request()
    moved, strained = request.positions.copy(), request.cells.copy()
    moved[1, 3, 0] += 1e-3
    strained[2] *= 1.001
    for changes, bad in (({"positions": moved}, 1), ({"cells": strained}, 2)):
        failures = read("lii8_xtb_batch", **changes).failures
        assert {k: kind for k, (kind, _) in failures.items()} == {bad: Failure.OTHER_FRAME}


def test_the_wrong_number_of_centres():
    per_ion = {"Ag": 4, "I": 5}
    frames = read("agi4_xtb", centres_per_ion=per_ion)
    assert frames.failures[0][0] is Failure.WRONG_CENTRES
    assert "do not have" in frames.failures[0][1]


def test_centres_that_are_misplaced_or_missing():
    files, output = read_files(FIXTURES / "lii8_batch")
    rows = files["wannier.xyz"].splitlines(keepends=True)
    # The last centre of the first frame, put far from every ion; then left out.
    moved = [*rows[:29], "  X         1.5000000000        1.5000000000        1.5000000000\n", *rows[30:]]
    fewer = ["      27\n", *rows[1:29], *rows[30:]]
    for changed in (moved, fewer):
        frames = read_frames({**files, "wannier.xyz": "".join(changed)}, output, CASES["lii8_batch"].request())
        assert {k: kind for k, (kind, _) in frames.failures.items()} == {0: Failure.WRONG_CENTRES}


def test_as_many_centres_as_occupied_orbitals():
    files, output = read_files(FIXTURES / "lii8_batch")
    more = output.replace(
        "occupied orbitals:                                                 20", f"{'occupied orbitals:':66} 21"
    )
    frames = read_frames(files, more, replace(CASES["lii8_batch"].request(), centres_per_ion=None))
    assert [kind for kind, _ in frames.failures.values()] == [Failure.WRONG_CENTRES] * 3


def test_an_energy_that_breaks_off_is_none():
    text = (FIXTURES / "agi4_xtb" / "aiida.out").read_text()
    line = text.index(" ENERGY|")
    end = text.index("\n", line)
    assert all(read_cp2k_output(text[:cut]).frames == () for cut in range(line, end + 1))
    assert len(read_cp2k_output(text[: end + 1]).frames) == 1


def test_a_frame_of_another_energy_is_another_frame():
    files, output = read_files(FIXTURES / "lii8_xtb_batch")
    files["aiida-pos-1.xyz"] = files["aiida-pos-1.xyz"].replace("E =       -17.", "E =       -18.", 1)
    frames = read_frames(files, output, CASES["lii8_xtb_batch"].request())
    assert list(frames.failures) == [0]


@pytest.mark.parametrize("word", ["NaN", "*" * 20, "Infinity"])
@pytest.mark.parametrize("file", ["aiida.out", "aiida-frc-1.xyz", "stress.out"])
def test_what_is_no_number_is_no_label(file, word):
    files, output = read_files(FIXTURES / "lii8_batch")
    files["aiida.out"] = output
    number = {"aiida.out": " energy [a.u.]:", "aiida-frc-1.xyz": " I ", "stress.out": "STRESS|      x "}[file]
    at = files[file].index(number, len(files[file]) // 3) + len(number)
    begin = at + len(files[file][at:]) - len(files[file][at:].lstrip())
    end = begin + len(files[file][begin:].split()[0])
    files[file] = files[file][:begin] + word + files[file][end:]
    frames = read_frames(files, files.pop("aiida.out"), CASES["lii8_batch"].request())
    broken = [kind for kind, _ in frames.failures.values()]
    # An XYZ file cannot be read on from where a row is no row.
    assert set(broken) <= {Failure.NON_NUMERIC, Failure.MISSING}
    assert broken
    assert all(np.isfinite(array).all() for array in frames.labels.values())


@pytest.mark.parametrize("unit", ["GPa", "bar", "kbar"])
def test_stress_in_the_unit_that_is_printed(unit):
    text = (FIXTURES / "agi4_xtb" / "stress.out").read_text()
    (stress,) = read_stress(text)
    (other,) = read_stress(text.replace("[GPa]", f"[{unit}]"))
    np.testing.assert_allclose(other, stress * PRESSURE_UNITS[unit] / PRESSURE_UNITS["GPa"])
    assert read_stress(text.replace("[GPa]", "[furlong]")) == []


def test_charges_of_xtb_are_in_the_order_of_the_atoms():
    (charges,) = read_charges((FIXTURES / "agi4_xtb" / "mulliken.out").read_text())["mulliken"]
    assert np.all(charges[:2] < 0.0)
    assert np.all(charges[2:] > 0.0)


@pytest.mark.parametrize("text", ["", "\n\n", "bash: cp2k.psmp: command not found\n", " CP2K| version str", "\x00\xff"])
def test_what_is_no_output_of_cp2k(text):
    output = read_cp2k_output(text)
    assert output.version is None
    assert not output.complete
    assert output.frames == ()


def _bytes_of(name):
    return {path.name: path.read_bytes() for path in (FIXTURES / name).iterdir()}


def _frames_of(content, request):
    files = {name: data.decode(errors="replace") for name, data in content.items()}
    return read_frames(files, files.pop("aiida.out"), request)


def _is_part_of(frames, whole):
    """Return whether every number is one that the whole files give of the frame of that name."""
    rows = np.searchsorted(whole.good, frames.good)
    return all(
        np.array_equal(array, whole.labels[name][rows])
        for name, array in frames.labels.items()
        if not name.startswith("charges")
    )


@pytest.mark.parametrize("name", CASES)
def test_no_beginning_of_an_output_is_a_success(name, rng):
    content, request = _bytes_of(name), CASES[name].request()
    text = content["aiida.out"]
    closing = text.rindex(b"PROGRAM STOPPED IN") if b"PROGRAM STOPPED IN" in text else len(text)
    whole = _frames_of(content, request)
    cuts = [0, closing, *rng.integers(0, closing + 1, _CUTS // len(CASES) + 1)]
    for cut in cuts:
        frames = _frames_of({**content, "aiida.out": text[:cut]}, request)
        assert not frames.output.complete
        assert _is_part_of(frames, whole)
        assert len(frames.good) + len(frames.failures) == len(request.positions)


@pytest.mark.parametrize("name", ["lii8_batch", "agi4_pbe"])
def test_no_beginning_of_a_file_is_a_success(name, rng):
    content, request = _bytes_of(name), CASES[name].request()
    whole = _frames_of(content, request)
    for file, data in content.items():
        if file in {"aiida.out", "mulliken.out", "hirshfeld.out"}:
            continue
        # What follows the last number that is read is nothing that could be missed.
        end = data.rindex(b"1/3 Trace") if file == "stress.out" else len(data)
        end -= 1 if file != "stress.out" else len(b" STRESS| \n")
        for cut in [0, end, *rng.integers(0, end + 1, 40)]:
            frames = _frames_of({**content, file: data[:cut]}, request)
            assert frames.failures
            assert _is_part_of(frames, whole)


def test_damage_in_the_middle_does_not_raise(rng):
    content, request = _bytes_of("lii8_batch"), CASES["lii8_batch"].request()
    for _ in range(100):
        damaged = {name: bytearray(data) for name, data in content.items()}
        for data in damaged.values():
            for position in rng.integers(0, len(data), 5):
                data[position] = rng.integers(0, 256)
        frames = _frames_of({name: bytes(data) for name, data in damaged.items()}, request)
        assert all(np.isfinite(array).all() for name, array in frames.labels.items() if "charges" not in name)


def test_a_hole_in_a_file_shifts_no_frame(rng):
    # A disk that was full for a while: what was written then is lost, and the rest follows.
    content, request = _bytes_of("lii8_batch"), CASES["lii8_batch"].request()
    whole = _frames_of(content, request)
    for file in ("aiida-pos-1.xyz", "aiida-frc-1.xyz", "wannier.xyz", "aiida.out"):
        data = content[file]
        for _ in range(30):
            begin, end = np.sort(rng.integers(0, len(data), 2))
            frames = _frames_of({**content, file: data[:begin] + data[end:]}, request)
            assert _is_part_of(frames, whole)
