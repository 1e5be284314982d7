"""The studies that `make demo-benchmark` runs."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.analysis.needs import unmet
from aiida_superionic.analysis.registry import observables
from aiida_superionic.calculations.analyse import what_dynamics_hold
from aiida_superionic.cli.errors import UserError
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.units import WAVENUMBER_PER_THZ
from aiida_superionic.workchains.md import TIMES, stage_settings
from aiida_superionic.workchains.protocol import protocol_settings

DEMO = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "benchmark.py"))


@pytest.mark.parametrize("material", DEMO["STUDIES"])
def test_every_time_of_a_study_fits_the_others(material):
    study, mobile = DEMO["STUDIES"][material], list(materials()[material].mobile)
    protocols = [TIMES["lammps"]] if study.teacher else list(TIMES.values())
    for visits in ({}, study.visits):
        for protocol in protocols:
            times = protocol_settings(protocol, "fast", {**study.times, **visits})
            assert set(stage_settings(times, study.temperature, mobile, ensemble="nvt")) == {
                "equilibration",
                "production",
            }
    if study.long is not None:
        times = protocol_settings("md", "fast", study.long.times)
        assert stage_settings(times, study.long.temperature, mobile, ensemble="nvt")
    asked = study.observables
    block = study.times["production"] / 5.0 - study.times["sampling_interval"]
    lags = [*asked["van_hove"]["times"], asked["vibrations"]["longest_lag"], asked["diffusion"]["fit_end"]]
    assert max(lags) <= block
    period = WAVENUMBER_PER_THZ / asked["tetrahedral_geometry"].get("cutoff", 5.0)
    assert period <= study.times["production"] - study.times["sampling_interval"]


@pytest.mark.parametrize("material", DEMO["STUDIES"])
def test_the_structure_of_a_study_has_what_is_asked_for(material):
    study, crystal = DEMO["STUDIES"][material], materials()[material]
    atoms = make_supercell(crystal, study.supercell, 1)
    there = what_dynamics_hold(atoms, list(crystal.mobile), {})
    assert [name for name in study.observables if unmet(observables()[name].needs, there)] == []
    assert study.crystals < sum(study.sizes.values())
    assert set(study.displaced) in (set(), set(atoms.get_chemical_symbols()))


def test_a_doped_crystal_has_a_vacancy_and_the_pristine_one_none():
    counts = {}
    for material in ("tungsten-Na3SbS4", "tetragonal-Na3SbS4"):
        symbols = make_supercell(materials()[material], DEMO["STUDIES"][material].supercell, 1).get_chemical_symbols()
        counts[material] = {kind: symbols.count(kind) for kind in set(symbols)}
    assert counts["tungsten-Na3SbS4"] == {"Na": 47, "Sb": 15, "W": 1, "S": 64}
    assert counts["tetragonal-Na3SbS4"] == {"Na": 24, "Sb": 8, "S": 32}


def test_without_cp2k_it_says_how_to_install_it_before_anything_runs(
    aiida_profile_clean, lammps_code, own_code, monkeypatch
):
    for engine in ("analysis", "conversion", "fit", "assessment"):
        own_code(engine)
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--material", "Li10GeP2S12"])
    with pytest.raises(UserError, match=r"cp2k@superionic-local .*apt-get install cp2k"):
        DEMO["main"]()
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == 0


def test_a_cell_that_cannot_be_smaller_is_told(aiida_profile_clean, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--material", "tungsten-Na3SbS4", "--test", "small"])
    with pytest.raises(UserError, match="tungsten-Na3SbS4 is studied in the smallest cell"):
        DEMO["main"]()


def test_a_reference_that_is_long_enough_is_told(aiida_profile_clean, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--material", "alpha-AgI", "--test", "long"])
    with pytest.raises(UserError, match="the reference of alpha-AgI is long enough"):
        DEMO["main"]()


def test_crystals_are_those_of_the_material(aiida_profile_clean):
    work = DEMO["Work"]("Li10GeP2S12")
    still = work.crystal(work.study.supercell)
    assert work.teacher is None
    assert work.mobile == ["Li"]
    assert np.isclose(still.get_cell_volume(), np.prod([8.69407, 8.69407, 12.5994]))
