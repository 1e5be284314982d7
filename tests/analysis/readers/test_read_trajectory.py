"""Real LAMMPS dumps: every encoding of a run gives the same trajectory, and damage is told."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.trajectory import TrajectoryError
from aiida_superionic.units import KINETIC_ENERGY

FIXTURES = Path(__file__).parents[2] / "fixtures" / "lammps"
NAMES = ("one_rank", "sheared", "two_ranks")


def read(*files, **arguments):
    return read_trajectory(files, **{"kinds": ["Ag", "I"], "md_timestep": 0.01, **arguments})


def frame_ends(content):
    """Return where each frame of a binary dump ends."""
    starts = []
    at = content.find(struct.pack("<q", -10) + b"DUMPCUSTOM")
    while at >= 0:
        starts.append(at)
        at = content.find(struct.pack("<q", -10) + b"DUMPCUSTOM", at + 1)
    return [*starts[1:], len(content)]


def assert_same(one, other):
    assert one.species == other.species
    assert one.timestep == other.timestep
    for name in ("positions", "velocities", "forces", "cell", "masses"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("name", NAMES)
def test_binary_and_text_of_one_run_are_the_same_numbers(name):
    binary = read(FIXTURES / f"{name}.bin", mobile=["Ag"])
    assert_same(binary, read(FIXTURES / f"{name}.lammpstrj"))
    assert binary.species == ("Ag", "I", "Ag", "I", "I")
    assert binary.positions.shape == (6, 5, 3)
    assert binary.timestep == pytest.approx(0.2)
    assert binary.mobile == ("Ag",)
    np.testing.assert_allclose(binary.masses[:2], [107.8682, 126.90447])


def test_the_first_atom_begins_where_the_input_put_it():
    np.testing.assert_allclose(read(FIXTURES / "two_ranks.bin").positions[0, 0], [0.1, 0.2, 0.3], atol=1e-12)


def test_the_cell_of_a_sheared_box_is_the_one_of_the_input():
    """A dump prints the bounds of the box around the sheared one."""
    expected = [[6.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.5, -0.7, 5.5]]
    np.testing.assert_allclose(read(FIXTURES / "sheared.bin").cell, expected, atol=1e-12)
    np.testing.assert_allclose(read(FIXTURES / "one_rank.bin").cell, np.diag([6.0, 5.0, 6.5]), atol=1e-12)


def test_velocities_move_the_atoms_between_frames():
    """Collisions between frames spoil the trapezoid a little; exchanged components or frames leave no correlation."""
    trajectory = read(FIXTURES / "sheared.bin")
    moved = np.diff(trajectory.positions, axis=0)
    flown = 0.5 * (trajectory.velocities[1:] + trajectory.velocities[:-1]) * trajectory.timestep
    assert np.corrcoef(moved.ravel(), flown.ravel())[0, 1] > 0.85


def test_fields_that_are_not_wanted_are_not_read():
    trajectory = read(FIXTURES / "two_ranks.bin", fields=("forces",))
    assert trajectory.velocities is None
    assert trajectory.forces is not None


def swap_bytes(content):
    """Return what a machine of the other byte order would have written, for the plain header of one_rank."""
    out, at = b"", 0
    while at < len(content):
        for code, count in (("q", 1), ("s", 10), ("i", 2), ("q", 2), ("i", 7), ("d", 6), ("i", 2), ("s", 1), ("i", 1)):
            part = struct.unpack_from(f"<{count}{code}", content, at)
            out += struct.pack(f">{count}{code}", *part)
            at += struct.calcsize(f"<{count}{code}")
        length = part[0]
        out, at = out + content[at : at + length], at + length
        ranks, numbers = struct.unpack_from("<2i", content, at)
        out += struct.pack(f">2i{numbers}d", ranks, numbers, *struct.unpack_from(f"<{numbers}d", content, at + 8))
        at += 8 + 8 * numbers
    return out


def test_the_other_byte_order_is_read_too(tmp_path):
    swapped = tmp_path / "swapped.bin"
    swapped.write_bytes(swap_bytes((FIXTURES / "one_rank.bin").read_bytes()))
    assert_same(read(swapped), read(FIXTURES / "one_rank.bin"))


@pytest.mark.parametrize("name", NAMES)
def test_a_last_part_cut_off_anywhere_is_refused_and_an_earlier_one_loses_its_last_frame(tmp_path, name):
    content = (FIXTURES / f"{name}.bin").read_bytes()
    ends = frame_ends(content)
    assert len(ends) == 6
    whole = read(FIXTURES / f"{name}.bin")
    later = tmp_path / "later.bin"
    later.write_bytes(content[ends[2] :])  # from the fourth frame, MD step 60, on
    cut = tmp_path / "cut.bin"
    for length in range(ends[2] + 1, len(content), 7):
        cut.write_bytes(content[:length])
        if length in ends:
            continue
        frame = sum(end <= length for end in ends)
        with pytest.raises(TrajectoryError, match=rf"cut\.bin is cut off inside frame {frame}$"):
            read(cut)
        assert_same(read(cut, later), whole)


@pytest.mark.parametrize("length", [0, 5, 60, 250])
def test_a_part_without_a_whole_frame_is_passed_over_or_refused(tmp_path, length):
    cut = tmp_path / "cut.bin"
    cut.write_bytes((FIXTURES / "one_rank.bin").read_bytes()[:length])
    with pytest.raises(TrajectoryError, match=r"cut\.bin (is cut off inside frame 0|holds no frame)"):
        read(cut)
    assert_same(read(cut, FIXTURES / "one_rank.bin"), read(FIXTURES / "one_rank.bin"))


def test_text_cut_off_anywhere_is_refused_and_loses_its_last_frame_as_an_earlier_part(tmp_path):
    content = (FIXTURES / "sheared.lammpstrj").read_bytes()
    cut = tmp_path / "cut.dump"
    whole = read(FIXTURES / "sheared.lammpstrj")
    later = tmp_path / "later.dump"
    later.write_bytes(content[content.rindex(b"ITEM: TIME\n", 0, content.rindex(b"ITEM: TIMESTEP")) :])
    ends = [i for i in range(len(content)) if content.startswith(b"ITEM: TIME\n", i)][1:]
    for length in range(ends[-1] + 1, len(content) - 1, 13):
        cut.write_bytes(content[:length])
        with pytest.raises(TrajectoryError, match=r"cut\.dump is cut off inside frame 5$"):
            read(cut)
        assert_same(read(cut, later), whole)


def test_a_continued_run_overrides_what_the_interrupted_one_wrote_after_the_checkpoint(tmp_path):
    content = (FIXTURES / "one_rank.bin").read_bytes()
    ends = frame_ends(content)
    first = bytearray(content)
    # The last coordinate that the interrupted part wrote differs from what the continued one writes.
    struct.pack_into("<d", first, ends[4] - 8 * 9, 1e3)
    (tmp_path / "a.bin").write_bytes(first)
    (tmp_path / "b.bin").write_bytes(content[ends[2] :])
    assert_same(read(tmp_path / "a.bin", tmp_path / "b.bin"), read(FIXTURES / "one_rank.bin"))


def test_a_hole_between_parts_is_no_trajectory(tmp_path):
    content = (FIXTURES / "one_rank.bin").read_bytes()
    ends = frame_ends(content)
    (tmp_path / "a.bin").write_bytes(content[: ends[2]])
    (tmp_path / "b.bin").write_bytes(content[ends[3] :])
    with pytest.raises(TrajectoryError, match="not evenly spaced: MD step 40 is followed by 80"):
        read(tmp_path / "a.bin", tmp_path / "b.bin")


def test_parts_of_different_runs_are_refused(tmp_path):
    """Three frames of two runs whose atoms have other species."""
    text = (FIXTURES / "one_rank.lammpstrj").read_text()
    frames = text.split("ITEM: TIMESTEP\n")[1:]
    (tmp_path / "a.dump").write_text("".join("ITEM: TIMESTEP\n" + frame for frame in frames[:3]))
    other = [frame.replace("\n1 1 ", "\n1 2 ") for frame in frames[3:]]
    (tmp_path / "b.dump").write_text("".join("ITEM: TIMESTEP\n" + frame for frame in other))
    with pytest.raises(TrajectoryError, match=r"b\.dump holds other atoms than .*a\.dump"):
        read(tmp_path / "a.dump", tmp_path / "b.dump")


def test_a_damaged_header_amid_frames_that_are_laid_out_alike_is_refused(tmp_path):
    content = (FIXTURES / "one_rank.bin").read_bytes()
    start = frame_ends(content)[2]
    damaged = tmp_path / "damaged.bin"
    for at in (
        0,
        8,
        17,
        18,
        22,
        34,
        42,
        118,
        140,
    ):  # length, magic, byte order, revision, atoms, kind of box, columns, their names
        changed = bytearray(content)
        changed[start + at] ^= 0xFF
        damaged.write_bytes(changed)
        with pytest.raises(TrajectoryError, match=r"damaged\.bin"):
            read(damaged)


def test_any_damaged_byte_is_an_error_of_the_trajectory_or_changes_a_number(tmp_path, rng):
    """Whatever a byte is changed to, the only exception is TrajectoryError."""
    content = (FIXTURES / "two_ranks.bin").read_bytes()
    damaged = tmp_path / "damaged.bin"
    messages = []
    for at in rng.integers(len(content), size=400):
        changed = bytearray(content)
        changed[at] ^= int(rng.integers(1, 256))
        damaged.write_bytes(changed)
        try:
            trajectory = read(damaged)
        except TrajectoryError as error:
            messages.append(str(error))
        else:
            assert np.isfinite(trajectory.positions).all()
    assert len(messages) > 20
    assert all("damaged.bin" in message or "evenly spaced" in message for message in messages)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("xu yu zu", "x y z", "has no column xu, yu, zu among id type x y z"),
        ("ITEM: ATOMS", "ITEM: BONDS", "is no line of a LAMMPS dump"),
        ("ITEM: NUMBER OF ATOMS\n5", "ITEM: NUMBER OF ATOMS\n4", "frame 1: b'5 2 "),
        ("\n5 2 ", "\n5 3 ", "type"),
        ("\n5 2 ", "\n4 2 ", "MD step 0: an atom is there twice"),
    ],
)
def test_a_text_dump_that_is_none_is_refused_by_one_sentence(tmp_path, old, new, message):
    file = tmp_path / "bad.dump"
    file.write_text((FIXTURES / "one_rank.lammpstrj").read_text().replace(old, new))
    with pytest.raises(TrajectoryError, match=message):
        read(file)


def test_other_units_than_metal_are_refused(tmp_path):
    file = tmp_path / "real.lammpstrj"
    file.write_text((FIXTURES / "sheared.lammpstrj").read_text().replace("\nmetal\n", "\nreal\n"))
    with pytest.raises(TrajectoryError, match="LAMMPS units real"):
        read(file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kinds": None}, "say which they are"),
        ({"kinds": ["Ag"]}, "type 2 where 1 species are named"),
        ({"md_timestep": None}, "timestep is None"),
        ({"md_timestep": -1.0}, "positive"),
        ({"mobile": ["Li"]}, "mobile species Li"),
        ({"kinds": ["Ag", "Xx7"]}, "no atomic weight is known of Xx7"),
        ({"masses": [1.0]}, "1 masses"),
        ({"format": "netcdf"}, "unknown trajectory format 'netcdf'"),
    ],
)
def test_what_the_file_does_not_say_must_be_given(arguments, message):
    with pytest.raises(TrajectoryError, match=message):
        read(FIXTURES / "one_rank.bin", **arguments)


def test_a_missing_file_and_an_unknown_suffix_are_named(tmp_path):
    with pytest.raises(TrajectoryError, match=r"gone\.bin cannot be read: No such file"):
        read(tmp_path / "gone.bin")
    copy = tmp_path / "trajectory.dat"
    shutil.copy(FIXTURES / "one_rank.bin", copy)
    with pytest.raises(TrajectoryError, match=r"format of trajectory\.dat"):
        read(copy)
    assert_same(read(copy, format="lammps-binary"), read(FIXTURES / "one_rank.bin"))


def test_given_masses_are_those_of_the_kinds():
    trajectory = read(FIXTURES / "one_rank.bin", masses=[10.0, 20.0])
    assert trajectory.masses.tolist() == [10.0, 20.0, 10.0, 20.0, 20.0]


def test_a_wannier_centre_has_no_mass(tmp_path):
    file = tmp_path / "centres.xyz"
    frame = '3\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nX 0 0 0.6\nI 0 0 0\nX 0 0 -0.6\n'
    file.write_text(2 * frame)
    for given in ({}, {"masses": [126.90447]}):
        trajectory = read_trajectory([file], md_timestep=0.01, **given)
        assert trajectory.masses == pytest.approx([0.0, 126.90447, 0.0])
        assert trajectory.kinds == ("I",)


def test_extended_xyz_round_trip_through_ase(tmp_path):
    """ASE counts time in Å sqrt(amu/eV); a velocity of 1 there is sqrt(eV/amu)."""
    import ase
    import ase.io
    from ase.calculators.singlepoint import SinglePointCalculator

    original = read(FIXTURES / "sheared.bin")
    frames = []
    for t in range(original.n_frames):
        atoms = ase.Atoms(original.species, original.positions[t], cell=original.cell, pbc=True)
        atoms.set_velocities(original.velocities[t] * np.sqrt(KINETIC_ENERGY))
        atoms.calc = SinglePointCalculator(atoms, forces=original.forces[t])
        atoms.info["step"] = 20 * t
        frames.append(atoms)
    ase.io.write(tmp_path / "run.xyz", frames, format="extxyz")
    copy = read(tmp_path / "run.xyz", kinds=None)
    assert copy.species == original.species
    assert copy.timestep == original.timestep
    for name in ("positions", "velocities", "forces", "cell"):
        np.testing.assert_allclose(getattr(copy, name), getattr(original, name), atol=2e-8)


def test_a_damaged_extended_xyz_file_is_refused(tmp_path):
    (tmp_path / "bad.xyz").write_text('2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\nAg 0 0 0\n')
    with pytest.raises(TrajectoryError, match=r"bad\.xyz is no extended XYZ file or damaged"):
        read(tmp_path / "bad.xyz")
