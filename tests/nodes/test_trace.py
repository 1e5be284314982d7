"""Where numbers come from, in runs of the real engines."""

import hashlib
import json
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.fit import FitCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.data.contents import NodeError
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.nodes.trace import trace
from aiida_superionic.workchains.label import LabelWorkChain

D = "diffusion_coefficient_Ag"


def text_of(found):
    from rich.console import Console

    console = Console(width=2000, markup=False, no_color=True)
    with console.capture() as capture:
        console.print(found)
    return capture.get()


def jobs_behind(node):
    """Return the pks of the jobs behind a node, as AiiDA's own recursion over the links finds them."""
    query = orm.QueryBuilder().append(orm.Node, filters={"id": node.pk}, tag="node")
    return set(query.append(orm.CalcJobNode, with_descendants="node", project="id").all(flat=True))


def steps(found, words):
    return [step for step in found.path.walk() if step.words == words]


def one(found, words):
    (step,) = steps(found, words)
    return step


def ends(found):
    return [step for step in found.path.walk() if not step.sources and not step.also]


def test_a_classical_number_ends_at_the_parameters_of_its_potential(classical):
    found = trace(classical, "D")
    assert (found.quantity, found.scalar.unit) == (D, "cm^2/s")
    assert found.scalar.value == classical.outputs.observables[D]["value"]
    # The path: the number, its analysis, the trajectory, the production, and what that took.
    path, words = found.path, []
    while path.sources and len(words) < 3:
        path = path.sources[0]
        words.append(path.words)
    assert words == ["analysis of a trajectory", "trajectory", "molecular dynamics, production"]
    assert {step.words for step in path.sources} == {"potential", "begin production"}

    (potential,) = one(found, "potential").nodes
    assert potential.uuid == classical.inputs.md.potential.uuid
    (facts,) = one(found, "potential").facts
    assert facts["SHA-256"] == potential.potential.content
    assert facts["source"].startswith("Parrinello, Rahman and Vashishta, Phys. Rev. Lett. 50, 1073")
    assert {step.words for step in ends(found)} == {"potential", "make structure"}
    (origin,) = one(found, "make structure").facts
    assert (origin["material"], origin["supercell"], origin["seed"]) == ("alpha-AgI", [2, 2, 2], 1)
    assert jobs_behind(classical.outputs.observables) == {
        node.pk for step in found.path.walk() for node in step.nodes if isinstance(node, orm.CalcJobNode)
    }


def test_a_step_says_what_decided_it(classical, lammps_code):
    found = trace(classical, D)
    (analysis,) = one(found, "analysis of a trajectory").facts
    # Of all that was analysed it is the observable that gave this number, with the parameters that were used.
    assert set(analysis["observables"]) == {"diffusion"}
    report = classical.outputs["report"].get_dict()
    assert analysis["observables"]["diffusion"] == report["parameters"]["diffusion"]
    assert analysis["version"] == report["version"]
    trajectory = one(found, "trajectory")
    folder = Path(trajectory.nodes[0].get_remote_path())
    for name, digest in trajectory.facts[0]["SHA-256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    (production,) = one(found, "molecular dynamics, production").facts
    asked = {key: production[key] for key in ("ensemble", "temperature", "duration", "seed", "code")}
    assert asked == {
        "ensemble": "nve",
        "temperature": 750.0,
        "duration": 20.0,
        "seed": 7,
        "code": lammps_code.full_label,
    }
    assert production["version"] == classical.outputs.results["lammps_version"]
    (equilibration,) = one(found, "molecular dynamics, equilibration").facts
    assert equilibration["ensemble"] == "nvt"


def test_a_learned_number_ends_at_the_jobs_that_labelled(learned, training, classical):
    found = trace(learned, "temperature")
    assert jobs_behind(learned.outputs.observables) == {
        node.pk for step in found.path.walk() for node in step.nodes if isinstance(node, orm.CalcJobNode)
    }
    fit = one(found, "training of a linear potential")
    assert [type(node.process_class) for node in fit.nodes] == [type(FitCalculation)]
    assert (fit.facts[0]["seed"], fit.facts[0]["cutoff"], fit.facts[0]["learn_stress"]) == (5, 5.5, False)
    (dataset,) = fit.sources
    assert dataset.nodes[0].uuid == training.inputs.dataset.uuid
    assert dataset.facts[0]["SHA-256"] == hashlib.sha256(training.inputs.dataset.text.encode()).hexdigest()
    labels = one(found, "labelling by a potential")
    assert sum(one["frames"] for one in labels.facts) == 20
    assert {one["labelled by"] for one in labels.facts} == {"vashishta-rahman"}
    assert len(labels.nodes) == 3
    # The labels come from the teacher, and the frames from the classical run.
    teacher = next(step for step in labels.sources if step.words == "potential")
    assert teacher.nodes[0].uuid == classical.inputs.md.potential.uuid
    home = one(found, "frames of a trajectory brought home")
    assert home.sources[0].nodes[0].uuid == classical.outputs.trajectory.uuid
    assert {step.words for step in ends(found)} == {"potential", "make structure"}


def test_steps_that_are_alike_are_one_line_and_each_node_is_told_once(learned):
    found = trace(learned, "temperature")
    text = text_of(found)
    labels = one(found, "labelling by a potential").nodes
    assert f"20 frames labelled by 3 jobs of vashishta-rahman  pk {', '.join(str(job.pk) for job in labels)}" in text
    merged = one(found, "merge datasets")
    assert len(merged.nodes) == 2
    assert [node.pk for node in merged.between] == [merged.nodes[0].outputs.result.pk]
    told = [node.pk for step in found.path.walk() for node in step.nodes]
    assert len(told) == len(set(told))
    elsewhere = {node.pk for step in found.path.walk() for node in step.also}
    assert elsewhere <= {*told, *(node.pk for step in found.path.walk() for node in step.between)}


def test_labels_of_cp2k_are_told_with_their_level(cp2k_code, agi, rng):
    atoms = agi((1, 1, 1))
    frames = [
        Frame(tuple(atoms.get_chemical_symbols()), atoms.positions + rng.normal(scale=0.05, size=(4, 3)), atoms.cell[:])
        for _ in range(2)
    ]
    builder = LabelWorkChain.get_builder_from_protocol(
        cp2k_code, DatasetData(Dataset(tuple(frames))), protocol="xtb", batch_size=1
    )
    node = run_get_node(builder)[1]
    assert node.is_finished_ok, node.exit_message
    found = trace(node)
    jobs = sorted(job.pk for job in node.called_descendants if isinstance(job, orm.CalcJobNode))
    assert [job.pk for job in one(found, "labelling by CP2K").nodes] == jobs
    assert len(jobs) == 2
    text = text_of(found)
    assert f"2 frames labelled by 2 jobs of CP2K  pk {jobs[0]}, {jobs[1]}" in text
    assert "level of theory GFN1-xTB CP2K" in text
    assert [step.nodes[0].uuid for step in ends(found)] == [node.inputs.dataset.uuid]


def test_a_training_is_traced_from_its_errors(training):
    found = trace(training, "force_error_validation")
    assert jobs_behind(training.outputs.observables) == {
        node.pk for step in found.path.walk() for node in step.nodes if isinstance(node, orm.CalcJobNode)
    }
    assert one(found, "summarise training").nodes[0].pk in [one.pk for one in training.called]


def test_data_and_processes_without_numbers_have_a_trace_too(training, classical):
    potential = trace(training.outputs.potential)
    assert (potential.quantity, potential.scalar) == ("", None)
    assert potential.path.nodes[0].uuid == training.outputs.potential.uuid
    assert one(potential, "training of a linear potential")
    structure = trace(classical.inputs.md.structure)
    assert [step.words for step in structure.path.walk()] == ["structure", "make structure"]
    stage = next(node for node in classical.called_descendants if node.process_label == "MdWorkChain")
    assert one(trace(stage), "trajectory").nodes[0].uuid == classical.outputs.trajectory.uuid


def test_a_run_that_goes_on_from_another_is_one_step_with_it(md_inputs, lammps_code):
    inputs = md_inputs(duration=0.2, sampling_interval=0.01)
    first = run_get_node(LammpsCalculation, code=lammps_code, **inputs)[1]
    longer = md_inputs(duration=0.4, sampling_interval=0.01)
    longer |= {"start": first.outputs.checkpoint, "parent_folder": first.outputs.remote_folder}
    longer |= {key: inputs[key] for key in ("structure", "potential", "seed")}
    second = run_get_node(LammpsCalculation, code=lammps_code, **longer)[1]
    assert second.is_finished_ok, second.exit_message
    found = trace(second.outputs.trajectory)
    assert [node.pk for node in one(found, "molecular dynamics").nodes] == [first.pk, second.pk]


def test_a_result_that_was_taken_from_the_graph_says_so(classical, analysis_code):
    inputs = {
        "code": analysis_code,
        "trajectory": classical.outputs.trajectory,
        "observables": orm.Dict({"temperature": {}}),
        "version": classical.inputs.analyse.version,
    }
    first = run_get_node(AnalyseCalculation, **inputs)[1]
    with enable_caching():
        second = run_get_node(AnalyseCalculation, **inputs)[1]
    assert second.base.caching.is_created_from_cache
    (facts,) = one(trace(second, "temperature"), "analysis of a trajectory").facts
    assert facts["taken from the cache"] == first.uuid


def test_json_holds_every_node_and_its_facts(invoke, learned):
    told = json.loads(invoke("trace", learned.pk, "--quantity", "temperature", "--format", "json").stdout)
    assert told["node"]["uuid"] == learned.uuid
    assert told["quantity"]["value"] == pytest.approx(learned.outputs.observables["temperature"]["value"])

    def walk(step):
        yield step
        for source in step["from"]:
            yield from walk(source)

    nodes = {node["uuid"]: node for step in walk(told["path"]) for node in step["nodes"]}
    expected = {node.uuid for step in trace(learned, "temperature").path.walk() for node in step.nodes}
    assert set(nodes) == expected
    production = next(
        node
        for step in walk(told["path"])
        if step["what"] == "molecular dynamics, production"
        for node in step["nodes"]
    )
    assert (production["type"], production["facts"]["temperature [K]"]) == ("superionic.lammps", 750.0)


def test_a_number_that_is_not_there_is_told_with_the_nearest(classical):
    with pytest.raises(
        NodeError, match=f"TransportWorkChain {classical.pk}: unknown quantity 'difusion_coefficient'; did"
    ):
        trace(classical, "difusion_coefficient")
    structure = make_structure(orm.Str("alpha-AgI"), orm.List([1, 1, 1]), orm.Int(1))
    with pytest.raises(NodeError, match=f"StructureData {structure.pk} has no quantities; name a workchain"):
        trace(structure, "D")


def test_several_numbers_of_one_kind_are_to_be_named(aiida_profile):
    entry = {"value": 1.0, "error": 0.1, "unit": "cm^2/s"}
    results = orm.Dict({f"diffusion_coefficient_{species}": entry for species in ("Li", "Na")}).store()
    with pytest.raises(NodeError, match="has diffusion_coefficient_Li and diffusion_coefficient_Na; name one of them"):
        trace(results, "D")
    assert trace(results, "D_Na").quantity == "diffusion_coefficient_Na"


def test_a_workchain_that_gave_nothing_yet_has_nothing_behind_it(aiida_profile):
    node = orm.WorkChainNode(process_type="aiida.workflows:superionic.md")
    node.set_process_label("MdWorkChain")
    assert text_of(trace(node.store())) == f"MdWorkChain  pk {node.pk}\n"


def test_a_potential_that_nothing_made_is_the_end(potential_node):
    found = trace(PotentialData(potential_node.text).store())
    assert [step.words for step in found.path.walk()] == ["potential"]
    assert "potential vashishta-rahman" in text_of(found)
