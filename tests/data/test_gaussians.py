"""Basis sets and pseudopotentials: from files of CP2K's format once, from the database from then on."""

import pytest
from aiida import orm
from aiida.plugins import DataFactory

from aiida_superionic.data.gaussians import GaussianError, basis_sets_and_pseudopotentials

_BASIS = """\
H  TINY-MOLOPT-GTH TINY-MOLOPT-GTH-q1
 1
 1 0 0 2 1
      2.0 0.6
      0.5 0.4
"""
_PSEUDO = """\
H GTH-PBE-q1 GTH-PBE
    1
     0.20000000    2    -4.17890044     0.72446331
    0
"""


@pytest.fixture
def data_folder(tmp_path):
    (tmp_path / "BASIS_MOLOPT").write_text(_BASIS)
    (tmp_path / "GTH_POTENTIALS").write_text(_PSEUDO)
    return tmp_path


def test_what_is_stored_is_not_read_again(aiida_profile_clean, data_folder):
    basis, pseudo = basis_sets_and_pseudopotentials(["H", "H"], "TINY-MOLOPT-GTH", {}, data_folder)
    assert (list(basis), list(pseudo)) == (["H"], ["H"])
    assert (basis["H"].name, pseudo["H"].name) == ("TINY-MOLOPT-GTH-q1", "GTH-PBE-q1")
    again, _ = basis_sets_and_pseudopotentials(["H"], "TINY-MOLOPT-GTH", {}, None)
    assert again["H"].uuid == basis["H"].uuid
    assert orm.QueryBuilder().append(DataFactory("gaussian.basisset")).count() == 1


def test_an_element_takes_another_basis_set_from_the_later_files(aiida_profile_clean, data_folder):
    lithium = "\nLi OTHER-MOLOPT-GTH-q1\n" + _BASIS.partition("\n")[2]
    (data_folder / "BASIS_MOLOPT_UZH").write_text(_BASIS.replace("TINY", "OTHER") + lithium)
    (data_folder / "POTENTIAL_UZH").write_text(
        _PSEUDO.replace("H GTH-PBE-q1 GTH-PBE", "Li GTH-PBE-q1") + "\nLa GTH-PBE-q3 GTH-GGA-q3\n NA\n"
    )
    others = {"Li": "OTHER-MOLOPT-GTH-q1", "Na": "OTHER-MOLOPT-GTH-q1"}
    basis, pseudo = basis_sets_and_pseudopotentials(["H", "Li"], "TINY-MOLOPT-GTH", others, data_folder)
    assert {kind: one.name for kind, one in basis.items()} == {"H": "TINY-MOLOPT-GTH-q1", "Li": "OTHER-MOLOPT-GTH-q1"}
    assert {kind: one.element for kind, one in pseudo.items()} == {"H": "H", "Li": "Li"}


def test_what_is_missing_is_told(aiida_profile_clean, data_folder):
    with pytest.raises(
        GaussianError, match=r"TINY-MOLOPT-GTH of H is not stored .*verdi data gaussian.basisset import"
    ):
        basis_sets_and_pseudopotentials(["H"], "TINY-MOLOPT-GTH", {}, None)
    with pytest.raises(GaussianError, match=r"Ag has no TINY-MOLOPT-GTH in .*BASIS_MOLOPT"):
        basis_sets_and_pseudopotentials(["Ag"], "TINY-MOLOPT-GTH", {}, data_folder)
    (data_folder / "GTH_POTENTIALS").unlink()
    with pytest.raises(GaussianError, match="GTH_POTENTIALS cannot be read: No such file or directory"):
        basis_sets_and_pseudopotentials(["H"], "TINY-MOLOPT-GTH", {}, data_folder)
