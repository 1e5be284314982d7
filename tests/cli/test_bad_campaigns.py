"""A bad campaign file: one sentence with the line on stderr, exit status 2, nothing stored, nothing run."""

import os

import pytest

COMMANDS = ["plan", "apply", "status", "results", "report"]
POISONS = [
    "x\nshell touch /tmp/owned",
    "shell",
    "$(touch owned)",
    "`id`",
    "a; rm b",
    "../../etc",
    "\x1b[31mred",
    "x" * 500,
]
STRING_PLACES = {
    "campaign": "campaign: study",
    "material": "alpha-AgI",
    "potential": "vashishta-rahman",
    "constraint": "UC",
    "protocol": "fast",
    "time": "60 ps",
    "observable": "diffusion",
    "observable with parameters": "friction",
    "parameter": "longest_lag",
    "value of a parameter": "3.0",
    "key": "replicas",
}


def quoted(text):
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\x1b": "\\e"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("replicas", "replicsa", 6, "did you mean replicas?"),
        ("alpha-AgI", "alpha-AgL", 2, "did you mean alpha-AgI?"),
        ("vashishta-rahman", "vashista-rahman", 3, "did you mean vashishta-rahman?"),
        ("700, 750", "700, -750", 4, "numbers above 0"),
        ("diffusion", "difusion", 9, "did you mean diffusion?"),
        ("60 ps", "60 parsec", 7, "60 parsec"),
        ("longest_lag", "longest_lga", 10, "did you mean longest_lag?"),
        ("[UC]", "[UC", 6, "this is not YAML"),
    ],
)
def test_mistake_is_told_with_its_line(invoke, campaign_file, stored, command, old, new, line, sentence):
    path, before = campaign_file(old, new), stored()
    result = invoke("campaign", command, path, status=2)
    # One sentence for one mistake; a wrong key is also missing where it should be, which is said as well.
    said = result.stderr.strip().removeprefix("Error: ").splitlines()
    assert any(told.startswith(f"{path}, line {line}: ") and sentence in told for told in said), said
    assert len(said) == (2 if new == "replicsa" else 1)
    assert result.stdout == ""
    assert stored() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_file_that_cannot_be_read_is_told(invoke, tmp_path, stored, command):
    path, before = tmp_path / "absent.yaml", stored()
    result = invoke("campaign", command, path, status=2)
    reason = "cannot be read (No such file or directory); give the path of a campaign file"
    assert result.stderr == f"Error: {path}: {reason}\n"
    assert stored() == before


@pytest.mark.parametrize("poison", POISONS, ids=range(len(POISONS)))
@pytest.mark.parametrize("place", STRING_PLACES)
def test_text_of_a_campaign_never_becomes_a_command(
    invoke, campaign_file, stored, tmp_path, monkeypatch, place, poison
):
    """Only names of a plain form pass, so that none can end a line or open a shell, whatever it is put into."""
    monkeypatch.chdir(tmp_path)
    old = STRING_PLACES[place]
    new = f"campaign: {quoted(poison)}" if place == "campaign" else quoted(poison)
    path, before = campaign_file(old, new), stored()
    if place == "campaign" and poison == "shell":
        # A word like any other: it names the group and stands in no job's file.
        assert "4 points" in invoke("campaign", "plan", path).output
    else:
        result = invoke("campaign", "plan", path, status=2)
        assert "Traceback" not in result.output
        assert "\x1b" not in result.output
        assert all(told.startswith(("Error: ", str(path))) for told in result.stderr.splitlines())
    assert stored() == before
    assert os.listdir(tmp_path) == ["study.yaml"]
