"""Levels of theory, and what is tried where a field does not converge."""

import pytest

from aiida_superionic.calculations.cp2k_input import of_unlike_frames
from aiida_superionic.calculations.dft import method_in, scf_remedies
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.protocol import ProtocolError, protocols


def test_every_protocol_is_a_level_of_theory_of_its_own():
    assert list(protocols("dft")) == ["xtb", "fast", "balanced", "precise"]
    levels = [level_of_theory(name) for name in protocols("dft")]
    assert len({level.name_for(["Ag"]) for level in levels}) == len(levels)
    cutoffs = [level.cutoff for level in levels[1:]]
    assert cutoffs == sorted(cutoffs)


@pytest.mark.parametrize(
    "change",
    [
        {"cutoff": 500.0},
        {"basis": "SZV-MOLOPT-SR-GTH"},
        {"basis_of": {"Ag": "SZV-MOLOPT-SR-GTH"}},
        {"dispersion": "D3"},
        {"k_points": [2, 2, 2]},
        {"charge": 1},
        {"multiplicity": 2},
    ],
)
def test_what_changes_the_energy_changes_the_name_and_the_parameters(change):
    level, changed = level_of_theory(), level_of_theory(overrides=change)
    assert changed.name_for(["Ag", "I"]) != level.name_for(["Ag", "I"])
    if not {"basis", "basis_of"} & set(change):
        assert changed.parameters != level.parameters


def test_parameters_tell_the_method_that_they_mean():
    levels = [level_of_theory(name) for name in protocols("dft")]
    levels += [level_of_theory(overrides={"dispersion": name}) for name in ("D3", "D3(BJ)")]
    for level in levels:
        told = method_in(level.parameters).split()
        name = level.name_for(["Ag", "I"]).split()
        assert told[0] == name[0]
        # All of its name but the basis set, which is a node, and the program.
        assert told == [word for word in name if word not in (level.basis, "CP2K")]
    assert method_in({"FORCE_EVAL": {"METHOD": "FIST"}}) == ""


def test_the_name_tells_other_basis_sets_of_the_elements_that_are_there():
    level = level_of_theory("fast")
    assert level.name_for(["Li", "S"]) == "PBE SZV-MOLOPT-SR-GTH 300/40 Ry CP2K"
    assert level.name_for(["S", "Na"]) == "PBE SZV-MOLOPT-SR-GTH (Na TZVP-MOLOPT-PBE-GTH-q1) 300/40 Ry CP2K"


def test_k_points_are_diagonalised():
    scf = level_of_theory(overrides={"k_points": [1, 1, 2]}).parameters["FORCE_EVAL"]["DFT"]["SCF"]
    assert "OT" not in scf
    assert scf["DIAGONALIZATION"]["_"] == "ON"


def test_remedies_keep_the_level_of_theory():
    for overrides in ({}, {"k_points": [2, 2, 2]}):
        parameters = level_of_theory(overrides=overrides).parameters
        given = parameters["FORCE_EVAL"]["DFT"].pop("SCF")
        remedies = scf_remedies({"FORCE_EVAL": {"DFT": {**parameters["FORCE_EVAL"]["DFT"], "SCF": given}}})
        assert remedies
        for _, changed in remedies:
            scf = changed["FORCE_EVAL"]["DFT"].pop("SCF")
            assert changed["FORCE_EVAL"]["DFT"] == parameters["FORCE_EVAL"]["DFT"]
            assert scf["EPS_SCF"] == given["EPS_SCF"]
            assert scf != given


@pytest.mark.parametrize(
    ("protocol", "overrides", "told"),
    [
        ("balanced", {"method": "LDA"}, "method"),
        ("balanced", {"cutoff": -1.0}, "cutoff"),
        ("balanced", {"basis": "DZVP\n&END"}, "basis"),
        ("balanced", {"basis_of": {"Na": "DZVP\n&END"}}, "basis_of"),
        ("balanced", {"basis_of": {"Xx": "DZVP"}}, "'Xx' is not a chemical symbol"),
        ("balanced", {"k_points": [2, 2]}, "k_points"),
        ("xtb", {"cutoff": 400.0}, "cutoff is no setting of GFN1-xTB"),
        ("xtb", {"cutof": 400.0}, "cutof is not a setting of dft"),
    ],
)
def test_what_is_refused(protocol, overrides, told):
    with pytest.raises(ProtocolError, match=told):
        level_of_theory(protocol, overrides)


def test_frames_that_are_unlike_begin_afresh_where_charges_may_run_away():
    xtb, pbe = level_of_theory("xtb").parameters, level_of_theory().parameters
    of_xtb = of_unlike_frames(xtb)["FORCE_EVAL"]["DFT"]["QS"]
    assert of_xtb == {**xtb["FORCE_EVAL"]["DFT"]["QS"], "EXTRAPOLATION": "USE_GUESS"}
    assert "EXTRAPOLATION" not in xtb["FORCE_EVAL"]["DFT"]["QS"]
    assert of_unlike_frames(pbe) == pbe
    xtb["FORCE_EVAL"]["DFT"]["QS"]["EXTRAPOLATION"] = "ASPC"
    assert of_unlike_frames(xtb) == xtb
