"""How each kind of curve is called and drawn: only what cannot be seen from the curve itself.

A curve that is not named here appears all the same, after those that are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aiida_superionic.report.figures import Plot
from aiida_superionic.report.formatting import heading, species_label, split_species

_AXIS = re.compile(r"(.+)_([abc])")


@dataclass(frozen=True)
class Look:
    """How the curves of one family are drawn.

    Parameters
    ----------
    title
        Of the figure; the name of the family where not given.
    log
        The axes that are logarithmic.
    level
        The value of y that means nothing happens: 1 for g(r).
    top
        The largest value of y to show: a bond, or an ion that has taken another's place, is a spike in g(r).
    diffusive
        Whether to draw a line of slope 1 beside the curve.
    plateau
        The scalar that is the height to which the curve rises.
    trace
        Whether the curve follows one ion or polyanion in time, so that a mean over replicas means nothing.
    """

    title: str = ""
    log: tuple[Literal["x", "y"], ...] = ()
    level: float | None = None
    top: float | None = None
    diffusive: bool = False
    plateau: str = ""
    trace: bool = False


# In the order of the page: what is routine first.
_LOOKS = {
    "radial_distribution": Look("Radial distribution function", level=1.0, top=10.0),
    "radial_distribution_centres": Look("Radial distribution function, ion to Wannier centre", level=1.0, top=10.0),
    "mean_squared_displacement": Look(log=("x", "y"), diffusive=True),
    "charge_displacement": Look("Mean squared displacement of the mobile charge", log=("x", "y"), diffusive=True),
    "van_hove_self": Look("Self part of the van Hove function"),
    "van_hove_distinct": Look("Distinct part of the van Hove function", level=1.0, top=10.0),
    "cage_residence": Look("Cage residence correlation", log=("y",)),
    "occupancy": Look("Occupancy of the interstices"),
    "velocity_autocorrelation": Look(),
    "vibrational_density_of_states": Look(),
    "force_autocorrelation": Look(),
    "force_spectrum": Look("Spectrum of the force autocorrelation"),
    "memory_kernel": Look(),
    "friction_integral": Look("Integral of the memory kernel", plateau="friction_coefficient"),
    "hop_leaving_distance": Look("Distance from the ion that leaves at a hop"),
    "hop_entering_distance": Look("Distance from the ion that enters at a hop"),
    "density_profile": Look("Density along the cell vectors"),
    "angular_distribution": Look("Angle-resolved radial distribution"),
    "distance_angle_density": Look("Density of distance and angle"),
    "dipole_distribution": Look("Distribution of dipole moments"),
    "centre_distance": Look("Distance of Wannier centres from their nucleus"),
    "rotor_correlation": Look("Correlation of the tetrahedral rotor functions"),
    "rotor_correlation_single": Look("Correlation of the single tetrahedral rotor function"),
    "rotor_angle": Look("Angles of one polyanion with the cell vectors", trace=True),
    "rotor_angle_distribution": Look("Distribution of the angles with the cell vectors"),
    "rotational_free_energy": Look("Rotational free energy"),
    "distance_free_energy": Look("Cation–polyanion free energy"),
    "tetrahedral_angle": Look("One angle of a tetrahedral unit", trace=True),
    "tetrahedral_angle_distribution": Look("Distribution of angles in tetrahedral units"),
    "angular_velocity_distribution": Look("Distribution of angular velocities in tetrahedral units"),
    "tetrahedral_angle_filtered": Look("One angle of a tetrahedral unit, filtered", trace=True),
    "tetrahedral_angle_distribution_filtered": Look("Distribution of filtered angles in tetrahedral units"),
    "angular_velocity_distribution_filtered": Look("Distribution of filtered angular velocities in tetrahedral units"),
}


def look(family: str) -> Look:
    """Return how a family is drawn."""
    return _LOOKS.get(family, Look())


def family_title(family: str) -> str:
    """Return the title of the figure of a family."""
    return look(family).title or heading(family)


def split_name(name: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the family of a curve, the cell vector along which it is taken, or nothing, and its species."""
    quantity, species = split_species(name)
    along = _AXIS.fullmatch(quantity)
    return (along[1], along[2], species) if along else (quantity, "", species)


def species_text(name: str) -> str:
    """Return the species of a curve as papers write them."""
    return species_label(split_name(name)[2])


def series_text(name: str) -> str:
    """Return what tells a curve from the others of its family: ``PS₄, axis a``."""
    along = split_name(name)[1]
    return ", ".join(filter(None, (species_text(name), f"axis {along}" if along else "")))


def families(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names by family, in the order of the page and, within a family, of appearance."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        found.setdefault(split_name(name)[0], []).append(name)
    return {family: found[family] for family in sorted(found, key=_place)}


def in_page_order(plots: Iterable[Plot]) -> list[Plot]:
    """Return the figures of curves and of surfaces in one order."""
    return sorted(plots, key=lambda plot: _place(plot.name))


def _place(family: str) -> int:
    return list(_LOOKS).index(family) if family in _LOOKS else len(_LOOKS)
