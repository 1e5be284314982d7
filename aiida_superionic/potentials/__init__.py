"""Families of potentials: what LAMMPS and a trainer need to know of each."""

from aiida_superionic.potentials.family import FilePotential, LammpsPotential, Potential, PotentialError
from aiida_superionic.potentials.registry import parse_potential, potentials

__all__ = ["FilePotential", "LammpsPotential", "Potential", "PotentialError", "parse_potential", "potentials"]
