"""Families of potentials: what LAMMPS and a trainer need to know of each."""

from aiida_superionic.potentials.family import LammpsPotential, Potential, PotentialError
from aiida_superionic.potentials.registry import parse_potential, potentials

__all__ = ["LammpsPotential", "Potential", "PotentialError", "parse_potential", "potentials"]
