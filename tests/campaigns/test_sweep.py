"""Sweeps, several structures, and where a campaign runs: what is a point's and what is not."""

import pytest

from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.spec import load_campaign

GOOD = """\
campaign: study
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials: [vashishta-rahman]
temperatures: [700]
constraints: [UC]
replicas: 2
md: {protocol: fast, production: 60 ps}
observables: [diffusion]
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        return load_campaign(path)

    return load


@pytest.fixture
def hashes(load):
    return lambda text: [point.hash for point in expand(load(text))]


@pytest.fixture
def refused(load):
    def told(text):
        with pytest.raises(CampaignFileError) as error:
            expand(load(text))
        return [f"line {problem.line}: {problem.sentence}" for problem in error.value.problems]

    return told


def without(text, key):
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{key}:"))


class TestSweep:
    def test_unites_what_its_entries_ask_for(self, hashes):
        swept = hashes(
            without(GOOD, "temperatures") + "sweep: [{temperatures: [700, 800]}, {temperatures: [800, 900]}]\n"
        )
        assert swept == hashes(GOOD.replace("[700]", "[700, 800, 900]"))

    def test_replaces_single_settings_of_the_dynamics(self, load):
        text = GOOD + "sweep:\n  - md: {production: 1 ns}\n  - md: {timestep: 1 fs}\n"
        points = expand(load(text))
        assert [(point.md["production"], point.md["timestep"]) for point in points[::2]] == [
            (1000.0, 0.0005),
            (60.0, 0.001),
        ]
        assert {point.md["equilibration"] for point in points} == {10.0}  # of the protocol that the entries share

    def test_takes_a_list_of_structures_in_place_of_one(self, load):
        text = GOOD + (
            "sweep:\n  - {replicas: 1}\n"
            "  - structures:\n"
            "    - {material: alpha-AgI, supercell: [3, 3, 3]}\n"
            "    - {material: alpha-AgI, supercell: [4, 4, 4]}\n"
        )
        assert [point.supercell[0] for point in expand(load(text))] == [2, 3, 3, 4, 4]

    @pytest.mark.parametrize(
        ("sweep", "line", "sentence"),
        [
            ("sweep: 5\n", 9, "sweep: 5 is not valid; write a list of 1 to 1000 mappings"),
            ("sweep: []\n", 9, "sweep: [] is not valid; write a list"),
            ("sweep:\n  - {}\n", 10, "sweep: {} is not valid; write a list"),
            ("sweep:\n  - temperatures\n", 10, "sweep: 'temperatures' is not valid; write a list"),
            (
                "sweep:\n  - replicas: 1\n  - limit: 3\n",
                11,
                "limit is one for the whole file; write it above the sweep",
            ),
            ("sweep:\n  - replicas: 1\n  - replicas: 0\n", 11, "replicas: 0 is not valid; write a whole number"),
            ("sweep:\n  - replicsa: 1\n", 10, "unknown key 'replicsa'; did you mean replicas?"),
            ("sweep:\n  - md: {timestep: 3}\n", 10, "the time 3 has no unit"),
            ("sweep:\n  - temperatures: [1, -1]\n", 10, "temperatures: -1 is not valid"),
            ("sweep:\n  - constraints: [RC]\n", 10, "alpha-AgI: the structure holds no polyanions"),
            ("sweep: [{replicas: 10000}, {replicas: 10000}]\ntemp", 9, ""),
        ],
    )
    def test_is_refused_with_the_line_of_the_entry(self, refused, sweep, line, sentence):
        if not sentence:
            many = f"[{', '.join(str(600 + number) for number in range(6))}]"
            text = without(GOOD, "replicas").replace("[700]", many) + sweep.removesuffix("temp")
            # Each entry is small enough, and both are not.
            assert refused(text)[0].startswith("line 8: the campaign has 120000 points; ask for at most 100000")
            return
        assert refused(GOOD + sweep) == [message for message in refused(GOOD + sweep) if f"line {line}: " in message]
        assert sentence in refused(GOOD + sweep)[0]

    def test_tells_a_fault_that_its_entries_share_once(self, refused):
        (told,) = refused(GOOD.replace("diffusion", "difusion") + "sweep: [{replicas: 1}, {replicas: 2}]\n")
        assert told == "line 8: unknown observable 'difusion'; did you mean diffusion?"


class TestStructures:
    TWO = """\
structures:
  - {material: alpha-AgI, supercell: [2, 2, 2]}
  - {material: alpha-AgI, supercell: [3, 3, 3]}
"""

    def test_make_a_product(self, hashes):
        alone = hashes(GOOD) + hashes(GOOD.replace("[2, 2, 2]", "[3, 3, 3]"))
        assert hashes(without(GOOD, "structure") + self.TWO) == alone

    def test_of_different_material_have_observables_and_timesteps_of_their_own(self, load):
        text = without(without(GOOD, "structure"), "observables") + (
            "structures:\n  - {material: alpha-AgI, supercell: [2, 2, 2]}\n"
            "  - {material: gamma-Na3PO4, supercell: [2, 2, 2]}\n"
        )
        silver, phosphate = expand(load(text))[::2]
        assert "reorientations" in set(phosphate.observables) - set(silver.observables)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (GOOD + TWO, "line 9: structure and structures are given where one is enough; keep one of them"),
            (without(GOOD, "structure"), "line 1: the key structure is missing; write the material and its supercell"),
            (
                without(GOOD, "structure") + "structures: []\n",
                "line 8: structures: [] is not valid; write a list of structures",
            ),
            (
                without(GOOD, "structure") + TWO.replace("3, 3, 3", "2, 2, 2"),
                "line 10: alpha-AgI (2, 2, 2) is given twice; remove one of them",
            ),
            (
                without(GOOD, "structure") + TWO.replace("alpha-AgI, supercell: [3", "alpha-AgJ, supercell: [3"),
                "line 10: unknown material 'alpha-AgJ'; did you mean alpha-AgI?",
            ),
            (
                GOOD.replace("{material: alpha-AgI, ", "{mobile: [Li], "),
                "line 2: it is not said which structure; write file, node or query",
            ),
            (
                GOOD.replace("{material", "{file: a.cif, material"),
                "line 2: file and material are given where one is enough; keep one of them",
            ),
            (
                GOOD.replace("{material: alpha-AgI, ", "{file: a.cif, "),
                "line 2: the key structure.mobile is missing; write a list of the chemical symbols of what is meant",
            ),
            (
                GOOD.replace("{material: alpha-AgI, ", "{file: a.cif, mobile: [Xy], "),
                "line 2: 'Xy' is not a chemical symbol; write one such as Li",
            ),
            (
                GOOD.replace("{material: alpha-AgI, ", "{query: {}, mobile: [Li], "),
                "line 2: a query that says nothing finds everything; write group, label or elements",
            ),
            (
                GOOD.replace("{material: alpha-AgI, ", "{query: {grup: x}, mobile: [Li], "),
                "line 2: unknown key 'grup'; did you mean group?",
            ),
        ],
    )
    def test_are_refused_where_they_stand(self, refused, text, told):
        assert any(message.startswith(told) for message in refused(text)), refused(text)


class TestWhereItRuns:
    WHERE = """\
version: 1
computer: cluster
limit: 3
resources:
  cluster:
    num_machines: 2
    max_wallclock: 12 h
    max_memory: 16 GB
    queue_name: short
    account: physics
    engine: {num_mpiprocs_per_machine: 16, withmpi: true}
    analysis: {num_machines: 1, max_wallclock: 30 min}
"""

    def test_changes_no_point(self, hashes):
        assert hashes(GOOD + self.WHERE) == hashes(GOOD)

    def test_gives_the_options_of_each_kind_of_job(self, load):
        study = load(GOOD + self.WHERE).study
        assert (study.computer, study.limit) == ("cluster", 3)
        shared = {"max_memory_kb": 16_000_000, "queue_name": "short", "account": "physics"}
        assert study.resources["cluster"].options_of("engine") == shared | {
            "resources": {"num_machines": 2, "num_mpiprocs_per_machine": 16},
            "max_wallclock_seconds": 43_200,
            "withmpi": True,
        }
        assert study.resources["cluster"].options_of("analysis") == shared | {
            "resources": {"num_machines": 1},
            "max_wallclock_seconds": 1800,
        }

    @pytest.mark.parametrize(
        ("old", "new", "line", "sentence"),
        [
            ("version: 1", "version: 2", 9, "this package reads version 1 of campaign files, and this is version 2"),
            ("version: 1", "version: one", 9, "version: 'one' is not valid; write the number 1"),
            ("computer: cluster", "computer: a b", 10, "computer: 'a b' is not valid; write the label of the computer"),
            ("limit: 3", "limit: 0", 11, "limit: 0 is not valid; write a whole number from 1"),
            ("num_machines: 2", "num_machine: 2", 14, "unknown key 'num_machine'; did you mean num_machines?"),
            ("num_machines: 2", "num_machines: two", 14, "resources.cluster.num_machines: 'two' is not valid; write a"),
            ("12 h", "12", 15, "the time 12 has no unit; say the unit, for example 12 h"),
            ("12 h", "12 GB", 15, "the time '12 GB' is not a time; the usual units are min, h and d"),
            ("16 GB", "16 h", 16, "the memory '16 h' is not an amount of memory; the usual units are MB and GB"),
            ("16 GB", "16 EB", 16, "the memory '16 EB' is out of range"),
            ("queue_name: short", 'queue_name: "a\\nrm"', 17, "queue_name: 'a\\nrm' is not valid; write the name"),
            ("withmpi: true", "withmpi: 1", 19, "withmpi: 1 is not valid; write true"),
            ("{num_machines: 1", "{engine: 1", 20, "unknown key 'engine'; write account"),
        ],
    )
    def test_is_refused_where_it_is_wrong(self, refused, old, new, line, sentence):
        assert self.WHERE.count(old) == 1
        told = refused(GOOD + self.WHERE.replace(old, new))
        assert any(message.startswith(f"line {line}: ") and sentence in message for message in told), told
