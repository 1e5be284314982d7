"""The script as people and batch jobs run it: what it writes, how it exits, what it says."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from console import python

import aiida_superionic
from aiida_superionic.analysis import results_files
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.results import Curve, Result, Scalar

DUMP = Path(__file__).parents[1] / "fixtures" / "lammps" / "one_rank.bin"
READING = ["--kinds", "Ag,I", "--mobile", "Ag", "--md-timestep", "0.01"]
LAGS = {
    "cage_residence": {"longest_lag": 1.0, "cutoff": 2.2},
    "diffusion": {"fit_start": 0.4, "fit_end": 1.0},
    "host_lattice": {},
    "temperature": {},
    "vibrations": {"longest_lag": 1.0},
}


def analyse(*arguments, folder):
    return python("-m", "aiida_superionic.analysis.script", *arguments, folder=folder)


def assert_refused(process, status, message):
    assert process.returncode == status
    subject = {2: "input", 3: "trajectory"}[status]
    assert process.stderr == f"superionic-analyse: {subject}: {message}\n"
    assert "Traceback" not in process.stdout


@pytest.fixture
def text_dump(tmp_path, rng):
    """Write 61 frames of two Ag that walk and two I that shake: longer than the fixtures, which hold six."""
    positions = 0.8 * np.arange(12.0).reshape(4, 3) + rng.normal(scale=0.02, size=(61, 4, 3))
    positions[:, ::2] += np.cumsum(rng.normal(scale=0.5, size=(61, 2, 3)), axis=0)
    steps = np.diff(positions, axis=0, prepend=0.0)
    path = tmp_path / "walk.lammpstrj"
    with path.open("w") as file:
        for t in range(61):
            file.write(f"ITEM: TIMESTEP\n{10 * t}\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n")
            file.write("0 6\n" * 3 + "ITEM: ATOMS id type xu yu zu vx vy vz\n")
            for i in range(4):
                row = (*positions[t, i], *(steps[t, i] / 0.1))
                file.write(f"{i + 1} {1 + i % 2} " + " ".join(map(str, row)) + "\n")
    return path


def write_job(folder, files, chosen, **reading):
    job = {
        "trajectory": {"files": files, "kinds": ["Ag", "I"], "mobile": ["Ag"], "md_timestep": 0.01, **reading},
        "observables": chosen,
    }
    (folder / "analysis.json").write_text(json.dumps(job))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_list_names_everything_and_imports_neither_aiida_nor_ase_nor_numba(tmp_path):
    code = (
        "import sys; from aiida_superionic.analysis.script import run; status = run(['--list']);"
        "print([m for m in ('aiida', 'ase', 'numba', 'scipy.fft', 'scipy.signal') if m in sys.modules], status)"
    )
    process = python("-c", code, folder=tmp_path)
    assert process.stdout.endswith("[] 0\n")
    for name, entry in observables().items():
        assert f"{name}: {entry.summary}\n" in process.stdout
        for parameter in entry.parameters:
            assert f"    {parameter.name} = {parameter.default}\n" in process.stdout


def test_version(tmp_path):
    process = analyse("--version", folder=tmp_path)
    assert (process.returncode, process.stdout) == (0, f"{aiida_superionic.__version__}\n")


def test_a_job_writes_results_and_curves(tmp_path, text_dump):
    write_job(tmp_path, {text_dump.name: digest(text_dump)}, LAGS)
    process = analyse("--job", "analysis.json", folder=tmp_path)
    assert process.returncode == 0, process.stderr
    assert [line for line in process.stdout.splitlines() if line.startswith("observable ")] == [
        f"observable {i} of 5: {name}" for i, name in enumerate(LAGS, start=1)
    ]
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["version"] == aiida_superionic.__version__
    assert results["n_frames"] == 61
    assert results["timestep"] == pytest.approx(0.1)
    assert results["failures"] == results["refusals"] == {}
    assert results["parameters"]["diffusion"] == {"fit_start": 0.4, "fit_end": 1.0, "least_displacement": 6.0}
    assert results["parameters"]["vibrations"]["longest_lag"] == 1.0
    assert set(results["observables"]["temperature"]) == set(Scalar.__dataclass_fields__)
    trajectory = read_trajectory([text_dump], kinds=["Ag", "I"], md_timestep=0.01, mobile=["Ag"])
    expected = observables()["diffusion"].function(trajectory, **LAGS["diffusion"])
    written = results["observables"]["diffusion_coefficient_Ag"]
    scalar = expected.scalars["diffusion_coefficient_Ag"]
    assert (written["value"], written["error"]) == (scalar.value, scalar.error)
    assert set(results["names"]["diffusion"]) == {*expected.scalars, *expected.curves}
    curves = np.load(tmp_path / "curves.npz")
    for name, labels in results["curves"].items():
        assert set(labels) == {"x_label", "x_unit", "y_label", "y_unit"}
        assert curves[f"{name}__x"].shape == curves[f"{name}__y"].shape == curves[f"{name}__error"].shape
    assert len(curves.files) == 3 * len(results["curves"])
    np.testing.assert_array_equal(
        curves["mean_squared_displacement_I__y"], expected.curves["mean_squared_displacement_I"].y
    )
    assert not any("." in name for name in (*results["observables"], *results["curves"]))
    assert {path.name for path in tmp_path.iterdir()} == {
        "analysis.json",
        "walk.lammpstrj",
        "results.json",
        "curves.npz",
    }


def test_without_a_choice_everything_is_computed_that_the_fields_allow(tmp_path, text_dump):
    """No forces: no force correlation. A short run: what needs longer lags says so, and the rest is written."""
    process = analyse(text_dump.name, *READING, "--output", "out", folder=tmp_path)
    assert process.returncode == 4
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    fields = {"positions", "velocities", "mobile"}
    assert set(results["parameters"]) == {
        name for name, entry in observables().items() if entry.routine and set(entry.needs) <= fields
    }
    assert "radial_distribution_Ag_I" in results["curves"]
    assert results["observables"]["temperature"]["value"] > 0
    assert "run longer or shorten fit_end" in results["failures"]["diffusion"]
    assert "superionic-analyse: diffusion: the trajectory is 6 ps long" in process.stderr
    assert "Traceback" not in process.stderr


def test_options_choose_observables_and_parameters(tmp_path, text_dump):
    process = analyse(
        text_dump.name, *READING, "-o", "diffusion:fit_start=0.4,fit_end=1.0", "-o", "temperature", folder=tmp_path
    )
    assert process.returncode == 0, process.stderr
    assert "temperature  " in process.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    # What was asked for, and the check of the host lattice.
    assert set(results["parameters"]) == {"diffusion", "host_lattice", "temperature"}
    assert results["parameters"]["diffusion"]["fit_start"] == 0.4


def test_files_that_observables_make_lie_beside_the_results(tmp_path, text_dump):
    arguments = ["-o", "density_map:spacing=2", "-o", "temperature", "--output", "out"]
    process = analyse(text_dump.name, *READING, *arguments, folder=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "results.json, curves.npz and files/density_Ag.cube written to out" in process.stdout
    trajectory = read_trajectory([text_dump], kinds=["Ag", "I"], md_timestep=0.01, mobile=["Ag"])
    expected = observables()["density_map"].function(trajectory, spacing=2.0).files
    assert {path.name: path.read_text() for path in (tmp_path / "out" / "files").iterdir()} == expected
    assert json.loads((tmp_path / "out" / "results.json").read_text())["files"] == ["density_Ag.cube"]


def test_a_list_is_given_in_brackets_on_the_command_line_and_as_a_list_in_a_job(tmp_path, text_dump):
    chosen = {"van_hove": {"times": [0.2, 1], "bin_width": 0.5}}
    process = analyse(text_dump.name, *READING, "-o", "van_hove:times=[0.2,1],bin_width=0.5", folder=tmp_path)
    assert process.returncode == 0, process.stderr
    write_job(tmp_path, {text_dump.name: None}, chosen)
    (tmp_path / "job").mkdir()
    assert analyse("--job", "analysis.json", "--output", "job", folder=tmp_path).returncode == 0
    for folder in (tmp_path, tmp_path / "job"):
        parameters = json.loads((folder / "results.json").read_text())["parameters"]["van_hove"]
        assert (parameters["times"], parameters["bin_width"]) == ([0.2, 1.0], 0.5)
        assert np.load(folder / "curves.npz")["van_hove_self_Ag__y"] == pytest.approx([0.2, 1.0])


def test_a_molten_host_and_a_bounded_number_exit_with_4_and_are_written(tmp_path, text_dump):
    """Of the same walk, I is the mobile species here and Ag the host."""
    process = analyse(
        text_dump.name,
        *("--kinds", "Ag,I", "--mobile", "I", "--md-timestep", "0.01"),
        *("-o", "diffusion:fit_start=0.4,fit_end=1.0,least_displacement=1000", "-o", "temperature"),
        folder=tmp_path,
    )
    assert process.returncode == 4
    results = json.loads((tmp_path / "results.json").read_text())
    assert "the host lattice is not intact" in results["failures"]["host_lattice"]
    assert "an upper bound only: diffusion_coefficient_I < " in results["failures"]["diffusion"]
    scalar = results["observables"]["diffusion_coefficient_I"]
    assert scalar["value"] is None
    assert scalar["upper_bound"] > 0.0
    assert results["observables"]["temperature"]["value"] > 0.0


@pytest.mark.parametrize("by_job", [True, False])
def test_formal_charges_come_from_the_job_or_the_command_line(tmp_path, text_dump, by_job):
    chosen = {"conductivity": {"fit_start": 0.4, "fit_end": 1.0, "temperature": 300.0}}
    if by_job:
        write_job(tmp_path, {text_dump.name: None}, chosen, charges={"Ag": 2, "I": -1})
        analyse("--job", "analysis.json", folder=tmp_path)
    else:
        settings = ",".join(f"{key}={value}" for key, value in chosen["conductivity"].items())
        arguments = ["--charges", "Ag=2,I=-1", "-o", f"conductivity:{settings}"]
        analyse(text_dump.name, *READING, *arguments, folder=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    trajectory = read_trajectory(
        [text_dump], kinds=["Ag", "I"], md_timestep=0.01, mobile=["Ag"], charges={"Ag": 2.0, "I": -1.0}
    )
    expected = observables()["conductivity"].function(trajectory, **chosen["conductivity"])
    name = "conductivity_nernst_einstein"
    assert results["observables"][name]["value"] == expected.scalars[name].value > 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "difusion"], "unknown observable 'difusion'; did you mean 'diffusion'?"),
        (["-o", "diffusion:fit_stat=1"], "diffusion has no parameter 'fit_stat'; did you mean 'fit_start'?"),
        (["-o", "diffusion:fit_start=soon"], "diffusion: fit_start is 'soon' where float is expected"),
        (["-o", "diffusion:fit_start=NaN"], "diffusion: fit_start is nan where a finite number is expected"),
        (["-o", "diffusion:fit_start"], "'diffusion:fit_start': 'fit_start' is no key=value"),
        (["-o", "van_hove:times=1.0"], "van_hove: times is 1.0 where a list of float is expected"),
        (["-o", "van_hove:times=[1,2"], "'van_hove:times=[1,2': '2' is no key=value"),
        (["--frames", "3"], "unrecognized arguments: --frames 3"),
        (["--charges", "Ag"], "argument --charges: 'Ag' where Ag=1,I=-1 is expected"),
        (["--md-timestep", "x"], "argument --md-timestep: invalid float value: 'x'"),
        (["--job", "analysis.json"], "--job takes the trajectory and the observables from its file; give no others"),
    ],
)
def test_a_wrong_request_exits_with_2(tmp_path, arguments, message):
    assert_refused(analyse(DUMP, *READING, *arguments, folder=tmp_path), 2, message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "analysis.json is no readable job: Expecting property name"),
        ("[]", "analysis.json is no readable job: "),
        ('{"trajectory": {"files": {}}}', "analysis.json has no entry 'observables'"),
        ('{"trajectory": {"files": {}, "kind": []}, "observables": {}}', "unknown entry 'kind'"),
        ('{"trajectory": {"files": ["a"]}, "observables": {}}', "analysis.json is no readable job: "),
        ('{"trajectory": {"files": {"a": 7}}, "observables": {}}', "the SHA-256 of 'a' is 7 where text is expected"),
        ('{"trajectory": {"files": {"a": null}, "kinds": "Ag"}, "observables": {}}', "kinds is 'Ag' where a list of"),
        (
            '{"trajectory": {"files": {"a": null}, "mobile": [1]}, "observables": {}}',
            "mobile is [1] where",
        ),
        ('{"trajectory": {"files": {"a": null}, "md_timestep": "1"}, "observables": {}}', "md_timestep is '1' where"),
        ('{"trajectory": {"files": {"a": null}, "masses": [true]}, "observables": {}}', "masses is [True] where"),
        (
            '{"trajectory": {"files": {"a": null}, "charges": {"Ag": "1"}}, "observables": {}}',
            "charges is {'Ag': '1'} where numbers by species",
        ),
        ('{"trajectory": {"files": {"a": null}, "format": 3}, "observables": {}}', "format is 3 where"),
        (
            '{"trajectory": {"files": {"a": null}}, "observables": {"diffusion": 3}}',
            "analysis.json is no readable job: ",
        ),
        ('{"trajectory": {"files": {"a": null}}, "observables": {"frictoin": {}}}', "did you mean 'friction'?"),
    ],
)
def test_a_wrong_job_exits_with_2(tmp_path, content, message):
    (tmp_path / "analysis.json").write_text(content)
    process = analyse("--job", "analysis.json", folder=tmp_path)
    assert process.returncode == 2
    assert message in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_an_observable_without_its_field_and_a_parameter_out_of_range_do_not_lose_the_others(tmp_path, text_dump):
    chosen = {"force_correlation": {}, "radial_distribution": {"r_max": 4.0}, "temperature": {}}
    write_job(tmp_path, {text_dump.name: None}, chosen)
    process = analyse("--job", "analysis.json", folder=tmp_path)
    assert process.returncode == 2
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["failures"] == {}
    assert results["refusals"]["force_correlation"] == "it needs forces, which the trajectory does not hold"
    assert "up to 3.0000 Å" in results["refusals"]["radial_distribution"]
    assert results["observables"]["temperature"]["value"] > 0


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("conductivity", "formal charges of the mobile species"),
        ("dipoles", "Wannier centres"),
        ("reorientations", "polyanions"),
        ("tetrahedral_rotor", "Wannier centres or polyanions AX4"),
    ],
)
def test_what_is_asked_for_by_name_says_what_the_trajectory_lacks(tmp_path, text_dump, name, lacking):
    process = analyse(text_dump.name, *READING, "-o", name, folder=tmp_path)
    assert process.returncode == 2
    told = f"it needs {lacking}, which the trajectory does not hold"
    assert process.stderr == f"superionic-analyse: {name}: {told}\n"
    assert json.loads((tmp_path / "results.json").read_text())["refusals"] == {name: told}


def test_charges_make_the_conductivity_routine(tmp_path, text_dump):
    analyse(text_dump.name, *READING, "--charges", "Ag=1,I=-1", folder=tmp_path)
    assert "conductivity" in json.loads((tmp_path / "results.json").read_text())["parameters"]


def test_a_missing_changed_or_damaged_trajectory_exits_with_3(tmp_path):
    (tmp_path / "run.bin").write_bytes(DUMP.read_bytes())
    right, wrong = digest(DUMP), "0" * 64
    write_job(tmp_path, {"run.bin": wrong}, {"temperature": {}})
    message = f"run.bin has changed: its SHA-256 is {right} where {wrong} is expected"
    assert_refused(analyse("--job", "analysis.json", folder=tmp_path), 3, message)
    write_job(tmp_path, {"gone.bin": right}, {"temperature": {}})
    message = "gone.bin cannot be read: No such file or directory"
    assert_refused(analyse("--job", "analysis.json", folder=tmp_path), 3, message)
    (tmp_path / "run.bin").write_bytes(DUMP.read_bytes()[:-1])
    write_job(tmp_path, {"run.bin": None}, {"temperature": {}})
    assert_refused(analyse("--job", "analysis.json", folder=tmp_path), 3, "run.bin is cut off inside frame 5")
    assert not (tmp_path / "results.json").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    chosen = ["-o", "temperature", "-o", "host_lattice:limit=1"]  # the dump is a few atoms anywhere
    process = analyse(DUMP, *READING, *chosen, "--output", "file/out", folder=tmp_path)
    assert process.returncode == 2
    assert process.stderr == "superionic-analyse: input: the results cannot be written to file/out: Not a directory\n"


def test_numbers_that_are_none_become_null_and_are_named():
    curve = Curve(np.arange(3.0), np.array([1.0, np.nan, 2.0]), "time", "ps", "x", "1")
    result = Result({"a": Scalar(np.nan, 1.0, "K"), "b": Scalar(1.0, None, "K")}, {"c": curve})
    cleaned, undefined = results_files.without_undefined_numbers(result)
    assert undefined == ["a", "c"]
    assert cleaned.scalars == {"a": Scalar(None, 1.0, "K"), "b": Scalar(1.0, None, "K")}
    assert cleaned.curves == {}


def test_a_job_that_dies_while_writing_leaves_the_old_file_whole(tmp_path, monkeypatch):
    target = tmp_path / "results.json"
    target.write_text("old")

    def die(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results_files._write_whole(target, die)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert target.read_text() == "old"
