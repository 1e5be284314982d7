"""``dataset``: from a file to subsets and back, on the command line."""

import re

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.cli.dataset import cmd_export, cmd_select
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import SUBSETS, Dataset, Frame
from aiida_superionic.datasets.extxyz import read_extxyz, write_extxyz
from aiida_superionic.datasets.selection import SELECTIONS

FRAME = """\
2
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:forces:R:3 energy={energy}
Ag 0 0 0 0 0 1
I {x} 0 0 0 0 -1
"""
UNITS = "length=Angstrom,energy=eV,force=eV/Angstrom"


@pytest.fixture
def file(tmp_path):
    """Return a file of eighteen frames, that says nothing of units or level."""
    path = tmp_path / "silver iodide.xyz"
    path.write_text("".join(FRAME.format(energy=-i, x=1 + 0.05 * i) for i in range(18)))
    return path


@pytest.fixture
def pk(invoke):
    """Return a function that runs a command and returns the PK of the dataset that it made."""

    def pk(*arguments):
        return re.match(r"dataset (\d+): ", invoke("dataset", *arguments).output).group(1)

    return pk


@pytest.fixture
def imported(pk, file):
    said = ["--source", "10.1/a", "--licence", "CC0-1.0", "--temperature", "750"]
    return pk("import", file, "--level-of-theory", "PBE", "--units", UNITS, "--label", "agi", *said)


def test_import_show_split_select_merge_export(invoke, pk, imported, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    shown = invoke("dataset", "show", imported).output
    for word in ("agi", "18", "Ag1I1", "energy, forces", "PBE", " 750 K", "10.1/a (CC0-1.0)"):
        assert word in shown
    divided = pk("split", imported, "--seed", 3)
    assert orm.load_node(int(divided)).base.attributes.get("split") == {"train": 10, "validation": 5, "test": 3}
    assert "10 train, 5 validation, 3 test" in invoke("dataset", "show", divided).output
    few = pk("split", imported, "--seed", 3, "--train", 2)
    assert orm.load_node(int(few)).base.attributes.get("split") == {"train": 2, "validation": 0, "test": 0}
    chosen = pk("select", divided, "--method", "farthest-point", "--frames", 4)
    assert orm.load_node(int(chosen)).base.attributes.get("n_frames") == 4
    merged = invoke("dataset", "merge", imported, chosen).output
    assert "18 frames of Ag1I1\n4 repeated frames left out\n" in merged
    target = tmp_path / "test.xyz"
    assert invoke("dataset", "export", divided, target, "--subset", "test").output == f"written to {target}\n"
    test = read_extxyz(target.read_text(), "test.xyz")
    assert (len(test.frames), test.level_of_theory, test.sources) == (3, "PBE", (("10.1/a", "CC0-1.0"),))


def test_what_is_exported_is_imported_without_a_word(pk, invoke, imported, tmp_path):
    invoke("dataset", "export", imported, tmp_path / "a.xyz")
    again = orm.load_node(int(pk("import", tmp_path / "a.xyz")))
    assert again.text == orm.load_node(int(imported)).text


def test_frames_without_labels(pk, file):
    node = orm.load_node(int(pk("import", file, "--unlabelled", "--units", "length=Angstrom")))
    assert (node.base.attributes.get("fields"), node.base.attributes.get("level_of_theory")) == ([], None)


def test_show_counts_what_is_there_twice(invoke, aiida_profile, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    frame = Frame(("Ag", "I"), np.array([[0.0, 0, 0], [1, 0, 0]]), 5 * np.eye(3))
    node = DatasetData(Dataset((frame, frame, frame))).store()
    assert re.search(r"repeated +│ 2 ", invoke("dataset", "show", node.pk).output)


def test_what_cannot_be_imported_is_told_and_nothing_is_stored(invoke, stored, file, tmp_path):
    cut = tmp_path / "cut.xyz"
    cut.write_text(file.read_text()[:-3])
    binary = tmp_path / "binary.xyz"
    binary.write_bytes(b"\xff\xfe")
    good = ["--level-of-theory", "PBE", "--units", UNITS]
    before = stored()
    for arguments, message in [
        ([tmp_path / "gone.xyz", *good], "gone.xyz cannot be read: No such file or directory"),
        ([binary, *good], "binary.xyz cannot be read: it is no text"),
        ([cut, *good], "cut.xyz does not end with a whole line"),
        ([file, "--level-of-theory", "PBE"], "the unit of length is not declared"),
        ([file, "--units", UNITS], "nothing says at which level of theory"),
        ([file, "--units", "energy=ev"], "'ev' is no unit of energy; write for example eV"),
        ([file, *good, "--keys", "charge=q"], "a key for charge"),
    ]:
        result = invoke("dataset", "import", *arguments, status=2)
        assert message in result.stderr
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1
    assert stored() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["split", "DATASET", "--seed", "1", "--train", "20"], "20 train frames are to be drawn from 18"),
        (["select", "DATASET", "--method", "uniform", "--frames", "19"], "19 frames are to be selected from 18"),
        (["export", "DATASET", "FILE"], "is there already"),
        (["export", "DATASET", "gone/a.xyz"], "gone/a.xyz cannot be written: No such file or directory"),
        (["export", "DATASET", "new.xyz", "--subset", "train"], "no frame is in the subset 'train'"),
    ],
)
def test_what_cannot_be_done_is_told(invoke, imported, file, words, message):
    given = {"DATASET": imported, "FILE": file}
    result = invoke("dataset", *[given.get(word, word) for word in words], status=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_way_to_select_and_every_subset_can_be_named():
    choices = {parameter.name: parameter.type for command in (cmd_select, cmd_export) for parameter in command.params}
    assert tuple(choices["method"].choices) == tuple(SELECTIONS)
    assert tuple(choices["subset"].choices) == SUBSETS


def test_only_datasets_are_taken(invoke, aiida_profile):
    other = orm.Int(3).store()
    assert f"no DatasetData found with ID<{other.pk}>" in invoke("dataset", "show", other.pk, status=2).stderr


def test_levels_of_theory_are_not_merged(invoke, pk, imported, file):
    other = pk("import", file, "--level-of-theory", "LDA", "--units", UNITS)
    assert "different levels of theory" in invoke("dataset", "merge", imported, other, status=2).stderr


def test_the_file_of_a_node_is_what_is_exported(invoke, imported, tmp_path):
    invoke("dataset", "export", imported, tmp_path / "a.xyz")
    node = orm.load_node(int(imported))
    assert (tmp_path / "a.xyz").read_text() == node.text == write_extxyz(node.dataset)
