"""``show``, ``plot`` and ``trace``: their words and mistakes; what they tell of real runs is tested with nodes."""

import subprocess
import sys
from pathlib import Path

import pytest
from aiida import orm

from aiida_superionic.data.potential import PotentialData


@pytest.fixture
def teacher(potential_node):
    potential_node.label = f"teacher of {potential_node.uuid}"  # of no other test
    return potential_node.store()


@pytest.mark.parametrize("name", ["pk", "uuid", "label"])
def test_a_node_is_named_by_pk_uuid_or_label(invoke, teacher, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    shown = invoke("show", getattr(teacher, name)).stdout
    assert f"{teacher.pk} {teacher.uuid} {teacher.label}" in shown
    assert "pair-functions" in shown
    assert f"potential {teacher.label}  pk {teacher.pk}" in invoke("trace", getattr(teacher, name)).stdout


def test_mistakes_are_a_sentence_with_the_nearest_word(invoke, teacher, tmp_path):
    other = orm.Int(3).store()
    gone = other.pk + 1000
    for words, told in (
        (["show", teacher.label[:-1]], f"label '{teacher.label[:-1]}'; did you mean {teacher.label}?"),
        (["trace", gone], f"has the PK, UUID or label '{gone}'; aiida-superionic query and verdi process list"),
        (["show", other.pk], f"Int {other.pk} is none of ours; look at it with: verdi node show {other.pk}"),
        (["trace", teacher.pk, "--quantity", "D"], f"PotentialData {teacher.pk} has no quantities; name a workchain"),
        (["plot", teacher.pk, "--observable", "diffusion"], f"PotentialData {teacher.pk} has no curves; name a work"),
        (["plot", teacher.pk, "--list"], f"PotentialData {teacher.pk} has no curves; name a workchain"),
        (
            ["plot", teacher.pk, "--observable", "diffusion", "-o", tmp_path / "figure.gif"],
            "figure.gif does not say what to draw; let it end in .png, .pdf or .svg",
        ),
    ):
        result = invoke(*words, status=2)
        assert told in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_two_nodes_of_one_label_are_to_be_told_apart(invoke, teacher):
    twin = PotentialData(teacher.text)
    twin.label = teacher.label
    twin.store()
    told = invoke("show", teacher.label, status=2).stderr
    assert f"several nodes Node are called '{teacher.label}'; give the UUID of one" in told


def test_plot_without_an_observable_is_told(invoke, teacher):
    assert "Missing option '--observable'; --list shows" in invoke("plot", teacher.pk, status=2).stderr


def test_verdi_has_the_same_commands():
    verdi = Path(sys.executable).parent / "verdi"
    for command in ("show", "plot", "trace"):
        help_text = subprocess.run(
            [verdi, "data", "superionic", command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert "NODE" in help_text
