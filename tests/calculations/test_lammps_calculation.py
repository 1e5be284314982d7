"""The LAMMPS job: what it writes, what it refuses, and when its results may stand for another's."""

from dataclasses import replace

import pytest
from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage.caching import enable_caching
from aiida.manage.manager import get_manager

from aiida_superionic.calculations.lammps import LammpsCalculation, host_of, kinds_of
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials.deepmd import Deepmd
from aiida_superionic.potentials.registry import FAMILIES


@pytest.fixture
def any_code(computer):
    """Return a code that is never run."""
    return orm.InstalledCode(label="never-run", computer=computer, filepath_executable="/bin/true").store()


@pytest.fixture
def prepare(any_code, tmp_path):
    def run(inputs, **options):
        process = instantiate_process(
            get_manager().get_runner(), LammpsCalculation, code=any_code, metadata={"options": options}, **inputs
        )
        return process.prepare_for_submission(Folder(str(tmp_path)))

    return run


@pytest.fixture
def begun(computer):
    """Return what a stage starts from when it goes on from another job."""
    start = {"file": "checkpoint.1.restart", "step": 100, "energy": None, "trajectory": ["trajectory.0.bin"]}
    return {"start": orm.Dict(start), "parent_folder": orm.RemoteData("/parent", computer=computer)}


def test_a_new_run_writes_structure_table_and_script(prepare, md_inputs, tmp_path):
    info = prepare(md_inputs())
    assert {path.name for path in tmp_path.iterdir()} >= {"input.in", "structure.data", "pair_functions.table"}
    assert info.provenance_exclude_list == ["pair_functions.table"]
    assert not info.remote_symlink_list
    assert not info.remote_copy_list
    assert set(info.retrieve_list) == {"lammps.out", "usage.txt", ("final.lammpstrj*", ".", 0)}
    assert "read_data structure.data" in (tmp_path / "input.in").read_text()
    assert "32 atoms" in (tmp_path / "structure.data").read_text()


def test_a_continued_run_links_the_checkpoint_and_copies_the_trajectory(prepare, md_inputs, begun, computer, tmp_path):
    info = prepare({**md_inputs(sampling_interval=0.01), **begun})
    assert not (tmp_path / "structure.data").exists()
    # Under a name that the job writes no checkpoint to.
    assert info.remote_symlink_list == [(computer.uuid, "/parent/checkpoint.1.restart", "start.restart")]
    assert info.remote_copy_list == [(computer.uuid, "/parent/trajectory.0.bin", "trajectory.0.bin")]
    assert "sha256sum trajectory.0.bin trajectory.1.bin" in info.append_text
    assert "trajectory.sha256" in info.retrieve_list
    assert "write_restart start.restart" not in (tmp_path / "input.in").read_text()


def test_a_model_that_is_no_text_is_written_byte_for_byte(prepare, md_inputs, tmp_path):
    model = bytes(range(256))
    deep = Deepmd.of(model, ["Ag", "I"], description="none", source="a test")
    info = prepare({**md_inputs(), "potential": PotentialData(deep.text(), deep.contents)})
    assert (tmp_path / "model.pb").read_bytes() == model
    assert info.provenance_exclude_list == ["model.pb"]


def test_a_potential_of_another_program_is_refused(prepare, md_inputs, monkeypatch):
    class Driven(Deepmd):
        def lammps(self, species, n_atoms):
            return replace(super().lammps(species, n_atoms), program="true" if n_atoms == 32 else "driver")

    monkeypatch.setitem(FAMILIES, "deepmd", Driven)
    deep = Deepmd.of(b"", ["Ag", "I"], description="none", source="a test")
    potential = PotentialData(deep.text(), deep.contents)
    prepare({**md_inputs(), "potential": potential})
    with pytest.raises(ValueError, match=r"the potential is run by driver, which the code never-run@.* is not"):
        prepare({**md_inputs(repeats=(1, 1, 1)), "potential": potential})


def test_the_walltime_reaches_the_timer(prepare, md_inputs, tmp_path):
    prepare(md_inputs(), max_wallclock_seconds=10_000)
    assert "timer timeout 02:38:20 every" in (tmp_path / "input.in").read_text()


def test_names_of_a_structure_do_not_reach_the_script(prepare, md_inputs, tmp_path):
    inputs = md_inputs()
    prepare(inputs)
    plain = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    hostile = orm.StructureData(cell=inputs["structure"].cell)
    hostile.label = hostile.description = "$(shell)\nshell rm -rf ."
    for position, symbol in zip(
        inputs["structure"].get_ase().positions, inputs["structure"].get_ase().symbols, strict=True
    ):
        hostile.append_atom(position=position, symbols=symbol, name=f"{symbol}\nshell rm -rf . ; $(quit) `x`")
    prepare({**inputs, "structure": hostile})
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == plain


def _refusal(inputs, code):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the text is what is tested
        instantiate_process(get_manager().get_runner(), LammpsCalculation, code=code, **inputs)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mobile": ["Br"]}, "mobile is Br in a structure of Ag, I"),
        ({"mobile": ["Ag", "I"]}, "one must stay as the host lattice"),
    ],
)
def test_mobile_species_are_some_of_the_structure(any_code, md_inputs, changes, told):
    assert told in _refusal(md_inputs(**changes), any_code)


@pytest.mark.parametrize("missing", ["start", "parent_folder"])
def test_start_and_folder_come_together(any_code, md_inputs, begun, missing):
    given = {key: value for key, value in begun.items() if key != missing}
    assert "given together or not at all" in _refusal({**md_inputs(), **given}, any_code)


def test_a_potential_without_the_species_is_refused(any_code, md_inputs):
    inputs = md_inputs()
    atoms = inputs["structure"].get_ase()
    atoms.symbols[atoms.symbols == "I"] = "Br"
    assert "describes Ag, I and the structure holds Br" in _refusal(
        {**inputs, "structure": orm.StructureData(ase=atoms)}, any_code
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"timestep": "0.0005\nshell rm"}, "timestep"),
        ({"mobile": ["Ag\nshell rm"]}, "not a chemical symbol"),
        ({"ensemble": "nve\nquit"}, "ensemble"),
        ({"shell": "rm"}, "shell"),
    ],
)
def test_hostile_parameters_are_refused(any_code, md_inputs, changes, told):
    inputs = md_inputs()
    inputs["parameters"] = orm.Dict({**inputs["parameters"].get_dict(), **changes})
    assert told in _refusal(inputs, any_code)


@pytest.mark.parametrize("file", ["../../etc/passwd", "a\nshell rm", "$(ls)", "a b", "a;b"])
def test_hostile_starts_are_refused(any_code, md_inputs, begun, file):
    begun["start"] = orm.Dict({"file": file, "step": 0})
    assert "file" in _refusal({**md_inputs(), **begun}, any_code)


@pytest.mark.parametrize("seed", [0, 900_000_001])
def test_seeds_out_of_range_are_refused(any_code, md_inputs, seed):
    assert f"the seed is {seed}" in _refusal({**md_inputs(), "seed": orm.Int(seed)}, any_code)


def test_types_are_numbered_in_the_order_of_the_structure(agi):
    assert kinds_of(orm.StructureData(ase=agi())) == ["Ag", "I"]
    assert kinds_of(orm.StructureData(ase=agi()[::-1])) == ["I", "Ag"]


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 2, 2), (3, 3, 3)])
def test_host_spacing_is_that_of_bcc(agi, repeats):
    atoms = agi(repeats)
    assert host_of(atoms, ["Ag"]).spacing == pytest.approx(5.0855 * 3**0.5 / 2, rel=1e-12)


def test_a_cleaned_job_is_no_cache(lammps_code, md_inputs):
    inputs = {**md_inputs(sampling_interval=0.01, seed=4711), "code": lammps_code}
    with enable_caching():
        _, first = run_get_node(LammpsCalculation, **inputs)
        assert first.is_finished_ok, first.exit_message
        _, second = run_get_node(LammpsCalculation, **inputs)
        assert second.base.caching.get_cache_source() == first.uuid
        assert second.outputs.trajectory.files == first.outputs.trajectory.files
        first.outputs.remote_folder._clean()
        # The second was made from the first and has no folder of its own: it is no cache either.
        _, third = run_get_node(LammpsCalculation, **inputs)
        assert third.base.caching.get_cache_source() is None
        assert third.outputs.trajectory.files == first.outputs.trajectory.files


def test_a_constraint_is_written_with_the_structure_and_read_from_the_checkpoint(prepare, md_inputs, begun, tmp_path):
    held = {"constraint": {"mode": "RTC", "atoms": [[16, 17]]}}
    prepare(md_inputs(**held))
    assert "eckart_rotation" in (tmp_path / "structure.data").read_text()
    script = (tmp_path / "input.in").read_text()
    read = "read_data structure.data fix host_ions NULL host_ions fix eckart_bodies NULL eckart_bodies"
    assert script.index("property/atom") < script.index(read)
    (tmp_path / "structure.data").unlink()
    prepare({**md_inputs(**held), **begun})
    assert not (tmp_path / "structure.data").exists()
    script = (tmp_path / "input.in").read_text()
    assert script.index("read_restart") < script.index("property/atom")


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        ({"mode": "RC"}, "the structure holds no polyanions"),
        ({"mode": "RTV"}, "Input should be 'RC', 'RTC' or 'RTVC'"),
        ({"mode": "RC", "atoms": [[0, 1], [1, 2]]}, "atom 1 is chosen twice; an atom can be in one polyanion only"),
        ({"mode": "RC", "atoms": [[0, 99]]}, "atom 99 is chosen in a structure of 32"),
    ],
)
def test_constraints_that_the_structure_lacks_are_refused(any_code, md_inputs, constraint, told):
    inputs = md_inputs()
    inputs["parameters"] = orm.Dict({**inputs["parameters"].get_dict(), "constraint": constraint})
    assert told in _refusal(inputs, any_code)


def test_a_constraint_that_does_not_hold_has_its_exit_code(lammps_code, md_inputs):
    constraint = {"mode": "RTC", "atoms": [[16, 17], [18, 19]], "shift_limit": 1e-6, "residual_limit": 1e-6}
    held = {"duration": 0.05, "langevin_duration": 0.02, "constraint": constraint}
    results, node = run_get_node(LammpsCalculation, code=lammps_code, **md_inputs(**held))
    assert node.is_finished_ok, node.exit_message
    assert results["thermo"].get_array("eckart_residual").max() < 1e-9
    assert results["thermo"].get_array("centre_shift").max() < 1e-9
    assert results["thermo"].base.attributes.get("units")["eckart_residual"] == "amu Å^2"
    constraint["residual_limit"] = 1e-20
    _, node = run_get_node(LammpsCalculation, code=lammps_code, **md_inputs(**held))
    assert node.exit_code == LammpsCalculation.exit_codes.ERROR_CONSTRAINT_VIOLATED.format(
        error=node.exit_message.removeprefix("The constraint did not hold: ")
    )
    assert "constraint_holds_0" in node.exit_message
