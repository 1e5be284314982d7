"""What apply stores, and what the graph is asked afterwards; the runs themselves are in tests/daemon."""

import re
from pathlib import Path

import pytest
from aiida import orm

from aiida_superionic.campaigns import apply as module
from aiida_superionic.campaigns import builders
from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import potentials

README = Path(__file__).parents[2] / "README.md"


def structure_of(specification):
    return builders.structure_of(specification.model_dump(), specification.seed)


def count(kind):
    return orm.QueryBuilder().append(kind).count()


@pytest.mark.usefixtures("aiida_profile_clean")
class TestStructure:
    def test_is_made_once_for_all_that_is_done_with_it(self, specification):
        first = structure_of(specification(temperature=700.0))
        assert structure_of(specification(temperature=750.0)).uuid == first.uuid
        assert structure_of(specification(md={"production": 9.0})).uuid == first.uuid
        assert count(orm.StructureData) == 1

    @pytest.mark.parametrize("changes", [{"seed": 2}, {"supercell": (2, 2, 3)}, {"supercell": (3, 2, 2)}])
    def test_differs_where_the_point_asks_for_another(self, specification, changes):
        first = structure_of(specification(supercell=(2, 2, 2)))
        other = structure_of(specification(**changes))
        assert other.uuid != first.uuid
        repeats = changes.get("supercell", (2, 2, 2))
        assert len(other.sites) == 4 * repeats[0] * repeats[1] * repeats[2]

    @pytest.mark.parametrize("lengths", [(5.0, 5.1, 5.2), (5.0, 5.0, 5.0)])
    def test_of_other_lattice_constants_is_another_and_made_once(self, specification, lengths):
        measured = structure_of(specification())
        other = structure_of(specification(lattice_constants=lengths))
        assert other.cell_lengths == pytest.approx([2.0 * length for length in lengths])
        assert structure_of(specification(lattice_constants=lengths, temperature=750.0)).uuid == other.uuid
        assert structure_of(specification()).uuid == measured.uuid
        assert count(orm.StructureData) == 2

    def test_of_a_maker_that_failed_is_not_used(self, specification):
        first = structure_of(specification())
        first.creator.backend_entity.set_attribute("exit_status", 1)
        assert structure_of(specification()).uuid != first.uuid


@pytest.mark.usefixtures("aiida_profile_clean")
class TestSites:
    def test_are_made_once_for_each_structure(self, specification):
        structures = [structure_of(specification(seed)) for seed in (1, 2)]
        sites = [builders._sites(structure) for structure in structures]
        assert [builders._sites(structure).uuid for structure in structures] == [node.uuid for node in sites]
        assert sites[0].uuid != sites[1].uuid
        assert sites[0].get_ase().symbols.formula.count() == {"I": 16, "Ag": 96}


@pytest.mark.usefixtures("aiida_profile_clean")
class TestPotential:
    def test_is_stored_once(self):
        first = builders.shipped_potential("vashishta-rahman")
        assert first.is_stored
        assert builders.shipped_potential("vashishta-rahman").uuid == first.uuid
        assert count(PotentialData) == 1

    def test_with_other_parameters_is_another_node(self, monkeypatch):
        text = potentials()["vashishta-rahman"]
        first = builders.shipped_potential("vashishta-rahman")
        monkeypatch.setattr(builders, "potentials", lambda: {"vashishta-rahman": f"{text}\n# mended\n"})
        second = builders.shipped_potential("vashishta-rahman")
        assert second.uuid != first.uuid
        assert second.text != first.text


class TestGroup:
    def test_holds_the_points_that_are_there_once(self, specification, store_point):
        nodes = {store_point(specification(seed)).uuid for seed in (1, 2)}
        statuses = point_statuses([specification(seed) for seed in (1, 2, 3)])
        for _ in range(2):
            group = module._group("study", statuses)
            assert {node.uuid for node in group.nodes} == nodes
        assert count(CampaignGroup) == 1

    def test_shares_points_with_other_campaigns_and_its_name_with_other_groups(self, specification, store_point):
        store_point(specification())
        orm.Group("study").store()
        for name in ("study", "other"):
            assert module._group(name, point_statuses([specification()])).count() == 1

    def test_of_many_points_is_filled_with_few_queries(self, specification, store_finished_points, queries):
        many = [specification(seed) for seed in range(1, 1001)]
        store_finished_points(many, {}, {})
        statuses = point_statuses(many)
        assert module._group("study", statuses).count() == 1000
        with queries() as again:
            module._group("study", statuses)
        assert 0 < len(again) < 30


def diffusion(value, upper_bound=None):
    error = None if value is None else 1e-6
    return {"diffusion_coefficient_Ag": {"value": value, "error": error, "unit": "cm^2/s", "upper_bound": upper_bound}}


@pytest.fixture
def studied(specification, store_point, store_attempt):
    """Store D of 1e-5 times the temperature over 100 K; at 800 K only a bound, at 850 K a failed attempt."""
    for seed, temperature in enumerate((650.0, 700.0, 700.5, 750.0, 900.0), 1):
        store_attempt(
            store_point(specification(seed, temperature=temperature)), observables=diffusion(1e-7 * temperature)
        )
    bounded = store_point(specification(8, temperature=800.0))
    store_attempt(bounded, observables=diffusion(None, upper_bound=1e-8))
    store_attempt(store_point(specification(9, temperature=850.0)), exit_status=401)


def test_query_of_the_readme_finds_d_at_every_point_above_700_kelvin(studied, capsys):
    [code] = re.findall(r"```python\n(.*?)```\n<!-- /query -->", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(code, {})  # noqa: S102 - what the README asks people to do
    printed = capsys.readouterr().out
    assert sorted(float(found) for found in re.findall(r"^([\d.]+) K", printed, flags=re.MULTILINE)) == [
        700.5,
        750.0,
        900.0,
    ]
    assert "D = 7.5e-05 ± 1e-06 cm²/s" in printed
