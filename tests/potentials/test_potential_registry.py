"""The potentials that ship with the package."""

import pytest

from aiida_superionic.potentials import parse_potential, potentials
from aiida_superionic.structures import materials


@pytest.mark.parametrize("name", sorted(potentials()))
def test_shipped_potential(name):
    potential = parse_potential(potentials()[name])
    assert potential.source
    assert set(potential.lammps(potential.species, 10).charges) == set(potential.charges.values())


def test_every_potential_has_a_material():
    for text in potentials().values():
        species = set(parse_potential(text).species)
        assert any(set(material.elements) <= species for material in materials().values())
