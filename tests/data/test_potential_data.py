"""Potentials as nodes."""

import io

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import PotentialError, potentials
from aiida_superionic.potentials.deepmd import MODEL_FILE, Deepmd


def test_a_stored_potential_is_the_same_potential(potential_node):
    loaded = orm.load_node(potential_node.store().pk)
    assert isinstance(loaded, PotentialData)
    assert loaded.text == potentials()["vashishta-rahman"]
    assert loaded.potential == potential_node.potential


def test_people_filter_on_family_and_species(potential_node):
    potential_node.store()
    query = orm.QueryBuilder().append(
        PotentialData,
        filters={"attributes.family": "pair-functions", "attributes.species": {"contains": ["Ag", "I"]}},
        project="id",
    )
    assert potential_node.pk in query.all(flat=True)


@pytest.mark.parametrize("text", ["", "family: unheard-of", "family: pair-functions"])
def test_what_is_no_potential_is_refused(aiida_profile, text):
    with pytest.raises(PotentialError):
        PotentialData(text)


def test_an_empty_node_is_not_stored(aiida_profile):
    with pytest.raises(ValidationError):
        PotentialData().store()


def test_a_node_with_a_damaged_file_is_not_stored(potential_node):
    potential_node.base.repository.put_object_from_filelike(io.BytesIO(b"family: none"), "potential.yaml")
    with pytest.raises(ValidationError, match="family"):
        potential_node.store()


@pytest.fixture
def deep_node(aiida_profile):
    """Return a potential whose model is no text."""
    model = Deepmd.of(bytes(range(256)), ["Ag", "I"], description="none", source="a test")
    return PotentialData(model.text(), model.contents)


def test_a_model_that_is_no_text_is_kept_byte_for_byte(deep_node):
    loaded = orm.load_node(deep_node.store().pk)
    assert loaded.files == {MODEL_FILE: bytes(range(256))}
    assert loaded.potential == deep_node.potential
    assert loaded.potential.lammps(["I", "Ag"], 2).files == loaded.files


def test_a_node_with_another_model_is_not_stored(deep_node):
    deep_node.base.repository.put_object_from_filelike(io.BytesIO(b"other"), MODEL_FILE)
    with pytest.raises(ValidationError, match=r"model.pb is damaged"):
        deep_node.store()


def test_another_model_is_another_potential_to_the_cache(deep_node):
    other = Deepmd.of(b"other", ["Ag", "I"], description="none", source="a test")
    nodes = (deep_node, PotentialData(deep_node.text, deep_node.files), PotentialData(other.text(), other.contents))
    first, again, another = (node.store().base.caching.compute_hash() for node in nodes)
    assert first == again
    assert first != another
