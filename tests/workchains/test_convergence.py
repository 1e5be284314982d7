"""Convergence of forces with the settings of a level of theory, by the real CP2K."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase import Atoms
from ase.build import bulk

from aiida_superionic.calculations.convergence import first_converged
from aiida_superionic.workchains.convergence import ConvergenceWorkChain
from aiida_superionic.workchains.dft import level_of_theory

_CUTOFFS = [60.0, 150.0, 240.0]


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ([0.05, 0.008, 0.0005, 0.0], 2),
        ([0.05, 0.0005, 0.0004, 0.0], 1),
        # What is small by chance, before a value where it is not, does not count.
        ([0.0005, 0.05, 0.0004, 0.0], 2),
        ([0.0005, 0.0004, 0.0], 0),
        # The finest is all there is: nothing says that it is enough.
        ([0.05, 0.008, 0.0], None),
    ],
)
def test_the_first_value_from_which_on_nothing_changes(changes, first):
    assert first_converged(changes, 0.001) == first


@pytest.fixture
def iodine():
    """Return a stretched molecule in a box."""
    atoms = Atoms("I2", positions=[[1.5, 2.9, 3.0], [4.3, 3.1, 3.05]], cell=[6.0] * 3, pbc=True)
    return orm.StructureData(ase=atoms)


@pytest.fixture
def study(cp2k_code):
    """Return a function that runs a study, in this process, and returns its node; what was computed is not again."""

    def run(structure, scan, code=None, **settings):
        builder = ConvergenceWorkChain.get_builder_from_protocol(cp2k_code, structure, scan, **settings)
        if code is not None:
            builder.cp2k.code = code
        with enable_caching(identifier="aiida.calculations:superionic.cp2k"):
            return run_get_node(builder)[1]

    return run


def _forces(node, setting):
    """Return the forces by the labels of the calls of the jobs, in their order."""
    links = node.base.links.get_outgoing(orm.WorkChainNode).all()
    jobs = {link.link_label: link.node for link in links}
    return [jobs[name].outputs.labels.get_array("forces")[0] for name in sorted(jobs) if name.startswith(setting)]


def test_cutoffs_one_after_the_other(study, iodine):
    values = {"relative_cutoff": [10.0, 30.0, 40.0], "cutoff": _CUTOFFS}
    tolerance = 0.02
    node = study(iodine, values, protocol="fast", tolerance=tolerance)
    assert node.is_finished_ok, node.exit_message
    chosen = node.outputs.settings.get_dict()
    assert set(chosen) == set(values)
    for setting, given in values.items():
        table = node.outputs.tables[setting]
        assert [row["value"] for row in table["rows"]] == given
        forces = _forces(node, setting)
        largest = [np.linalg.norm(one - forces[-1], axis=1).max() for one in forces]
        np.testing.assert_allclose([row["largest_force_change"] for row in table["rows"]], largest, rtol=1e-12)
        assert all(row["rms_force_change"] <= row["largest_force_change"] for row in table["rows"])
        assert all(row["cpu_seconds"] > 0.0 for row in table["rows"])
        first = given.index(chosen[setting])
        assert max(largest[first:]) <= tolerance
        assert first == 0 or largest[first - 1] > tolerance
        assert first < len(given) - 1
    # The relative cutoff was studied at the cutoff that was chosen before, and the label takes both.
    jobs = [child for child in node.called_descendants if isinstance(child, orm.CalcJobNode)]
    grids = [job.inputs.parameters["FORCE_EVAL"]["DFT"]["MGRID"] for job in jobs]
    assert [grid["REL_CUTOFF"] for grid in grids[:3]] == 3 * [40.0]
    assert [grid["CUTOFF"] for grid in grids[3:]] == 3 * [chosen["cutoff"]]
    level = level_of_theory("fast", chosen)
    assert (level.cutoff, level.relative_cutoff) == (chosen["cutoff"], chosen["relative_cutoff"])


@pytest.mark.slow
def test_k_points(study):
    values = {"k_points": [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4]]}
    atoms = bulk("LiI", "rocksalt", a=6.0)
    atoms.positions[0] += [0.1, 0.05, 0.02]
    node = study(orm.StructureData(ase=atoms), values, protocol="fast", overrides={"cutoff": 150.0}, tolerance=0.02)
    assert node.is_finished_ok, node.exit_message
    changes = [row["largest_force_change"] for row in node.outputs.tables["k_points"]["rows"]]
    assert changes[0] > changes[1] > changes[2] > changes[3] == 0.0
    assert level_of_theory("fast", node.outputs.settings.get_dict()).k_points != (1, 1, 1)


def test_what_does_not_converge_is_told_with_its_table(study, iodine):
    values = {"cutoff": _CUTOFFS}
    node = study(iodine, values, protocol="fast", tolerance=1e-6)
    assert node.exit_status == ConvergenceWorkChain.exit_codes.ERROR_NOT_CONVERGED.status
    assert "cutoff: forces still change by" in node.exit_message
    assert "between 150.0 and 240.0" in node.exit_message
    assert len(node.outputs.tables["cutoff"]["rows"]) == 3
    assert "settings" not in node.outputs


def test_a_structure_without_forces_tells_nothing(study, iodine):
    node = study(iodine, {"cutoff": _CUTOFFS}, protocol="fast", tolerance=100.0)
    assert node.exit_status == ConvergenceWorkChain.exit_codes.ERROR_NO_FORCES.status
    assert "displace the ions" in node.exit_message


def test_a_job_that_fails_is_told(study, iodine, computer):
    code = orm.InstalledCode(
        label="none", computer=computer, filepath_executable="/bin/false", default_calc_job_plugin="superionic.cp2k"
    ).store()
    node = study(iodine, {"cutoff": _CUTOFFS}, code=code, protocol="fast")
    assert node.exit_status == ConvergenceWorkChain.exit_codes.ERROR_JOB_FAILED.status
    assert node.exit_message == "cutoff 60.0: CP2K wrote nothing: its output is empty"
    assert "settings" not in node.outputs


@pytest.mark.parametrize(
    ("protocol", "values", "told"),
    [
        ("fast", {}, "scan holds nothing where cutoff, relative_cutoff, k_points are known"),
        ("fast", {"basis": ["a", "b", "c"]}, "scan holds basis where"),
        ("fast", {"cutoff": [100.0, 200.0]}, "cutoff: at least three values are needed"),
        ("fast", {"cutoff": [100.0, 300.0, 200.0]}, "cutoff: each value must be finer than the one before it"),
        ("fast", {"k_points": [[1, 1, 1], [2, 2, 1], [1, 2, 2]]}, "k_points: each value must be finer"),
        ("fast", {"cutoff": [100.0, "much", 300.0]}, "cutoff: cutoff: Input should be a valid number"),
        ("xtb", {"cutoff": [100.0, 200.0, 300.0]}, "cutoff is no setting of GFN1-xTB"),
    ],
)
def test_values_that_tell_nothing_are_refused(study, iodine, protocol, values, told):
    with pytest.raises(ValueError, match=told):
        study(iodine, values, protocol=protocol)
