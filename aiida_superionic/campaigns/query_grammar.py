"""The grammar of a query: comparisons of quantities, joined by and, or and not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pyparsing as pp

from aiida_superionic.campaigns.wording import quote
from aiida_superionic.errors import SuperionicError

EXAMPLE = "D > 1e-6 cm^2/s and temperature < 600 K and constraint = RC"
OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "in": "!in", "!in": "in"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SPELLINGS = {"=": "==", "≠": "!=", "≤": "<=", "≥": ">="}
_LONGEST = 10_000  # characters
_DEEPEST = 50


class QueryError(SuperionicError):
    """A query that cannot be understood, or that nothing can answer."""


@dataclass(frozen=True)
class Literal:
    """A number with its unit, or a word."""

    text: str
    unit: str = ""
    is_number: bool = False
    is_quoted: bool = False

    def __str__(self) -> str:
        return f"{self.text} {self.unit}".rstrip()


@dataclass(frozen=True)
class Comparison:
    """A word and what it is compared with; several values with the operators ``in`` and ``!in``."""

    word: str
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Junction:
    """What holds where all of its parts do (``and``), or any of them (``or``)."""

    kind: str
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Negation:
    """What holds where its part does not."""

    part: Expression


Expression = Comparison | Junction | Negation


def parse_query(text: str) -> Expression:
    """Return the expression that a query is.

    Parameters
    ----------
    text
        Such as ``D > 1e-6 cm^2/s and not (temperature < 600 K or constraint in (RC, RTC))``.

    Raises
    ------
    QueryError
        If it cannot be read. The message says from where on, and what would be right.
    """
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if len(text) > _LONGEST or deepest > _DEEPEST or text.lower().count("not") > _DEEPEST:
        raise QueryError("the query is too long; ask for less at once")
    try:
        (expression,) = _grammar().parse_string(text, parse_all=True)
    except pp.ParseBaseException as error:
        rest = text[error.loc :].strip()
        where = f"from {quote(rest)} on" if rest else "at its end"
        raise QueryError(
            f"the query cannot be read {where}; write comparisons joined by and, or and not, such as: {EXAMPLE}"
        ) from None
    return expression  # type: ignore[no-any-return]


@cache
def _grammar() -> pp.ParserElement:
    keywords = {name: pp.CaselessKeyword(name).suppress() for name in ("and", "or", "not", "in")}
    reserved = pp.MatchFirst([pp.CaselessKeyword(name) for name in keywords])
    # A unit begins with a letter, or is one over something: K, cm^2/s, 1/ns, µs, Å.
    unit = ~reserved + pp.Regex(r"(?:1/)?[^\W\d_][^\s<>=!≠≤≥,()\[\]\"']*|%")
    digits = pp.Regex(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
    number = (digits + pp.Opt(unit, default="")).add_parse_action(
        lambda found: Literal(found[0], found[1], is_number=True)
    )
    quoted = (pp.QuotedString('"') | pp.QuotedString("'")).add_parse_action(
        lambda found: Literal(found[0], is_quoted=True)
    )
    word = ~reserved + pp.Regex(r"[^\W\d][\w.+-]*").add_parse_action(lambda found: Literal(found[0]))
    literal = number | quoted | word

    several = pp.DelimitedList(literal)
    values = pp.Suppress("(") - several + pp.Suppress(")") | pp.Suppress("[") - several + pp.Suppress("]")
    negated = pp.Opt(keywords["not"].copy().add_parse_action(lambda: True), default=False)
    membership = (word + negated + keywords["in"] - pp.Group(values)).add_parse_action(_membership)
    operator = pp.one_of("== = != ≠ <= ≤ >= ≥ < >")
    comparison = (literal + pp.OneOrMore(operator - literal)).add_parse_action(_comparisons)

    expression = pp.Forward()
    factor = pp.Forward()
    nested = pp.Suppress("(") - expression + pp.Suppress(")")
    negation = (keywords["not"] - factor).add_parse_action(lambda found: Negation(found[0]))
    factor <<= negation | nested | membership | comparison
    term = (factor + pp.ZeroOrMore(keywords["and"] - factor)).add_parse_action(lambda found: _joined("and", found))
    expression <<= (term + pp.ZeroOrMore(keywords["or"] - term)).add_parse_action(lambda found: _joined("or", found))
    return expression


def _joined(kind: str, found: pp.ParseResults) -> Expression:
    parts = tuple(found)
    return parts[0] if len(parts) == 1 else Junction(kind, parts)


def _membership(found: pp.ParseResults) -> Comparison:
    word, *negated, values = found
    return Comparison(word.text, "!in" if any(negated) else "in", tuple(values))


def _comparisons(text: str, place: int, found: pp.ParseResults) -> Expression:
    """Return one comparison, or all of a chain such as ``400 K < temperature <= 600 K``."""
    parts = []
    for left, operator, right in zip(found[::2], found[1::2], found[2::2], strict=False):
        operator = _SPELLINGS.get(operator, operator)  # noqa: PLW2901
        if not (left.is_number or left.is_quoted):
            parts.append(Comparison(left.text, operator, (right,)))
        elif not (right.is_number or right.is_quoted):
            parts.append(Comparison(right.text, _MIRRORED[operator], (left,)))
        else:
            raise pp.ParseFatalException(text, place, "nothing is compared")
    return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))
