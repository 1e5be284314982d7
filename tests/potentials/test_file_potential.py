"""Potentials whose parameters are files of an engine: what is read back is what was written, or refused."""

import pytest

from aiida_superionic.potentials import PotentialError, parse_potential, potentials
from aiida_superionic.potentials.deepmd import Deepmd

_MODEL = b"\x00\xffno text"


@pytest.fixture
def deep():
    return Deepmd.of(_MODEL, ["Ag", "I"], description="none", source="a test")


def test_it_is_read_back_with_its_file(deep):
    assert parse_potential(deep.text(), {"model.pb": _MODEL}) == deep
    # What the file holds is beside the text, which names it.
    assert "no text" not in deep.text()
    assert deep.files["model.pb"] in deep.text()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "model.pb is not there"),
        ({"model.pb": b"\x00\xffno tex"}, "model.pb is damaged: its SHA-256 is"),
        ({"model.pb": _MODEL, "other.pb": b""}, "other.pb is no file of the potential"),
    ],
)
def test_other_files_are_refused(deep, files, message):
    with pytest.raises(PotentialError, match=message):
        parse_potential(deep.text(), files)


def test_a_name_that_leads_elsewhere_is_refused(deep):
    with pytest.raises(PotentialError, match="files"):
        parse_potential(deep.text().replace("model.pb", "../model.pb"), {"../model.pb": _MODEL})


def test_a_deep_potential_is_one_file_of_one_name(deep):
    with pytest.raises(PotentialError, match=r"in the file model.pb, and other.pb is named"):
        parse_potential(deep.text().replace("model.pb", "other.pb"), {"other.pb": _MODEL})


def test_what_the_text_says_the_file_holds_does_not_count(deep):
    with pytest.raises(PotentialError, match=r"model.pb is not there"):
        parse_potential(f"{deep.text()}contents: {{model.pb: x}}\n")


def test_a_potential_that_is_all_text_has_no_files():
    with pytest.raises(PotentialError, match=r"family pair-functions has no files beside it, and model.pb is given"):
        parse_potential(potentials()["vashishta-rahman"], {"model.pb": _MODEL})


def test_lammps_gets_the_species_by_name(deep):
    given = deep.lammps(["I", "Ag"], 4)
    assert given.commands == ("pair_style deepmd model.pb", "pair_coeff * * I Ag")
    assert given.files == {"model.pb": _MODEL}
    assert given.program is None
    with pytest.raises(PotentialError, match="describes Ag, I and the structure holds Br"):
        deep.lammps(["Br"], 1)
