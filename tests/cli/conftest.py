"""The command line, run in this process on a profile of its own."""

from collections import namedtuple

import pytest
from aiida import orm

GOOD = """\
campaign: study
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials: [vashishta-rahman]
temperatures: [700, 750]
constraints: [UC]
replicas: 2
md: {protocol: fast, production: 60 ps}
observables:
  - diffusion
  - friction: {longest_lag: 3.0}
"""
Stored = namedtuple("Stored", "nodes groups")


@pytest.fixture
def campaign_file(tmp_path):
    """Return a maker of campaign files: a good one, with one text replaced."""

    def make(old="", new=""):
        assert old in GOOD
        path = tmp_path / "study.yaml"
        path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
        return path

    return make


@pytest.fixture
def stored(aiida_profile):
    """Return a function that counts what the database holds."""
    return lambda: Stored(orm.QueryBuilder().append(orm.Node).count(), orm.QueryBuilder().append(orm.Group).count())
