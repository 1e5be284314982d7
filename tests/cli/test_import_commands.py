"""What a person sees of structures and potentials that are brought in, of the schema, and of a plan with a limit."""

import json

import pytest
from aiida import orm
from ase.io import write

from aiida_superionic.potentials import potentials


@pytest.fixture
def silver(agi, tmp_path):
    path = tmp_path / "silver.cif"
    write(path, agi((1, 1, 1)))
    return path


@pytest.mark.usefixtures("aiida_profile_clean")
class TestImport:
    def test_of_a_structure_says_what_was_understood_and_is_done_once(self, invoke, silver, stored):
        said = invoke("structure", "import", silver, "--label", "mine").output
        assert "atoms      4: 2 Ag, 2 I" in said or "atoms      4: 2 I, 2 Ag" in said
        assert "cell       5.0855 5.0855 5.0855 Å, 90 90 90°" in said
        assert "density    5.92" in said  # g/cm³, of two AgI in 131.5 Å³
        node = orm.QueryBuilder().append(orm.StructureData, filters={"label": "mine"}).one()[0]
        assert f"structure {node.pk}: in a campaign, structure: {{node: mine, mobile: [...]}}" in said
        before = stored()
        assert f"structure {node.pk} mine is the same" in invoke("structures", "import", silver, "--label", "b").output
        assert stored() == before

    def test_of_a_potential_says_what_was_understood_and_is_done_once(self, invoke, tmp_path, stored):
        path = tmp_path / "mine.yaml"
        path.write_text(potentials()["pedone"])
        said = invoke("potential", "import", path, "--label", "mine").output
        for line in ("family     pair-functions", "species    Li, Na, P, O (in this order)", "units      eV, Å"):
            assert line in said
        assert "in a campaign, potentials: [{node: mine}]" in said
        before = stored()
        assert "is the same; nothing is stored" in invoke("potential", "import", path, "--label", "other").output
        assert stored() == before

    def test_refuses_in_a_sentence(self, invoke, tmp_path, stored):
        before = stored()
        absent = tmp_path / "absent.cif"
        told = invoke("structure", "import", absent, "--label", "x", status=2).stderr
        assert told == f"Error: {absent} cannot be read: No such file or directory\n"
        path = tmp_path / "mine.yaml"
        path.write_text(potentials()["pedone"])
        told = invoke("potential", "import", path, "--species", "Na,Li", "--label", "x", status=2).stderr
        assert told.startswith("Error: the species in the files are Li, Na, P, O, in this order; Na, Li were given")
        model = tmp_path / "model.pb"
        model.write_bytes(b"nothing")
        told = invoke("potential", "import", model, "--label", "x", status=2).stderr
        assert told == "Error: the units are not said; potentials are in eV and Å, which LAMMPS calls metal\n"
        assert stored() == before


def test_plan_says_how_many_wait_for_the_limit(invoke, campaign_file, stored):
    before = stored()
    said = invoke("campaign", "plan", campaign_file("replicas: 2", "replicas: 2\nlimit: 3")).output
    assert "4 points: 0 finished, 0 running, 0 failed, 4 missing; apply would submit 3" in said
    assert "1 more would wait for the limit of 3" in said
    assert "wait" not in invoke("campaign", "plan", campaign_file()).output
    assert stored() == before


def test_apply_needs_a_computer_that_is_there(invoke, campaign_file, monkeypatch, computer):
    monkeypatch.setattr("aiida_superionic.campaigns.apply.daemon_lives", lambda: True)
    path = campaign_file("replicas: 2", "replicas: 2\ncomputer: superionic-locla")
    told = invoke("campaign", "apply", path, status=2).stderr
    assert "unknown computer 'superionic-locla'; did you mean superionic-local?" in told


def test_schema_is_printed(invoke):
    schema = json.loads(invoke("campaign", "schema").output)
    assert schema["if"]["properties"]["model"]["enum"] == ["time-local", "full-lattice"]
    lattice = json.loads(invoke("campaign", "schema", "--model", "time-local").output)
    assert "lattice" in lattice["properties"]
    assert "did you mean time-local?" in invoke("campaign", "schema", "--model", "time-locl", status=2).stderr
