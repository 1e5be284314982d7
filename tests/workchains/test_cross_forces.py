"""Forces of one potential on the trajectory of another, through whole runs."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.workchains.cross_forces import CrossForcesWorkChain

_OWN = potentials()["vashishta-rahman"]
_WITHOUT_POLARISATION = _OWN.replace(", {power: 4, coefficient: -1.1736}", "")
_INTEGRAL = "force_correlation_integral_Ag"


@pytest.fixture
def dynamics(lammps_code, md_inputs):
    def run(duration):
        changes = {"ensemble": "nve", "sampling_interval": 0.005, "duration": duration, "checkpoint_interval": duration}
        # Half of it goes into the potential energy of the perfect iodide lattice that it starts with.
        _, node = run_get_node(LammpsCalculation, code=lammps_code, **md_inputs(**changes, temperature=1500.0))
        assert node.is_finished_ok, node.exit_message
        return node.outputs.trajectory

    return run


@pytest.fixture
def trajectory(dynamics):
    return dynamics(0.5)


@pytest.fixture
def cross(lammps_code, conversion_code, analysis_code):
    def run(trajectory, text, observables=None, **changes):
        builder = CrossForcesWorkChain.get_builder_for(
            lammps_code,
            conversion_code,
            analysis_code,
            trajectory,
            PotentialData(text),
            observables=observables,
            version=code_version(analysis_code),
            **changes,
        )
        return run_get_node(builder)[1]

    return run


def test_only_the_forces_that_moved_the_ions_have_no_integral(cross, dynamics):
    """∫ C_F = ⟨F(0)·p(t)⟩/⟨F²⟩ tends to zero where F = dp/dt, and to anything for other forces."""
    trajectory = dynamics(24.0)
    integrals = {}
    for text in (_OWN, _WITHOUT_POLARISATION):
        node = cross(trajectory, text, {"force_correlation": {"longest_lag": 1.0}})
        assert node.is_finished_ok, node.exit_message
        assert {"trajectory", "observables", "curves", "report"} <= set(node.outputs)
        assert "force_autocorrelation_Ag__y" in node.outputs.curves.get_arraynames()
        labels = {link.link_label for link in node.base.links.get_outgoing(orm.ProcessNode)}
        assert labels == {"rerun", "analyse"}
        integrals[text] = node.outputs.observables[_INTEGRAL]
    own, other = integrals.values()
    # Five standard errors, from blocks.
    assert abs(own["value"]) < 5 * own["error"]
    assert other["value"] > 5 * other["error"]


def test_what_the_analysis_does_not_determine_is_named_and_the_forces_stay(cross, trajectory):
    node = cross(trajectory, _OWN)  # the longest lag is 5 ps by default, of 0.5
    assert node.exit_status == CrossForcesWorkChain.exit_codes.ERROR_NOT_CONVERGED.status
    assert "force_correlation" in node.exit_message
    assert "trajectory" in node.outputs


def test_a_rerun_that_fails_is_told(cross, trajectory):
    trajectory._clean()
    node = cross(trajectory, _OWN)
    assert node.exit_status == CrossForcesWorkChain.exit_codes.ERROR_RERUN_FAILED.status
    assert node.exit_message.startswith("The rerun failed: The trajectory is missing, changed or damaged: ")


def test_without_a_job_that_made_it_the_structure_is_asked_for(cross, computer):
    trajectory = TrajectoryData(
        "/somewhere", computer=computer, files={"t.bin": "a" * 64}, kinds=["Ag"], md_timestep=0.001, n_frames=2
    )
    with pytest.raises(ValueError, match="give the structure"):
        cross(trajectory, _OWN)
