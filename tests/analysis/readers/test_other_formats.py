"""CP2K, VASP and H5MD: files written by hand or by ASE give back what was put in."""

import sys

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.readers.unwrapping import Unwrapping
from aiida_superionic.analysis.trajectory import TrajectoryError

SPECIES = ("Ag", "I", "Ag", "I", "I")
CELL = np.array([[6.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.5, -0.7, 5.5]])
READING = {"md_timestep": 0.002, "mobile": ["Ag"]}
BOHR, HARTREE, ATOMIC_TIME = 0.529177210544, 27.211386245981, 2.4188843265864e-5  # Å, eV, ps


@pytest.fixture
def run(rng):
    """Return positions, velocities and forces of a walk that leaves the cell, in Å, ps and eV."""
    start = rng.uniform(size=(5, 3)) @ CELL
    positions = start + np.cumsum(rng.normal(scale=0.4, size=(80, 5, 3)), axis=0)
    return positions, rng.normal(size=(80, 5, 3)), rng.normal(size=(80, 5, 3))


def write_xyz(path, vectors, steps, species=SPECIES):
    with path.open("w") as file:
        for step, frame in zip(steps, vectors, strict=True):
            file.write(f"{len(species)}\n i = {step:8d}, time = {0.5 * step:12.3f}, E = -1.5\n")
            file.writelines(
                f"{kind} {x:.10f} {y:.10f} {z:.10f}\n" for kind, (x, y, z) in zip(species, frame, strict=True)
            )


def write_cp2k(folder, run, steps):
    positions, velocities, forces = run
    write_xyz(folder / "AgI-pos-1.xyz", positions, steps)
    write_xyz(folder / "AgI-vel-1.xyz", velocities * ATOMIC_TIME / BOHR, steps)
    write_xyz(folder / "AgI-frc-1.xyz", forces * BOHR / HARTREE, steps)
    np.savetxt(folder / "AgI-1.cell", [[0, 0.0, *CELL.ravel(), 165.0]], header="Step Time Ax Ay Az ...")
    return folder / "AgI-pos-1.xyz"


def test_cp2k_positions_velocities_and_forces(tmp_path, run):
    trajectory = read_trajectory([write_cp2k(tmp_path, run, 5 * np.arange(80))], **READING)
    assert trajectory.species == SPECIES
    assert trajectory.timestep == pytest.approx(0.01)
    for array, expected in zip((trajectory.positions, trajectory.velocities, trajectory.forces), run, strict=True):
        # Ten digits after the point, of a unit that is up to 51 eV/Å or 21 877 Å/ps.
        np.testing.assert_allclose(array, expected, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(trajectory.cell, CELL)


def test_cp2k_cell_of_every_step(tmp_path, run):
    file = write_cp2k(tmp_path, run, 5 * np.arange(80))
    scale = 1.0 + 1e-3 * np.arange(400)
    rows = [[step, 0.0, *(CELL * scale[step]).ravel(), 1.0] for step in range(400)]
    np.savetxt(tmp_path / "AgI-1.cell", rows)
    np.testing.assert_allclose(read_trajectory([file], **READING).cell, scale[:400:5, None, None] * CELL)
    np.savetxt(tmp_path / "AgI-1.cell", rows[:200])
    with pytest.raises(TrajectoryError, match=r"AgI-1\.cell does not hold the cell at every MD step"):
        read_trajectory([file], **READING)


def test_cp2k_cut_off_is_told_and_dropped_before_a_later_part(tmp_path, run):
    file = write_cp2k(tmp_path, run, np.arange(80))
    (tmp_path / "AgI-pos-1.xyz").write_text(file.read_text()[:-7])
    with pytest.raises(TrajectoryError, match=r"AgI-pos-1\.xyz is cut off inside frame 79"):
        read_trajectory([file], **READING)
    later = tmp_path / "later"
    later.mkdir()
    second = write_cp2k(later, [field[70:] for field in run], np.arange(70, 80))
    np.testing.assert_allclose(read_trajectory([file, second], **READING).positions, run[0], atol=1e-9)
    write_xyz(tmp_path / "AgI-pos-1.xyz", run[0], np.arange(80))
    write_xyz(tmp_path / "AgI-vel-1.xyz", run[1][:60], np.arange(60))
    with pytest.raises(TrajectoryError, match="has 80 frames where the files beside it have 60"):
        read_trajectory([file], **READING)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("AgI-vel-1.xyz", " i =        3,", " i =        4,", r"AgI-vel-1\.xyz does not hold the atoms and MD steps"),
        ("AgI-frc-1.xyz", "Ag ", "Cu ", r"AgI-frc-1\.xyz does not hold the atoms and MD steps"),
        ("AgI-pos-1.xyz", " i = ", " step ", "no comment line of CP2K"),
        ("AgI-pos-1.xyz", "Ag ", "Ag x ", "not a name and three numbers"),
        ("AgI-1.cell", "1.65", "a", "no cell file of CP2K"),
    ],
)
def test_cp2k_files_that_are_none_or_of_another_run_are_refused(tmp_path, run, name, old, new, message):
    file = write_cp2k(tmp_path, run, np.arange(80))
    (tmp_path / name).write_text((tmp_path / name).read_text().replace(old, new))
    with pytest.raises(TrajectoryError, match=message):
        read_trajectory([file], **READING)


def test_cp2k_needs_its_cell_and_its_name(tmp_path, run):
    file = write_cp2k(tmp_path, run, np.arange(80))
    (tmp_path / "AgI-1.cell").unlink()
    with pytest.raises(TrajectoryError, match="have CP2K print MOTION/PRINT/CELL"):
        read_trajectory([file], **READING)
    with pytest.raises(TrajectoryError, match=r"is not named PROJECT-pos-1\.xyz"):
        read_trajectory([tmp_path / "run.xyz"], format="cp2k-xyz", **READING)


def test_unwrapping_finds_the_walk_of_wrapped_positions(run):
    """The walk's steps are far below half the cell; the first frame keeps its place."""
    fractional = run[0] @ np.linalg.inv(CELL)
    wrapped = (fractional - np.floor(fractional)) @ CELL
    assert np.abs(np.diff(wrapped, axis=0)).max() > 3.0
    found = Unwrapping()(wrapped, np.broadcast_to(CELL, (80, 3, 3)))
    np.testing.assert_allclose(found - found[0], run[0] - run[0][0], atol=1e-10)
    np.testing.assert_allclose(found[0], wrapped[0], atol=1e-12)


def test_xdatcar_written_by_ase(tmp_path, run):
    order = np.argsort(SPECIES, kind="stable")
    species = [SPECIES[i] for i in order]
    frames = [ase.Atoms(species, frame[order], cell=CELL, pbc=True) for frame in run[0]]
    for atoms in frames:
        atoms.wrap()
    ase.io.write(tmp_path / "XDATCAR", frames, format="vasp-xdatcar")
    trajectory = read_trajectory([tmp_path / "XDATCAR"], **READING)
    assert trajectory.species == tuple(species)
    moved = run[0][:, order] - run[0][:1, order]
    # Eight digits of a fraction of 6 Å, summed over 80 frames at worst.
    np.testing.assert_allclose(trajectory.positions - trajectory.positions[0], moved, atol=80 * 6e-8)
    assert trajectory.velocities is None
    assert trajectory.timestep == READING["md_timestep"]


def vasprun(positions, forces):
    """Return the parts of a vasprun.xml that say what happened."""

    def vectors(name, rows):
        return f'<varray name="{name}">' + "".join(f"<v>{x} {y} {z}</v>" for x, y, z in rows) + "</varray>"

    def structure(frame):
        fractional = frame @ np.linalg.inv(CELL)
        return (
            f"<structure><crystal>{vectors('basis', CELL)}</crystal>"
            f"{vectors('positions', fractional - np.floor(fractional))}</structure>"
        )

    atoms = "".join(f"<rc><c>{kind}</c><c>1</c></rc>" for kind in SPECIES)
    steps = "".join(
        f"<calculation><scstep><energy><i name='e_fr_energy'>-1</i><i name='e_wo_entrp'>-1</i>"
        f"<i name='e_0_energy'>-1</i></energy></scstep>{structure(frame)}{vectors('forces', force)}"
        f"<energy><i name='e_fr_energy'>-1</i><i name='e_0_energy'>-1</i></energy></calculation>"
        for frame, force in zip(positions, forces, strict=True)
    )
    return (
        f"<?xml version='1.0'?><modeling><kpoints><varray name='kpointlist'><v>0 0 0</v></varray>"
        f"<varray name='weights'><v>1</v></varray></kpoints>"
        f"<atominfo><array name='atoms'><set>{atoms}</set></array></atominfo>"
        f"<structure name='initialpos'><crystal>{vectors('basis', CELL)}</crystal>"
        f"{vectors('positions', positions[0] @ np.linalg.inv(CELL))}</structure>{steps}</modeling>"
    )


def test_vasprun_by_hand(tmp_path, run):
    (tmp_path / "vasprun.xml").write_text(vasprun(run[0], run[2]))
    trajectory = read_trajectory([tmp_path / "vasprun.xml"], **READING)
    assert trajectory.species == SPECIES
    np.testing.assert_allclose(trajectory.forces, run[2], atol=1e-12)
    moved = run[0] - run[0][0]
    np.testing.assert_allclose(trajectory.positions - trajectory.positions[0], moved, atol=1e-9)
    np.testing.assert_allclose(trajectory.cell, CELL)


@pytest.mark.parametrize("name", ["XDATCAR", "vasprun.xml"])
def test_damaged_files_of_vasp_are_refused(tmp_path, name):
    (tmp_path / name).write_text("<modeling>\n1.0\n")
    with pytest.raises(TrajectoryError, match=f"{name} is no {name} or damaged"):
        read_trajectory([tmp_path / name], **READING)


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


def write_h5md(h5py, path, run, *, species=(47, 53, 47, 53, 53), image=True, unit="Angstrom"):
    fractional = run[0] @ np.linalg.inv(CELL)
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        group["species"] = np.array(species)
        group["box/edges"] = CELL
        group["position/value"] = (fractional - np.floor(fractional)) @ CELL
        group["position/value"].attrs["unit"] = unit
        group["position/step"] = 10
        if image:
            group["image/value"] = np.floor(fractional).astype(int)
        group["velocity/value"] = run[1] / 1000.0
        group["velocity/value"].attrs["unit"] = "Angstrom fs-1"
        group["force/value"] = run[2]
    return path


@pytest.mark.parametrize("image", [True, False])
def test_h5md(tmp_path, run, h5py, image):
    trajectory = read_trajectory([write_h5md(h5py, tmp_path / "run.h5md", run, image=image)], **READING)
    assert trajectory.species == SPECIES
    assert trajectory.timestep == pytest.approx(0.02)
    np.testing.assert_allclose(trajectory.positions - trajectory.positions[0], run[0] - run[0][0], atol=1e-10)
    if image:
        np.testing.assert_allclose(trajectory.positions, run[0], atol=1e-10)
    np.testing.assert_allclose(trajectory.velocities, run[1], atol=1e-12)
    np.testing.assert_allclose(trajectory.forces, run[2])
    np.testing.assert_array_equal(trajectory.cell, CELL)


def test_h5md_species_by_number_of_the_kinds(tmp_path, run, h5py):
    file = write_h5md(h5py, tmp_path / "run.h5", run, species=(1, 2, 1, 2, 2))
    assert read_trajectory([file], kinds=["Ag", "I"], **READING).species == SPECIES
    with pytest.raises(TrajectoryError, match="numbered 2 where 1 are named"):
        read_trajectory([file], kinds=["Ag"], **READING)


def test_h5md_that_is_none_or_in_unknown_units_is_refused(tmp_path, run, h5py):
    file = write_h5md(h5py, tmp_path / "run.h5md", run, unit="Bohr")
    with pytest.raises(TrajectoryError, match="position is in 'Bohr' where one of Angstrom"):
        read_trajectory([file], **READING)
    file.write_bytes(b"no HDF5")
    with pytest.raises(TrajectoryError, match=r"run\.h5md is no H5MD file or damaged"):
        read_trajectory([file], **READING)


def test_h5md_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(TrajectoryError, match="needs h5py: pip install h5py"):
        read_trajectory([tmp_path / "run.h5md"], **READING)


def test_extended_xyz_is_not_taken_for_cp2k(tmp_path, run):
    atoms = [ase.Atoms(SPECIES, frame, cell=CELL, pbc=True) for frame in run[0][:3]]
    for frame, force in zip(atoms, run[2], strict=False):
        frame.calc = SinglePointCalculator(frame, forces=force)
    ase.io.write(tmp_path / "run.xyz", atoms, format="extxyz")
    np.testing.assert_allclose(read_trajectory([tmp_path / "run.xyz"], **READING).positions, run[0][:3], atol=1e-7)
