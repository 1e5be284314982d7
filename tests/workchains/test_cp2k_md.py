"""Ab initio dynamics with the real CP2K: a cell of four atoms, GFN1-xTB, tens of steps."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms
from child_jobs import statuses

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.cp2k import Cp2kCalculation
from aiida_superionic.calculations.cp2k_input import single_point
from aiida_superionic.calculations.cp2k_md import CHECKPOINT_FILES, Cp2kMdCalculation
from aiida_superionic.units import KINETIC_ENERGY
from aiida_superionic.workchains.cp2k_md import Cp2kMdBaseWorkChain
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.md import MdWorkChain

_CODES = Cp2kMdCalculation.exit_codes
_TIGHT = level_of_theory("xtb", {"scf_tolerance": 1e-8})
_STEP = 0.0005


@pytest.fixture
def agi4():
    """Return one cubic cell of α-AgI, displaced."""
    positions = [[0.067, -0.025, -0.031], [2.567, 2.561, 2.548], [1.225, -0.001, 2.578], [-0.067, 2.520, 1.176]]
    structure = orm.StructureData(ase=Atoms("I2Ag2", positions=positions, cell=[5.0855] * 3, pbc=True))
    structure.label = "α-AgI"
    return structure


@pytest.fixture
def stage(cp2k_code, agi4, settings):
    """Return a maker of the inputs of one stage of so many steps."""

    def make(steps, seed=1, level=_TIGHT, walltime=None, start=None, parent=None, **changes):
        given = {
            "ensemble": "nve",
            "temperature": 600.0,
            "timestep": _STEP,
            "thermo_interval": _STEP,
            "sampling_interval": _STEP,
            "checkpoint_interval": 5 * _STEP,
            **changes,
        }
        given["duration"] = steps * given["timestep"]
        inputs = {
            "code": cp2k_code,
            "structure": agi4,
            "level": orm.Dict(level.parameters),
            "parameters": orm.Dict(settings(**given).model_dump(mode="json")),
            "seed": orm.Int(seed),
            "metadata": {"options": {}},
        }
        if start is not None:
            inputs |= {"start": start, "parent_folder": parent}
        if walltime is not None:
            inputs["metadata"]["options"]["max_wallclock_seconds"] = walltime
        return inputs

    return make


def frames_of(node):
    trajectory = node.outputs.trajectory
    folder = Path(trajectory.get_remote_path())
    for name, digest in trajectory.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    request = trajectory.request()
    reading = {key: value for key, value in request.items() if key not in {"files", "beside"}}
    frames = read_trajectory([folder / name for name in request["files"]], **reading)
    assert frames.n_frames == trajectory.base.attributes.get("n_frames")
    return frames


def test_the_frames_obey_newton_on_the_surface_of_single_points(stage, cp2k_code):
    _, node = run_get_node(Cp2kMdCalculation, **stage(20))
    assert node.is_finished_ok, node.exit_message
    frames, thermo = frames_of(node), node.outputs.thermo
    assert frames.timestep == pytest.approx(_STEP)
    r, v, f = frames.positions, frames.velocities, frames.forces
    masses = frames.masses[:, None]
    # Velocity Verlet: both hold to the digits that CP2K writes, ten decimals of Å and of atomic units.
    np.testing.assert_allclose((r[2:] - r[:-2]) / (2 * _STEP), v[1:-1], rtol=0, atol=5e-6)
    accelerated = masses * KINETIC_ENERGY * (r[2:] - 2 * r[1:-1] + r[:-2]) / _STEP**2
    np.testing.assert_allclose(accelerated, f[1:-1], rtol=1e-4, atol=2e-5)
    # CP2K's masses are not ours to the last digit.
    np.testing.assert_allclose((masses * v).sum(axis=1), 0.0, atol=1e-4 * np.abs(masses * v).max())
    kinetic = 0.5 * KINETIC_ENERGY * (masses * v**2).sum(axis=(1, 2))
    np.testing.assert_allclose(thermo.get_array("kinetic_energy"), kinetic, rtol=1e-4)
    assert thermo.get_array("temperature")[0] == pytest.approx(600.0)
    total = thermo.get_array("kinetic_energy") + thermo.get_array("potential_energy")
    np.testing.assert_allclose(thermo.get_array("total_energy"), total, rtol=1e-15)

    atoms = node.inputs.structure.get_ase()
    atoms.set_positions(r[13])
    point = {"structure": orm.StructureData(ase=atoms), "parameters": orm.Dict(single_point(_TIGHT.parameters))}
    _, single = run_get_node(Cp2kCalculation, code=cp2k_code, **point)
    labels = single.outputs.labels
    np.testing.assert_allclose(labels.get_array("forces")[0], f[13], rtol=0, atol=1e-5)
    assert labels.get_array("energies")[0] == pytest.approx(thermo.get_array("potential_energy")[13], abs=1e-6)


@pytest.mark.slow
def test_the_energy_is_conserved_as_the_square_of_the_timestep(stage):
    energies = []
    for steps in (10, 20, 40):
        timestep = 0.04 / steps
        given = stage(steps, timestep=timestep, thermo_interval=0.004, sampling_interval=None, checkpoint_interval=0.04)
        _, node = run_get_node(Cp2kMdCalculation, **given)
        assert node.is_finished_ok, node.exit_message
        assert "trajectory" not in node.outputs
        energy = node.outputs.thermo.get_array("total_energy")
        energies.append(energy - energy[0])
    # What the surface itself has of steps, where pairs of atoms come within a cutoff, is the same in all three.
    coarse, fine = energies[0] - energies[1], energies[1] - energies[2]
    assert coarse @ fine / (fine @ fine) == pytest.approx(4.0, rel=0.05)


def assert_same_run(node, whole, parted_at):
    """Check that a run in parts is the whole one: digit for digit to where it parts, then as its fields converge."""
    one, two = frames_of(node), frames_of(whole)
    np.testing.assert_array_equal(one.positions[: parted_at + 1], two.positions[: parted_at + 1])
    np.testing.assert_allclose(one.positions, two.positions, rtol=0, atol=1e-6)
    np.testing.assert_allclose(one.velocities, two.velocities, rtol=0, atol=1e-3)
    np.testing.assert_allclose(one.forces, two.forces, rtol=0, atol=2e-5)


@pytest.mark.slow
def test_a_run_out_of_walltime_goes_on_as_if_it_were_whole(stage):
    # Nobody is as fast as that.
    _, cut = run_get_node(Cp2kMdCalculation, **stage(1_000_000, walltime=10, checkpoint_interval=_STEP))
    assert cut.exit_status == _CODES.ERROR_OUT_OF_WALLTIME.status, cut.exit_message
    assert {"structure", "velocities", "trajectory"}.isdisjoint(cut.outputs)
    start = cut.outputs.checkpoint
    steps = start["step"] + 8
    _, rest = run_get_node(Cp2kMdCalculation, **stage(steps, start=start, parent=cut.outputs.remote_folder))
    assert rest.is_finished_ok, rest.exit_message
    _, whole = run_get_node(Cp2kMdCalculation, **stage(steps))
    assert_same_run(rest, whole, start["step"])


def test_a_killed_run_goes_on_from_its_checkpoint(stage, kill_first):
    inputs = stage(24, thermo_interval=4 * _STEP, checkpoint_interval=3 * _STEP)
    with kill_first("cp2k", lambda folder: (folder / CHECKPOINT_FILES[1]).exists()):
        _, node = run_get_node(Cp2kMdBaseWorkChain, cp2k=inputs)
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_INTERRUPTED.status, 0]
    _, whole = run_get_node(Cp2kMdCalculation, **inputs)
    assert_same_run(node, whole, node.called[0].outputs.checkpoint["step"])
    np.testing.assert_array_equal(node.outputs.thermo.get_array("step"), np.arange(0, 25, 4))
    energy = node.outputs.thermo.get_array("total_energy")
    np.testing.assert_allclose(energy, whole.outputs.thermo.get_array("total_energy"), rtol=0, atol=1e-6)


def test_a_field_that_does_not_converge_is_converged_otherwise(stage):
    inputs = stage(3, seed=2, sampling_interval=None)
    level = inputs["level"].get_dict()
    level["FORCE_EVAL"]["DFT"]["SCF"] |= {"MAX_SCF": 2, "OUTER_SCF": {"EPS_SCF": 1e-8, "MAX_SCF": 1}}
    inputs["level"] = orm.Dict(level)
    _, node = run_get_node(Cp2kMdBaseWorkChain, cp2k=inputs)
    assert node.is_finished_ok, node.exit_message
    first, second = (child for child in node.called if isinstance(child, orm.CalcJobNode))
    assert first.exit_status == _CODES.ERROR_SCF_NOT_CONVERGED.status
    # What follows a wrong force is another trajectory.
    assert {"thermo", "checkpoint", "structure", "velocities", "trajectory"}.isdisjoint(first.outputs)
    assert second.inputs.level["FORCE_EVAL"]["DFT"]["SCF"]["OT"]["MINIMIZER"] == "CG"


def test_velocities_are_those_given_and_an_exploded_run_is_told(stage, agi4):
    rng = np.random.default_rng(4)
    velocities = rng.normal(scale=40.0, size=(4, 3))
    velocities -= velocities.mean(axis=0)
    given = orm.ArrayData({"velocities": velocities})
    _, node = run_get_node(Cp2kMdCalculation, **stage(2, temperature=100.0), velocities=given)
    assert node.exit_status == _CODES.ERROR_UNSTABLE.status
    kinetic = 0.5 * KINETIC_ENERGY * agi4.get_ase().get_masses() @ (velocities**2).sum(axis=1)
    assert node.outputs.thermo.get_array("kinetic_energy")[0] == pytest.approx(kinetic, rel=1e-4)


def test_equilibration_and_production(cp2k_code, agi4):
    times = {"equilibration": 0.01, "production": 0.01, "sampling_interval": 0.001, "thermo_interval": _STEP}
    builder = MdWorkChain.get_builder_from_protocol(
        cp2k_code,
        agi4,
        level_of_theory("xtb"),
        temperature=600.0,
        mobile=["Ag"],
        seed=7,
        protocol="fast",
        overrides=times,
    )
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    stages = {link.link_label: link.node for link in node.base.links.get_outgoing(orm.WorkChainNode)}
    assert set(stages) == {"equilibration", "production"}
    nvt, nve = (stages[name].outputs.thermo for name in ("equilibration", "production"))
    energy = nvt.get_array("total_energy")
    assert nve.get_array("total_energy")[0] == pytest.approx(energy[len(energy) // 2 :].mean(), abs=1e-5)
    # The thermostat gives and takes energy; of the conserved one it keeps count.
    assert np.ptp(energy) > 20 * np.ptp(nvt.get_array("conserved_energy"))
    assert np.ptp(nve.get_array("total_energy")) < 1e-3
    frames = frames_of(node)
    assert frames.n_frames == 11
    np.testing.assert_allclose(
        frames.positions[0], stages["equilibration"].outputs.structure.get_ase().positions, atol=1e-9
    )
    np.testing.assert_allclose(frames.positions[-1], node.outputs.structure.get_ase().positions, atol=1e-9)
    np.testing.assert_allclose(frames.velocities[-1], node.outputs.velocities.get_array("velocities"), atol=5e-6)
    assert node.outputs.results["cp2k_version"]


def test_the_seed_decides_the_run(stage):
    runs = {}
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        _, node = run_get_node(Cp2kMdCalculation, **stage(2, seed=seed, ensemble="nvt"))
        assert node.is_finished_ok, node.exit_message
        assert node.outputs.thermo.get_array("temperature")[0] == pytest.approx(600.0)
        runs[name] = node.outputs.velocities.get_array("velocities")
    np.testing.assert_array_equal(runs["first"], runs["again"])
    assert np.abs(runs["first"] - runs["other"]).max() > 0.1


def test_a_host_that_left_its_places_is_told(stage):
    hot = stage(6, temperature=3000.0, host_displacement_limit=0.001, sampling_interval=None)
    _, node = run_get_node(Cp2kMdCalculation, **hot)
    assert node.exit_status == _CODES.ERROR_HOST_LATTICE_MOLTEN.status, node.exit_message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ensemble": "npt"}, "npt: dynamics with CP2K keep the volume"),
        ({"constraint": {"mode": "RC"}}, "motions are held"),
        ({"langevin_duration": 0.001}, "Langevin dynamics is run, in LAMMPS only"),
        ({"mobile": ["Ag", "I"]}, "one must stay as the host lattice"),
        ({"formal_charges": {"Ag": 1.0, "I": -2.0}}, "must be neutral"),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_runs(stage, changes, told):
    assert told in Cp2kMdCalculation.validate_inputs(stage(4, **changes), None)


def test_a_seed_that_cp2k_does_not_take_is_refused(stage):
    assert "positive" in Cp2kMdCalculation.validate_inputs(stage(4, seed=0), None)


def test_both_engines_in_one_run_are_refused(stage, cp2k_code, agi4):
    builder = MdWorkChain.get_builder_from_protocol(
        cp2k_code, agi4, level_of_theory("xtb"), temperature=600.0, mobile=["Ag"], seed=1
    )
    stages = {name: {"cp2k": dict(builder[name]["cp2k"])} for name in ("equilibration", "production")}
    shared = {"structure": agi4, "seed": orm.Int(1)}
    assert MdWorkChain.validate_inputs({**stages, **shared}, None) is None
    mixed = {"equilibration": {"lammps": {}}, "production": stages["production"]}
    assert "one engine" in MdWorkChain.validate_inputs({**mixed, **shared}, None)
    assert "no potential" in MdWorkChain.validate_inputs({**stages, **shared, "potential": None}, None)


@pytest.mark.slow
def test_pbe_with_basis_sets_of_nodes(cp2k_code, agi4):
    times = {"equilibration": 2 * _STEP, "production": 4 * _STEP, "sampling_interval": _STEP, "thermo_interval": _STEP}
    builder = MdWorkChain.get_builder_from_protocol(
        cp2k_code,
        agi4,
        level_of_theory("fast", {"cutoff": 150.0}),
        temperature=600.0,
        mobile=["Ag"],
        seed=7,
        overrides={**times, "checkpoint_interval": _STEP},
    )
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert frames_of(node).n_frames == 5
    # Forces on a grid do not add up to zero; over 2 fs that is nothing to the energy.
    assert np.ptp(node.outputs.thermo.get_array("total_energy")) < 1e-3
