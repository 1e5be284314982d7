"""Reference crystals, and the supercells made from them."""

from aiida_superionic.structures.materials import Material, Molecule, Site, materials, molecules

__all__ = ["Material", "Molecule", "Site", "materials", "molecules"]
