"""Training on the graph: a potential, its committee, their errors and what shows them."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from click.testing import CliRunner

from aiida_superionic.calculations.curves import curves_of
from aiida_superionic.cli import cmd_root
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset
from aiida_superionic.engines.registration import code_version, ensure_code
from aiida_superionic.learning.fit import FitSettings
from aiida_superionic.report.training_plots import training_plots
from aiida_superionic.workchains.protocol import ProtocolError, protocols
from aiida_superionic.workchains.train import TrainWorkChain


@pytest.fixture
def builder(fit_code, lammps_code, divided):
    """Return a maker of a filled builder; ``dataset`` replaces the frames."""

    def make(dataset=divided, **changes):
        given = {"seed": 9, "committee": 2, "protocol": "fast", "version": code_version(fit_code), **changes}
        return TrainWorkChain.get_builder_from_protocol("pod", fit_code, lammps_code, DatasetData(dataset), **given)

    return make


@pytest.fixture(scope="module")
def few(divided):
    """Return what is learned from, and some frames of each temperature to test with."""
    tested = [k for k, frame in enumerate(divided.frames) if frame.subset == "test"][::4]
    return divided.take([k for k, frame in enumerate(divided.frames) if frame.subset != "test"] + tested)


@pytest.fixture(scope="module")
def done():
    return {}


@pytest.fixture
def trained(done, builder, few):
    """Return the node of a training with a committee of two; it is done once."""
    if not done:
        _, done["training"] = run_get_node(builder(few))
    assert done["training"].is_finished_ok, done["training"].exit_message
    return done["training"]


def test_a_committee_and_its_errors(trained, fit):
    results = trained.outputs
    assert results.potential.potential == fit.model.potential
    members = [results.committee[f"member_{k}"].potential for k in range(2)]
    assert members == list(fit.model.committee(2, seed=9))

    report = results["report"].get_dict()
    assert (report["family"], report["committee"]) == ("pod", 2)
    found = {subset: entry["frames"] for subset, entry in report["errors"].items()}
    assert found == {"train": 24, "validation": 40, "test": 34}
    # What runs in LAMMPS is what was learned: the errors of its labels are those that superionic-fit knows.
    one = next(job for job in trained.called if job.process_label == "FitCalculation")
    known = one.outputs.report.get_dict()["errors"]
    for subset, entry in report["errors"].items():
        assert entry["energy"]["potential"] == pytest.approx(known[subset]["energy"], rel=1e-6)
        for species, error in entry["forces"].items():
            assert error["potential"] == pytest.approx(known[subset]["forces"][species], rel=1e-6)

    observables = results["observables"].get_dict()
    assert observables["force_error_test_Ag"]["value"] == report["errors"]["test"]["forces"]["Ag"]["potential"]
    assert observables["committee_force_error_test"] == {
        "value": report["errors"]["test"]["forces"]["all"]["mean"],
        "error": report["errors"]["test"]["forces"]["all"]["spread"],
        "unit": "meV/Å",
        "upper_bound": None,
        "lower_bound": None,
        "estimate": None,
    }
    assert observables["stress_error_test"]["unit"] == "GPa"
    assert observables["unseen_temperatures_told_apart"]["value"] > 0.9
    assert not any("." in name for name in observables)
    query = orm.QueryBuilder().append(TrainWorkChain, tag="w")
    query.append(
        orm.Dict,
        with_incoming="w",
        edge_filters={"label": "observables"},
        filters={"attributes.force_error_test.value": {"<": 100.0}},
    )
    assert query.count() >= 1


def test_means_and_spreads_are_those_of_the_members(trained, few):
    jobs = {
        link.link_label: link.node
        for link in trained.base.links.get_outgoing().all()
        if "evaluation" in link.link_label
    }
    labelled = [next(job for name, job in jobs.items() if name.endswith(f"member_{k}")) for k in range(2)]
    errors = []
    for job in labelled:
        pairs = zip(few.frames, job.outputs.dataset.dataset.frames, strict=True)
        mistakes = [theirs.forces - frame.forces for frame, theirs in pairs if frame.subset == "test"]
        errors.append(1e3 * np.sqrt(np.mean(np.square(mistakes))))
    told = trained.outputs.report["errors"]["test"]["forces"]["all"]
    assert told["mean"] == pytest.approx(np.mean(errors))
    assert told["spread"] == pytest.approx(abs(errors[0] - errors[1]) / np.sqrt(2))
    assert errors[0] != errors[1]


def test_curves_show_what_the_numbers_say(trained):
    results = trained.outputs
    errors = results.report["errors"]
    observables, curves = results.observables.get_dict(), curves_of(results.curves)
    for subset in ("train", "validation", "test"):
        pairs = curves[f"parity_{subset}_forces_Ag"]
        # Every component of every silver ion is drawn, or 3000 of them.
        error = 1e3 * np.sqrt(np.mean((pairs.y - pairs.x) ** 2))
        assert error == pytest.approx(errors[subset]["forces"]["Ag"]["potential"], rel=0.1)
        energies = curves[f"parity_{subset}_energy"]
        assert np.std(energies.y - energies.x) < np.std(energies.x)
    for name in ("validation", "validation_300K", "validation_750K", "test", "test_300K", "test_750K", "test_1200K"):
        coverage = curves[f"calibration_{name}"]
        at_one = coverage.y[np.argmin(np.abs(coverage.x - 1.0))]
        assert at_one == pytest.approx(observables[f"within_one_error_{name}"]["value"])
        assert len(curves[f"actual_error_{name}"].x) == 10


def test_the_command_shows_the_numbers_and_writes_the_page(trained, tmp_path):
    node = trained
    path = tmp_path / "page.html"

    def invoke(*arguments):
        result = CliRunner().invoke(cmd_root, ["learn", "report", *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, " ".join(result.output.split())

    status, told = invoke(node.pk, "--output", path)
    assert status == 0, told
    share = node.outputs.observables["within_one_error_test_300K"]
    assert f"{100 * share['value']:.1f} ±" in told
    assert "AUROC" in told
    page = path.read_text()
    assert page.count("<svg") == 2
    assert f"verdi node show {node.uuid}" in page
    evaluation = next(job for job in node.called if job.process_label == "EvaluateCalculation")
    assert invoke(evaluation.pk) == (
        2,
        f"Error: {evaluation.pk} is neither a training nor a benchmark: it is a EvaluateCalculation",
    )
    status, told = invoke(node.pk, "--output", tmp_path / "none" / "page.html")
    assert status == 2
    assert "cannot be written" in told


@pytest.fixture(scope="module")
def handful(few):
    """Return seventeen frames, of each subset some."""
    return few.take(range(0, len(few.frames), 6))


def test_a_job_that_was_killed_is_run_again(builder, handful, fit_code, computer, tmp_path):
    """As when its node goes down: nothing is left to read, once."""
    script = tmp_path / "superionic-fit"
    mark = tmp_path / "went_down"
    script.write_text(
        f'#!/bin/sh\nif [ ! -e {mark} ]; then touch {mark}; kill -9 $$; fi\nexec {fit_code.filepath_executable} "$@"\n'
    )
    script.chmod(0o755)
    flaky = orm.InstalledCode(label="flaky", computer=computer, filepath_executable=str(script)).store()
    made = builder(handful, committee=0)
    made.fit.code = flaky
    results, node = run_get_node(made)
    assert node.is_finished_ok, node.exit_message
    assert [job.exit_status for job in node.called if job.process_label == "FitCalculation"] == [300, 0]
    # Without a committee there is no mean and no spread of it.
    assert not results["committee"]
    assert node.outputs.report["errors"]["test"]["energy"]["mean"] is None
    assert not any(name.startswith("committee") for name in node.outputs.observables.get_dict())


def test_what_fails_is_named(builder, few, handful, changed_lammps):
    made = builder(few.take([0, 24]), committee=0)
    _, node = run_get_node(made)
    assert node.exit_status == TrainWorkChain.exit_codes.ERROR_TRAINING_FAILED.status
    assert "there must be more energies" in node.exit_message
    made = builder(handful, committee=0)
    made.evaluate.code = changed_lammps("lmp", "> /dev/null; echo 'ERROR: no licence'")
    _, node = run_get_node(made)
    assert node.exit_status == TrainWorkChain.exit_codes.ERROR_EVALUATION_FAILED.status
    assert "no licence" in node.exit_message
    # What was learned is not lost.
    assert "potential" in node.outputs


def test_what_cannot_be_trained_is_refused_before_anything_runs(builder, few):
    unlabelled = Dataset(tuple(frame.unlabelled for frame in few.frames))
    made = builder(few)
    made.deepmd["deepmd"].settings = orm.Dict({})
    untold = builder(few)
    del untold["fit"]
    for one, message in (
        (builder(unlabelled), "fit: the frames of the dataset are not labelled"),
        (builder(few, committee=-1), "the committee has at least 0 members"),
        (made, "the inputs name 2"),
        (untold, "the inputs name 0"),
    ):
        with pytest.raises(ValueError, match=message):
            run_get_node(one)


def test_protocols_are_settings_that_trainings_take(builder, few, fit_code, lammps_code):
    assert list(protocols("pod")) == ["fast", "balanced", "precise"]
    sizes = []
    for name, settings in protocols("pod").items():
        made = FitSettings.model_validate({"species": ("Ag", "I"), **settings})
        assert builder(protocol=name).fit.settings.get_dict() == settings
        sizes.append(made.basis.n_coefficients)
    assert sizes == sorted(sizes)
    assert FitSettings(species=("Ag", "I")) == FitSettings(species=("Ag", "I"), **protocols("pod")["balanced"])
    for family in ("deepmd", "nequip"):
        made = TrainWorkChain.get_builder_from_protocol(
            family,
            fit_code,
            lammps_code,
            DatasetData(few),
            seed=1,
            protocol="fast",
            options={"max_wallclock_seconds": 9},
        )
        assert made[family][family].settings.get_dict() == protocols(family)["fast"]
        assert made[family][family].metadata.options.max_wallclock_seconds == 9
    assert builder(overrides={"cutoff": 4.0}).fit.settings["cutoff"] == 4.0
    with pytest.raises(ProtocolError, match="the family 'soap' is not one of pod, deepmd, nequip"):
        TrainWorkChain.get_builder_from_protocol("soap", None, None, None, seed=1)
    with pytest.raises(ProtocolError, match="cutof is not a setting of pod"):
        builder(overrides={"cutof": 4.0})


@pytest.mark.slow
def test_networks_are_trained_with_seeds_of_their_own(few, computer, learning_installation):
    """Two short trainings: what they learned is little, and what is told of it true."""
    dp, lammps = (ensure_code(learning_installation(name), computer)[0] for name in ("deepmd", "lammps-deepmd"))
    small = {
        "steps": 200,
        "report_every": 50,
        "checkpoint_every": 100,
        "embedding": (4, 8),
        "axes": 4,
        "fitting": (8, 8),
    }
    made = TrainWorkChain.get_builder()
    made.dataset, made.committee, made.seed = DatasetData(few), orm.Int(2), orm.Int(5)
    made.deepmd["deepmd"].code, made.deepmd["deepmd"].settings = dp, orm.Dict({**small, "cutoff": 5.0})
    made.evaluate.code = lammps
    results, node = run_get_node(made)
    assert node.is_finished_ok, node.exit_message
    trained = [job for job in node.called_descendants if job.process_label == "DeepmdCalculation"]
    assert sorted(job.inputs.seed.value for job in trained) == [5, 6]
    members = [results["committee"][f"member_{k}"] for k in range(2)]
    assert results["potential"].uuid == members[0].uuid
    assert members[0].potential != members[1].potential
    report = results["report"].get_dict()
    assert (report["family"], report["committee"]) == ("deepmd", 2)
    told = report["errors"]["test"]["forces"]["all"]
    # Of two numbers the mean is as far from each as the standard deviation over √2.
    assert abs(told["potential"] - told["mean"]) == pytest.approx(told["spread"] / np.sqrt(2))
    curves = curves_of(results["curves"])
    for name in ("member_0_learning_curve_forces_train", "member_1_learning_curve_energy_validation"):
        assert curves[name].x[-1] == 200
    assert not any(name.startswith("calibration") for name in curves)
    assert {plot.name for plot in training_plots(curves)} == {"parity", "learning-curves"}
