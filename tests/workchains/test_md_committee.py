"""Dynamics with a committee: what a builder is filled with, and what is refused before it runs."""

import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager

from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials.deepmd import Deepmd
from aiida_superionic.workchains.md import MdWorkChain


def deep(content):
    model = Deepmd.of(content, ["Ag", "I"], description="none", source="a test")
    return PotentialData(model.text(), model.contents)


@pytest.fixture
def builder(computer, md_inputs):
    """Return a maker of builders whose code is never run."""
    code = orm.InstalledCode(label="never-run", computer=computer, filepath_executable="/bin/true").store()

    def make(potential, **changes):
        given = {"temperature": 600.0, "mobile": ["Ag"], "seed": 7, **changes}
        return MdWorkChain.get_builder_from_protocol(code, md_inputs()["structure"], potential, **given)

    return make


def checked(builder):
    return instantiate_process(get_manager().get_runner(), builder)


def test_a_committee_and_its_limit_reach_every_stage(builder):
    made = builder(deep(b"zero"), committee=[deep(b"one"), deep(b"two")], deviation_limit=0.5)
    checked(made)
    assert set(made.committee) == {"member_1", "member_2"}
    for stage in ("equilibration", "production"):
        assert made[stage]["lammps"]["parameters"]["deviation_limit"] == 0.5


def test_without_a_committee_there_is_nothing_to_be_told(builder, potential_node):
    made = builder(potential_node)
    checked(made)
    assert not made.committee
    with pytest.raises(ValueError, match="deviation_limit is that of a committee, and none is given"):
        checked(builder(potential_node, deviation_limit=0.5))


def test_a_family_without_deviations_is_refused_before_it_runs(builder, potential_node):
    with pytest.raises(ValueError, match="no deviations of a committee of the family pair-functions"):
        checked(builder(potential_node, committee=[potential_node]))
