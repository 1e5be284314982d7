"""Points by what was asked for and by what came out: a query, compiled to filters that run in the database."""

from __future__ import annotations

import pprint
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING, Any

from aiida import orm

from aiida_superionic.campaigns.attempts import (
    ACTIVE_STATES,
    FINISHED_STATUSES,
    PointStatus,
    State,
    deciding_attempts,
)
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.campaigns.point_table import data_frame
from aiida_superionic.campaigns.points import PointSpecification
from aiida_superionic.campaigns.query_grammar import (
    OPPOSITES,
    Comparison,
    Expression,
    Junction,
    Literal,
    Negation,
    QueryError,
    parse_query,
)
from aiida_superionic.campaigns.query_words import (
    KEYS,
    Quantity,
    key_filter,
    names_of,
    no_quantity_filter,
    quantities_on_graph,
    quantity,
    quantity_filter,
)
from aiida_superionic.campaigns.results import PointResult
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData

if TYPE_CHECKING:
    import pandas as pd

_MOST_ALTERNATIVES = 64
_STATES: dict[State, dict[str, Any]] = {
    State.FINISHED: {
        "attributes.process_state": "finished",
        "attributes.exit_status": {"in": list(FINISHED_STATUSES)},
    },
    State.RUNNING: {"attributes.process_state": {"in": list(ACTIVE_STATES)}},
    State.FAILED: {
        "or": [
            {"attributes.process_state": {"in": ["excepted", "killed"]}},
            {"attributes.process_state": "finished", "attributes.exit_status": {"!in": list(FINISHED_STATUSES)}},
        ]
    },
}

Filters = dict[str, Any]


@dataclass(frozen=True)
class Alternative:
    """Filters that a point, its attempt, its observables and its campaigns fulfil together: one query."""

    point: tuple[Filters, ...] = ()
    attempt: tuple[Filters, ...] = ()
    observables: tuple[Filters, ...] = ()
    campaigns: tuple[Filters, ...] = ()

    def __and__(self, other: Alternative) -> Alternative:
        return Alternative(*(mine + theirs for mine, theirs in zip(self._parts, other._parts, strict=True)))

    @property
    def _parts(self) -> tuple[tuple[Filters, ...], ...]:
        return self.point, self.attempt, self.observables, self.campaigns

    def appended(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the class and the arguments of each ``append`` to a query for the pks of the point and the attempt."""
        yield "PointData", {"subclassing": False, "filters": _joined(self.point), "project": "id", "tag": "point"}
        attempt = {"with_incoming": "point", "edge_filters": {"label": "point"}, "filters": _joined(self.attempt)}
        yield "orm.WorkChainNode", {**attempt, "project": "id", "tag": "attempt"}
        if self.observables:
            edge = {"label": "observables"}
            yield "orm.Dict", {
                "with_incoming": "attempt", "edge_filters": edge, "filters": _joined(self.observables)
            }  # fmt: skip
        for filters in self.campaigns:
            yield "CampaignGroup", {"with_node": "point", "filters": filters}

    def run(self) -> Iterator[tuple[int, int]]:
        """Yield the pks of the points and attempts that the database finds."""
        classes = {"PointData": PointData, "CampaignGroup": CampaignGroup}
        builder = orm.QueryBuilder()
        for name, arguments in self.appended():
            builder.append(classes.get(name) or getattr(orm, name.removeprefix("orm.")), **arguments)
        yield from map(tuple, builder.iterall())


@dataclass(frozen=True)
class CompiledQuery:
    """The queries of the database that together are a query, and the names of the quantities that it mentions."""

    alternatives: tuple[Alternative, ...]
    quantities: tuple[str, ...]

    def run(self) -> list[PointResult]:
        """Return the points for which an attempt that counts was found, in the order in which they were stored."""
        found = dict.fromkeys(chain.from_iterable(alternative.run() for alternative in self.alternatives))
        attempts = deciding_attempts({point for point, _ in found})
        counting = sorted(point for point, attempt in attempts.items() if (point, attempt.pk) in found)
        if not counting:
            return []
        points = orm.QueryBuilder().append(
            PointData, filters={"id": {"in": counting}}, project=["id", {"attributes.specification": {"cast": "t"}}]
        )
        read = {pk: PointSpecification.model_validate_json(text) for pk, text in points.all()}
        return collect_results([PointStatus(read[pk], pk, attempts[pk]) for pk in counting], with_curves=False)

    def explain(self) -> str:
        """Return the Python that does the same; ``found`` has the pk of the attempt by that of the point."""
        lines = [
            "from aiida import load_profile, orm",
            "from aiida_superionic.campaigns.attempts import deciding_attempts",
            "from aiida_superionic.data.campaign import CampaignGroup",
            "from aiida_superionic.data.point import PointData",
            "",
            "load_profile()",
            "pairs = set()",
        ]
        for alternative in self.alternatives:
            lines += ["", "query = orm.QueryBuilder()"]
            for name, arguments in alternative.appended():
                given = [f"    {key}={_as_python(value)}," for key, value in arguments.items()]
                lines += ["query.append(", f"    {name},", *given, ")"]
            lines += ["pairs.update(map(tuple, query.iterall()))"]
        lines += [
            "",
            "# Of several attempts at a point one counts.",
            "counting = deciding_attempts({point for point, _ in pairs})",
            "found = {point: attempt.pk for point, attempt in counting.items() if (point, attempt.pk) in pairs}",
        ]
        return "\n".join(lines) + "\n"


def query(text: str, also: Sequence[str] = ()) -> pd.DataFrame:
    """Return the points that fulfil a query, as a table.

    Parameters
    ----------
    text
        Such as ``D > 1e-6 cm^2/s and temperature < 600 K and constraint = RC``; see ``docs/howto/results.md``.
    also
        Further quantities to show, by the names that a query may use.

    Returns
    -------
    pandas.DataFrame
        One row per point: what it was asked for, and each quantity that the query mentions with its error and its
        bounds. The units are in ``attrs["units"]``, by column.

    Raises
    ------
    QueryError
        If the query cannot be understood.
    MissingPackageError
        If pandas is not installed.
    """
    compiled = compile_query(text, also)
    return data_frame(compiled.run(), compiled.quantities)


def compile_query(text: str, also: Sequence[str] = ()) -> CompiledQuery:
    """Return the queries of the database that a query is, without running them.

    Raises
    ------
    QueryError
        If the text cannot be read, names something that is not there, or compares what cannot be compared.
    """
    compiler = _Compiler()
    for word in also:
        compiler.quantity(word)
    alternatives = compiler.alternatives(parse_query(text), True)
    if not compiler.asks_for_state:
        alternatives = [one & Alternative(attempt=(_STATES[State.FINISHED],)) for one in alternatives]
    return CompiledQuery(tuple(alternatives), tuple(compiler.mentioned))


class _Compiler:
    """What a query has said so far: the quantities that it mentions, and whether it asks where points stand."""

    def __init__(self) -> None:
        self.mentioned: dict[str, None] = {}
        self.asks_for_state = False
        self._there: dict[str, str] | None = None

    def quantity(self, word: str) -> Quantity:
        """Return the quantity that a word means, and remember it."""
        if self._there is None:
            self._there = quantities_on_graph()
        meant = quantity(word, self._there)
        self.mentioned.update(dict.fromkeys(meant.names))
        return meant

    def alternatives(self, expression: Expression, holds: bool) -> list[Alternative]:
        """Return the alternatives in which an expression holds, or does not."""
        match expression:
            case Negation(part):
                return self.alternatives(part, not holds)
            case Junction(kind, parts):
                found = [self.alternatives(part, holds) for part in parts]
                return _all_of(found) if (kind == "and") == holds else _any_of(found)
            case Comparison(word, operator, values):
                return [self._comparison(word, operator, values, holds)]

    def _comparison(self, word: str, operator: str, values: tuple[Literal, ...], holds: bool) -> Alternative:
        effective = operator if holds else OPPOSITES[operator]
        if word in KEYS:
            return Alternative(point=(key_filter(word, effective, values),))
        if word == "campaign":
            if effective not in ("==", "in"):
                raise QueryError("a point may be in several campaigns; compare campaign with = or in")
            return Alternative(campaigns=({"label": {"in": names_of(word, effective, values)}},))
        if word == "state":
            self.asks_for_state = True
            names = names_of(word, effective, values, tuple(str(state) for state in _STATES))
            wanted = [state for state in _STATES if (state in names) == (effective in ("==", "in"))]
            return Alternative(attempt=({"or": [_STATES[state] for state in wanted]},))
        meant = self.quantity(word)
        filters = (quantity_filter if holds else no_quantity_filter)(meant, word, operator, values)
        return Alternative(observables=(filters,))


def _all_of(found: list[list[Alternative]]) -> list[Alternative]:
    combined = [Alternative()]
    for alternatives in found:
        combined = [one & other for one, other in product(combined, alternatives)]
        if len(combined) > _MOST_ALTERNATIVES:
            raise QueryError("the query has too many alternatives; ask for less at once")
    return combined


def _any_of(found: list[list[Alternative]]) -> list[Alternative]:
    """Return all alternatives; those that are about one kind of node only become one."""
    joined: dict[str, list[Filters]] = {}
    others = []
    for alternative in chain.from_iterable(found):
        about = [name for name in ("point", "attempt", "observables") if getattr(alternative, name)]
        if len(about) == 1 and not alternative.campaigns:
            joined.setdefault(about[0], []).append(_joined(getattr(alternative, about[0])))
        else:
            others.append(alternative)
    merged = [
        Alternative(**{name: (filters[0] if len(filters) == 1 else {"or": filters},)})
        for name, filters in joined.items()
    ]
    return merged + others


def _joined(filters: Sequence[Filters]) -> Filters:
    return filters[0] if len(filters) == 1 else {"and": list(filters)} if filters else {}


def _as_python(value: Any) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")
