"""The units that a file of frames is said to be in."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from itertools import product

from aiida_superionic.datasets.frame import DatasetError
from aiida_superionic.units import ENERGY_UNITS, LENGTH_UNITS, PRESSURE_UNITS

OURS = {"length": "Angstrom", "energy": "eV", "force": "eV/Angstrom", "stress": "eV/Angstrom^3"}
"""What this package computes in, and writes."""

_FACTORS = {
    "length": LENGTH_UNITS,
    "energy": ENERGY_UNITS,
    "force": {
        f"{energy}/{length}": ENERGY_UNITS[energy] / LENGTH_UNITS[length]
        for energy, length in product(ENERGY_UNITS, LENGTH_UNITS)
    },
    "stress": PRESSURE_UNITS
    | {
        f"{energy}/{length}^3": ENERGY_UNITS[energy] / LENGTH_UNITS[length] ** 3
        for energy, length in product(ENERGY_UNITS, LENGTH_UNITS)
    },
}


def write_units(units: Mapping[str, str]) -> str:
    """Return units as text that :func:`parse_units` reads."""
    return " ".join(f"{quantity}={unit}" for quantity, unit in units.items())


def parse_units(text: str) -> dict[str, str]:
    """Return units by quantity, of text such as ``length=Bohr,energy=Hartree`` with commas or spaces.

    Raises
    ------
    DatasetError
        If a quantity or a unit is unknown, or a quantity is named twice.
    """
    units: dict[str, str] = {}
    for item in text.replace(",", " ").split():
        quantity, _, unit = item.partition("=")
        if quantity not in _FACTORS:
            raise DatasetError(f"units of {quantity!r} where those of {', '.join(_FACTORS)} can be declared")
        if quantity in units:
            raise DatasetError(f"the unit of {quantity} is declared twice")
        if unit not in _FACTORS[quantity]:
            near = difflib.get_close_matches(unit, _FACTORS[quantity], n=1) or [OURS[quantity]]
            raise DatasetError(f"{unit!r} is no unit of {quantity}; write for example {near[0]}")
        units[quantity] = unit
    return units


def factor(units: Mapping[str, str], quantity: str) -> float:
    """Return what a number of one quantity is multiplied by to be in Å and eV.

    Raises
    ------
    DatasetError
        If its unit is not declared.
    """
    if quantity not in units:
        raise DatasetError(
            f"the unit of {quantity} is not declared; most files are in {write_units(OURS).replace(' ', ',')}"
        )
    return _FACTORS[quantity][units[quantity]]
