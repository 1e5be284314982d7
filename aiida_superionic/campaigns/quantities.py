"""Numbers with units, as people write them in a campaign."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Any

import pint

_QUANTITY = re.compile(
    r" *([-+]?(?:[0-9]{1,32}(?:\.[0-9]{0,32})?|\.[0-9]{1,32})(?:[eE][-+]?[0-9]{1,3})?) *([A-Za-zµμ]{1,32}) *"
)


@cache
def _unit_registry() -> Any:
    # With decimal numbers 0.1 ns is exactly 100 ps, as two points that ask for the same time must be the same point.
    return pint.UnitRegistry(non_int_type=Decimal)


def parse_time(text: object) -> float:
    """Return a time such as ``100 ps`` or ``0.5 fs`` in ps.

    Parameters
    ----------
    text
        A number and a unit of time.

    Returns
    -------
    float
        The time in ps.

    Raises
    ------
    ValueError
        If it is not a number with a unit of time. The message says what would be right.
    """
    return _parse(text, "ps", "a time", ("fs", "ps", "ns"), "100 ps")


def parse_wall_time(text: object) -> float:
    """Return a time such as ``12 h`` in seconds; see :func:`parse_time`."""
    return _parse(text, "s", "a time", ("min", "h", "d"), "12 h")


def parse_memory(text: object) -> float:
    """Return an amount of memory such as ``16 GB`` in kB; see :func:`parse_time`."""
    return _parse(text, "kB", "an amount of memory", ("MB", "GB"), "16 GB")


def _parse(text: object, wanted: str, noun: str, usual: tuple[str, ...], example: str) -> float:
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"has no unit; say the unit, for example {example}")
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"is not {noun}; write a number and a unit, for example {example}")
    number, unit = match.groups()
    units = f"{', '.join(usual[:-1])} and {usual[-1]}"
    try:
        return float(_unit_registry().Quantity(Decimal(number), unit).to(wanted).magnitude)
    except pint.UndefinedUnitError:
        raise ValueError(f"has an unknown unit; the usual ones are {units}") from None
    except pint.PintError:
        raise ValueError(f"is not {noun}; the usual units are {units}") from None
