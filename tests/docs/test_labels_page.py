"""The page about labels names every level of theory and every setting of one."""

import re

from handbook import DOCS

from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.protocol import protocols

PAGE = (DOCS / "howto" / "labels.md").read_text(encoding="utf-8")


def test_every_protocol_and_setting_is_named():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(protocols("dft"))
    settings = (
        " ".join(PAGE.split()).partition("`overrides` replace single settings:")[2].partition("The dataset carries")[0]
    )
    named = set(re.findall(r"`(\w+)`", settings)) - {"none", "D3"}
    assert named == set(LevelOfTheory.model_fields) - {"method"}


def test_the_level_in_words_is_the_one_that_the_example_makes():
    assert f"`{level_of_theory('balanced', {'dispersion': 'D3(BJ)'}).name_for(['Ag', 'I'])}`" in PAGE
