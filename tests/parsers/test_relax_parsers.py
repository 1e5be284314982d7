"""What relaxing jobs left, through their parsers: real outputs of both engines, whole and cut anywhere."""

from dataclasses import replace

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms

from aiida_superionic.calculations.cp2k_relax import Cp2kRelaxCalculation, optimisation
from aiida_superionic.calculations.lammps_relax import LammpsRelaxCalculation
from aiida_superionic.calculations.relaxation import RelaxSettings
from aiida_superionic.parsers.cp2k_output import read_cp2k_output
from aiida_superionic.parsers.cp2k_relax import last_geometry
from aiida_superionic.workchains.dft import level_of_theory

_CUTS = 8
_CODES = {"cp2k": Cp2kRelaxCalculation.exit_codes, "lammps": LammpsRelaxCalculation.exit_codes}
_SETTINGS = RelaxSettings(cell="full", force_threshold=0.01, stress_threshold=0.1, max_steps=200)


@pytest.fixture
def done(request, tmp_path):
    """Return a relaxation with one of the engines, and a folder of the files that it left."""
    if request.param == "cp2k":
        hydrogen = Atoms("H2", positions=[[1.6, 2.0, 2.0], [2.4, 2.0, 2.0]], cell=[4.0] * 3, pbc=True)
        settings = replace_cell(_SETTINGS, "fixed")
        parameters = optimisation(level_of_theory("xtb").parameters, settings, hydrogen.cell.array, "BFGS")
        inputs = {"structure": orm.StructureData(ase=hydrogen), "parameters": orm.Dict(parameters)}
        code = request.getfixturevalue("cp2k_code")
        _, node = run_get_node(Cp2kRelaxCalculation, code=code, **inputs)
    else:
        inputs = {
            "structure": orm.StructureData(ase=request.getfixturevalue("agi")((1, 1, 1))),
            "potential": request.getfixturevalue("potential_node"),
            "parameters": orm.Dict(_SETTINGS.model_dump(mode="json")),
        }
        code = request.getfixturevalue("lammps_code")
        _, node = run_get_node(LammpsRelaxCalculation, code=code, **inputs)
    assert node.is_finished_ok, node.exit_message
    folder = tmp_path / "retrieved"
    node.outputs.retrieved.copy_tree(folder)
    return request.param, node, folder


def replace_cell(settings, cell):
    return RelaxSettings.model_validate({**settings.model_dump(), "cell": cell})


@pytest.fixture
def parse(parse_job):
    """Return a function that parses a folder as that of the job that is done."""

    def run(done, folder):
        labels = {"structure", "parameters", "potential"} & set(done.inputs)
        return parse_job(done.get_option("parser_name"), folder, {label: done.inputs[label] for label in labels})

    return run


@pytest.mark.parametrize("done", _CODES, indirect=True)
def test_an_output_cut_anywhere_is_no_success_and_no_other_geometry(done, parse, rng):
    engine, node, folder = done
    names = {"cp2k": ["aiida.out"], "lammps": ["lammps.out", "final.lammpstrj"]}[engine]
    for name in names:
        whole = (folder / name).read_bytes()
        closing = b"PROGRAM STOPPED IN" if engine == "cp2k" else b"Total wall time"
        end = whole.rfind(closing) if closing in whole else len(whole) - 1
        for cut in [*rng.integers(0, end, _CUTS), end - 2]:
            (folder / name).write_bytes(whole[:cut])
            outputs, parsing = parse(node, folder)
            assert parsing.exit_status is not None
            assert parsing.exit_status >= 300, (name, cut)
            if "output_parameters" in outputs:
                assert np.isfinite(outputs["output_parameters"]["energy"])
                np.testing.assert_allclose(
                    outputs["structure"].get_ase().positions, node.outputs.structure.get_ase().positions
                )
        (folder / name).write_bytes(whole)
    assert parse(node, folder)[1].is_finished_ok


@pytest.mark.parametrize("done", _CODES, indirect=True)
def test_numbers_that_are_none_are_told(done, parse):
    engine, node, folder = done
    if engine == "cp2k":
        text = (folder / "aiida.out").read_text()
        head, mark, rest = text.rpartition("energy [a.u.]:")
        (folder / "aiida.out").write_text(head + mark + "  NaN\n" + rest.partition("\n")[2])
    else:
        text = (folder / "lammps.out").read_text()
        head, mark, rest = text.rpartition(" energy ")
        (folder / "lammps.out").write_text(head + mark + "nan " + rest.partition(" ")[2])
    outputs, parsing = parse(node, folder)
    assert parsing.exit_status == _CODES[engine].ERROR_NON_NUMERIC.status
    assert engine == "cp2k" or "structure" not in outputs


@pytest.mark.parametrize("done", ["cp2k"], indirect=True)
def test_forces_are_those_of_the_geometry_that_was_kept(done):
    """A line search evaluates others, before and after; the energy tells them apart."""
    _, node, folder = done
    files = [(folder / name).read_text() for name in ("aiida-pos-1.xyz", "aiida-1.cell", "stress.out")]
    output = read_cp2k_output((folder / "aiida.out").read_text())
    geometry = last_geometry(*files, output, 2)
    assert geometry.frame.energy == pytest.approx(node.outputs.output_parameters["energy"], abs=1e-12)
    tried = replace(geometry.frame, energy=geometry.frame.energy + 1e-7, forces=geometry.frame.forces + 1.0)
    other = replace(output, frames=(*output.frames, tried))
    stress = files[2] + files[2][files[2].rfind("\n STRESS| Analytical stress tensor [") :]
    found = last_geometry(files[0], files[1], stress, other, 2)
    np.testing.assert_array_equal(found.frame.forces, geometry.frame.forces)
    # Without the energy of the geometry nothing is said of its forces.
    none = replace(output, frames=tuple(replace(f, energy=f.energy + 1e-7) for f in output.frames))
    assert last_geometry(*files, none, 2).frame is None


@pytest.mark.parametrize("done", ["cp2k"], indirect=True)
@pytest.mark.parametrize("missing", ["aiida-pos-1.xyz", "aiida-1.cell", "stress.out"])
def test_a_missing_file_is_told(done, parse, missing):
    engine, node, folder = done
    (folder / missing).unlink()
    _, parsing = parse(node, folder)
    assert parsing.exit_status == _CODES[engine].ERROR_MISSING_FRAMES.status


def test_the_thresholds_are_those_of_the_settings():
    stress = np.diag([0.3, -0.3, 0.0]) * 6.241509e-3
    assert _SETTINGS.unmet(0.02, 0.0 * stress) == "the largest force is 0.02 eV/Å where 0.01 is asked for"
    assert _SETTINGS.unmet(0.005, stress) == "the largest stress is 0.3 GPa where 0.1 is asked for"
    assert replace_cell(_SETTINGS, "isotropic").unmet(0.005, stress) is None
    assert replace_cell(_SETTINGS, "fixed").unmet(0.005, stress) is None
    assert "nan" in _SETTINGS.unmet(np.nan, stress)


def _largest_gradient(cell, **changes):
    """Return the components below which CP2K is content, in eV/Å."""
    settings = RelaxSettings.model_validate({**_SETTINGS.model_dump(), **changes})
    return optimisation({}, settings, cell, "BFGS")["MOTION"]["CELL_OPT"]["MAX_FORCE"] * 51.422067


def test_cp2k_is_content_only_where_the_settings_are_met():
    cell = np.diag([4.0, 5.0, 12.0])
    # A stress just above the threshold in one component has a derivative by the cell that CP2K does not take for small.
    threshold = _largest_gradient(cell, force_threshold=1e3)
    for k in np.ndindex(3, 3):
        stress = np.zeros((3, 3))
        stress[k] = stress[k[::-1]] = 1.01 * 0.1 * 6.241509e-3
        assert np.abs(np.linalg.det(cell) * stress @ np.linalg.inv(cell).T).max() > threshold
    # Of a force just above the threshold one component is at least its √3rd part.
    assert _largest_gradient(cell, stress_threshold=1e3) == pytest.approx(0.01 / np.sqrt(3.0), rel=1e-6)


def test_cp2k_scales_only_cubic_cells():
    settings = replace_cell(_SETTINGS, "isotropic")
    made = optimisation({}, settings, 6.0 * np.eye(3), "BFGS", walltime=100)
    assert made["MOTION"]["CELL_OPT"]["KEEP_SYMMETRY"]
    assert made["FORCE_EVAL"]["SUBSYS"]["CELL"]["SYMMETRY"] == "CUBIC"
    assert made["GLOBAL"]["WALLTIME"] == 90
    with pytest.raises(ValueError, match="CP2K relaxes only cubic cells isotropically"):
        optimisation({}, settings, np.diag([6.0, 6.0, 7.0]), "BFGS")
