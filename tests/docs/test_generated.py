"""The generated pages hold what the package has, and what is added to it, without a profile."""

import os
import subprocess
import sys
from importlib.metadata import distribution

import pytest
from handbook import DOCS

from aiida_superionic.analysis.registry import Observable, observables
from aiida_superionic.analysis.results import Result
from aiida_superionic.structures import materials
from aiida_superionic.workchains.protocol import protocols

sys.path.insert(0, str(DOCS))
import generated

PACKAGE = "aiida-superionic"


@pytest.fixture
def page():
    """Return a function that gives the Markdown of a page."""
    return lambda name: generated.render((DOCS / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["reference/observables", "topics/observables"])
def test_every_observable_is_there_with_its_equation_and_source(page, name):
    text = page(name)
    for entry in observables().values():
        assert all(line in text for line in entry.equation.split(";  ")), entry.name
        assert generated.cell(entry.source) in text


def test_an_observable_that_is_added_is_there(page, monkeypatch):
    def ratio(trajectory, *, limit: float = 1.0) -> Result:
        """A ratio of two numbers."""

    entry = Observable("ratio", ("positions",), "q = a / b", "somebody's paper", ratio, routine=True)
    filled = {**generated.facts(), "observables": {**observables(), "ratio": entry}}
    monkeypatch.setattr(generated, "facts", lambda: filled)
    assert "Further ones" in page("topics/observables")
    for name in ("reference/observables", "topics/observables"):
        assert "q = a / b" in page(name)
        assert "somebody's paper" in page(name)


def test_what_is_explained_by_theme_is_not_left_for_the_end(page):
    assert "Further ones" not in page("topics/observables")


def test_every_entry_point_is_there(page):
    text = page("reference/processes") + page("reference/data") + page("reference/commands")
    for point in distribution(PACKAGE).entry_points:
        assert point.name in text, point.name


def test_a_process_has_its_own_ports_and_exit_codes_and_not_those_of_aiida(page):
    whole = page("reference/processes")
    text = whole[whole.index("(process-superionic.md)=") : whole.index("(process-superionic.nequip.base)=")]
    assert "| `structure` | StructureData | required | Where the ions start. |" in text
    assert "| `trajectory` | TrajectoryData |  | The frames, left on the computer. |" in text
    assert "| 402 | `ERROR_PRODUCTION_FAILED` |" in text
    assert "metadata" not in text
    assert "ERROR_UNSPECIFIED" not in text


def test_every_key_crystal_and_protocol_is_there(page):
    keys = page("reference/campaign_file")
    for section in generated.sections():
        assert all(f"| `{key.name}` |" in keys for key in section.keys)
    crystals, protocol_page = page("reference/crystals"), page("reference/protocols")
    for name, crystal in materials().items():
        assert f"| `{name}` |" in crystals
        assert generated.cell(crystal.source) in crystals
    for process in ("md", "dft", "learn"):
        for settings in protocols(process).values():
            assert all(f"| `{setting}` |" in protocol_page for setting in settings)


def test_cells_hold_text_as_it_is():
    assert generated.cell("a|b <c> in $d$ and `e_f`") == "a\\|b \\<c\\> in \\$d\\$ and `e_f`"


def test_no_profile_is_needed(tmp_path):
    code = "import generated; assert generated.facts()"
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path), "PYTHONPATH": str(DOCS)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, cwd=tmp_path, check=True)
