"""Structures relaxed by the real engines."""

from itertools import pairwise

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms
from ase.build import bulk
from child_jobs import jobs_of, statuses

from aiida_superionic.calculations import cp2k_relax
from aiida_superionic.calculations.cp2k import Cp2kCalculation
from aiida_superionic.calculations.cp2k_input import single_point
from aiida_superionic.calculations.cp2k_relax import Cp2kRelaxCalculation
from aiida_superionic.calculations.lammps import data_file
from aiida_superionic.calculations.lammps_relax import LammpsRelaxCalculation
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.units import PRESSURE_UNITS
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.protocol import ProtocolError
from aiida_superionic.workchains.relax import RelaxWorkChain

_GPA = PRESSURE_UNITS["GPa"]


def displaced(atoms, by, seed=0):
    moved = atoms.copy()
    moved.positions += np.random.default_rng(seed).normal(0.0, by, atoms.positions.shape)
    return moved


@pytest.fixture
def phosphate():
    return make_supercell(materials()["gamma-Na3PO4"], (1, 1, 1), 1)


@pytest.fixture
def pedone(aiida_profile):
    return PotentialData(potentials()["pedone"])


@pytest.fixture
def relax(lammps_code):
    """Return a function that relaxes atoms in a potential, in this process, and returns its node."""

    def run(atoms, potential, code=lammps_code, iterations=100, **settings):
        structure = orm.StructureData(ase=atoms)
        builder = RelaxWorkChain.get_builder_from_protocol(code, structure, potential, **settings)
        builder.max_iterations = iterations
        return run_get_node(builder)[1]

    return run


@pytest.fixture
def relax_with_cp2k(cp2k_code):
    """Return a function that relaxes atoms at GFN1-xTB, in this process, and returns its node."""

    def run(atoms, scf=None, iterations=100, **settings):
        # The forces of a field that converged to 1e-6 are no better than a tenth of the finest threshold.
        level = level_of_theory("xtb", {"scf_tolerance": 1e-7})
        builder = RelaxWorkChain.get_builder_from_protocol(cp2k_code, orm.StructureData(ase=atoms), level, **settings)
        if scf is not None:
            parameters = builder.cp2k.parameters.get_dict()
            parameters["FORCE_EVAL"]["DFT"]["SCF"] |= scf
            builder.cp2k.parameters = orm.Dict(parameters)
        builder.max_iterations = iterations
        return run_get_node(builder)[1]

    return run


def assert_relaxed(node, force, stress=None):
    assert node.is_finished_ok, node.exit_message
    results = node.outputs.output_parameters
    assert results["largest_force"] <= force
    if stress is not None:
        assert np.abs(results["stress"]).max() <= stress * _GPA


def evaluate(run_lammps, folder, potential, atoms, *lines):
    """Return what LAMMPS prints of atoms as they are."""
    kinds = list(dict.fromkeys(atoms.get_chemical_symbols()))
    model = potential.potential.lammps(kinds, len(atoms))
    head = ["units metal", "boundary p p p", f"atom_style {model.atom_style}", "read_data structure.data"]
    script = "\n".join([*head, *model.commands, "kspace_modify force 1e-6", *lines]) + "\n"
    files = {**model.files, "structure.data": data_file(atoms, kinds, model.charges, model.atom_style)}
    output = run_lammps(script, files, folder)
    return [float(line.split()[1]) for line in output.splitlines() if line.startswith("energy ")]


_ENERGY = ["run 0", 'print "energy $(pe:%.12g)"']


def test_positions_and_then_the_cell_of_sodium_phosphate(relax, phosphate, pedone, run_lammps, tmp_path):
    node = relax(phosphate, pedone)
    assert_relaxed(node, force=0.01, stress=0.1)
    cells = [job.inputs.parameters["cell"] for job in jobs_of(node)]
    assert cells == sorted(cells)
    assert set(cells) == {"fixed", "full"}
    first, second = jobs_of(node)[0], jobs_of(node)[1]
    np.testing.assert_allclose(first.outputs.structure.cell, phosphate.cell.array, atol=1e-9)
    assert second.inputs.structure.uuid == first.outputs.structure.uuid
    (start,) = evaluate(run_lammps, tmp_path, pedone, phosphate, *_ENERGY)
    after = first.outputs.output_parameters["energy"]
    assert node.outputs.output_parameters["energy"] < after < start
    # What is put out is what the engine finds there.
    relaxed = node.outputs.structure.get_ase()
    (found,) = evaluate(run_lammps, tmp_path, pedone, relaxed, *_ENERGY)
    assert found == pytest.approx(node.outputs.output_parameters["energy"], abs=1e-4)


def test_a_displaced_crystal_comes_back(relax, phosphate, pedone):
    """A force F is left on each ion at most, of stiffness k at least: the energies differ by less than N F²/k."""
    given = {"cell": "fixed", "overrides": {"force_threshold": 0.002}}
    first = relax(phosphate, pedone, **given)
    assert_relaxed(first, force=0.002)
    relaxed = first.outputs.structure.get_ase()
    moved = displaced(relaxed, 0.05)
    again = relax(moved, pedone, **given)
    assert_relaxed(again, force=0.002)
    # The softest mode of a crystal of these ions has some 0.1 eV/Å²; what the Coulomb sum leaves out adds 1e-4 eV.
    tolerance = len(relaxed) * 0.002**2 / 0.1 + 1e-4
    energies = [node.outputs.output_parameters["energy"] for node in (first, again)]
    assert energies[1] == pytest.approx(energies[0], abs=tolerance)


def test_the_lattice_constant_is_that_of_least_energy(relax, potential_node, run_lammps, tmp_path):
    start = 6.4
    crystal = bulk("AgI", "zincblende", a=start, cubic=True)
    stress = 0.01
    node = relax(displaced(crystal, 0.03), potential_node, cell="isotropic", overrides={"stress_threshold": stress})
    assert_relaxed(node, force=0.01)
    lengths = node.outputs.structure.get_ase().cell.lengths()
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-9)
    constants = 6.6 * np.linspace(0.98, 1.02, 9)
    lines = []
    for constant in constants:
        box = " ".join(f"{axis} final 0 {constant}" for axis in "xyz")
        lines += [f"change_box all {box} remap units box", *_ENERGY]
    scan = np.polynomial.Polynomial.fit(constants, evaluate(run_lammps, tmp_path, potential_node, crystal, *lines), 4)
    (least,) = [r.real for r in scan.deriv().roots() if abs(r.imag) < 1e-9 and constants[0] < r.real < constants[-1]]
    # A pressure p stretches by p/3B, and B = (∂²E/∂a²)/9a of a cube; the scan is good to a tenth of that.
    tolerance = 1.1 * stress * _GPA / 3.0 * 9.0 * least**2 / scan.deriv(2)(least)
    assert tolerance < 0.003
    assert lengths[0] == pytest.approx(least, abs=tolerance)
    assert abs(least - start) > 10 * tolerance


def test_optimisers_follow_each_other_until_none_is_left(relax, phosphate, pedone):
    node = relax(phosphate, pedone, cell="fixed", protocol="precise", overrides={"max_steps": 1})
    assert node.exit_status == RelaxWorkChain.exit_codes.ERROR_NOT_RELAXED.status
    code = LammpsRelaxCalculation.exit_codes.ERROR_GEOMETRY_CONVERGENCE_NOT_REACHED
    jobs = jobs_of(node)
    assert statuses(node) == len(jobs) * [code.status]
    assert [job.inputs.optimiser.value for job in jobs] == ["cg", "sd", "cg", "sd"]
    for before, after in pairwise(jobs):
        assert after.inputs.structure.uuid == before.outputs.structure.uuid
        assert after.outputs.output_parameters["energy"] < before.outputs.output_parameters["energy"]
    assert "Not relaxed after 4 jobs" in node.exit_message
    assert "eV/Å where 0.001 is asked for" in node.exit_message
    assert node.outputs.structure.uuid == jobs[-1].outputs.structure.uuid


def test_a_job_out_of_walltime_goes_on_from_its_last_geometry(relax, agi, potential_node):
    # No sum of floating-point numbers vanishes so well.
    overrides = {"force_threshold": 1e-15, "max_steps": 1_000_000}
    options = {"max_wallclock_seconds": 1}
    node = relax(agi((2, 2, 2)), potential_node, iterations=2, cell="fixed", overrides=overrides, options=options)
    assert node.exit_status == RelaxWorkChain.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED.status
    assert statuses(node) == 2 * [LammpsRelaxCalculation.exit_codes.ERROR_OUT_OF_WALLTIME.status]
    first, second = jobs_of(node)
    assert first.outputs.output_parameters["largest_force"] < 0.1
    assert second.inputs.structure.uuid == first.outputs.structure.uuid
    assert second.inputs.optimiser.value == first.inputs.optimiser.value


def test_a_job_killed_before_its_first_geometry_is_not_tried_again(relax, computer, agi, potential_node, tmp_path):
    program = tmp_path / "lmp"
    program.write_text("#!/bin/sh\necho 'LAMMPS (22 Jul 2025)'\nkill -9 $$\n")
    program.chmod(0o755)
    code = orm.InstalledCode(
        label="killed", computer=computer, filepath_executable=str(program), default_calc_job_plugin="superionic.lammps"
    ).store()
    node = relax(agi((1, 1, 1)), potential_node, code=code)
    assert node.exit_status == RelaxWorkChain.exit_codes.ERROR_NO_PROGRESS.status
    assert statuses(node) == [LammpsRelaxCalculation.exit_codes.ERROR_INTERRUPTED.status]
    assert "structure" not in node.outputs


def test_what_the_engine_refuses_is_told(relax, potential_node):
    atoms = Atoms("AgI", positions=[[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]], cell=[8.0] * 3, pbc=True)
    node = relax(atoms, potential_node)
    assert node.exit_status == RelaxWorkChain.exit_codes.ERROR_UNRECOVERABLE_FAILURE.status
    assert statuses(node) == [LammpsRelaxCalculation.exit_codes.ERROR_LAMMPS.status]
    assert "table inner cutoff" in node.exit_message


def assert_single_point(node, cp2k_code):
    """Check that a single point finds what the relaxation says of its last geometry."""
    parameters = single_point(level_of_theory("xtb", {"scf_tolerance": 1e-7}).parameters)
    given = {"structure": node.outputs.structure, "parameters": orm.Dict(parameters), "code": cp2k_code}
    labels = run_get_node(Cp2kCalculation, **given)[1].outputs.labels
    results = node.outputs.output_parameters
    assert labels.get_array("energies")[0] == pytest.approx(results["energy"], abs=1e-5)
    forces = np.linalg.norm(labels.get_array("forces")[0], axis=1)
    # Ten decimals of the energy leave 2e-4 eV/Å open; the field converged to 1e-7 as much again.
    assert forces.max() == pytest.approx(results["largest_force"], abs=1e-3)
    np.testing.assert_allclose(labels.get_array("stress")[0], results["stress"], atol=1e-3 * _GPA)


# The energy of GFN1-xTB is least where CP2K's forces on these ions are 0.01 eV/Å, and the line search of CG goes by it.
@pytest.mark.parametrize(("optimiser", "protocol", "force"), [("BFGS", "precise", 0.001), ("CG", "fast", 0.05)])
def test_a_molecule_with_cp2k(relax_with_cp2k, cp2k_code, monkeypatch, optimiser, protocol, force):
    monkeypatch.setattr(cp2k_relax, "OPTIMISERS", (optimiser,))
    hydrogen = Atoms("H2", positions=[[2.6, 3.0, 3.0], [3.5, 3.1, 3.0]], cell=[6.0] * 3, pbc=True)
    node = relax_with_cp2k(hydrogen, cell="fixed", protocol=protocol)
    assert_relaxed(node, force=force)
    (job,) = jobs_of(node)
    assert job.inputs.parameters["MOTION"]["GEO_OPT"]["OPTIMIZER"] == optimiser
    assert_single_point(node, cp2k_code)


@pytest.mark.parametrize("cell", ["full", pytest.param("isotropic", marks=pytest.mark.slow)])
def test_a_crystal_with_cp2k(relax_with_cp2k, cp2k_code, cell):
    node = relax_with_cp2k(displaced(bulk("LiI", "rocksalt", a=6.0, cubic=True), 0.02), cell=cell)
    assert_relaxed(node, force=0.01, stress=0.1)
    kinds = [job.inputs.parameters["GLOBAL"]["RUN_TYPE"] for job in jobs_of(node)]
    assert kinds == ["GEO_OPT", "CELL_OPT"]
    assert_single_point(node, cp2k_code)
    # What is left of the stress shears and stretches the cubic crystal by 1 % where moduli are 10 GPa.
    relaxed = node.outputs.structure.get_ase().cell
    np.testing.assert_allclose(relaxed.lengths(), relaxed.lengths().mean(), rtol=0.01)
    np.testing.assert_allclose(relaxed.angles(), 90.0, atol=0.6)
    if cell == "isotropic":
        np.testing.assert_array_equal(relaxed.array, relaxed[0, 0] * np.eye(3))


def test_a_field_that_does_not_converge_is_converged_otherwise(relax_with_cp2k):
    hydrogen = Atoms("H2", positions=[[2.6, 3.0, 3.0], [3.4, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)
    node = relax_with_cp2k(hydrogen, cell="fixed", scf={"MAX_SCF": 2, "OUTER_SCF": {"_": "OFF"}})
    assert_relaxed(node, force=0.01)
    assert statuses(node) == [Cp2kRelaxCalculation.exit_codes.ERROR_SCF_NOT_CONVERGED.status, 0]
    assert jobs_of(node)[1].inputs.parameters["FORCE_EVAL"]["DFT"]["SCF"]["OT"]["MINIMIZER"] == "CG"


def test_another_optimiser_goes_on_from_where_the_first_was_stopped(relax_with_cp2k):
    crystal = displaced(bulk("LiI", "rocksalt", a=6.0), 0.1)
    node = relax_with_cp2k(crystal, cell="fixed", overrides={"max_steps": 2}, iterations=2)
    first, second = jobs_of(node)
    assert first.exit_status == Cp2kRelaxCalculation.exit_codes.ERROR_GEOMETRY_CONVERGENCE_NOT_REACHED.status
    optimisers = [job.inputs.parameters["MOTION"]["GEO_OPT"]["OPTIMIZER"] for job in (first, second)]
    assert optimisers == ["BFGS", "CG"]
    assert second.inputs.structure.uuid == first.outputs.structure.uuid
    assert second.outputs.output_parameters["energy"] < first.outputs.output_parameters["energy"]


def test_the_builder_refuses_what_does_not_fit(lammps_code, cp2k_code, potential_node, agi):
    structure = orm.StructureData(ase=agi((1, 1, 1)))
    make = RelaxWorkChain.get_builder_from_protocol
    with pytest.raises(ProtocolError, match="relax: cell: Input should be 'fixed', 'isotropic' or 'full'"):
        make(lammps_code, structure, potential_node, cell="cubic")
    with pytest.raises(ProtocolError, match="'quick' is not one of fast, balanced, precise"):
        make(lammps_code, structure, potential_node, protocol="quick")
    builder = make(lammps_code, orm.StructureData(ase=bulk("LiI", "rocksalt", a=6.0)), potential_node)
    with pytest.raises(ValueError, match="Li"):
        run_get_node(builder)
    primitive = orm.StructureData(ase=bulk("LiI", "rocksalt", a=6.0))
    builder = make(cp2k_code, primitive, level_of_theory("xtb"), cell="isotropic")
    with pytest.raises(ValueError, match="CP2K relaxes only cubic cells"):
        run_get_node(builder)
    both = make(lammps_code, structure, potential_node)
    both.cp2k.code, both.cp2k.parameters = cp2k_code, orm.Dict(level_of_theory("xtb").parameters)
    with pytest.raises(ValueError, match="one of cp2k and lammps is expected where cp2k and lammps is given"):
        run_get_node(both)
