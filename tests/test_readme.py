"""What the README shows works as it stands there."""

import re
from pathlib import Path

from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.spec import load_campaign

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language, containing):
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text]
    assert len(found) == 1
    return found[0]


def test_first_campaign_is_valid(tmp_path):
    path = tmp_path / "conduction.yaml"
    path.write_text(block("yaml", "campaign: conduction"), encoding="utf-8")
    points = expand(load_campaign(path))
    assert [point.temperature for point in points] == [600.0] * 4 + [675.0] * 4 + [750.0] * 4
    assert {point.md["production"] for point in points} == {80.0}
