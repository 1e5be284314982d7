"""A batch of frames carried through failures, each of them real."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms
from ase.build import bulk
from child_jobs import jobs_of, statuses

from aiida_superionic.calculations.cp2k import Cp2kCalculation
from aiida_superionic.calculations.cp2k_input import batch, single_point
from aiida_superionic.calculations.dft import scf_remedies
from aiida_superionic.calculations.frames import make_trajectory
from aiida_superionic.workchains.cp2k import Cp2kBaseWorkChain
from aiida_superionic.workchains.dft import level_of_theory

_CODES = Cp2kCalculation.exit_codes
_SAME_FIELD = 5e-4
"""eV between energies of one frame whose fields, started from elsewhere, converged to 1e-6."""


def lithium_iodide(n_frames, cubic=False, shift=0.05):
    """Return frames of rock-salt LiI, two or eight ions each, displaced from each other."""
    rng = np.random.default_rng(0)
    frames = []
    for i in range(n_frames):
        atoms = bulk("LiI", "rocksalt", a=6.0 + 0.002 * i, cubic=cubic)
        atoms.positions[0] += 0.1
        atoms.positions += rng.normal(0.0, shift, atoms.positions.shape)
        frames.append(atoms)
    return frames


@pytest.fixture
def run_batch(cp2k_code):
    """Return a function that runs a batch at GFN1-xTB, in this process, and returns its node."""

    def run(frames, scf=None, walltime=None, run_settings=None, **inputs):
        parameters = batch(level_of_theory("xtb").parameters, len(frames))
        parameters["GLOBAL"] |= run_settings or {}
        if scf is not None:
            parameters["FORCE_EVAL"]["DFT"]["SCF"] = scf
        options = {} if walltime is None else {"max_wallclock_seconds": walltime}
        trajectory = make_trajectory(
            frames[0].get_chemical_symbols(),
            np.array([atoms.positions for atoms in frames]),
            np.array([atoms.cell.array for atoms in frames]),
        )
        cp2k = {
            "code": cp2k_code,
            "structure": orm.StructureData(ase=frames[0]),
            "trajectory": trajectory,
            "parameters": orm.Dict(parameters),
            "metadata": {"options": options},
        }
        return run_get_node(Cp2kBaseWorkChain, cp2k=cp2k, **inputs)[1]

    return run


def assert_same_labels(node, unbroken):
    for name in ("index", "positions", "cells"):
        np.testing.assert_array_equal(node.outputs.labels.get_array(name), unbroken.outputs.labels.get_array(name))
    np.testing.assert_allclose(
        node.outputs.labels.get_array("energies"), unbroken.outputs.labels.get_array("energies"), atol=_SAME_FIELD
    )
    np.testing.assert_allclose(
        node.outputs.labels.get_array("forces"), unbroken.outputs.labels.get_array("forces"), atol=0.01
    )


def _impatient():
    """Return a field that a first frame does not reach within its steps, and the next ones, which start from it, do."""
    scf = level_of_theory("xtb").parameters["FORCE_EVAL"]["DFT"]["SCF"]
    return {**{key: value for key, value in scf.items() if key != "OUTER_SCF"}, "MAX_SCF": 35}


def test_frames_that_did_not_converge_are_computed_by_another_minimiser(run_batch):
    frames = lithium_iodide(4, shift=1e-4)
    node = run_batch(frames, scf=_impatient())
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_SCF_NOT_CONVERGED.status, 0]
    first, second = jobs_of(node)
    failed = [int(k) for k in first.outputs.output_parameters["failures"]]
    assert 0 < len(failed) < len(frames)
    assert second.inputs.trajectory.get_shape("positions")[0] == len(failed)
    assert second.inputs.parameters["FORCE_EVAL"]["DFT"]["SCF"]["OT"]["MINIMIZER"] == "CG"
    assert node.outputs.left_out.get_dict() == {}
    assert_same_labels(node, run_batch(frames))


def test_remedies_follow_each_other_and_converge_to_the_same_field(run_batch, monkeypatch):
    # Each remedy but the last is given as few steps as the field that failed.
    def hasty(parameters):
        remedies = scf_remedies(parameters)
        for _, changed in remedies[:-1]:
            changed["FORCE_EVAL"]["DFT"]["SCF"].update({"MAX_SCF": 2, "OUTER_SCF": {"_": "OFF"}})
        return remedies

    frames = lithium_iodide(2)
    monkeypatch.setattr("aiida_superionic.workchains.cp2k.scf_remedies", hasty)
    node = run_batch(frames, scf={**_impatient(), "MAX_SCF": 2})
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == 3 * [_CODES.ERROR_SCF_NOT_CONVERGED.status] + [0]
    tried = [job.inputs.parameters["FORCE_EVAL"]["DFT"]["SCF"] for job in jobs_of(node)]
    assert [scf.get("OT", {}).get("MINIMIZER") for scf in tried] == ["DIIS", "CG", "CG", None]
    assert tried[2]["OT"]["STEPSIZE"] < 0.1
    assert tried[3]["DIAGONALIZATION"]["_"] == "ON"
    assert {scf["EPS_SCF"] for scf in tried} == {1e-6}
    assert_same_labels(node, run_batch(frames))


def test_frames_that_no_remedy_mends_are_left_out_by_name(run_batch, monkeypatch):
    monkeypatch.setattr("aiida_superionic.workchains.cp2k.scf_remedies", lambda _: [])
    node = run_batch(lithium_iodide(4, shift=1e-4), scf=_impatient())
    assert node.exit_status == Cp2kBaseWorkChain.exit_codes.ERROR_FRAMES_LEFT_OUT.status
    left = node.outputs.left_out.get_dict()
    labelled = node.outputs.labels.get_array("index").tolist()
    assert left
    assert labelled
    assert sorted([*labelled, *map(int, left)]) == [0, 1, 2, 3]
    assert all(reason == "not converged after 35 steps" for reason in left.values())
    assert node.exit_message.startswith(f"{len(left)} of 4 frames are left out: frame {next(iter(left))} (not conv")


def test_a_batch_out_of_walltime_goes_on_with_the_rest(run_batch):
    frames = lithium_iodide(12, cubic=True)
    unbroken = run_batch(frames)
    # Of a walltime CP2K is told nine tenths: as long as most of the frames take on this machine, whatever it is.
    seconds = unbroken.outputs.usage["ended"] - unbroken.outputs.usage["started"]
    node = run_batch(frames, walltime=max(2, round(0.7 * seconds)))
    assert node.is_finished_ok, node.exit_message
    *cut, last = statuses(node)
    assert cut
    assert set(cut) == {_CODES.ERROR_OUT_OF_WALLTIME.status}
    assert last == 0
    computed = [job.outputs.labels.get_array("index").size for job in jobs_of(node)]
    assert sum(computed) == len(frames)
    assert_same_labels(node, unbroken)


def test_a_job_without_a_new_frame_is_not_tried_again(run_batch):
    node = run_batch(lithium_iodide(2, cubic=True), run_settings={"WALLTIME": 0.001})
    assert node.exit_status == Cp2kBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status
    assert len(statuses(node)) == 1
    assert "labels" not in node.outputs
    assert list(node.outputs.left_out.get_dict()) == ["0", "1"]


def test_a_killed_cp2k_goes_on_with_the_rest(run_batch, kill_first):
    frames = lithium_iodide(8)
    with kill_first("cp2k", lambda folder: (folder / "aiida-frc-1.xyz").read_text().count("i = ") > 1):
        node = run_batch(frames)
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_INTERRUPTED.status, 0]
    assert_same_labels(node, run_batch(frames))


def test_energies_that_are_no_numbers_are_computed_otherwise(run_batch, monkeypatch):
    # A step that is far too long is one for every minimiser that keeps it.
    smaller = slice(1, None)
    monkeypatch.setattr("aiida_superionic.workchains.cp2k.scf_remedies", lambda given: scf_remedies(given)[smaller])
    frames = lithium_iodide(2)
    scf = level_of_theory("xtb").parameters["FORCE_EVAL"]["DFT"]["SCF"]
    # A step of no numbers takes CP2K a second: it gets five of them, where those that converge get all they need.
    few = {"MAX_SCF": 5, "OUTER_SCF": {**scf["OUTER_SCF"], "MAX_SCF": 1}}
    node = run_batch(frames, scf={**scf, **few, "OT": {**scf["OT"], "STEPSIZE": 1e200}})
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_NON_NUMERIC.status, 0]
    assert "labels" not in jobs_of(node)[0].outputs
    assert_same_labels(node, run_batch(frames))


def test_a_request_that_cp2k_refuses_is_not_tried_again(run_batch):
    node = run_batch(lithium_iodide(1), scf={"NO_SUCH_KEYWORD": 1})
    assert node.exit_status == Cp2kBaseWorkChain.exit_codes.ERROR_UNRECOVERABLE_FAILURE.status
    assert statuses(node) == [_CODES.ERROR_OUTPUT_CONTAINS_ABORT.status]
    assert "NO_SUCH_KEYWORD" in node.exit_message


def test_a_single_point_is_computed_otherwise_too(cp2k_code):
    parameters = single_point(level_of_theory("xtb").parameters)
    parameters["FORCE_EVAL"]["DFT"]["SCF"] = {**_impatient(), "MAX_SCF": 2}
    hydrogen = Atoms("H2", positions=[[2.6, 3.0, 3.0], [3.4, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)
    cp2k = {"code": cp2k_code, "structure": orm.StructureData(ase=hydrogen), "parameters": orm.Dict(parameters)}
    node = run_get_node(Cp2kBaseWorkChain, cp2k=cp2k)[1]
    assert node.is_finished_ok, node.exit_message
    assert statuses(node) == [_CODES.ERROR_SCF_NOT_CONVERGED.status, 0]
    assert node.outputs.labels.get_array("forces").shape == (1, 2, 3)
