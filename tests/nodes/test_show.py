"""What nodes are, in words: real ones of each kind."""

import pytest
from aiida import orm
from rich.console import Console

from aiida_superionic.data.contents import NodeError
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.nodes.show import rows_of, tables_of
from aiida_superionic.potentials import potentials
from aiida_superionic.report.formatting import measurement


def printed(node):
    console = Console(width=300, markup=False, no_color=True)
    with console.capture() as capture:
        for table in tables_of(node):
            console.print(table)
    return capture.get()


def test_a_workchain_tells_what_was_asked_and_its_numbers(classical):
    rows = rows_of(classical)
    assert rows["state"] == "finished"
    assert rows["what"].startswith("TransportWorkChain: Run molecular dynamics and compute observables")
    structure, potential = classical.inputs.md.structure, classical.inputs.md.potential
    assert rows["structure"] == f"alpha-AgI 2x2x2 seed 1 (structure {structure.pk})"
    assert rows["potential"] == f"vashishta-rahman (potential {potential.pk})"
    assert rows["seed"] == "7"
    assert rows["production"].startswith("ensemble nve, temperature 750 K")
    assert "duration 20 ps" in rows["production"]
    assert not any("retrieved" in text or "None" in text for text in rows.values())
    text = printed(classical)
    found = classical.tools.observables()["temperature"]
    line = next(line for line in text.splitlines() if "Temperature, K" in line)
    assert measurement(found) in line


def test_a_job_tells_its_code_and_settings(training):
    fit = next(job for job in training.called if job.process_label == "FitCalculation")
    rows = rows_of(fit)
    assert rows["what"] == "FitCalculation: training of a linear potential"
    assert (rows["seed"], rows["cutoff"], rows["code"]) == ("5", "5.5 Å", fit.inputs.code.full_label)
    assert rows["version"] == fit.outputs["report"]["version"]


def test_a_trajectory_tells_where_it_lies(classical):
    node = classical.outputs.trajectory
    rows = rows_of(node)
    assert (rows["frames"], rows["sampling interval"], rows["timestep"]) == ("1001", "0.02 ps", "0.002 ps")
    assert rows["fields"] == "positions, velocities, forces"
    assert rows["folder"] == node.get_remote_path()
    assert all(digest in rows["SHA-256"] for digest in node.files.values())


def test_a_potential_tells_its_family_hyperparameters_and_errors(training):
    node = training.outputs.potential
    rows = rows_of(node)
    assert (rows["family"], rows["species"], rows["two body functions"]) == ("pod", "Ag, I", "6")
    assert rows["SHA-256"] == node.potential.content
    told = training.outputs.observables["force_error_validation"]["value"]
    line = next(line for line in printed(node).splitlines() if "Force error validation, meV/Å" in line)
    assert float(line.split("│")[2]) == pytest.approx(told, rel=1e-3)
    # A member of its committee was judged beside it, and knows what its own training says.
    classical = PotentialData(potentials()["vashishta-rahman"]).store()
    assert rows_of(classical)["source"].startswith("Parrinello")
    assert "Force error" not in printed(classical)


def test_a_dataset_tells_frames_level_and_split(labelled):
    rows = rows_of(labelled)
    assert (rows["frames"], rows["compositions"], rows["temperatures"]) == ("20", "Ag16I16", "not known")
    assert rows["level of theory"].startswith("potential pair-functions: Vashishta-Rahman")
    assert rows["split"] == "none"
    assert rows["made by"] == f"merge datasets {labelled.creator.pk}"


def test_frames_without_labels_are_told(agi, aiida_profile):
    atoms = agi((1, 1, 1))
    frame = Frame(tuple(atoms.get_chemical_symbols()), atoms.positions, atoms.cell[:])
    rows = rows_of(DatasetData(Dataset((frame,))).store())
    assert (rows["labels"], rows["level of theory"], rows["temperatures"]) == ("none", "-", "not known")


def test_a_point_tells_what_it_asks_for_and_that_it_has_not_run(aiida_profile):
    said = {"material": "alpha-AgI", "temperature": 600.0, "seed": 3, "md": {"production": 5.0}}
    rows = rows_of(PointData(said, "0" * 64).store())
    assert rows["state"] == "was not run yet"
    assert (rows["temperature"], rows["seed"], rows["md"]) == ("600 K", "3", "production 5 ps")


def test_a_process_that_failed_tells_why(aiida_profile):
    node = orm.WorkChainNode(process_type="aiida.workflows:superionic.md")
    node.set_process_label("MdWorkChain")
    node.store()
    node.set_process_state("finished")
    node.set_exit_status(401)
    node.set_exit_message("The equilibration failed: The host lattice did not stay intact")
    assert rows_of(node)["state"] == (
        "finished, exit code 401: The equilibration failed: The host lattice did not stay intact"
    )


def test_an_exception_is_told_by_its_last_line(aiida_profile):
    node = orm.WorkChainNode(process_type="aiida.workflows:superionic.md")
    node.set_process_label("MdWorkChain")
    node.store()
    node.set_process_state("excepted")
    node.set_exception("Traceback:\n  somewhere\nValueError: no such thing")
    assert rows_of(node)["state"] == "excepted: ValueError: no such thing"


def test_what_is_none_of_ours_is_told(aiida_profile):
    other = orm.Int(3).store()
    with pytest.raises(NodeError, match=f"Int {other.pk} is none of ours; look at it with: verdi node show {other.pk}"):
        rows_of(other)
