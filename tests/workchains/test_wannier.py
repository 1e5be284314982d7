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

import aiida_superionic
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.frames import make_trajectory
from aiida_superionic.data.trajectory import TrajectoryData
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
    assert "observables" in analysis.outputs, analysis.exit_message
    dipole = next(value for name, value in analysis.outputs.observables.items() if "mean" in name or "dipole" in name)
    assert dipole is not None


def test_another_number_of_centres_is_told_and_no_trajectory_made(builder):
    _, node = run_get_node(builder(frames_of_agi(2), {"Ag": 4, "I": 5}))
    assert node.exit_status == WannierWorkChain.exit_codes.ERROR_CENTRES_MISSING.status
    assert "do not have" in node.exit_message
    assert "trajectory" not in node.outputs


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
