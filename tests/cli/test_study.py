"""The campaign files of the published studies, against the table of "Disentangling Cation-Polyanion Coupling in Solid
Electrolytes: Which Anion Motion Dominates Cation Transport?", Table S1.
"""

import pytest

from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

TABLE = {  # atoms, timestep in fs, temperatures in K
    "fcc-Na2B10H10": (1056, 0.5, [750, 700, 650, 550, 450, 350]),
    "hexagonal-LiBH4": (768, 0.5, [600, 550, 525, 500, 475, 450, 350]),
    "cubic-Na3OBH4": (1125, 0.5, [800, 550, 450]),
    "alpha-Li3PS4": (864, 2.0, [1100, 1000, 900, 800, 700, 600, 550, 500, 400]),
    "gamma-Na4P2S6": (648, 2.0, [1000, 950, 900, 850, 800, 750]),
    "tetragonal-Na11Sn2PS12": (832, 2.0, [1200, 1050, 900, 750, 600, 500, 400, 300]),
}


def test_every_study_is_in_the_table():
    assert {name for name, material in materials().items() if material.study} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_the_campaign_of_a_study_is_that_of_the_table(name, invoke, tmp_path):
    # The force field is for another crystal: what is asked for does not depend on it.
    path = tmp_path / "campaign.yaml"
    path.write_text(invoke("structures", "study", name, "--potential", "pedone").output)
    n_atoms, timestep, temperatures = TABLE[name]
    campaign = load_campaign(path)
    points = expand(campaign)
    assert sorted({point.temperature for point in points}) == sorted(temperatures)
    assert {point.constraint for point in points} == {"UC", "RC", "RTC", "RTVC"}
    assert len(points) == 4 * len(temperatures) * campaign.study.replicas
    held = {point.rotors for point in points if point.constraint != "UC"}
    assert held == {("PS4",) if name == "tetragonal-Na11Sn2PS12" else ()}
    for point in points:
        assert point.ensemble == "nvt"
        assert point.md["timestep"] == pytest.approx(1e-3 * timestep)
        assert (point.md["equilibration"], point.md["production"]) == (10.0, 10_000.0)
    assert len(make_supercell(materials()[name], points[0].supercell, seed=1)) == n_atoms


def test_a_crystal_without_a_study_says_so(invoke):
    result = invoke("structures", "study", "alpha-AgI", "--potential", "pedone", status=2)
    assert "no study of alpha-AgI is known" in result.output
    result = invoke("structures", "study", "gamma-Na4P2S6", "--potential", "pedon", status=2)
    assert "unknown potential 'pedon'; did you mean pedone?" in result.output
