"""Potentials beside a reference, from runs of the real engine of some thousand steps."""

from dataclasses import replace

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.analysis.fidelity import REFERENCE
from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset
from aiida_superionic.engines.registration import code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.workchains.benchmark import BenchmarkWorkChain
from aiida_superionic.workchains.protocol import ProtocolError

_OWN = potentials()["vashishta-rahman"]
_UNPOLARISED = _OWN.replace(", {power: 4, coefficient: -1.1736}", "")
_SHORT = {
    "timestep": 0.002,
    "equilibration": 1.0,
    "production": 4.0,
    "sampling_interval": 0.01,
    "checkpoint_interval": 1.0,
}
_OBSERVABLES = {
    "diffusion": {"fit_start": 0.2, "fit_end": 0.6},
    "radial_distribution": {},
    "temperature": {},
    "tetrahedral_geometry": {"cutoff": 50.0},
    "van_hove": {"times": [0.1, 0.5]},
    "vibrations": {"longest_lag": 0.5},
}
_FAMILIES = {
    "angular_velocity_distribution_I4",
    "radial_distribution_Ag_Ag",
    "radial_distribution_Ag_I",
    "radial_distribution_I_I",
    "tetrahedral_angle_distribution_I4",
    "van_hove_distinct_Ag_Ag",
    "van_hove_distinct_Ag_I",
    "van_hove_distinct_I_I",
    "van_hove_self_Ag",
    "vibrational_density_of_states_Ag",
    "vibrational_density_of_states_I",
}


@pytest.fixture
def benchmark_builder(lammps_code, analysis_code, conversion_code, md_inputs):
    """Return a maker of a filled builder of a benchmark of the teacher against itself, with two seeds."""

    def make(learned=None, reference=None, **changes):
        inputs = md_inputs()
        given = {
            "temperatures": [600.0],
            "mobile": ["Ag"],
            "version": code_version(analysis_code),
            "n_seeds": 2,
            "seed": 5,
            "n_frames": 6,
            "observables": _OBSERVABLES,
            "overrides": _SHORT,
            **changes,
        }
        return BenchmarkWorkChain.get_builder_from_protocol(
            lammps_code,
            analysis_code,
            conversion_code,
            inputs["structure"],
            inputs["potential"] if reference is None else reference,
            {"twin": PotentialData(_OWN)} if learned is None else learned,
            **given,
        )

    return make


@pytest.fixture(scope="module")
def done():
    return {}


@pytest.fixture
def compared(done, benchmark_builder):
    """Return the node of the teacher beside itself and beside a potential that lacks a term; it is run once."""
    if not done:
        learned = {"twin": PotentialData(_OWN), "unpolarised": PotentialData(_UNPOLARISED)}
        _, done["node"] = run_get_node(benchmark_builder(learned))
    assert done["node"].is_finished_ok, done["node"].exit_message
    return done["node"]


def test_the_same_potential_is_told_from_another(compared):
    found = compared.outputs.observables.get_dict()
    for name in _FAMILIES:
        by_chance = found[f"distance_by_chance_{name}_600K"]["value"]
        twin, other = (found[f"distance_{name}_{side}_600K"]["value"] for side in ("twin", "unpolarised"))
        assert 0.0 < by_chance < 0.5
        # Two seeds a side: what is equal is within some chance of the distance by chance.
        assert twin < 2.0 * by_chance
        assert 0.0 < other <= 1.0
    twin, other = (found[f"distance_radial_distribution_Ag_I_{side}_600K"] for side in ("twin", "unpolarised"))
    assert other["value"] - twin["value"] > 2.0 * np.hypot(other["error"], twin["error"])
    assert not any("." in name for name in found)


def test_forces_of_the_same_potential_are_the_same(compared):
    found = compared.outputs.observables.get_dict()
    for kind in ("_Ag", "_I", ""):
        assert found[f"force_error{kind}_twin_600K"]["value"] == 0.0
        other = found[f"force_error{kind}_unpolarised_600K"]
        assert other["value"] > 10.0 * other["error"] > 0.0
        assert other["unit"] == "meV/Å"
    assert compared.outputs["report"].get_dict() == {"frames": {"600K": 6}, "warnings": []}


def test_every_run_has_a_seed_of_its_own_and_the_means_are_theirs(compared):
    children = [node for node in compared.called if isinstance(node, orm.WorkChainNode)]
    assert sorted(child.inputs.md.seed.value for child in children) == [5, 6, 7, 8, 9, 10]
    assert {child.label for child in children if child.label.startswith("twin")} == {
        "twin at 600 K, seed 7",
        "twin at 600 K, seed 8",
    }
    found = compared.outputs.observables.get_dict()
    of_twin = [child for child in children if child.label.startswith("twin")]
    centres = [child.outputs.observables["band_centre_I"]["value"] for child in of_twin]
    assert found["band_centre_I_twin_600K"]["value"] == pytest.approx(np.mean(centres))
    assert found["band_centre_spread_I_twin_600K"]["value"] == pytest.approx(np.std(centres, ddof=1))
    curves = curves_of(compared.outputs.curves)
    single = [curves_of(child.outputs.curves)["radial_distribution_Ag_I"].y for child in of_twin]
    np.testing.assert_allclose(curves["twin_600K_radial_distribution_Ag_I"].y, np.mean(single, axis=0))
    assert "reference_600K_van_hove_self_Ag" in surfaces_of(compared.outputs.curves)


def test_the_command_shows_the_numbers_and_writes_the_page(compared, invoke, tmp_path):
    path = tmp_path / "page.html"
    told = " ".join(invoke("learn", "report", compared.pk, "--output", path).output.split())
    assert "Distances of curves at 600 K" in told
    assert "Root mean square errors of forces at 600 K" in told
    page = path.read_text()
    assert f"verdi node show {compared.uuid}" in page
    # Distances, three kinds of curves of one kind of host ions, and the two parts of the van Hove function.
    assert page.count("<svg") == 7
    child = next(node for node in compared.called if isinstance(node, orm.WorkChainNode))
    assert "is neither a training nor a benchmark" in invoke("learn", "report", child.pk, status=2).output


def test_trajectories_take_the_place_of_a_teacher(compared, benchmark_builder):
    children = {child.label: child for child in compared.called if isinstance(child, orm.WorkChainNode)}
    trajectory = children["reference at 600 K, seed 5"].outputs.trajectory
    (frames,) = [
        link.node.outputs.dataset
        for link in compared.base.links.get_outgoing(link_label_filter="labels_0000_reference").all()
    ]
    _, node = run_get_node(benchmark_builder(reference={"first": trajectory}, frames=frames))
    assert node.is_finished_ok, node.exit_message
    found = node.outputs.observables.get_dict()
    alone = children["reference at 600 K, seed 5"].outputs.observables.get_dict()
    assert found["band_centre_I_reference_600K"] == alone["band_centre_I"]
    assert found["force_error_twin_600K"]["value"] == 0.0
    for name in _FAMILIES:
        # The error bars of one run are no seeds, but of their kind.
        by_chance = found[f"distance_by_chance_{name}_600K"]["value"]
        assert 0.2 < by_chance / found[f"distance_{name}_twin_600K"]["value"] < 5.0
    jobs = [node.process_label for node in node.called]
    assert (jobs.count("AnalyseCalculation"), jobs.count("TransportWorkChain")) == (1, 2)


def test_without_labelled_frames_forces_are_not_compared(compared, benchmark_builder):
    children = {child.label: child for child in compared.called if isinstance(child, orm.WorkChainNode)}
    trajectory = children["reference at 600 K, seed 5"].outputs.trajectory
    observables = {**_OBSERVABLES, "diffusion": {"fit_start": 2.0, "fit_end": 3.0}}
    _, node = run_get_node(benchmark_builder(reference={"first": trajectory}, observables=observables, n_seeds=1))
    # Diffusion is not determined, and all else is.
    assert node.is_finished_ok, node.exit_message
    found = node.outputs.observables.get_dict()
    assert not any(name.startswith(("force_error", "diffusion")) for name in found)
    assert found["distance_radial_distribution_Ag_I_twin_600K"]["error"] is None


def test_a_learned_potential_that_fails_is_named_and_the_others_are_compared(benchmark_builder):
    weak = PotentialData(_OWN.replace("coefficient: 446.64", "coefficient: 100.0"))
    node = run_get_node(benchmark_builder({"twin": PotentialData(_OWN), "weak": weak}, n_seeds=1))[1]
    assert node.exit_status == BenchmarkWorkChain.exit_codes.ERROR_LEARNED_FAILED.status
    assert node.exit_message.startswith("Runs are missing from what is compared: weak at 600 K, seed 7 (")
    found = node.outputs.observables.get_dict()
    assert found["distance_radial_distribution_Ag_I_twin_600K"]["value"] > 0.0
    assert found["force_error_weak_600K"]["value"] > 100.0
    assert "temperature_weak_600K" not in found


def test_a_reference_that_fails_ends_it(benchmark_builder):
    node = run_get_node(
        benchmark_builder(temperatures=[6000.0], n_seeds=1, overrides={**_SHORT, "equilibration": 10.0})
    )[1]
    assert node.exit_status == BenchmarkWorkChain.exit_codes.ERROR_REFERENCE_FAILED.status
    assert node.exit_message.startswith("The reference failed: reference at 6000 K, seed 5: The equilibration failed")
    assert "observables" not in node.outputs


def test_frames_that_cannot_be_evaluated_end_it(compared, benchmark_builder):
    children = {child.label: child for child in compared.called if isinstance(child, orm.WorkChainNode)}
    trajectory = children["reference at 600 K, seed 5"].outputs.trajectory
    (labels,) = [
        link.node.outputs.dataset.dataset
        for link in compared.base.links.get_outgoing(link_label_filter="labels_0000_reference").all()
    ]
    # An ion on top of another has no energy.
    first = labels.frames[0]
    positions = first.positions.copy()
    positions[1] = positions[0]
    frames = DatasetData(Dataset((replace(first, positions=positions), *labels.frames[1:]), labels.level_of_theory))
    node = run_get_node(benchmark_builder(reference={"first": trajectory}, frames=frames, n_seeds=1))[1]
    assert node.exit_status == BenchmarkWorkChain.exit_codes.ERROR_FRAMES_UNUSABLE.status
    assert node.exit_message.startswith("Forces could not be compared: ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"learned": [REFERENCE]}, "called 'reference'"),
        ({"learned": ["POD"]}, "called 'POD' where lower case words"),
        ({"learned": []}, "give one learned potential at least"),
        ({"temperatures": []}, "give one temperature"),
        ({"reference": {}}, "the reference is a teacher or trajectories"),
        ({"ensemble": "npt"}, "the ensemble is 'npt'"),
        ({"observables": {"fluxes": {}}}, "fluxes is not one of the observables"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(benchmark_builder, changes, sentence):
    if "learned" in changes:
        changes = {"learned": {name: PotentialData(_OWN) for name in changes["learned"]}}
    with pytest.raises(ValueError, match=sentence):
        run_get_node(benchmark_builder(**changes))


def test_an_unknown_setting_is_refused(benchmark_builder):
    with pytest.raises(ProtocolError, match="is not a setting"):
        benchmark_builder(overrides={"speed": 1.0})


def test_what_a_structure_allows_is_computed(benchmark_builder):
    """Silver iodide has one kind of host ions, so that there is no angle at a polyanion."""
    asked = set(benchmark_builder(observables=None).observables.get_dict())
    assert asked == set(_OBSERVABLES)
