"""Equilibrate, produce, analyse: whole runs of a few thousand steps."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.engines.registration import code_version
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

_SHORT = {
    "equilibration": 0.4,
    "production": 0.6,
    "sampling_interval": 0.01,
    "thermo_interval": 0.01,
    "checkpoint_interval": 0.1,
}


@pytest.fixture
def given(md_inputs):
    inputs = md_inputs()
    return {
        "structure": inputs["structure"],
        "potential": inputs["potential"],
        "temperature": 600.0,
        "mobile": ["Ag"],
        "seed": 11,
        "overrides": _SHORT,
    }


def test_equilibration_and_production(lammps_code, given):
    builder = MdWorkChain.get_builder_from_protocol(lammps_code, **given)
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    stages = {link.link_label: link.node for link in node.base.links.get_outgoing(orm.WorkChainNode)}
    assert set(stages) == {"equilibration", "production"}
    nvt = stages["equilibration"].outputs.thermo.get_array("total_energy")
    nve = node.outputs.thermo.get_array("total_energy")
    assert nve[0] == pytest.approx(nvt[len(nvt) // 2 :].mean(), rel=1e-11)
    # The microcanonical energy keeps within what the truncated Ewald sum lets it fluctuate; the thermostat's does not.
    assert nve.std() < 0.02 < nvt.std()
    assert node.outputs.trajectory.base.attributes.get("n_frames") == 61
    np.testing.assert_array_equal(node.outputs.thermo.get_array("step"), np.arange(0, 1201, 20))
    assert node.outputs.checkpoint["step"] == 1200
    assert "trajectory" not in stages["equilibration"].outputs


@pytest.mark.parametrize("mode", ["RC", "RTC", "RTVC"])
def test_what_is_held_stays_held_from_a_hot_frame_on(lammps_code, given, mode):
    constraint = Constraint(mode=mode, atoms=((16, 17), (18, 19, 20)))
    _, node = run_get_node(MdWorkChain.get_builder_from_protocol(lammps_code, constraint=constraint, **given))
    assert node.is_finished_ok, node.exit_message
    stages = {link.link_label: link.node for link in node.base.links.get_outgoing(orm.WorkChainNode)}
    assert set(stages) == {"equilibration", "constrained_equilibration", "production"}
    hot = stages["equilibration"].outputs.structure
    np.testing.assert_allclose(
        stages["constrained_equilibration"].inputs.lammps.structure.get_ase().positions, hot.get_ase().positions
    )
    assert (
        np.abs(
            hot.get_ase().get_distances(0, [1, 2, 3]) - given["structure"].get_ase().get_distances(0, [1, 2, 3])
        ).max()
        > 0.05
    )
    nvt, nve = stages["constrained_equilibration"].outputs.thermo, node.outputs.thermo
    energy = nvt.get_array("total_energy")
    assert nve.get_array("total_energy")[0] == pytest.approx(energy[len(energy) // 2 :].mean(), rel=1e-11)
    assert nve.get_array("total_energy").std() < 0.02
    watched = {"RC": ["eckart_residual"], "RTC": ["eckart_residual", "centre_shift"], "RTVC": []}[mode]
    for name in watched:
        assert max(nvt.get_array(name).max(), nve.get_array(name).max()) < 1e-9


def test_a_frame_of_an_equilibrated_run_is_held_as_it_is(lammps_code, given):
    constraint = Constraint(mode="RTVC", atoms=((16, 17), (18, 19, 20)))
    frame = given["structure"].get_ase()
    frame.positions += np.random.default_rng(2).normal(scale=0.05, size=frame.positions.shape)
    changed = {**given, "structure": orm.StructureData(ase=frame), "crystal": given["structure"]}
    _, node = run_get_node(MdWorkChain.get_builder_from_protocol(lammps_code, constraint=constraint, **changed))
    assert node.is_finished_ok, node.exit_message
    assert {link.link_label for link in node.base.links.get_outgoing(orm.WorkChainNode)} == {
        "constrained_equilibration",
        "production",
    }
    held = [16, 17, 18, 19, 20]
    last = node.outputs.structure.get_ase()
    shift = minimum_image((last.positions - frame.positions)[held], last.cell.array)
    np.testing.assert_allclose(shift, 0.0, atol=1e-12)


def test_a_frame_of_other_atoms_is_refused(lammps_code, given):
    crystal = given["structure"].get_ase()
    crystal.symbols[0] = "I"
    constraint = Constraint(mode="RTVC", atoms=((16, 17),))
    builder = MdWorkChain.get_builder_from_protocol(
        lammps_code, constraint=constraint, **given, crystal=orm.StructureData(ase=crystal)
    )
    _, node = run_get_node(builder)
    assert node.exit_status == MdWorkChain.exit_codes.ERROR_CONSTRAINED_EQUILIBRATION_FAILED.status
    assert "must list the same atoms" in node.exit_message


def test_a_run_without_any_equilibration_is_refused(lammps_code, given):
    builder = MdWorkChain.get_builder_from_protocol(lammps_code, **given, crystal=given["structure"])
    with pytest.raises(ValueError, match="neither equilibration nor constrained_equilibration"):
        run_get_node(builder)


def test_a_molten_equilibration_is_told(lammps_code, given):
    hot = {**given, "temperature": 6000.0, "overrides": {**_SHORT, "equilibration": 10.0}}
    _, node = run_get_node(MdWorkChain.get_builder_from_protocol(lammps_code, **hot))
    assert node.exit_status == MdWorkChain.exit_codes.ERROR_EQUILIBRATION_FAILED.status
    assert node.exit_message.startswith("The equilibration failed: The host lattice did not stay intact")
    assert len(node.called) == 1


def test_a_molten_production_is_told(lammps_code, given):
    builder = MdWorkChain.get_builder_from_protocol(lammps_code, **given)
    # An iodide that vibrates by more than a thousandth of its distance from the next counts as molten here.
    parameters = builder.production["lammps"]["parameters"].get_dict()
    builder.production["lammps"]["parameters"] = orm.Dict({**parameters, "host_displacement_limit": 0.001})
    _, node = run_get_node(builder)
    assert node.exit_status == MdWorkChain.exit_codes.ERROR_PRODUCTION_FAILED.status
    assert "The host lattice did not stay intact" in node.exit_message


@pytest.fixture
def transport(lammps_code, analysis_code, given):
    def run(**changes):
        builder = TransportWorkChain.get_builder_from_protocol(
            lammps_code,
            analysis_code,
            **{
                "observables": {"radial_distribution": {}},
                "version": code_version(analysis_code),
                **given,
                **changes,
            },
        )
        builder.clean_workdir = orm.Bool(True)
        return run_get_node(builder)[1]

    return run


def test_a_point(transport):
    node = transport()
    assert node.is_finished_ok, node.exit_message
    assert all(entry["unit"] for entry in node.outputs.observables.get_dict().values())
    assert node.outputs.curves.get_arraynames()
    assert {link.link_label for link in node.base.links.get_outgoing(orm.ProcessNode)} == {"md", "analyse"}
    jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
    assert len(jobs) == 3
    assert all(job.outputs.remote_folder.is_cleaned for job in jobs)


def test_the_conductivity_of_a_point(transport):
    asked = {"conductivity": {"fit_start": 0.02, "fit_end": 0.05}}
    node = transport(observables=asked, formal_charges={"Ag": 1.0, "I": -1.0})
    # So short a run may give no more than a bound of the common motion; its independent ions it resolves.
    assert node.exit_status in {0, TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status}, node.exit_message
    assert node.outputs.trajectory.formal_charges == {"Ag": 1.0, "I": -1.0}
    observables = node.outputs.observables.get_dict()
    assert observables["conductivity_nernst_einstein"]["value"] > 0.0
    assert observables["conductivity_nernst_einstein"]["unit"] == "mS/cm"
    assert "conductivity" in observables


def test_a_point_that_is_asked_for_what_cannot_be(transport):
    node = transport(observables={"conductivity": {}, "temperature": {}})
    assert node.exit_status == TransportWorkChain.exit_codes.ERROR_IMPOSSIBLE_REQUEST.status
    assert "conductivity (it needs formal charges of the mobile species" in node.exit_message
    assert 100.0 < node.outputs.observables["temperature"]["value"] < 1500.0


def test_what_is_computed_by_default_is_what_the_dynamics_will_hold(lammps_code, analysis_code, given):
    def asked(**charges):
        builder = TransportWorkChain.get_builder_from_protocol(
            lammps_code, analysis_code, version="0", formal_charges=charges, **given
        )
        return set(builder.analyse.observables.get_dict())

    assert asked(Ag=1.0, I=-1.0) - asked() == {"conductivity"}
    assert {"diffusion", "force_correlation", "friction", "temperature"} <= asked()


def test_a_constrained_point_counts_what_is_held(lammps_code, analysis_code, given):
    builder = TransportWorkChain.get_builder_from_protocol(
        lammps_code,
        analysis_code,
        version="0",
        constraint=Constraint(mode="RTC", atoms=((16, 17),)),
        observables={"diffusion": {}, "friction": {"longest_lag": 1.0}, "temperature": {}},
        **given,
    )
    held = {"held": 5, "conserves_momentum": False}
    assert builder.analyse.observables.get_dict() == {
        "diffusion": {},
        "friction": {"longest_lag": 1.0, **held},
        "temperature": held,
    }


def test_a_point_whose_host_melts(transport, given):
    node = transport(temperature=6000.0, overrides={**_SHORT, "equilibration": 10.0})
    assert node.exit_status == TransportWorkChain.exit_codes.ERROR_DYNAMICS_FAILED.status
    assert "The host lattice did not stay intact" in node.exit_message


def test_a_stashed_trajectory_outlives_the_folder_of_its_job(lammps_code, analysis_code, given, tmp_path):
    shared = {"observables": {"temperature": {}}, "version": code_version(analysis_code), "stash": str(tmp_path)}
    _, node = run_get_node(TransportWorkChain.get_builder_from_protocol(lammps_code, analysis_code, **given, **shared))
    assert node.is_finished_ok, node.exit_message
    trajectory = node.outputs.trajectory
    assert trajectory.get_remote_path().startswith(str(tmp_path))
    jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
    assert [job.label.split()[0] for job in jobs if "remote_stash" in job.outputs] == ["production"]
    for job in jobs:
        job.outputs.remote_folder._clean()
    again = run_get_node(
        AnalyseCalculation,
        code=analysis_code,
        version=orm.Str(shared["version"]),
        observables=orm.Dict(shared["observables"]),
        trajectory=trajectory,
    )[1]
    assert again.is_finished_ok, again.exit_message
    assert again.outputs.observables.get_dict() == node.outputs.observables.get_dict()
