"""How far a committee is apart along a run: what LAMMPS writes, and when a run ends because of it."""

import subprocess

import numpy as np
import pytest

from aiida_superionic.calculations import deviation
from aiida_superionic.calculations.lammps import host_of, kinds_of, lammps_potential
from aiida_superionic.calculations.lammps_script import lammps_script
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import PotentialError
from aiida_superionic.potentials.deepmd import Deepmd

_HEADING = "#       step         max_devi_v         min_devi_v         avg_devi_v         max_devi_f\n"


def row(step, largest):
    return f"{step:12d} 1.0e-02 2.0e-03 5.0e-03 {largest:.6e} 3.0e-02 4.0e-02\n"


def deep(content):
    model = Deepmd.of(content, ["Ag", "I"], description="none", source="a test")
    return PotentialData(model.text(), model.contents)


@pytest.fixture
def structure(md_inputs):
    return md_inputs()["structure"]


@pytest.fixture
def script(structure, settings):
    """Return a maker of scripts of a committee of three."""

    def make(**changes):
        wanted = settings(**changes)
        committee = {"member_1": deep(b"one"), "member_2": deep(b"two")}
        potential = lammps_potential(structure, deep(b"zero"), None, committee, wanted.deviation_steps)
        kinds, host = kinds_of(structure), host_of(structure.get_ase(), ["Ag"])
        return lammps_script(wanted, potential, kinds, seed=1, host=host).splitlines()

    return make


def test_a_committee_is_one_pair_style(structure):
    committee = {"member_2": deep(b"two"), "member_1": deep(b"one")}
    potential = lammps_potential(structure, deep(b"zero"), None, committee, 25)
    assert potential.commands[0] == (
        "pair_style deepmd model.pb member_1.pb member_2.pb out_freq 25 out_file model_devi.out"
    )
    assert potential.files == {"model.pb": b"zero", "member_1.pb": b"one", "member_2.pb": b"two"}


def test_a_family_without_deviations_is_refused(structure, potential_node):
    with pytest.raises(PotentialError, match="LAMMPS writes no deviations of a committee of the family pair-functions"):
        lammps_potential(structure, potential_node, None, {"member_1": potential_node})
    with pytest.raises(PotentialError, match="deepmd has a member of the family pair-functions"):
        lammps_potential(structure, deep(b"zero"), None, {"member_1": potential_node})


def test_deviations_come_as_often_as_asked(script):
    assert "out_freq 20 " in next(line for line in script() if line.startswith("pair_style"))
    asked = script(deviation_interval=0.025)
    assert "out_freq 50 " in next(line for line in asked if line.startswith("pair_style"))


def test_a_run_with_a_limit_looks_again_and_again(script):
    timeless = {"duration": 3.0, "checkpoint_interval": 0.75}
    plain, watched = script(**timeless), script(deviation_limit=0.5, **timeless)
    ends = [[int(line.split()[1]) for line in lines if line.startswith("run ")] for lines in (plain, watched)]
    assert ends == [[1500, 3000, 4500, 6000], [1000, 1500, 2000, 3000, 4000, 4500, 5000, 6000]]
    looks = [k for k, line in enumerate(watched) if line == "shell awk -f deviation.awk model_devi.out"]
    assert len(looks) == len(ends[1])
    # Checkpoints are where they were, and what is left without the looks is the plain script.
    assert [line for line in watched if "checkpoint" in line] == [line for line in plain if "checkpoint" in line]
    assert not [line for line in plain if "deviation" in line]


@pytest.mark.parametrize(
    ("largest", "passed"), [([0.1, 0.2], False), ([0.1, 0.6, 0.2], True), ([0.1, np.nan], True), ([], False)]
)
def test_what_is_above_the_limit_is_found(tmp_path, largest, passed):
    rows = "".join(row(10 * k, value) for k, value in enumerate(largest))
    (tmp_path / "model_devi.out").write_text(_HEADING + rows)
    (tmp_path / deviation.CHECK_FILE).write_text(deviation.check_file(0.5))
    subprocess.run(["awk", "-f", deviation.CHECK_FILE, "model_devi.out"], cwd=tmp_path, check=True)
    assert (tmp_path / "deviation.passed").exists() == passed


def test_rows_are_read_as_they_are_written():
    # A run that was cut off goes on below: of a step that is there twice the later row counts.
    columns = deviation.read_deviation(_HEADING + row(0, 0.1) + row(10, 0.2) + row(10, 0.3) + row(20, 0.4)[:30])
    np.testing.assert_array_equal(columns["step"], [0, 10])
    np.testing.assert_array_equal(columns["largest_force_deviation"], [0.1, 0.3])
    np.testing.assert_array_equal(columns["mean_force_deviation"], [0.04, 0.04])
    assert set(columns) == {"step", *deviation.UNITS}
    assert not deviation.read_deviation(_HEADING)


def test_people_filter_on_the_largest():
    columns = deviation.read_deviation(_HEADING + row(0, 0.1) + row(10, 0.3))
    found = deviation.observables(columns)
    assert found["committee_force_deviation_largest"] == {
        "value": 0.3,
        "error": None,
        "unit": "eV/Å",
        "upper_bound": None,
    }
    assert found["committee_force_deviation_mean"]["value"] == pytest.approx(0.04)
    broken = deviation.read_deviation(_HEADING + row(0, np.nan))
    assert deviation.observables(broken)["committee_force_deviation_largest"]["value"] is None
