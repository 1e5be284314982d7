"""A network of NequIP, really trained, and LAMMPS with it."""

from dataclasses import replace

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.lammps_relax import LammpsRelaxCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset
from aiida_superionic.engines.registration import ensure_code, ensure_computer
from aiida_superionic.potentials import potentials
from aiida_superionic.potentials.nequip import MODEL_FILE, Nequip
from aiida_superionic.workchains.nequip import NequipBaseWorkChain

_CODES = LammpsCalculation.exit_codes


@pytest.fixture(scope="module")
def code_of(aiida_profile, lammps_installation, learning_installation):
    """Return a finder of codes by their name."""
    computer, _ = ensure_computer(slots=2)
    computer.set_minimum_job_poll_interval(0.2)

    def code(name):
        found = lammps_installation if name == "lammps" else learning_installation(name)
        return ensure_code(found, computer)[0]

    return code


@pytest.fixture(scope="module")
def evaluate(code_of):
    """Return a function that labels frames with a potential, and returns them."""

    def run(frames, potential, code):
        dataset = DatasetData(Dataset(tuple(frame.unlabelled for frame in frames)))
        _, node = run_get_node(EvaluateCalculation, code=code_of(code), dataset=dataset, potential=potential)
        assert node.is_finished_ok, node.exit_message
        return node.outputs.dataset

    return run


@pytest.fixture(scope="module")
def taught(evaluate, teacher_frames):
    """Return frames of 300 and 750 K, some in wider and some in narrower cells, labelled by the teacher."""
    frames = []
    for temperature in (300, 750):
        for number, frame in enumerate(teacher_frames[temperature][:64:4]):
            stretch = (0.98, 1.0, 1.0, 1.02)[number % 4]
            subset = "validation" if number % 4 == 1 else "train"
            frames.append(
                replace(frame.unlabelled, positions=stretch * frame.positions, cell=stretch * frame.cell, subset=subset)
            )
    return evaluate(frames, PotentialData(potentials()["vashishta-rahman"]), "lammps")


@pytest.fixture(scope="module")
def trained(code_of, taught):
    """Return the node of a training of a minute."""
    builder = NequipBaseWorkChain.get_builder_from_protocol(
        code_of("nequip-train"),
        code_of("nequip-compile"),
        taught,
        seed=5,
        protocol="fast",
        overrides={"epochs": 40},
    )
    node = run_get_node(builder)[1]
    assert node.is_finished_ok, node.exit_message
    return node


@pytest.fixture
def dynamics(code_of, md_inputs, trained):
    """Return a function that runs a job of MD with the network and returns its node."""

    def run(code="lammps-nequip", potential=None, start=None, **changes):
        inputs = md_inputs(**{"temperature": 600.0, "timestep": 0.002, **changes})
        inputs["potential"] = potential or trained.outputs.potential
        if start is not None:
            inputs |= {"start": start.outputs.checkpoint, "parent_folder": start.outputs.remote_folder}
        return run_get_node(LammpsCalculation, code=code_of(code), **inputs)[1]

    return run


def test_it_learns(trained, taught):
    curves, report = trained.outputs.curves, trained.outputs.report.get_dict()
    errors = curves.get_array("learning_curve_forces_validation__y")
    assert len(errors) == 40
    assert errors[-1] < errors[0] / 2
    labels = np.concatenate([frame.forces for frame in taught.dataset.subset("validation").frames])
    assert report["best"]["validation"]["forces"] == pytest.approx(errors.min())
    # A fifth of the forces themselves, in a minute; the longer training below goes much further.
    assert errors.min() < 0.2e3 * np.sqrt(np.mean(labels**2))
    assert trained.outputs.weights.filename == "best.ckpt"


def test_what_the_training_says_of_its_errors_is_true_in_lammps(trained, taught, evaluate):
    """The same frames by the compiled model and the driver: species, units, order of the atoms, sign of the stress."""
    frames = taught.dataset.subset("validation").frames
    found = evaluate(frames, trained.outputs.potential, "lammps-nequip").dataset.frames
    told = trained.outputs.report["best"]["validation"]
    forces = np.concatenate([one.forces - frame.forces for one, frame in zip(found, frames, strict=True)])
    energies = [(one.energy - frame.energy) / len(frame.species) for one, frame in zip(found, frames, strict=True)]
    stresses = np.array([one.stress - frame.stress for one, frame in zip(found, frames, strict=True)])
    # The network is of single precision.
    assert 1e3 * np.sqrt(np.mean(forces**2)) == pytest.approx(told["forces"], rel=1e-3)
    assert 1e3 * np.sqrt(np.mean(np.square(energies))) == pytest.approx(told["energy"], rel=1e-2)
    assert 160.2177 * np.sqrt(np.mean(stresses**2)) == pytest.approx(told["stress"], rel=1e-3)


def test_forces_and_stress_are_the_slopes_of_the_energy(trained, teacher_frames, evaluate, rng):
    frame = teacher_frames[750][0].unlabelled
    cell = frame.cell + np.array([[0.0, 0, 0], [1.5, 0, 0], [-0.7, 2.1, 0]])
    frame = replace(frame, cell=cell)
    away, tensor = rng.normal(size=frame.positions.shape), rng.normal(size=(3, 3))
    strain, step = 0.5 * (tensor + tensor.T), 2e-3

    def strained(sign):
        stretch = np.eye(3) + sign * step * strain
        return replace(frame, positions=frame.positions @ stretch, cell=frame.cell @ stretch)

    moved = [replace(frame, positions=frame.positions + sign * step * away) for sign in (1, -1)]
    frames = [frame, *moved, strained(1), strained(-1)]
    rest, ahead, back, wide, narrow = evaluate(frames, trained.outputs.potential, "lammps-nequip").dataset.frames
    work = np.sum(strain * rest.stress) * abs(np.linalg.det(frame.cell))
    slopes = np.array([back.energy - ahead.energy, wide.energy - narrow.energy]) / (2 * step)
    # Single precision: 1e-7 of some 50 eV, over twice the step; and the third derivatives.
    np.testing.assert_allclose(slopes, [np.sum(away * rest.forces), work], rtol=2e-3, atol=5e-3)
    assert np.abs(slopes).min() > 0.5


def test_energy_is_conserved(dynamics):
    node = dynamics(ensemble="nve", duration=2.0, thermo_interval=0.02, checkpoint_interval=1.0)
    assert node.is_finished_ok, node.exit_message
    thermo = node.outputs.thermo
    energies = thermo.get_array("total_energy") / 32
    assert len(energies) == 101
    assert np.ptp(thermo.get_array("potential_energy")) / 32 > 0.01
    drift = np.polyfit(np.linspace(0.0, 2.0, len(energies)), energies, 1)[0] * 2.0
    assert abs(drift) < 1e-3


def test_a_run_that_goes_on_is_the_unbroken_one(dynamics):
    stage = {"thermo_interval": 0.01, "checkpoint_interval": 0.05}
    whole, half = dynamics(duration=0.1, **stage), dynamics(duration=0.05, **stage)
    rest = dynamics(duration=0.1, start=half, **stage)
    assert rest.is_finished_ok, rest.exit_message
    for name in ("step", "temperature", "potential_energy", "pressure"):
        unbroken = whole.outputs.thermo.get_array(name)
        np.testing.assert_array_equal(rest.outputs.thermo.get_array(name), unbroken[5:], err_msg=name)


def test_a_crystal_is_relaxed_in_it(code_of, trained, agi):
    _, node = run_get_node(
        LammpsRelaxCalculation,
        code=code_of("lammps-nequip"),
        structure=orm.StructureData(ase=agi()),
        potential=trained.outputs.potential,
        parameters=orm.Dict({"cell": "isotropic", "force_threshold": 0.02, "stress_threshold": 0.1, "max_steps": 500}),
        optimiser=orm.Str("cg"),
    )
    assert node.is_finished_ok, node.exit_message


def test_what_goes_wrong_under_the_driver_is_told(dynamics, trained, code_of):
    damaged = Nequip.of(b"no model", ["Ag", "I"], description="none", source="a test")
    node = dynamics(potential=PotentialData(damaged.text(), {MODEL_FILE: b"no model"}), duration=0.01)
    assert node.exit_status == _CODES.ERROR_LAMMPS.status
    assert f"NequIP cannot read {MODEL_FILE}" in node.exit_message
    molten = dynamics(temperature=30_000.0, duration=10.0, host_displacement_limit=0.1)
    assert molten.exit_status == _CODES.ERROR_HOST_LATTICE_MOLTEN.status
    with pytest.raises(ValueError, match=r"the potential is run by python, which the code lammps@.* is not"):
        dynamics(code="lammps", duration=0.01)
