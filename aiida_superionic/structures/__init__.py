"""Reference crystals, and the supercells made from them."""

from aiida_superionic.structures.materials import Material, Site, materials

__all__ = ["Material", "Site", "materials"]
