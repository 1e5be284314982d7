"""What is done to datasets, as steps on the graph."""

import io

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.calculations.datasets import (
    displace_frames,
    import_dataset,
    merge_datasets,
    select_frames,
    split_dataset,
)
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.datasets.extxyz import write_extxyz


@pytest.fixture
def make_node(aiida_profile, rng):
    def make(n_frames=6, level="PBE"):
        frames = [
            Frame(("Ag", "I"), rng.uniform(0, 5, (2, 3)), 5 * np.eye(3), float(i), rng.normal(size=(2, 3)))
            for i in range(n_frames)
        ]
        return DatasetData(Dataset(tuple(frames), level))

    return make


def energies(node):
    return [frame.energy for frame in node.dataset.frames]


def test_an_import_remembers_its_file(make_node):
    text = write_extxyz(make_node().dataset)
    file = orm.SinglefileData(io.BytesIO(text.encode()), filename="a.xyz")
    made = import_dataset(file, orm.Dict({"source": "10.1/a", "licence": "CC0-1.0"}))
    assert made.creator.inputs.file.get_content() == text
    assert made.base.attributes.get("sources") == ["10.1/a"]
    assert made.dataset.frames[3].origin == "a.xyz, frame 3"


def test_each_step_makes_a_dataset_that_knows_where_it_comes_from(make_node):
    first, second = make_node(6), make_node(4)
    merged = merge_datasets(dataset_0=first, dataset_1=second)
    assert energies(merged) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 1.0, 2.0, 3.0]
    chosen = select_frames(merged, orm.Str("uniform"), orm.Int(4))
    assert energies(chosen) == [0.0, 3.0, 0.0, 3.0]
    divided = split_dataset(chosen, orm.Dict({"train": 2, "test": 1}), orm.Int(5))
    assert divided.base.attributes.get("split") == {"train": 2, "validation": 0, "test": 1}
    assert divided.creator.inputs.dataset == chosen
    assert chosen.creator.inputs.method.value == "uniform"
    assert merged.creator.inputs.dataset_1 == second
    displaced = displace_frames(divided, orm.Dict({"Ag": 0.1, "I": 0.1}), orm.Int(5))
    assert energies(displaced) == [None] * 4
    assert displaced.creator.inputs.dataset == divided


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda node, _: split_dataset.run_get_node(node, orm.Dict({"train": 9}), orm.Int(1)), "9 train frames are"),
        (lambda node, _: select_frames.run_get_node(node, orm.Str("best"), orm.Int(1)), "unknown selection 'best'"),
        (lambda node, other: merge_datasets.run_get_node(a=node, b=other), "LDA and PBE"),
        (
            lambda *_: import_dataset.run_get_node(orm.SinglefileData(io.BytesIO(b"1\n"), "a.xyz"), orm.Dict({})),
            "a.xyz was cut",
        ),
    ],
)
def test_what_cannot_be_done_is_an_exit_code_with_a_sentence(make_node, run, message):
    _, process = run(make_node(6), make_node(2, "LDA"))
    assert process.exit_status == 210
    assert message in process.exit_message
    assert not process.base.links.get_outgoing().all()
