"""Datasets as nodes: the same frames again, and what people filter on."""

import io
from dataclasses import replace

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame


@pytest.fixture
def dataset(rng):
    """Return three labelled frames from two sources at two temperatures."""
    sources = [("10.1/a", "CC-BY-4.0", 300.0, "train"), ("", "", 750.0, "test"), ("10.1/b", "", 300.0, None)]
    frames = [
        Frame(
            ("Ag", "I"),
            rng.uniform(0, 5, (2, 3)),
            5 * np.eye(3),
            -1.0,
            rng.normal(size=(2, 3)),
            temperature=temperature,
            source=source,
            licence=licence,
            subset=subset,
        )
        for source, licence, temperature, subset in sources
    ]
    return Dataset(tuple(frames), "PBE DZVP")


def test_a_stored_dataset_is_the_same_dataset(aiida_profile, dataset):
    loaded = orm.load_node(DatasetData(dataset).store().pk)
    assert isinstance(loaded, DatasetData)
    assert loaded.dataset.level_of_theory == "PBE DZVP"
    for ours, theirs in zip(loaded.dataset.frames, dataset.frames, strict=True):
        np.testing.assert_array_equal(ours.positions, theirs.positions)
        np.testing.assert_array_equal(ours.forces, theirs.forces)
        assert (ours.source, ours.licence, ours.subset) == (theirs.source, theirs.licence, theirs.subset)


def test_what_a_dataset_says_of_itself(aiida_profile, dataset):
    about = DatasetData(dataset).base.attributes.all
    assert len(about.pop("sha256")) == 64
    assert about == {
        "n_frames": 3,
        "species": ["Ag", "I"],
        "formulas": ["Ag1I1"],
        "fields": ["energy", "forces"],
        "level_of_theory": "PBE DZVP",
        "sources": ["10.1/a", "10.1/b"],
        "licences": ["CC-BY-4.0", ""],
        "units": {"length": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "temperature": "K"},
        "temperatures": {"lowest": 300.0, "highest": 750.0},
        "split": {"train": 1, "validation": 0, "test": 1},
    }


def test_what_is_not_known_is_not_said(aiida_profile, dataset):
    frames = tuple(replace(frame.unlabelled, temperature=None) for frame in dataset.frames)
    about = DatasetData(Dataset(frames)).base.attributes.all
    assert (about["fields"], about["level_of_theory"], about["temperatures"]) == ([], None, None)


def test_a_range_of_temperatures_is_said_only_where_all_are_known(aiida_profile, dataset):
    frames = (replace(dataset.frames[0], temperature=None), *dataset.frames[1:])
    assert DatasetData(replace(dataset, frames=frames)).base.attributes.get("temperatures") is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"attributes.level_of_theory": "PBE DZVP"}, True),
        ({"attributes.level_of_theory": "PBE"}, False),
        ({"attributes.species": {"contains": ["I"]}}, True),
        ({"attributes.sources": {"contains": ["10.1/b"]}}, True),
        ({"attributes.sources": {"contains": ["10.1/c"]}}, False),
        ({"attributes.temperatures.highest": {">": 700.0}}, True),
        ({"attributes.temperatures.lowest": {">": 700.0}}, False),
        ({"attributes.split.train": {">=": 1}}, True),
        ({"attributes.n_frames": {">": 3}}, False),
    ],
)
def test_people_filter_on_it(aiida_profile, dataset, filters, found):
    node = DatasetData(dataset).store()
    query = orm.QueryBuilder().append(DatasetData, filters={"id": node.pk, **filters})
    assert query.count() == found


def test_an_empty_node_is_not_stored(aiida_profile):
    with pytest.raises(ValidationError, match="needs frames"):
        DatasetData().store()


def test_frames_that_were_exchanged_are_not_stored(aiida_profile, dataset):
    node = DatasetData(dataset)
    text = node.text.replace("-1", "-2")
    node.base.repository.put_object_from_filelike(io.BytesIO(text.encode()), DatasetData.FILE)
    with pytest.raises(ValidationError, match="not those that the attributes describe"):
        node.store()
