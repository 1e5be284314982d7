"""What one value of a campaign file may be: words of a registry, names, numbers and times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from ase.data import chemical_symbols
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aiida_superionic.campaigns.quantities import parse_time
from aiida_superionic.campaigns.wording import quote, unknown

SHORTEST_TIME, LONGEST_TIME = 1e-6, 1e9  # ps
LARGEST_SEED = 900_000_000  # of LAMMPS' random numbers

_SIGNIFICANT_DIGITS = 12
_LONGEST_TEXT = 1000
_LARGEST_PK = 2**31 - 1  # of PostgreSQL's keys
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


@dataclass(frozen=True)
class OneOf:
    """A word from a list that is known only when it is needed, because a registry holds it."""

    noun: str
    valid: Callable[[], Iterable[str]]

    def check(self, word: str) -> str:
        """Return the word where the list holds it."""
        if word not in self.valid():
            raise fault(unknown(self.noun, word, self.valid()))
        return word

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": sorted(self.valid())}


def fault(sentence: str, *below: str | int) -> PydanticCustomError:
    """Return the error of a value, or of the value that lies ``below`` it in the file."""
    return PydanticCustomError("campaign", "{sentence}", {"sentence": sentence, "below": below})


def _rounded(number: float) -> float:
    # AiiDA stores 14 significant digits, and a point must hash the same before it is stored and after.
    return float(f"{number:.{_SIGNIFICANT_DIGITS}g}")


def _time(text: object) -> float:
    try:
        time = parse_time(text)
    except ValueError as error:
        raise fault(f"the time {quote(text)} {error}") from None
    if not SHORTEST_TIME <= time <= LONGEST_TIME:
        raise fault(f"the time {quote(text)} is out of range; write one from 1 as to 1 ms, for example 100 ps")
    return _rounded(time)


def without_lists(value: object) -> object:
    """Return a tuple in place of a list."""
    # Of two kinds of lists, YAML has one and a frozen model the other.
    return tuple(value) if isinstance(value, list) else value


def named_plainly(value: object) -> object:
    """Return a value all of whose texts are names."""
    for element in value if isinstance(value, tuple) else ():
        named_plainly(element)
    if isinstance(value, str) and not re.fullmatch(_NAME, value):
        raise fault(f"{quote(value)} is not a name; write letters, digits, dots, hyphens and underscores only")
    return value


def _symbol(symbol: str) -> str:
    if symbol not in chemical_symbols[1:]:
        raise fault(f"{quote(symbol)} is not a chemical symbol; write one such as Li")
    return symbol


def _plain_text(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not 0 < len(text) <= _LONGEST_TEXT:
        raise fault(f"{quote(text)} is not one line of text; write at most {_LONGEST_TEXT} characters that print")
    return text


def _node(name: str | int) -> str:
    return _plain_text(str(name))


Name = Annotated[StrictStr, Field(pattern=_NAME)]
Real = Annotated[float, Strict(), Field(allow_inf_nan=False), AfterValidator(_rounded)]
Temperature = Annotated[Real, Field(gt=0.0, le=10_000.0)]
Length = Annotated[Real, Field(gt=0.0)]
Repeats = Annotated[StrictInt, Field(ge=1, le=100)]
Symbol = Annotated[StrictStr, AfterValidator(_symbol)]
Text = Annotated[StrictStr, AfterValidator(_plain_text)]
NodeName = Annotated[StrictStr | Annotated[StrictInt, Field(ge=1, le=_LARGEST_PK)], AfterValidator(_node)]
Time = Annotated[
    float | None,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9.]+([eE][-+]?[0-9]+)?\s*[A-Za-zµμ]+\s*$"}),
]
ParameterValue = StrictBool | StrictInt | Real | Name | tuple[StrictInt | Real | Name, ...] | None
