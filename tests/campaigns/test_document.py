"""The reader of campaign files: plain data, the line of each value, and what of YAML is refused."""

from __future__ import annotations

import math
import re

import pytest

from aiida_superionic.campaigns.document import CampaignFileError, load_document


@pytest.fixture
def load(tmp_path):
    def load(content):
        path = tmp_path / "study.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_document(path)

    return load


def test_scalars_follow_the_core_schema_of_yaml_1_2(load):
    data = load(
        "whole: 010\nreal: -1.5e3\nbare: .5\ntrue: true\nyes: yes\nquoted: '600'\nempty:\ntilde: ~\n"
        "date: 2020-01-01\nhex: 0x10\nclock: 1:30\ninfinite: -.inf\nnan: .nan\n1: one\n"
    ).data
    assert math.isnan(data.pop("nan"))
    assert data == {
        "whole": 10, "real": -1500.0, "bare": 0.5, "true": True, "yes": "yes", "quoted": "600", "empty": None,
        "tilde": None, "date": "2020-01-01", "hex": "0x10", "clock": "1:30", "infinite": -math.inf, "1": "one",
    }  # fmt: skip
    assert type(data["whole"]) is int


def test_every_value_knows_its_line(load):
    document = load("# a comment\na: 1\n\nb:\n  c: [1,\n    2]\n  d:\n  - x\n\n  - e: 5\n    f: 6\n")
    assert document.line(()) == 2
    assert document.line(("a",)) == 2
    assert document.line(("b",)) == 4
    assert document.line(("b", "c", 0)) == 5
    assert document.line(("b", "c", 1)) == 6
    assert document.line(("b", "d", 0)) == 8
    assert document.line(("b", "d", 1, "f")) == 11


def test_a_value_that_the_file_lacks_stands_where_it_would_have_been(load):
    document = load("a: 1\nb:\n  c: [1]\n")
    assert document.line(("b", "c", 7, "x")) == 3
    assert document.line(("missing",)) == 1


def test_a_byte_order_mark_is_no_part_of_the_text(load):
    assert load(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("", 1, "the file is empty"),
        ("# only a comment\n", 1, "the file is empty"),
        ("a: 1\nb: [1, 2\n", 3, "not YAML"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
        ("a: 1\nb: 'open\n", 3, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: 1\nb: 2\n\na: 3\n", 4, "the key 'a' stands on line 1 already"),
        ("b:\n  a: 1\n  a: 2\n", 3, "the key 'a' stands on line 2 already"),
        ("- 1\n- 2\n", 1, "not a mapping"),
        ("just text\n", 1, "not a mapping"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("%YAML 1.1\n---\na: 1\n", 2, "directives"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "the YAML tag"),
        ("a: 1\n!!python/name:os.system b: 2\n", 2, "the YAML tag"),
        ("a: 1\nb: !local x\n", 2, "the YAML tag '!local'"),
        ("a: &x [1]\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: *x\n", 2, "anchors"),
        ("a: 1\n? [1, 2]\n: 3\n", 2, "a key is itself a list"),
        ("a: 1\nb: " + "9" * 5000 + "\n", 2, "too long"),
        ("a: 1\nb: " + "[" * 3000 + "\n", 2, "nested too deeply"),
        ("a: 1\nb: \x1b[31m\n", 2, "control character"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "not UTF-8"),
    ],
)
def test_what_is_not_a_plain_mapping_is_refused_with_its_line(load, content, line, reason):
    with pytest.raises(CampaignFileError) as error:
        load(content)
    (problem,) = error.value.problems
    assert problem.line == line
    assert reason in problem.sentence
    assert re.fullmatch(rf".*study\.yaml, line {line}: .+; .+", str(error.value))


def test_entities_that_multiply_are_never_expanded(load):
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    with pytest.raises(CampaignFileError, match="line 1: YAML anchors"):
        load(f"l0: &l0 x\n{levels}")


@pytest.mark.parametrize("kind", ["absent", "folder", "large"])
def test_a_file_that_cannot_be_read_is_named_without_a_line(tmp_path, kind):
    path = tmp_path / "study.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "large":
        path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(CampaignFileError, match=r"study\.yaml: (cannot be read|is larger than 1 MB)") as error:
        load_document(path)
    assert error.value.problems[0].line is None


def test_a_message_never_carries_control_characters(tmp_path):
    path = tmp_path / "study\x1b[31m.yaml"
    path.write_text('"a\\n\\x1b[31m": 1\n"a\\n\\x1b[31m": 2\n')
    with pytest.raises(CampaignFileError) as error:
        load_document(path)
    assert str(error.value).isprintable()
