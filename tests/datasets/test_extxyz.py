"""Extended XYZ: what is written comes back bit for bit, what is said elsewhere is understood, damage is refused."""

import io
from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import constants

from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.analysis.writers import WRITERS
from aiida_superionic.datasets import Dataset, DatasetError, Frame
from aiida_superionic.datasets.declared_units import OURS, parse_units
from aiida_superionic.datasets.extxyz import Declared, read_extxyz, write_extxyz

ARRAYS = ("positions", "cell", "forces", "stress")
OTHERS = ("species", "energy", "temperature", "source", "licence", "origin", "subset")

numbers = st.floats(-1e6, 1e6)


def triples(n_atoms):
    return st.lists(st.tuples(numbers, numbers, numbers), min_size=n_atoms, max_size=n_atoms).map(np.array)


@st.composite
def frames(draw, labelled):
    species = tuple(draw(st.lists(st.sampled_from(["H", "Li", "Ag", "I"]), min_size=1, max_size=4).map(sorted)))
    labels = {}
    if labelled:
        forces = draw(triples(len(species)))
        forces[0, 0] = draw(st.floats(1e-9, 1e6))
        half = draw(triples(3))
        labels = {"energy": draw(numbers), "forces": forces, "stress": draw(st.sampled_from([None, half + half.T]))}
    return Frame(
        species=species,
        positions=draw(triples(len(species))),
        cell=np.diag(draw(st.tuples(*[st.floats(1.0, 50.0)] * 3))) + np.tril(np.full((3, 3), draw(numbers)), -1),
        temperature=draw(st.none() | st.floats(0.0, 5000.0)),
        source=draw(st.sampled_from(["", "10.5281/zenodo.1", "Sätze = Wörter, 2nd ed."])),
        licence=draw(st.sampled_from(["", "CC-BY-4.0"])),
        origin=draw(st.sampled_from(["", "job 1a2b, frame 3", "7, 8 and it's 9"])),
        subset=draw(st.sampled_from([None, "train", "validation", "test"])),
        **labels,
    )


def same(first, second):
    assert first.level_of_theory == second.level_of_theory
    for ours, theirs in zip(first.frames, second.frames, strict=True):
        assert all(getattr(ours, name) == getattr(theirs, name) for name in OTHERS)
        for name in ARRAYS:
            one, other = getattr(ours, name), getattr(theirs, name)
            assert (one is None and other is None) or np.array_equal(one, other)


@given(data=st.data(), level=st.none() | st.sampled_from(["PBE", 'a "level"'.replace('"', "'")]))
@settings(max_examples=60)
def test_what_is_written_is_read_again_bit_for_bit(data, level):
    dataset = Dataset(tuple(data.draw(st.lists(frames(level is not None), min_size=1, max_size=3))), level)
    same(dataset, read_extxyz(write_extxyz(dataset), "a.xyz"))


def test_ase_reads_what_we_write(rng, make_dataset):
    dataset = make_dataset(rng, 2)
    for frame, atoms in zip(
        dataset.frames, ase.io.iread(io.StringIO(write_extxyz(dataset)), format="extxyz"), strict=True
    ):
        np.testing.assert_array_equal(atoms.cell.array, frame.cell)
        np.testing.assert_array_equal(atoms.positions, frame.positions)
        np.testing.assert_array_equal(atoms.get_forces(), frame.forces)
        np.testing.assert_allclose(atoms.get_stress(voigt=False), frame.stress, rtol=1e-15)
        assert atoms.get_potential_energy() == frame.energy


def test_what_ase_writes_is_read_with_units_and_a_level(rng, make_frame, tmp_path):
    frame = make_frame(rng)
    atoms = ase.Atoms(list(frame.species), frame.positions, cell=frame.cell, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces, stress=frame.stress)
    ase.io.write(tmp_path / "a.xyz", atoms, format="extxyz")
    text = (tmp_path / "a.xyz").read_text()
    read = read_extxyz(
        text, "a.xyz", Declared("PBE", source="10.1/a", licence="CC0-1.0", origin="b", temperature=300, units=OURS)
    )
    assert (read.level_of_theory, read.sources) == ("PBE", (("10.1/a", "CC0-1.0"),))
    for name in ARRAYS:
        # ASE writes eight decimals.
        np.testing.assert_allclose(getattr(read.frames[0], name), getattr(frame, name), atol=1e-8)
    assert (read.frames[0].origin, read.frames[0].temperature) == ("b, frame 0", 300)


def text_of(n_frames=1, keys="energy=-2.0", columns="species:S:1:pos:R:3:forces:R:3", row="0.5 0 0 0.25 0 0"):
    frame = f'1\nLattice="2 0 0 0 3 0 0 0 4" Properties={columns} {keys}\nAg {row}\n'
    return frame * n_frames


def test_declared_units_become_ours():
    units = parse_units("length=Bohr,energy=Hartree force=Hartree/Bohr,stress=kbar")
    frame = read_extxyz(
        text_of(keys='energy=-2.0 stress="1 0 0 0 1 0 0 0 1"'), "a", Declared("HF", units=units)
    ).frames[0]
    hartree = constants.value("Hartree energy in eV")
    bohr = constants.value("Bohr radius") * 1e10
    np.testing.assert_allclose(np.diag(frame.cell), np.array([2.0, 3.0, 4.0]) * bohr, rtol=1e-12)
    np.testing.assert_allclose(frame.positions[0, 0], 0.5 * bohr, rtol=1e-12)
    np.testing.assert_allclose(frame.energy, -2.0 * hartree, rtol=1e-12)
    np.testing.assert_allclose(frame.forces[0, 0], 0.25 * hartree / bohr, rtol=1e-12)
    # 1 kbar = 1e8 J/m³
    np.testing.assert_allclose(frame.stress[0, 0], 1e8 / constants.e * 1e-30, rtol=1e-12)


def test_molar_units():
    units = parse_units("length=nm energy=kJ/mol force=kcal/mol/Angstrom")
    frame = read_extxyz(text_of(), "a", Declared("PBE", units=units)).frames[0]
    np.testing.assert_allclose(frame.cell[0, 0], 20.0, rtol=1e-12)
    # 1 eV = 96.485 kJ/mol = 23.0605 kcal/mol
    np.testing.assert_allclose(frame.energy, -2.0 / 96.48533212, rtol=1e-9)
    np.testing.assert_allclose(frame.forces[0, 0], 0.25 / 23.06054783, rtol=1e-9)


def test_a_virial_is_minus_the_stress_times_the_volume():
    text = text_of(keys='energy=-2.0 virial="24 0 0 0 48 0 0 0 0"')
    stress = read_extxyz(text, "a", Declared("PBE", units=OURS)).frames[0].stress
    np.testing.assert_allclose(np.diag(stress), [-1.0, -2.0, 0.0], rtol=1e-14)


def test_a_licence_that_is_declared_is_not_given_to_another_source():
    text = text_of(keys="energy=1") + text_of(keys="energy=1 source=10.1/a")
    dataset = read_extxyz(text, "a", Declared("PBE", source="10.1/b", licence="CC0-1.0", units=OURS))
    assert dataset.sources == (("10.1/b", "CC0-1.0"), ("10.1/a", ""))


def test_labels_under_other_names():
    text = text_of(keys="dft=-2.0", columns="species:S:1:pos:R:3:f:R:3")
    declared = Declared("PBE", units=OURS, keys={"energy": "dft", "forces": "f"})
    frame = read_extxyz(text, "a", declared).frames[0]
    assert (frame.energy, frame.forces[0, 0]) == (-2.0, 0.25)
    with pytest.raises(DatasetError, match="a key for charge"):
        Declared(keys={"charge": "q"})


def test_labels_are_left_out_on_demand():
    dataset = read_extxyz(text_of(), "a", Declared(units={"length": "Angstrom"}, unlabelled=True))
    assert (dataset.frames[0].labelled, dataset.level_of_theory) == (False, None)


def test_a_converted_trajectory_becomes_frames_without_labels(rng, tmp_path):
    positions, velocities, forces = rng.normal(size=(3, 4, 2, 3))
    trajectory = Trajectory(("Ag", "I"), positions, 9 * np.eye(3), 0.01, np.array([107.0, 127.0]), velocities, forces)
    WRITERS["extxyz"](tmp_path / "run.xyz", trajectory, ("Ag", "I"), 1)
    declared = Declared(temperature=750.0, units={"length": "Angstrom"}, unlabelled=True)
    read = read_extxyz((tmp_path / "run.xyz").read_text(), "run.xyz", declared)
    np.testing.assert_array_equal([frame.positions for frame in read.frames], positions)
    assert {frame.temperature for frame in read.frames} == {750.0}


def test_atoms_are_put_into_the_order_of_the_first_frame(rng, make_frame):
    first, second = make_frame(rng, ("Ag", "I")), make_frame(rng, ("I", "Ag"))
    text = "".join(write_extxyz(Dataset((frame,), "PBE")) for frame in (first, second))
    read = read_extxyz(text, "a").frames[1]
    assert read.species == ("Ag", "I")
    np.testing.assert_array_equal(read.positions, second.positions[::-1])


@pytest.mark.parametrize(
    ("text", "declared", "message"),
    [
        ("", {}, "a does not end with a whole line"),
        ("\n", {}, "a, line 1: '' where the number of atoms"),
        (text_of(), {"units": {}}, "frame 0: the unit of length is not declared; most files are in length=Angstrom,"),
        (text_of(), {"units": {"length": "nm"}}, "the unit of energy is not declared"),
        (text_of(), {"level_of_theory": None}, "labelled and nothing says at which level of theory"),
        (text_of(keys=""), {}, "frame 0: an energy without forces, or forces without"),
        (text_of(keys="energy=low"), {}, "energy is 'low' where a number"),
        (text_of(keys="energy=nan"), {}, "energy with a number that is not finite"),
        (text_of(row="0 0 0 0 0 0"), {}, "every force is exactly zero"),
        (text_of(row="0 0 0 0 0"), {}, "6 columns in the line .* where 7 are expected"),
        (text_of(row="0 0 0 0 0 x"), {}, "'x', where a number is expected"),
        (text_of(columns="species:S:1:pos:R"), {}, "says no columns"),
        (text_of(columns="kind:S:1:pos:R:3:forces:R:3"), {}, "no column 'species'"),
        (text_of(keys='energy=1 pbc="T T F"'), {}, "not periodic in all"),
        (text_of(keys='energy=1 pbc="T T1T"'), {}, "not periodic in all"),
        (text_of(keys='energy=1 pbc=""'), {}, "not periodic in all"),
        (text_of(keys='energy=1 stress="1 2 3"'), {}, "comment line is damaged"),
        (text_of().replace("Lattice", "Cell"), {}, "it has no cell"),
        (text_of(2, keys="energy=1 level_of_theory=LDA"), {}, "PBE is declared and the file says LDA"),
        (text_of(keys="energy=1 units=length=nm"), {}, "Angstrom is declared and the file says nm"),
        (text_of() + "\n" + text_of(), {}, "a, line 4: '' where the number of atoms"),
        (
            text_of(keys="energy=1 level_of_theory=LDA") + text_of(keys="energy=1 level_of_theory=HF"),
            {"level_of_theory": None},
            "mixes levels of theory, .*: HF and LDA",
        ),
    ],
)
def test_what_cannot_be_trusted_is_refused(text, declared, message):
    said = {"level_of_theory": "PBE", "units": OURS, **declared}
    with pytest.raises(DatasetError, match=message):
        read_extxyz(text, "a", Declared(**said))


@pytest.mark.parametrize("text", ["750", "T", "1 2 3", 'a "b"', "two\nlines", "back\\slash"])
def test_a_text_that_would_come_back_as_something_else_is_not_written(rng, make_dataset, text):
    dataset = make_dataset(rng, 1)
    with pytest.raises(DatasetError, match=r"licence .* cannot be written"):
        write_extxyz(replace(dataset, frames=(replace(dataset.frames[0], licence=text),)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mass=u", "units of 'mass' where those of length"),
        ("energy=Hartre", "'Hartre' is no unit of energy; write for example Hartree"),
        ("energy=eV,energy=eV", "declared twice"),
        ("force=eV", "no unit of force"),
    ],
)
def test_units_that_are_none_are_told(text, message):
    with pytest.raises(DatasetError, match=message):
        parse_units(text)


def test_a_file_cut_anywhere_is_refused_or_holds_whole_frames(rng, make_dataset):
    dataset = make_dataset(rng, 3, species=("Ag", "I"))
    text = write_extxyz(dataset)
    ends = {len(write_extxyz(dataset.take(range(n)))): n for n in (1, 2, 3)}
    for end in rng.choice(len(text), 300, replace=False).tolist() + list(ends):
        if end in ends:
            assert len(read_extxyz(text[:end], "a").frames) == ends[end]
        else:
            with pytest.raises(DatasetError):
                read_extxyz(text[:end], "a")


def test_a_damaged_file_is_refused_by_name_or_read(rng, make_dataset):
    text = write_extxyz(make_dataset(rng, 2, species=("Ag", "I")))
    refused = 0
    for place in rng.integers(len(text), size=400):
        character = chr(rng.choice([*range(32, 127), 10]))
        try:
            read_extxyz(text[:place] + character + text[place + 1 :], "a")
        except DatasetError:
            refused += 1
    assert refused > 100
