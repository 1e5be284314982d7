"""Forces of a potential on frames that are there already, through the real script and the real LAMMPS."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager

import aiida_superionic
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.lammps_rerun import FRAMES_FILE, RerunCalculation
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.potentials import potentials

_CODES = RerunCalculation.exit_codes
_OWN = potentials()["vashishta-rahman"]


@pytest.fixture
def dynamics(lammps_code, md_inputs):
    def run(ensemble):
        changes = {"ensemble": ensemble, "sampling_interval": 0.005, "duration": 0.1, "checkpoint_interval": 0.05}
        _, node = run_get_node(LammpsCalculation, code=lammps_code, **md_inputs(**changes))
        assert node.is_finished_ok, node.exit_message
        return node

    return run


@pytest.fixture
def md(dynamics):
    return dynamics("nvt")


@pytest.fixture
def rerun(lammps_code, conversion_code):
    def run(md, text=_OWN, **changes):
        inputs = {
            "code": lammps_code,
            "conversion_code": conversion_code,
            "version": orm.Str(aiida_superionic.__version__),
            "trajectory": md.outputs.trajectory,
            "structure": md.inputs.structure,
            "potential": PotentialData(text),
            **changes,
        }
        return run_get_node(RerunCalculation, **inputs)[1]

    return run


def frames(trajectory):
    folder = Path(trajectory.get_remote_path())
    return read_trajectory(
        [folder / name for name in trajectory.files], kinds=trajectory.kinds, md_timestep=trajectory.md_timestep
    )


def test_the_potential_that_made_the_frames_gives_the_stored_forces(md, rerun):
    node = rerun(md)
    assert node.is_finished_ok, node.exit_message
    before, after = frames(md.outputs.trajectory), frames(node.outputs.trajectory)
    # Rounding: the neighbours of an atom give terms of up to 10 eV/Å, summed in another order.
    np.testing.assert_allclose(after.forces, before.forces, rtol=0, atol=1e-12)
    np.testing.assert_allclose(after.positions, before.positions, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(after.velocities, before.velocities)
    np.testing.assert_allclose(after.cell, before.cell, rtol=1e-15)
    assert after.timestep == before.timestep
    for key in ("kinds", "mobile", "md_timestep", "n_frames", "sampling_interval", "fields"):
        attributes = (one.base.attributes.get(key) for one in (node.outputs.trajectory, md.outputs.trajectory))
        assert len({str(value) for value in attributes}) == 1, key
    # The frames that LAMMPS ran over are where they were, and the text that it read is gone.
    for name, digest in md.outputs.trajectory.files.items():
        content = (Path(md.outputs.trajectory.get_remote_path()) / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    assert not (Path(node.outputs.remote_folder.get_remote_path()) / FRAMES_FILE).exists()


def test_a_changing_box_is_that_of_each_frame(dynamics, rerun):
    """LAMMPS splits the Coulomb sum by the box that a run begins with: of each segment then, of the structure now."""
    md = dynamics("npt")
    node = rerun(md)
    before, after = frames(md.outputs.trajectory), frames(node.outputs.trajectory)
    assert np.ptp(before.cell[:, 0, 0]) > 1e-3
    np.testing.assert_allclose(after.cell, before.cell, rtol=1e-14)
    np.testing.assert_allclose(after.positions, before.positions, rtol=0, atol=1e-13)
    # In the segment that began with the structure it is the same split; afterwards both keep the stated accuracy.
    first = slice(0, 11)
    np.testing.assert_allclose(after.forces[first], before.forces[first], rtol=0, atol=1e-12)
    potential = md.inputs.potential.potential
    error = np.sqrt(np.mean((after.forces[:] - before.forces[:]) ** 2))
    assert 0.0 < error < potential.ewald_accuracy * potential.coulomb


def test_another_potential_gives_its_own_forces(md, rerun):
    """Without the polarisation of iodide by silver, the forces differ by that term alone."""
    node = rerun(md, _OWN.replace(", {power: 4, coefficient: -1.1736}", ""))
    assert node.is_finished_ok, node.exit_message
    before, after = frames(md.outputs.trajectory), frames(node.outputs.trajectory)
    potential = md.inputs.potential.potential
    silver, iodide = before.atoms_of("Ag"), before.atoms_of("I")
    places, cell = before.positions[:], before.cell
    apart = places[:, silver, None] - places[:, None, iodide]
    images = np.stack(np.meshgrid(*3 * [range(-1, 2)]), axis=-1).reshape(-1, 3) @ cell
    apart = minimum_image(apart, cell)[..., None, :] + images
    r = np.linalg.norm(apart, axis=-1, keepdims=True)
    pulls = np.where(r < potential.cutoff, 4 * 1.1736 * potential.coulomb * r**-5.0 * apart / r, 0.0).sum(axis=-2)
    # The table is within 1e-6 of the formula for each pair; an ion has some forty in reach.
    np.testing.assert_allclose((after.forces - before.forces)[:, silver], pulls.sum(axis=2), rtol=0, atol=4e-5)
    np.testing.assert_allclose((after.forces - before.forces)[:, iodide], -pulls.sum(axis=1), rtol=0, atol=4e-5)


def test_a_rerun_of_a_rerun_gives_the_first_forces_again(md, rerun):
    other = rerun(md, _OWN.replace("coefficient: 114.48", "coefficient: 100.0"))
    again = rerun(md, trajectory=other.outputs.trajectory)
    forces = [frames(job.outputs.trajectory).forces for job in (md, other, again)]
    assert np.abs(forces[1] - forces[0]).max() > 0.1
    np.testing.assert_allclose(forces[2], forces[0], rtol=0, atol=1e-12)
    assert RerunCalculation.is_valid_cache(again)
    again.outputs.remote_folder._clean()
    assert not RerunCalculation.is_valid_cache(again)


@pytest.mark.parametrize("kind", ["purged", "changed"])
def test_a_trajectory_that_is_not_what_it_was_is_told(md, rerun, kind):
    part = Path(md.outputs.trajectory.get_remote_path()) / "trajectory.0.bin"
    if kind == "purged":
        md.outputs.trajectory._clean()
    else:
        part.write_bytes(part.read_bytes()[:-8] + b"\0" * 8)
    node = rerun(md)
    assert node.exit_status == _CODES.ERROR_TRAJECTORY_UNUSABLE.status, node.exit_message
    assert "trajectory.0.bin" in node.exit_message
    assert "trajectory" not in node.outputs


def test_another_version_of_the_script_is_another_input_and_told(md, rerun):
    node = rerun(md)
    other = rerun(md, version=orm.Str("0.0.1"))
    assert other.exit_status == _CODES.ERROR_VERSION.status
    assert "and the input says 0.0.1" in other.exit_message
    assert node.base.caching.compute_hash() != other.base.caching.compute_hash()


def test_frames_that_the_potential_does_not_reach_are_told(md, rerun):
    node = rerun(md, _OWN + "innermost: 3.0\n")
    assert node.exit_status == _CODES.ERROR_LAMMPS.status, node.exit_message
    assert "inner cutoff" in node.exit_message


def test_engines_that_do_not_start_are_told(md, rerun, computer, tmp_path):
    broken = orm.InstalledCode(label="broken", computer=computer, filepath_executable=str(tmp_path / "gone")).store()
    node = rerun(md, conversion_code=broken)
    assert node.exit_status == _CODES.ERROR_CONVERSION.status
    assert str(tmp_path / "gone") in node.exit_message
    node = rerun(md, code=broken)
    assert node.exit_status == _CODES.ERROR_ENGINE_DID_NOT_START.status
    assert str(tmp_path / "gone") in node.exit_message


def test_an_engine_that_is_killed_is_told(md, rerun, lammps_installation, computer, tmp_path):
    """A LAMMPS whose last line never came, as when the node goes down."""
    script = tmp_path / "lmp"
    script.write_text(f'#!/bin/sh\n"{lammps_installation.executable}" "$@" | sed "/^Loop time/,$ d"\n')
    script.chmod(0o755)
    path = f"export PATH={lammps_installation.executable.parent}:$PATH"
    code = orm.InstalledCode(
        label="killed", computer=computer, filepath_executable=str(script), prepend_text=path, with_mpi=False
    )
    node = rerun(md, code=code.store())
    assert node.exit_status == _CODES.ERROR_INTERRUPTED.status
    assert "trajectory" not in node.outputs


def test_what_does_not_fit_is_refused_before_it_runs(lammps_code, conversion_code, computer, agi, potential_node):
    trajectory = TrajectoryData(
        "/somewhere", computer=computer, files={"t.bin": "a" * 64}, kinds=["I", "Ag"], md_timestep=0.001, n_frames=2
    )
    with pytest.raises(ValueError, match="the structure holds Ag, I where the trajectory holds I, Ag"):
        instantiate_process(
            get_manager().get_runner(),
            RerunCalculation,
            code=lammps_code,
            conversion_code=conversion_code,
            version=orm.Str(aiida_superionic.__version__),
            trajectory=trajectory,
            structure=orm.StructureData(ase=agi()),
            potential=potential_node,
        )
