"""Wannier centres of frames with the real CP2K, and what superionic-analyse makes of them."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from ase import Atoms
from ase.io.cube import read_cube
from ase.units import Bohr

import aiida_superionic
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.frames import described, longest_stretch, make_trajectory
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.units import DIPOLE_IN_DEBYE
from aiida_superionic.workchains.wannier import WannierWorkChain

CENTRES = {"Ag": 5, "I": 4}
LAMMPS = Path(__file__).parents[1] / "fixtures" / "lammps" / "one_rank.bin"


def frames_of_agi(n_frames, interval=0.01):
    """Return frames of 4 atoms of α-AgI, one of them drifting out of the cell."""
    rng = np.random.default_rng(0)
    positions = [[0.067, -0.025, -0.031], [2.567, 2.561, 2.548], [1.225, -0.001, 2.578], [-0.067, 2.520, 1.176]]
    cell = np.eye(3) * 5.0855
    moved = np.array(positions) + rng.normal(0.0, 0.03, (n_frames, 4, 3))
    moved[:, 3] += cell[0]
    atoms = Atoms("I2Ag2", positions=positions, cell=cell, pbc=True)
    node = make_trajectory(atoms.get_chemical_symbols(), moved, np.broadcast_to(cell, (n_frames, 3, 3)))
    node.base.attributes.set_many({"sampling_interval": interval, "mobile": ["Ag"], "formal_charges": {}})
    return node


@pytest.fixture
def builder(cp2k_code):
    def make(frames, centres=CENTRES, **changes):
        return WannierWorkChain.get_builder_from_protocol(cp2k_code, frames, centres, protocol="xtb", **changes)

    return make


def test_frames_get_centres_that_superionic_analyse_reads(builder, analysis_code):
    frames = frames_of_agi(5)
    _, node = run_get_node(builder(frames, batch_size=2))
    assert node.is_finished_ok, node.exit_message
    assert sum(child.process_label == "Cp2kBaseWorkChain" for child in node.called) == 3
    joined = node.outputs.trajectory
    assert joined.symbols == frames.symbols + ["X"] * 18
    np.testing.assert_array_equal(joined.get_positions()[:, :4], frames.get_positions())
    # Each centre next to its ion, wherever that has gone, and the ions in their order.
    owners = np.repeat(np.arange(4), [4, 4, 5, 5])
    ions, centres = joined.get_positions()[:, :4], joined.get_positions()[:, 4:]
    apart = np.linalg.norm(centres - ions[:, owners], axis=2)
    assert apart.max() < 1.2
    moments = np.array([-2 * (centres - ions[:, owners])[:, owners == i].sum(axis=1) for i in range(4)])
    np.testing.assert_allclose(node.outputs.dipoles.get_array("dipoles"), moments.swapaxes(0, 1), atol=1e-12)

    inputs = {"observables": orm.Dict({"dipoles": {}}), "version": orm.Str(aiida_superionic.__version__)}
    _, analysis = run_get_node(AnalyseCalculation, code=analysis_code, trajectory=joined, **inputs)
    assert analysis.is_finished_ok, analysis.exit_message
    of_iodide = np.linalg.norm(moments[:2], axis=-1).mean() * DIPOLE_IN_DEBYE
    assert analysis.outputs.observables["dipole_moment_I"]["value"] == pytest.approx(of_iodide, rel=1e-6)


def test_a_loose_localisation_leaves_the_centres_in_place(builder):
    frames = frames_of_agi(2)
    tight, loose = (
        run_get_node(builder(frames, localisation=localisation))[1]
        for localisation in (None, {"EPS_LOCALIZATION": 0.1})
    )
    (job,) = (node for node in loose.called_descendants if node.process_label == "Cp2kCalculation")
    localise = job.inputs.parameters["FORCE_EVAL"]["DFT"]["LOCALIZE"]
    assert (localise["EPS_LOCALIZATION"], localise["METHOD"]) == (0.1, "JACOBI")
    centres = [np.sort(node.outputs.trajectory.get_positions()[:, 4:].reshape(2, -1)) for node in (tight, loose)]
    assert 0.0 < np.abs(centres[1] - centres[0]).max() < 0.01


def test_another_number_of_centres_is_told_and_no_trajectory_made(builder):
    _, node = run_get_node(builder(frames_of_agi(2), {"Ag": 4, "I": 5}))
    assert node.exit_status == WannierWorkChain.exit_codes.ERROR_NO_CENTRES.status
    assert "do not have" in node.exit_message
    assert "trajectory" not in node.outputs
    assert list(node.outputs.left_out.get_dict()) == ["0", "1"]


def test_a_frame_without_centres_is_left_out_and_the_others_keep_their_times(builder, monkeypatch):
    monkeypatch.setattr("aiida_superionic.workchains.cp2k.scf_remedies", lambda _: [])
    frames = frames_of_agi(4)
    positions = frames.get_positions()
    # One iodide on another: no field that converges.
    positions[1, 1] = positions[1, 0] + 0.01
    broken = make_trajectory(frames.symbols, positions, frames.get_cells())
    broken.base.attributes.set_many(described(frames))
    _, node = run_get_node(builder(broken, batch_size=2))
    assert node.exit_status == WannierWorkChain.exit_codes.ERROR_FRAMES_LEFT_OUT.status
    assert "1 of 4 frames are left out: frame 1 (" in node.exit_message
    assert list(node.outputs.left_out.get_dict()) == ["1"]
    joined, dipoles = node.outputs.trajectory, node.outputs.dipoles
    np.testing.assert_array_equal(joined.get_positions()[:, :4], positions[[0, 2, 3]])
    np.testing.assert_allclose(joined.get_times(), [0.0, 0.02, 0.03])
    np.testing.assert_array_equal(dipoles.get_array("index"), [0, 2, 3])
    # No correlation in time is made of frames that are not equally far apart.
    assert "missing before frame 1" in AnalyseCalculation.validate_trajectory(joined, None)
    stretch = longest_stretch(joined)
    np.testing.assert_array_equal(stretch.get_positions(), joined.get_positions()[1:])
    assert AnalyseCalculation.validate_trajectory(stretch, None) is None
    assert described(stretch) == described(frames)


def remote(folder, computer, **changes):
    shutil.copy(LAMMPS, folder / "t.bin")
    described = {"kinds": ["Ag", "I"], "md_timestep": 0.001, "n_frames": 3, "mobile": ["Ag"], **changes}
    digest = hashlib.sha256(LAMMPS.read_bytes()).hexdigest()
    return TrajectoryData(str(folder), computer=computer, files={"t.bin": digest}, **described)


@pytest.mark.parametrize("every", [1, 2])
def test_frames_are_brought_home_as_they_are(conversion_code, computer, tmp_path, every):
    source = remote(tmp_path, computer)
    _, node = run_get_node(ConvertCalculation, code=conversion_code, trajectory=source, every=orm.Int(every))
    assert node.is_finished_ok, node.exit_message
    whole = read_trajectory([LAMMPS], kinds=["Ag", "I"], md_timestep=0.001)
    frames = node.outputs.frames
    np.testing.assert_array_equal(frames.get_positions(), whole.positions[::every])
    np.testing.assert_array_equal(frames.get_cells()[0], np.broadcast_to(whole.cell, (whole.n_frames, 3, 3))[0])
    assert frames.base.attributes.get("sampling_interval") == pytest.approx(every * whole.timestep)
    assert frames.base.attributes.get("mobile") == ["Ag"]
    assert "frames.extxyz" not in node.outputs.retrieved.base.repository.list_object_names()


def test_a_trajectory_that_is_gone_is_told(conversion_code, computer, tmp_path):
    source = remote(tmp_path, computer)
    (tmp_path / "t.bin").unlink()
    _, node = run_get_node(ConvertCalculation, code=conversion_code, trajectory=source)
    assert node.exit_status == ConvertCalculation.exit_codes.ERROR_TRAJECTORY_UNUSABLE.status
    assert "t.bin" in node.exit_message


def test_frames_without_a_time_between_them_are_refused(builder):
    frames = frames_of_agi(2)
    frames.base.attributes.delete("sampling_interval")
    with pytest.raises(ValueError, match="sampling_interval"):
        instantiate_process(get_manager().get_runner(), builder(frames))


def centroid(density, cell):
    """Return where a density in a periodic cell is, by the phases that CP2K too takes it from."""
    place = []
    for axis, length in enumerate(density.shape):
        profile = density.sum(axis=tuple(other for other in range(3) if other != axis))
        phases = np.exp(2j * np.pi * np.arange(length) / length)
        place.append(np.angle(profile @ phases) / (2 * np.pi))
    return np.array(place) @ cell


def test_cube_files_hold_the_orbitals_of_the_ions_asked_for(builder):
    frames = frames_of_agi(3)
    _, node = run_get_node(builder(frames, batch_size=3, cubes={"frames": [2], "ions": [1, 3], "stride": 2}))
    assert node.is_finished_ok, node.exit_message
    folder = node.outputs.cubes
    expected = [f"frame_2_I_1_{k}.cube" for k in range(1, 5)] + [f"frame_2_Ag_3_{k}.cube" for k in range(1, 6)]
    assert sorted(folder.base.repository.list_object_names()) == sorted(expected)
    positions, cell = frames.get_positions()[2], frames.get_cells()[2]
    joined = node.outputs.trajectory.get_positions()[2, 4:]
    centres = {1: joined[4:8], 3: joined[13:18]}
    for ion, of_ion in centres.items():
        found = []
        for name in expected:
            if f"_{ion}_" not in name:
                continue
            with folder.base.repository.open(name, "r") as handle:
                cube = read_cube(handle)
            np.testing.assert_allclose(minimum_image(cube["atoms"].positions - positions, cell), 0.0, atol=1e-4)
            density = cube["data"] ** 2
            # One electron of each spin.
            volume = np.linalg.det(cell) / Bohr**3
            assert density.sum() * volume / density.size == pytest.approx(1.0, abs=0.02)
            found.append(centroid(density, cell))
        apart = np.linalg.norm(minimum_image(np.array(found)[:, None] - of_ion, cell), axis=-1)
        assert sorted(apart.argmin(axis=1)) == list(range(len(of_ion)))
        assert apart.min(axis=1).max() < 0.05


def test_cube_files_of_what_is_not_there_are_refused(builder):
    for cubes, told in [({"frames": [0]}, "ions"), ({"frames": [], "ions": [0]}, "frames")]:
        with pytest.raises(ValueError, match=f"cubes: (.|\n)*{told}"):
            instantiate_process(get_manager().get_runner(), builder(frames_of_agi(2), cubes=cubes))
    cleaned = builder(frames_of_agi(2), cubes={"frames": [0], "ions": [0]})
    cleaned.clean_workdir = orm.Bool(True)
    with pytest.raises(ValueError, match="clean_workdir"):
        instantiate_process(get_manager().get_runner(), cleaned)
    for frame, ion, told in [(2, 0, "frame 2 where the last one is 1"), (0, 4, "ion 4 where the last one is 3")]:
        _, node = run_get_node(builder(frames_of_agi(2), cubes={"frames": [frame], "ions": [ion]}))
        assert node.exit_status == WannierWorkChain.exit_codes.ERROR_NO_SUCH_ORBITALS.status
        assert told in node.exit_message
        assert node.called == []


def test_cube_files_that_do_not_come_home_are_told(builder, monkeypatch):
    # As where another version of CP2K calls its files otherwise.
    monkeypatch.setattr("aiida_superionic.calculations.cubes.cube_file", lambda orbital: f"other_{orbital}.cube")
    _, node = run_get_node(builder(frames_of_agi(1), cubes={"frames": [0], "ions": [0]}))
    assert node.exit_status == WannierWorkChain.exit_codes.ERROR_CUBES_MISSING.status
    assert "frame 0 (frame_0_I_0_4.cube did not come home)" in node.exit_message
    assert node.outputs.trajectory.get_shape("positions")[0] == 1
