"""The words of a query: what a point was asked for, where it stands, and the quantities that the graph holds."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiida import orm

from aiida_superionic.campaigns.keys import UNCONSTRAINED
from aiida_superionic.campaigns.point_table import MEASURED
from aiida_superionic.campaigns.points import PointSpecification
from aiida_superionic.campaigns.quantities import in_unit
from aiida_superionic.campaigns.query_grammar import OPPOSITES, Literal, QueryError
from aiida_superionic.campaigns.wording import quote, unknown
from aiida_superionic.constraints.constraint import MODES
from aiida_superionic.data.point import PointData

SHORT_NAMES = {
    "D": "diffusion_coefficient",
    "sigma": "conductivity",
    "σ": "conductivity",
    "tau": "cage_residence_time",
    "τ": "cage_residence_time",
    "gamma": "friction_coefficient",
    "γ": "friction_coefficient",
}
"""Quantities by the letters of papers."""
_SOME = 20
_EQUAL = ("==", "!=", "in", "!in")


@dataclass(frozen=True)
class Key:
    """Something that a point was asked for.

    Parameters
    ----------
    path
        Where the specification says it.
    unit
        Of a number; None of a name.
    valid
        The names that there are, where these are all known.
    """

    path: str
    unit: str | None = None
    valid: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        """What a specification means that does not say it; None where each says it."""
        field = PointSpecification.model_fields.get(self.path)
        return None if field is None or field.is_required() else field.default


KEYS = {
    **{name: Key(name) for name in ("material", "potential", "engine", "ensemble", "statistics")},
    "constraint": Key("constraint", valid=(UNCONSTRAINED, *MODES)),
    "temperature": Key("temperature", "K"),
    "seed": Key("seed", "1"),
    **{name: Key(f"md.{name}", "ps") for name in ("equilibration", "production", "timestep", "sampling_interval")},
    "ions": Key("md.ions", "1"),
}
"""What a point was asked for, by the words of a campaign file."""


@dataclass(frozen=True)
class Quantity:
    """A scalar of the observables: the names that it has on the graph, all in one unit, and which field is meant."""

    names: tuple[str, ...]
    unit: str
    field: str = "value"


def quantities_on_graph() -> dict[str, str]:
    """Return the unit of every scalar that points have, by its name.

    It is looked up for some of the points of each material and each list of observables, the first ones and the last.
    """
    said = [{f"attributes.specification.{key}": {"cast": "t"}} for key in ("material", "observables")]
    alike: dict[tuple[str | None, ...], list[int]] = {}
    for pk, *asked in orm.QueryBuilder().append(PointData, subclassing=False, project=["id", *said]).all():
        alike.setdefault(tuple(asked), []).append(pk)
    chosen = [pk for pks in alike.values() for pk in {*sorted(pks)[:_SOME], *sorted(pks)[-_SOME:]}]
    if not chosen:
        return {}
    query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": chosen}}, tag="point")
    query.append(orm.WorkChainNode, with_incoming="point", edge_filters={"label": "point"}, tag="attempt")
    query.append(orm.Dict, with_incoming="attempt", edge_filters={"label": "observables"}, project="attributes")
    return {name: scalar["unit"] for observables in query.all(flat=True) for name, scalar in observables.items()}


def quantity(word: str, there: Mapping[str, str]) -> Quantity:
    """Return the quantity that a word means.

    Parameters
    ----------
    word
        A name of the observables (``diffusion_coefficient_Ag``), one without its species (``diffusion_coefficient``),
        a short name (``D``, ``D_Ag``), or one of these and ``.error``. ``measured_temperature`` is the observable.
    there
        The names on the graph and their units.

    Raises
    ------
    QueryError
        If the graph has none of that name.
    """
    name, _, field = word.partition(".")
    if field not in ("", "error"):
        raise QueryError(f"{quote(word)} is not known; a quantity has a value and an error: write {name}.error")
    name = name.removeprefix(MEASURED) if name.removeprefix(MEASURED) in KEYS else name
    names = called(name, there)
    if not names:
        name = _in_full(name, there)
        known = {*there, *map(_without_species, there), *SHORT_NAMES, *KEYS, "campaign", "state"}
        nearest = difflib.get_close_matches(name, known, n=1)
        right = f"did you mean {nearest[0]}?" if nearest else "aiida-superionic query --list shows what there is"
        raise QueryError(f"the graph has no quantity {quote(name)}; {right}")
    if len(units := sorted({there[one] for one in names})) > 1:
        raise QueryError(f"{quote(word)} means {' and '.join(names)}, whose units differ: {' and '.join(units)}")
    return Quantity(names, there[names[0]], field or "value")


def called(word: str, there: Collection[str]) -> tuple[str, ...]:
    """Return which of the names of quantities a word means: by its name, by one without species, or by a letter."""
    name = _in_full(word, there)
    return (name,) if name in there else tuple(sorted(one for one in there if _without_species(one) == name))


def _in_full(word: str, there: Collection[str]) -> str:
    """Return the name that a letter of papers stands for; the word itself where it is none."""
    short, _, species = word.partition("_")
    return f"{SHORT_NAMES[short]}_{species}".rstrip("_") if word not in there and short in SHORT_NAMES else word


def _without_species(name: str) -> str:
    """Return the name without its last words that begin with a capital letter."""
    words = name.split("_")
    while len(words) > 1 and words[-1][:1].isupper():
        words.pop()
    return "_".join(words)


def key_filter(word: str, operator: str, values: tuple[Literal, ...]) -> dict[str, Any]:
    """Return the filter on the node of a point that a comparison with one of the keys is."""
    key = KEYS[word]
    parent, _, last = f"attributes.specification.{key.path}".rpartition(".")
    if key.unit is None:
        compared: list[Any] = names_of(word, operator, values, key.valid)
    else:
        compared = [number_of(word, value, key.unit) for value in values]
    says = {f"{parent}.{last}": _condition(operator, compared)}
    if key.default is None or not _fulfils(key.default, operator, compared):
        return says
    return {"or": [says, {parent: {"!has_key": last}}]}


def quantity_filter(meant: Quantity, word: str, operator: str, values: tuple[Literal, ...]) -> dict[str, Any]:
    """Return the filter on the observables of an attempt that a comparison with a quantity is.

    Where only a bound is known, the comparison holds where the bound alone decides it.
    """
    numbers = [number_of(word, value, meant.unit) for value in values]
    choices = []
    for name in meant.names:
        choices.append({f"attributes.{name}.{meant.field}": _condition(operator, numbers)})
        bound = {"<": "upper_bound", "<=": "upper_bound", ">": "lower_bound", ">=": "lower_bound"}.get(operator)
        if bound and meant.field == "value":
            choices.append({f"attributes.{name}.{bound}": _condition(operator, numbers)})
    return choices[0] if len(choices) == 1 else {"or": choices}


def no_quantity_filter(meant: Quantity, word: str, operator: str, values: tuple[Literal, ...]) -> dict[str, Any]:
    """Return the filter that holds where a quantity is known and the comparison with it does not hold."""
    opposite = quantity_filter(meant, word, OPPOSITES[operator], values)
    if len(meant.names) == 1:
        return opposite
    numbers = [number_of(word, value, meant.unit) for value in values]
    none = [{f"attributes.{name}.{meant.field}": _negated(operator, numbers)} for name in meant.names]
    return {"and": [opposite, *none]}


def number_of(word: str, value: Literal, unit: str) -> float:
    """Return a number in a unit; always a float, as databases compare whole numbers as such."""
    if not value.is_number:
        raise QueryError(f"{word} is compared with {quote(value.text)}; write a number{_such_as(unit)}")
    if not value.unit and unit != "1":
        raise QueryError(f"{word} is compared with {value.text}, which has no unit; write one{_such_as(unit)}")
    try:
        return in_unit(value.text, value.unit or "1", unit)
    except ValueError as error:
        raise QueryError(f"{word} is compared with {value}, {error}; write a number{_such_as(unit)}") from None


def _such_as(unit: str) -> str:
    return "" if unit == "1" else f" such as 1 {unit}"


def names_of(word: str, operator: str, values: tuple[Literal, ...], valid: tuple[str, ...] = ()) -> list[str]:
    """Return the names that something is compared with."""
    if operator not in _EQUAL:
        raise QueryError(f"{word} is a name; compare it with =, != or in")
    for value in values:
        if value.is_number:
            raise QueryError(f"{word} is compared with {value}; write a name")
        if valid and value.text not in valid:
            raise QueryError(unknown(word, value.text, valid))
    return [value.text for value in values]


def _condition(operator: str, values: list[Any]) -> dict[str, Any]:
    """Return what a filter says of a value: one that is absent fulfils neither a comparison nor its opposite."""
    if operator == "!=":
        return {"and": [{"of_type": _type(values)}, {"!==": values[0]}]}
    if operator == "!in":
        return {"and": [{"of_type": _type(values)}, {"!in": values}]}
    return {operator: values if operator == "in" else values[0]}


def _negated(operator: str, values: list[Any]) -> dict[str, Any]:
    """Return the condition that holds wherever a comparison does not, also where there is nothing to compare."""
    operator = {"!=": "==", "!in": "in"}.get(operator, f"!{operator}")
    return {operator: values if operator.endswith("in") else values[0]}


def _type(values: list[Any]) -> str:
    return "string" if isinstance(values[0], str) else "number"


def _fulfils(value: Any, operator: str, compared: list[Any]) -> bool:
    return (value in compared) == (operator in ("==", "in"))
