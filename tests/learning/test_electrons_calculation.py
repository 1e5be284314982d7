"""The jobs that learn where electrons are and say it, through the real script."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.electrons import ElectronsCalculation, ElectronsFitCalculation
from aiida_superionic.calculations.frames import make_trajectory
from aiida_superionic.engines.catalogue import engines
from aiida_superionic.engines.installation import default_prefix, find
from aiida_superionic.engines.registration import code_version, ensure_code

_FIT, _SAY = ElectronsFitCalculation.exit_codes, ElectronsCalculation.exit_codes


@pytest.fixture
def electrons_code(computer):
    found = find(engines()["electrons"], default_prefix())
    if not found:
        pytest.fail("superionic-electrons is not in the environment that runs the tests: install the package")
    own = next((one for one in found if one.origin == "this environment"), found[0])
    return ensure_code(own, computer)[0]


def node_of(trajectory: Trajectory):
    """Return frames at home, as superionic.wannier gives them."""
    cells = np.broadcast_to(trajectory.cell, (trajectory.n_frames, 3, 3))
    node = make_trajectory(list(trajectory.species), np.array(trajectory.positions), cells)
    node.base.attributes.set_many({"sampling_interval": trajectory.timestep, "mobile": ["Ag"], "formal_charges": {}})
    return node


@pytest.fixture
def run(electrons_code):
    """Return a function that runs one of the jobs; what is said replaces what is usual."""

    def run(process, **inputs):
        usual = {"code": electrons_code, "version": orm.Str(code_version(electrons_code))}
        if process is ElectronsFitCalculation:
            usual["settings"] = orm.Dict({"product_functions": 0})
        return run_get_node(process, **{**usual, **inputs})

    return run


def test_from_centres_to_observables(run, iodide_centres, analysis_code):
    results, node = run(ElectronsFitCalculation, trajectory=node_of(iodide_centres))
    assert node.is_finished_ok, node.exit_message
    assert results["report"]["errors"]["I"]["test"]["frames"] == 16
    assert results["usage"]["cpu_seconds"] > 0.0
    assert not [name for name in node.base.repository.list_object_names() if name.endswith("xyz")]
    said, node = run(ElectronsCalculation, trajectory=node_of(iodide_centres), model=results["model"], every=orm.Int(2))
    assert node.is_finished_ok, node.exit_message
    trajectory = said["trajectory"]
    assert (trajectory.kinds, trajectory.mobile) == (list(iodide_centres.kinds), ["Ag"])
    assert trajectory.base.attributes.get("n_frames") == 50
    assert trajectory.base.attributes.get("sampling_interval") == pytest.approx(0.02)
    assert said["report"]["predicted"]["I"]["dipole_error"] > 0.0
    # Neither the frames nor the model lie in the repository a second time.
    assert not {"electrons.npz", "frames.extxyz"} & set(node.base.repository.list_object_names())
    # A trajectory that was left on the computer is taken as any other: the centres that it holds are left out.
    again, node = run(ElectronsCalculation, trajectory=trajectory, model=results["model"])
    assert node.is_finished_ok, node.exit_message
    assert again["trajectory"].files == trajectory.files
    analysed, node = run_get_node(
        AnalyseCalculation,
        code=analysis_code,
        version=orm.Str(code_version(analysis_code)),
        trajectory=trajectory,
        observables=orm.Dict({"dipoles": {}}),
    )
    assert node.is_finished_ok, node.exit_message
    assert analysed["observables"]["dipole_moment_I"]["unit"] == "D"


@pytest.fixture
def stub_code(computer, tmp_path):
    """Return a maker of codes that print a text and exit with 1."""

    def make(text):
        path = tmp_path / "stub"
        path.write_text(f"#!/bin/sh\necho '{text}'\nexit 1\n")
        path.chmod(0o755)
        return orm.InstalledCode(label="stub", computer=computer, filepath_executable=str(path)).store()

    return make


def test_failures_have_names(run, stub_code, iodide_centres, tmp_path):
    frames = node_of(iodide_centres.frames(0, 12))
    few = node_of(iodide_centres.frames(0, 3))
    still = make_trajectory(
        ["Ag", "I", "X"], np.tile([[0.0] * 3, [3.0] * 3, [3.0] * 3], (20, 1, 1)), np.tile(9.0 * np.eye(3), (20, 1, 1))
    )
    still.base.attributes.set("sampling_interval", 0.01)
    (tmp_path / "no model").write_text("nothing")
    model = orm.SinglefileData(tmp_path / "no model")
    killed = stub_code("Killed")
    for process, changes, code, said in (
        (ElectronsFitCalculation, {"trajectory": few}, _FIT.ERROR_TRAJECTORY_UNUSABLE, "3 frames with centres"),
        (ElectronsFitCalculation, {"trajectory": still}, _FIT.ERROR_NOT_LEARNED, "nothing to learn"),
        (ElectronsFitCalculation, {"trajectory": frames, "version": orm.Str("0.0")}, _FIT.ERROR_VERSION, "says 0.0"),
        (ElectronsFitCalculation, {"trajectory": frames, "code": killed}, _FIT.ERROR_NO_RESULTS, "Killed"),
        (ElectronsCalculation, {"trajectory": frames, "model": model}, _SAY.ERROR_BAD_MODEL, "holds no model"),
    ):
        _, node = run(process, **changes)
        assert (node.exit_status, said in node.exit_message) == (code.status, True), node.exit_message


def test_what_is_wrong_is_refused_before_it_runs(run, iodide_centres):
    frames = node_of(iodide_centres.frames(0, 12))
    with pytest.raises(ValueError, match="cutof"):
        run(ElectronsFitCalculation, trajectory=frames, settings=orm.Dict({"cutof": 5.0}))
    with_gap = make_trajectory(
        list(iodide_centres.species),
        np.array(iodide_centres.positions[:3]),
        np.broadcast_to(iodide_centres.cell, (3, 3, 3)),
        np.array([0.0, 0.01, 0.03]),
    )
    with_gap.base.attributes.set("sampling_interval", 0.01)
    with pytest.raises(ValueError, match="frames are missing before frame 2"):
        run(ElectronsCalculation, trajectory=with_gap, model=orm.SinglefileData(__file__))
    frames.base.attributes.delete("sampling_interval")
    with pytest.raises(ValueError, match="sampling_interval"):
        run(ElectronsFitCalculation, trajectory=frames)
