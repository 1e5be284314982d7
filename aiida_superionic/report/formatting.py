"""How names, units and measured numbers are written for people."""

from __future__ import annotations

import re
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from aiida_superionic.analysis.results import Scalar

NOT_CONVERGED = "not converged"
ABSENT = "—"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
PLAIN_EXPONENTS = range(-3, 5)
_DIGITS_WITHOUT_ERROR = 4
_PROPER_NAMES = {"nernst einstein": "by Nernst–Einstein", "van hove": "van Hove"}


def split_species(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the quantity and the species of a name: ``radial_distribution_Ag_I`` is of Ag and I.

    The species are the trailing words that begin with a capital letter.
    """
    words = name.split("_")
    n = len(words)
    while n > 1 and words[n - 1][:1].isupper():
        n -= 1
    return "_".join(words[:n]), tuple(words[n:])


def species_label(species: tuple[str, ...]) -> str:
    """Return the species as papers write them: ``Ag–I``, ``PS₄``."""
    return "–".join(species).translate(_SUBSCRIPTS)


def with_subscripts(text: str) -> str:
    """Return text with the formulae in it as chemists write them: ``angle in PS₄`` for ``angle in PS4``."""
    return re.sub(r"\b(?:[A-Z][a-z]?\d*)+\b", lambda formula: formula[0].translate(_SUBSCRIPTS), text)


def heading(name: str) -> str:
    """Return the name of a scalar or a curve for people: ``Diffusion coefficient (Ag)``."""
    quantity, species = split_species(name)
    words = quantity.replace("_", " ")
    for lower, proper in _PROPER_NAMES.items():
        words = words.replace(lower, proper)
    words = words[:1].upper() + words[1:]
    return f"{words} ({species_label(species)})" if species else words


def unit_label(unit: str) -> str:
    """Return a unit with its signs: ``cm²/s`` for ``cm^2/s``, ``°`` for ``degree``; empty for the unit 1."""
    if unit == "1":
        return ""
    return re.sub(r"\^(-?\d+)", lambda match: match[1].translate(_SUPERSCRIPTS), unit.replace("degree", "°"))


def measurement(scalar: Scalar | None) -> str:
    """Return a number and its error, without the unit, as ``(3.12 ± 0.15)e-12``.

    The error is rounded to two significant digits and the value to the same decimal place. A number without an error
    has at most four digits; an upper bound has two and is rounded up, so that it stays a bound.

    Parameters
    ----------
    scalar
        The number; None where nothing was measured.

    Returns
    -------
    str
        One line of text: ``(3.12 ± 0.15)e-12``, ``3.3e-12``, ``< 1.1e-08``, ``not converged`` or a dash.
    """
    if scalar is None:
        return ABSENT
    if scalar.value is None:
        for sign, bound, towards in (("<", scalar.upper_bound, ROUND_CEILING), (">", scalar.lower_bound, ROUND_FLOOR)):
            if bound is not None:
                return f"{sign} {_scientific(_round_to_digits(Decimal(str(bound)), 2, towards))}"
        return NOT_CONVERGED
    value = Decimal(str(scalar.value))
    if scalar.error is None or scalar.error <= sys.float_info.epsilon * abs(scalar.value):
        text = _scientific(_round_to_digits(value, _DIGITS_WITHOUT_ERROR).normalize())
        return text if scalar.error is None else f"{text} ± 0"
    error = _round_to_digits(Decimal(str(scalar.error)), 2)
    value = value.quantize(error, ROUND_HALF_EVEN)
    if value.is_zero():
        value = value.copy_abs()
    exponent = max(value.adjusted(), error.adjusted())
    if exponent in PLAIN_EXPONENTS:
        return f"{value:f} ± {error:f}"
    return f"({value.scaleb(-exponent):f} ± {error.scaleb(-exponent):f})e{exponent:+03d}"


def typeset(text: str) -> str:
    """Return the text of :func:`measurement` with a real minus and power of ten: ``(3.12 ± 0.15) × 10⁻¹²``."""
    minus = re.sub(r"-(?=\d)", "−", re.sub(r"e[+-]\d+$", "", text))
    power = re.search(r"e([+-]\d+)$", text)
    return f"{minus} × {power_of_ten(int(power[1]))}" if power else minus


def power_of_ten(exponent: int) -> str:
    """Return ``10⁻¹²`` for −12."""
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def percent(deviation: float) -> str:
    """Return a deviation in per cent with its sign: ``−6 %``."""
    rounded = f"{deviation:+.0f}".replace("-", "−")
    return "0 %" if rounded in {"−0", "+0"} else f"{rounded} %"


def plain(value: Any) -> str:
    """Return one entry of a specification as people write it: ``3 × 3 × 3``, ``fast``, ``key: value, ...``."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item)}" if item not in ({}, None) else str(key) for key, item in value.items())
    if isinstance(value, list | tuple):
        numbers = all(isinstance(item, int | float) for item in value)
        return (" × " if numbers else ", ").join(plain(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _round_to_digits(number: Decimal, digits: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    # Rounding 0.0996 to two digits carries into a third: the second pass drops it.
    for _ in range(2):
        number = number.quantize(Decimal(1).scaleb(number.adjusted() - digits + 1), rounding)
    return number


def _scientific(number: Decimal) -> str:
    exponent = number.adjusted()
    if number == 0:
        return "0"
    if exponent in PLAIN_EXPONENTS:
        return f"{number:f}"
    return f"{number.scaleb(-exponent):f}e{exponent:+03d}"
